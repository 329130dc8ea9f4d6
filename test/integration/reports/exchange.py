#===- exchange.py - models for the way to training and back ---------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: exchange.py write OPSET MODEL.onnx INPUT.npy
          exchange.py tune MODEL.onnx TUNED.onnx
          exchange.py show MODEL.onnx

Writes a small model with a weight of each orientation, one of them stored in
f16 behind a cast, and an input for it; moves the weights of a model a little, as
training does; prints the operators and initializers that a model has.
"""

import sys

import numpy
from onnx import TensorProto, helper, load, numpy_helper, save


def write(opset, model, inputs):
    random = numpy.random.RandomState(7)
    def constant(name, *shape, kind=numpy.float32):
        return numpy_helper.from_array(random.uniform(-1, 1, shape).astype(kind), name)
    nodes = [
        helper.make_node("Gemm", ["x", "first.weight", "first.bias"], ["a"], name="/first", transB=1),
        helper.make_node("Cast", ["second.weight.f16"], ["second.weight"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["a", "second.weight"], ["y"], name="/second"),
    ]
    # 20 columns: the last of the groups of 8 is short.
    constants = [constant("first.weight", 48, 20), constant("first.bias", 48),
                 constant("second.weight.f16", 48, 12, kind=numpy.float16)]
    graph = helper.make_graph(
        nodes, "exchange", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 20])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 12])], constants)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", int(opset))], ir_version=8), model)
    numpy.save(inputs, random.uniform(-1, 1, (3, 20)).astype(numpy.float32))


def tune(model, tuned):
    proto = load(model)
    for tensor in proto.graph.initializer:
        if "weight" in tensor.name:
            numbers = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array((numbers * numpy.asarray(0.9, numbers.dtype)), tensor.name))
    save(proto, tuned)


def show(model):
    proto = load(model)
    print(*(node.op_type for node in proto.graph.node))
    for tensor in proto.graph.initializer:
        print(tensor.name, tensor.data_type, list(tensor.dims))
    for entry in proto.metadata_props:
        print(entry.key, entry.value)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
