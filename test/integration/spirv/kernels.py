"""Kernels on a GPU against the reference, over encodings and shapes.

  kernels.py FOLDER [--dawn=HARNESS] [--activations=SUFFIX] [--variant=NAME] [ROWS COLUMNS]...

Makes a model of one layer for each method, compiles it for both, and prints
the largest difference of each shape, relative to the largest number of a
layer's result, and on what. More than 1e-4 is an error, of variants in f16 more
than 2e-3 of the largest product; so is what the validation layer or spirv-val says
of SPIR-V, and with --dawn Dawn or naga of WGSL. The device must have the features
of all variants of the kernels, but for f16, and for those of processors, which Dawn
alone takes there, and each of them runs, or the one with --variant and the one that
is chosen. Variants in f16 that it lacks are said to be left out; none is chosen.
With --activations=a8, or another suffix of methods, these are of 8 bits: packed dot
products must give what kernels without them give, to the bit. With abf16 they have 16
bits: the reference takes rounded ones as floats, and a device with f16 takes it by
itself.
"""
import json
import os
import sys

import numpy
import onnx
from gpu import find_device, run
from onnx import TensorProto, helper, numpy_helper

METHODS = (
    [f"int{b}-g32" for b in range(1, 9)] + [f"uint{b}-g16" for b in range(1, 9)] +
    ["int4", "uint3", "int5-g12", "int4-g64", "uint4-b8x32", "nf4", "fp4", "bnb-fp4",
     "fp8-e4m3", "fp8-e5m2", "mxfp4", "mxfp6-e2m3", "mxfp6-e3m2", "mxfp8-e4m3",
     "mxint8", "nvfp4", "ternary", "cb2", "cb2-uniform", "q4_k", "q6_k", "kmeans3"])
CODED = ["int1-g32", "int3-g32", "int8-g32", "uint2-g16", "uint7-g16", "uint8-g16", "int4", "int8", "uint3-g64",
         "int4-g8", "uint4-b8x32", "int5-g12", "nf4", "q4_k"]
# What may follow a product in its kernel.
EPILOGUES = [[], ["bias"], ["bias", "Relu"], ["Sigmoid"], ["bias", "residual"], ["Tanh"]]


def make_model(folder, rows, columns, methods):
    """y_i = epilogue(x * W_i): a layer for each method. Returns the largest of each x * W_i."""
    random = numpy.random.default_rng(rows * 1000 + columns)
    nodes, tensors, outputs, rules = [], [], [], {}

    def add(op, *inputs):
        nodes.append(helper.make_node(op, list(inputs), [f"t{len(nodes)}"], name=f"n{len(nodes)}"))
        return nodes[-1].output[0]

    def constant(name, shape):
        values = random.standard_normal(shape).astype(numpy.float32)
        tensors.append(numpy_helper.from_array(values, name))
        return name

    for i, method in enumerate(methods):
        size = 32 * (1 + i % 3) - i % 2
        y = add("MatMul", "x", constant(f"w{i}", (columns, size)))
        for part in EPILOGUES[i % len(EPILOGUES)]:
            if part == "bias":
                y = add("Add", y, constant(f"b{i}", (size,)))
            elif part == "residual":
                y = add("Add", y, constant(f"r{i}", (rows, size)))
            else:
                y = add(part, y)
        nodes.append(helper.make_node("Identity", [y], [f"y{i}"]))
        outputs.append(helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, [rows, size]))
        rules[f"w{i}"] = method
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, columns])
    graph = helper.make_graph(nodes, "layers", [x], outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)])
    model.ir_version = 8
    onnx.save(model, f"{folder}/model.onnx")
    with open(f"{folder}/rules.json", "w") as file:
        json.dump({"default": "int4", "layers": rules}, file)
    data = random.standard_normal((rows, columns)).astype(numpy.float32)
    numpy.save(f"{folder}/x.npy", data)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}
    return [abs(data @ weights[f"w{i}"]).max() for i in range(len(methods))]


def round_to_bfloat(numbers):
    bits = numbers.view(numpy.uint32)
    return ((bits + (bits >> 16 & 1) + 0x7FFF) & 0xFFFF0000).astype(numpy.uint32).view(numpy.float32)


