# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""check_models.py FLOAT.onnx QUANTIZED.onnx BITS: bench/models/peer has put codes in the place of all constant matrices,
within half a step of them."""
import sys

import numpy
import onnx
from onnx import numpy_helper


def load(path):
    graph = onnx.load(path).graph
    return graph, {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def dequantize(node, values):
    """K x N, and the step of each number."""
    codes, scale = values[node.input[1]], values[node.input[2]]
    if node.op_type == "DynamicQuantizeMatMul":
        return codes * scale, numpy.broadcast_to(scale, codes.shape)
    numbers = numpy.stack([codes & 15, codes >> 4], -1).reshape(*codes.shape[:2], -1).astype(numpy.float32) - 8
    steps = numpy.broadcast_to(scale.reshape(*codes.shape[:2], 1), numbers.shape)
    rows = codes.shape[0]
    return (numbers * steps).reshape(rows, -1).T, steps.reshape(rows, -1).T


source, floats = load(sys.argv[1])
target, values = load(sys.argv[2])
kind = {"8": "DynamicQuantizeMatMul", "4": "MatMulNBits"}[sys.argv[3]]
before = {node.output[0]: node for node in source.node}
found = 0
for node in target.node:
    if node.op_type in ("MatMul", "Gemm") and node.input[1] in values:
        sys.exit(f"{node.name} is left")
    if node.op_type != kind:
        continue
    name = before[node.output[0]].input[1]
    numbers, steps = dequantize(node, values)
    weight = floats[name] if name in floats else floats[before[name].input[0]].T
    if not (abs(numbers - weight) <= 0.5001 * steps).all():
        sys.exit(f"{name} is another matrix")
    found += 1
print("ok" if found else "no matrix was found")
