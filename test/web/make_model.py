#===- make_model.py - a small model that predicts tokens -------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: make_model.py MODEL.onnx TOKENS.bin

Writes a model from tokens [1, 8] to logits [1, 8, 512]: an embedding, a layer
with a residual, and a head; and tokens to judge it by.
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WORDS, WIDTH, LENGTH = 512, 64, 8
RNG = np.random.default_rng(11)


def weight(name, *shape):
    values = RNG.standard_normal(shape) / np.sqrt(shape[0])
    return numpy_helper.from_array(values.astype(np.float32), name)


graph = helper.make_graph(
    [
        helper.make_node("Gather", ["table", "ids"], ["x"]),
        helper.make_node("MatMul", ["x", "inner"], ["y"]),
        helper.make_node("Relu", ["y"], ["z"]),
        helper.make_node("Add", ["x", "z"], ["r"]),
        helper.make_node("MatMul", ["r", "outer"], ["o"]),
        helper.make_node("Tanh", ["o"], ["t"]),
        helper.make_node("MatMul", ["t", "head"], ["logits"]),
    ],
    "words",
    [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, LENGTH])],
    [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, LENGTH, WORDS])],
    [weight("table", WORDS, WIDTH), weight("inner", WIDTH, WIDTH), weight("outer", WIDTH, WIDTH),
     weight("head", WIDTH, WORDS)])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
model.ir_version = 8
onnx.save(model, sys.argv[1])
RNG.integers(0, WORDS, 40 * LENGTH).astype(np.uint16).tofile(sys.argv[2])
