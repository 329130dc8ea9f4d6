"""Fails unless each Vulkan device has what wgpu, which is in Firefox, wants for f16.

WebGPU's `shader-f16` is there the shaderFloat16 of a device, with storageBuffer16BitAccess
and uniformAndStorageBuffer16BitAccess (wgpu-hal, src/vulkan/adapter.rs).
"""
import ctypes
import sys
from ctypes import POINTER, Structure, byref, c_uint32, c_void_p


class Application(Structure):
    _fields_ = [("type", c_uint32), ("next", c_void_p), ("name", c_void_p), ("version", c_uint32),
                ("engine", c_void_p), ("engine_version", c_uint32), ("api", c_uint32)]


class Instance(Structure):
    _fields_ = [("type", c_uint32), ("next", c_void_p), ("flags", c_uint32), ("application", POINTER(Application)),
                ("layer_count", c_uint32), ("layers", c_void_p),
                ("extension_count", c_uint32), ("extensions", c_void_p)]


class Storage16(Structure):
    _fields_ = [("type", c_uint32), ("next", c_void_p), ("storage", c_uint32), ("uniform_and_storage", c_uint32),
                ("push_constant", c_uint32), ("input_output", c_uint32)]


class Float16(Structure):
    _fields_ = [("type", c_uint32), ("next", c_void_p), ("float16", c_uint32), ("int8", c_uint32)]


class Features(Structure):
    _fields_ = [("type", c_uint32), ("next", c_void_p), ("first", c_uint32 * 55)]


def has_f16(vulkan, device):
    storage = Storage16(type=1000083000)
    arithmetic = Float16(type=1000082000, next=ctypes.addressof(storage))
    features = Features(type=1000059000, next=ctypes.addressof(arithmetic))
    vulkan.vkGetPhysicalDeviceFeatures2(device, byref(features))
    return arithmetic.float16 and storage.storage and storage.uniform_and_storage


def main():
    vulkan = ctypes.CDLL("libvulkan.so.1")
    vulkan.vkGetPhysicalDeviceFeatures2.argtypes = [c_void_p, c_void_p]
    vulkan.vkGetPhysicalDeviceFeatures2.restype = None
    application = Application(type=0, api=(1 << 22) | (2 << 12))
    instance, count = c_void_p(), c_uint32()
    if vulkan.vkCreateInstance(byref(Instance(type=1, application=ctypes.pointer(application))), None, byref(instance)):
        return False
    vulkan.vkEnumeratePhysicalDevices(instance, byref(count), None)
    devices = (c_void_p * count.value)()
    vulkan.vkEnumeratePhysicalDevices(instance, byref(count), devices)
    return bool(devices) and all(has_f16(vulkan, device) for device in devices)


if __name__ == "__main__":
    try:
        found = main()
    except OSError:
        found = False  # No Vulkan at all.
    sys.exit(not found)
