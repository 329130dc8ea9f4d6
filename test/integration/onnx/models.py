# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the small ONNX models of these tests: models.py NAME FILE."""
import sys

import numpy
from onnx import TensorProto, helper, numpy_helper, save

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name, values, kind=numpy.int64):
    return numpy_helper.from_array(numpy.array(values, kind), name)


def projection():
    """A linear layer with an anonymous weight, split into heads by a shape
    that the graph computes."""
    nodes = [
        helper.make_node("MatMul", ["x", "onnx::MatMul_7"], ["h"],
                         name="/layers.0/q_proj/MatMul"),
        helper.make_node("Add", ["b", "h"], ["z"], name="/layers.0/q_proj/Add"),
        helper.make_node("Shape", ["z"], ["s"]),
        helper.make_node("Gather", ["s", "one"], ["n"]),
        helper.make_node("Concat", ["one", "n", "heads"], ["t"], axis=0),
        helper.make_node("Reshape", ["z", "t"], ["r"]),
        helper.make_node("Transpose", ["r"], ["y"], perm=[0, 2, 1, 3]),
    ]
    weight = numpy.arange(8 * 8, dtype=numpy.float32).reshape(8, 8)
    return nodes, [value("x", FLOAT, [1, "seq", 8])], ["y"], [
        constant("onnx::MatMul_7", weight, numpy.float32),
        constant("b", weight[1], numpy.float32),
        constant("one", [1]), constant("heads", [2, 4]),
    ]


def broadcast():
    """A sum whose broadcast depends on run-time extents."""
    nodes = [helper.make_node("Add", ["a", "b"], ["y"], name="/sum")]
    return nodes, [value("a", FLOAT, ["m"]), value("b", FLOAT, ["n"])], ["y"], []


def unsupported():
    """Two nodes that no table row takes, one of them in a branch."""
    inner = helper.make_graph([helper.make_node("MaxRoiPool", ["b"], ["c"], name="/second")], "inner", [],
                              [value("c", FLOAT, None)])
    nodes = [
        helper.make_node("Multinomial", ["x"], ["a"], name="/first"),
        helper.make_node("Exp", ["a"], ["b"]),
        helper.make_node("If", ["flag"], ["y"], name="/choice", then_branch=inner, else_branch=inner),
    ]
    return nodes, [value("x", FLOAT, [4]), value("flag", TensorProto.BOOL, [])], ["y"], []


def main():
    nodes, inputs, outputs, initializers = globals()[sys.argv[1]]()
    graph = helper.make_graph(nodes, sys.argv[1], inputs,
                              [value(name, FLOAT, None) for name in outputs],
                              initializers)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]),
         sys.argv[2])


main()