def check(folder, device, rows, columns, activations, only):
    rounds = activations == ["abf16"]
    methods = CODED if activations and not rounds else METHODS
    products = make_model(folder, rows, columns, methods)
    method = lambda suffixes: ["-".join(["--quantize=int4", *suffixes]), f"--precision={folder}/rules.json"]
    run("quant-opt", f"{folder}/model.onnx", *method([] if rounds else activations), "-o", f"{folder}/cpu.mlir")
    text = device.compile(f"{folder}/model.onnx", folder, *method(activations))
    if "no GPU kernel" in text or "stays dense" in text:
        sys.exit(text)
    files = lambda kind: {f"y{i}": f"{folder}/{kind}{i}.npy" for i in range(len(methods))}
    inputs = {"x": f"{folder}/x.npy"}
    taken = numpy.load(inputs["x"])
    numpy.save(f"{folder}/taken.npy", round_to_bfloat(taken) if rounds else taken)
    run("quant-run", f"{folder}/cpu.mlir", "--reference", f"--input=x={folder}/taken.npy",
        *(f"--output={name}={file}" for name, file in files("cpu").items()))
    every = device.get_variants()
    chosen = device.run(inputs, files("chosen"))
    offered = [variant for variant in every if device.withheld not in variant]
    # What a device with f16 takes, and one without.
    if chosen not in (offered[0], next(variant for variant in offered if "f16" not in variant)):
        sys.exit(f"{device.name} took {chosen} of {' '.join(every)}")
    variants = [only] if only else every
    in_half = [variant for variant in every if "f16" in variant]
    unasked = [variant for variant in every[:every.index("base")] if "f16" in variant]
    if unasked != (in_half if rounds else []):
        sys.exit(f"of {' '.join(every)} {' '.join(unasked)} come before what all devices give")
    left_out = [variant for variant in variants if variant != chosen and
                not device.run(inputs, files(variant), variant)]
    if rounds and "f16" in offered[0] and (offered[0] in left_out) == (chosen == offered[0]):
        sys.exit(f"{device.name} took {chosen}, and has not f16: {' '.join(left_out)}")
    variants = [variant for variant in variants if variant not in left_out]
    device.validate()
    worst = {False: 0, True: 0}
    for i, method in enumerate(methods):
        expected = numpy.load(f"{folder}/cpu{i}.npy")
        results = {chosen: numpy.load(f"{folder}/chosen{i}.npy")}
        results |= {variant: numpy.load(f"{folder}/{variant}{i}.npy") for variant in variants if variant != chosen}
        for variant, found in results.items():
            is_half = "f16" in variant
            # What a sigmoid makes of large products is no measure of their error.
            error = abs(expected - found).max() / (products[i] if is_half else abs(expected).max())
            worst[is_half] = max(worst[is_half], error)
            if not error < (2e-3 if is_half else 1e-4):
                sys.exit(f"{method}, {rows} rows of {columns} columns, {variant}: relative error {error}")
        if {"packed_dot", "base"} <= results.keys() and results["packed_dot"].tobytes() != results["base"].tobytes():
            sys.exit(f"{method}: packed dot products change a result")
    halves = [variant for variant in variants if "f16" in variant]
    text = f"{' '.join(variant for variant in variants if variant not in halves)}, worst relative error {worst[False]:.1e}"
    if halves:
        text += f"; {' '.join(halves)}, {worst[True]:.1e}"
    if left_out:
        text += f"; no f16 here: {' '.join(left_out)}"
    print(f"{device.name}: {rows} rows of {columns} columns: {len(methods)} methods, {text}")


if __name__ == "__main__":
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    flags = dict(flag[2:].split("=") for flag in sys.argv[2:] if flag.startswith("--"))
    device = find_device(flags.get("dawn"))
    suffixes = [flags["activations"]] if "activations" in flags else []
    sizes = [int(size) for size in sys.argv[2:] if not size.startswith("--")]
    for rows, columns in zip(sizes[::2], sizes[1::2]):
        check(folder, device, rows, columns, suffixes, flags.get("variant"))
