"""Kernels in f16 where numbers leave its range, against the reference.

  halves.py FOLDER

Layers with small and large weights, whose inputs are from 1e-30 to 1e30, also beside
each other in a row: the f16 variants must give the reference's results within 2e-3
of the largest in the row of each, as with numbers around 1. What single NaN and
infinities make of a row they must give exactly. Prints the largest difference of
each size.
"""
import os
import sys

import numpy
import onnx
from gpu import find_device, run
from onnx import TensorProto, helper, numpy_helper

# Rows, columns, and results that fill no tile.
M, K, N = 37, 150, 45
WEIGHTS = {"int4-g32": 1e-3, "uint4-g16": 1, "int8": 300, "fp8-e5m2": 30, "nf4": 1e-3, "kmeans3": 2}
# In one row each, far from each other.
NO_NUMBERS = [[numpy.nan], [numpy.inf], [-numpy.inf], [numpy.inf, -numpy.inf], [numpy.nan, numpy.inf]]
SIZES = [1e-30, 1e-6, 1, 1e6, 1e30]


def make_model(folder, random):
    tensors, nodes, outputs = [], [], []
    for i, size in enumerate(WEIGHTS.values()):
        weight = (size * random.standard_normal((K, N))).astype(numpy.float32)
        tensors.append(numpy_helper.from_array(weight, f"w{i}"))
        nodes.append(helper.make_node("MatMul", ["x", f"w{i}"], [f"y{i}"]))
        outputs.append(helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, [M, N]))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [M, K])
    model = helper.make_model(helper.make_graph(nodes, "layers", [x], outputs, tensors),
                              opset_imports=[helper.make_opsetid("", 14)])
    model.ir_version = 8
    onnx.save(model, f"{folder}/model.onnx")
    layers = ", ".join(f'"w{i}": "{method}"' for i, method in enumerate(WEIGHTS))
    with open(f"{folder}/rules.json", "w") as file:
        file.write(f'{{"default": "int4", "layers": {{{layers}}}}}')


def make_inputs(random):
    """By name: a size for all, and rows in which large numbers stand among small ones."""
    numbers = random.standard_normal((M, K)).astype(numpy.float32)
    inputs = {f"{size:g}": numbers * numpy.float32(size) for size in SIZES}
    for name, columns in {"among": slice(3, 5), "every 40th": slice(0, None, 40)}.items():
        inputs[name] = numbers.copy()
        inputs[name][:, columns] *= 1e5
    inputs["nothing"] = numpy.zeros_like(numbers)
    inputs["no numbers"] = numbers.copy()
    for row, some in enumerate(NO_NUMBERS):
        inputs["no numbers"][2 * row, [5, 100][:len(some)]] = some
    return inputs


def compare(expected, found):
    """The largest error of a finite number, of the largest in its row; infinite for others."""
    finite = numpy.isfinite(expected)
    if not numpy.array_equal(expected[~finite], found[~finite], equal_nan=True):
        return numpy.inf
    largest = abs(numpy.where(finite, expected, 0)).max(axis=1, keepdims=True)
    errors = abs(found - expected) / numpy.where(largest == 0, 1, largest)
    return errors[finite].max()


folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
random = numpy.random.default_rng(7)
make_model(folder, random)
common = ["--quantize=int4", f"--precision={folder}/rules.json"]
run("quant-opt", f"{folder}/model.onnx", *common, "-o", f"{folder}/cpu.mlir")
device = find_device()
device.compile(f"{folder}/model.onnx", folder, *common)
for name, x in make_inputs(random).items():
    numpy.save(f"{folder}/x.npy", x)
    files = lambda kind: {f"y{i}": f"{folder}/{kind}{i}.npy" for i in range(len(WEIGHTS))}
    run("quant-run", f"{folder}/cpu.mlir", "--reference", f"--input=x={folder}/x.npy",
        *(f"--output={name}={file}" for name, file in files("cpu").items()))
    variant = device.run({"x": f"{folder}/x.npy"}, files("gpu"), "f16+")
    if not variant.startswith("f16"):
        sys.exit(f"f16+ took {variant}")
    worst = 0
    for i, method in enumerate(WEIGHTS):
        expected = numpy.load(f"{folder}/cpu{i}.npy").astype(numpy.float64)
        found = numpy.load(f"{folder}/gpu{i}.npy").astype(numpy.float64)
        error = compare(expected, found)
        worst = max(worst, error)
        if not error < 2e-3:
            sys.exit(f"{method}, inputs {name}: relative error {error}")
    print(f"{variant}: inputs {name}: worst relative error {worst:.1e}")
