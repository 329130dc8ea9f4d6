"""Rounding to f16 and bf16 on a GPU, to the bit: of what a model casts, and of f32 that
the host hands over for an input in 16 bits.

  rounding.py FOLDER [--dawn=HARNESS]

Numbers on, beside and halfway between those of the type, subnormal ones, those
around the largest, infinity, NaN, and random bits.
"""
import os
import sys

import numpy
import onnx
from gpu import take_device
from onnx import TensorProto, helper

KINDS = {"f16": (TensorProto.FLOAT16, 13), "bf16": (TensorProto.BFLOAT16, 16)}


def make_numbers(dropped):
    """f32 of all exponents whose last `dropped` bits are about half of a step."""
    random = numpy.random.default_rng(7)
    upper = random.integers(0, 1 << 32, 4096, numpy.uint32) >> dropped << dropped
    # Around 2^-24 to 2^-14, the subnormal numbers of f16, and around its largest.
    small = random.integers(0x33000000, 0x38900000, 4096, numpy.uint32) >> dropped << dropped
    large = numpy.arange(0x477fd000, 0x47801000, 0x400, numpy.uint32)
    half = 1 << (dropped - 1)
    lower = numpy.array([0, 1, half - 1, half, half + 1, 2 * half - 1], numpy.uint32)
    exact = (numpy.arange(512, dtype=numpy.float32) * numpy.float32(2.0 ** -25)).view(numpy.uint32)
    special = numpy.array([0, 1 << 31, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f7fffff, 0xff7fffff,
                           0x7f7f7fff, 0x7f7f8000], numpy.uint32)
    bits = numpy.concatenate([(upper[:, None] | lower).ravel(), (small[:, None] | lower).ravel(), large,
                              large | 1 << 31, exact, exact | 1 << 31, special])
    # Numbers that are subnormal in f32, which drivers may take for 0, are no part of this.
    magnitude = bits & 0x7fffffff
    return bits[(magnitude == 0) | (magnitude >= 0x00800000)].view(numpy.float32)


def rounded(numbers, kind):
    if kind == "f16":
        with numpy.errstate(all="ignore"):
            return numbers.astype(numpy.float16).astype(numpy.float32)
    wide = numbers.view(numpy.uint32).astype(numpy.uint64)
    upper = ((wide + 0x7fff + (wide >> 16 & 1)) >> 16 << 16).astype(numpy.uint32).view(numpy.float32)
    return numpy.where(numpy.isnan(numbers), numbers, upper)


def check(folder, device, kind):
    element, dropped = KINDS[kind]
    x = make_numbers(dropped)
    value = lambda name, type=TensorProto.FLOAT: helper.make_tensor_value_info(name, type, x.shape)
    graph = helper.make_graph([helper.make_node("Cast", ["x"], ["narrow"], to=element),
                               helper.make_node("Cast", ["narrow"], ["y"], to=TensorProto.FLOAT),
                               helper.make_node("Cast", ["z"], ["r"], to=TensorProto.FLOAT)],
                              kind, [value("x"), value("z", element)], [value("y"), value("r")])
    os.makedirs(folder, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), f"{folder}/{kind}.onnx")
    numpy.save(f"{folder}/x.npy", x)
    device.compile(f"{folder}/{kind}.onnx", folder)
    device.run({"x": f"{folder}/x.npy", "z": f"{folder}/x.npy"}, {"y": f"{folder}/y.npy", "r": f"{folder}/r.npy"})
    for output in "y", "r":
        compare(x, numpy.load(f"{folder}/{output}.npy"), rounded(x, kind), f"{kind}, {output}")
    print(f"{device.name}: {kind}: {x.size} numbers")


def compare(x, found, expected, what):
    same = (found.view(numpy.uint32) == expected.view(numpy.uint32)) | (numpy.isnan(found) & numpy.isnan(expected))
    for i in numpy.flatnonzero(~same)[:8]:
        print(f"{x[i]!r} ({x.view(numpy.uint32)[i]:08x}) became {found.view(numpy.uint32)[i]:08x}, "
              f"not {expected.view(numpy.uint32)[i]:08x}")
    if not same.all():
        sys.exit(f"{what}: {(~same).sum()} of {x.size} numbers")


device, (folder,) = take_device(sys.argv[1:])
for kind in KINDS:
    check(f"{folder}/{kind}", device, kind)
