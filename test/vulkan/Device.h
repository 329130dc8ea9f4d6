//===- Device.h - just enough of Vulkan to run kernels ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A failing call ends the program with its name: this is a test.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_VULKAN_DEVICE_H
#define LOWBIT_TEST_VULKAN_DEVICE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <array>
#include <string>
#include <vulkan/vulkan.h>

namespace lowbit {

/// A buffer that kernels see, in the device's own memory; or in the host's,
/// where `data` is.
struct DeviceBuffer {
  VkBuffer buffer = {};
  VkDeviceMemory memory = {};
  char *data = nullptr;
  uint64_t bytes = 0;
};

struct DeviceKernel {
  VkDescriptorSetLayout bindings = {};
  VkPipelineLayout layout = {};
  VkPipeline pipeline = {};
};

/// Dispatches in order, which may run many times.
struct DeviceCommands {
  VkCommandBuffer recorded = {};
  VkDescriptorPool descriptors = {};
  VkQueryPool times = {};
};

/// The first device that the loader offers, with one queue.
class Device {
public:
  /// With `validates`, Khronos' validation layer watches; what it says ends up
  /// in `getMessages`.
  explicit Device(bool validates);
  ~Device();

  std::string getName() const { return properties.deviceName; }
  bool isSoftware() const {
    return properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
  }
  /// Whether kernels may rely on a feature of GPUVariants.h.
  bool hasFeature(llvm::StringRef name) const {
    return (name == "packed_dot" && hasPackedDot) ||
           (name == "subgroups" && hasSubgroups) ||
           (name == "f16" && hasHalf) || (name == "software" && isSoftware());
  }
  llvm::StringRef getMessages() const { return messages; }

  /// Memory of the host, which kernels may read over a bus.
  DeviceBuffer allocateShared(uint64_t bytes);
  /// Memory of the device; every word of it is `word`.
  DeviceBuffer allocateLocal(uint64_t bytes, uint32_t word);
  /// Copies to the beginning of a local buffer.
  void upload(const DeviceBuffer &buffer, llvm::ArrayRef<char> data);
  DeviceKernel compile(llvm::ArrayRef<uint32_t> words, const std::string &entry,
                       unsigned bindings);

  /// Recording: dispatches, each of which sees what those before it wrote.
  DeviceCommands begin(unsigned dispatches, unsigned bindings);
  void dispatch(const DeviceCommands &commands, const DeviceKernel &kernel,
                llvm::ArrayRef<const DeviceBuffer *> buffers,
                std::array<uint32_t, 3> workgroups);
  void copy(const DeviceCommands &commands, const DeviceBuffer &from,
            const DeviceBuffer &to, uint64_t bytes);
  void end(const DeviceCommands &commands);
  /// Runs what is recorded and waits; returns the device's seconds, or those of
  /// the host where the device takes no times.
  double run(const DeviceCommands &commands);

private:
  void createInstance(bool validates);
  void findDevice();
  void createDevice();
  DeviceBuffer allocate(uint64_t bytes, uint32_t memoryType);

  VkInstance instance = {};
  VkDebugUtilsMessengerEXT messenger = {};
  VkPhysicalDevice physical = {};
  VkPhysicalDeviceProperties properties = {};
  VkDevice device = {};
  VkQueue queue = {};
  VkCommandPool pool = {};
  uint32_t queueFamily = 0, sharedMemory = 0, localMemory = 0;
  bool takesTimes = false;
  std::string messages;
  bool hasPackedDot = false, hasSubgroups = false, hasHalf = false;
  llvm::SmallVector<DeviceBuffer> buffers;
  llvm::SmallVector<DeviceKernel> kernels;
  llvm::SmallVector<DeviceCommands> commands;
  DeviceBuffer stage;
};

} // namespace lowbit

#endif // LOWBIT_TEST_VULKAN_DEVICE_H
