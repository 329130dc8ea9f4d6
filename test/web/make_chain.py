"""Usage: make_chain.py MODEL.onnx LAYERS SIZE

Layers one behind the other, SIZE x SIZE each, whose weights come in 4 bits with groups
of 32: a large model that takes no time to quantize.
"""
import sys

import numpy
from onnx import TensorProto, helper, numpy_helper, save

path, layers, size = sys.argv[1], *map(int, sys.argv[2:])
random = numpy.random.default_rng(1)
nodes, tensors = [], []
for i in range(layers):
    codes = random.integers(0, 256, (size, size // 32, 16), dtype=numpy.uint8)
    scales = (random.uniform(0.5, 1.5, size * (size // 32)) / 4 / size ** 0.5).astype(numpy.float32)
    tensors += [numpy_helper.from_array(codes, f"w{i}"), numpy_helper.from_array(scales, f"s{i}")]
    nodes.append(helper.make_node("MatMulNBits", [f"x{i}", f"w{i}", f"s{i}"], [f"x{i + 1}"], name=f"layer{i}",
                                  domain="com.microsoft", K=size, N=size, bits=4, block_size=32))
describe = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
graph = helper.make_graph(nodes, "chain", [describe("x0")], [describe(f"x{layers}")], tensors)
save(helper.make_model(graph, ir_version=8, opset_imports=[
    helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]), path)
