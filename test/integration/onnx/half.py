# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""half.py ARCHITECTURE f16|bf16 FOLDER [mixed]

Writes ARCHITECTURE (a path without suffix) in a 16-bit float type as half.onnx,
the same numbers in 32 bits as wide.onnx, and its inputs as NAME.npy. With mixed,
norms, angles and softmax are computed in 32 bits between casts, as models do that
are exported in 16 bits, and as converters of precision leave them.
"""
import json
import pathlib
import sys

import numpy
from onnx import AttributeProto, TensorProto, helper, load, numpy_helper, save
from onnx.shape_inference import infer_shapes

KINDS = {"f16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}
WIDE = {"Softmax", "Pow", "ReduceMean", "Sqrt", "Reciprocal", "Cos", "Sin"}


def bits(array, kind):
    """The 16 bits of each number, rounded to nearest even."""
    array = numpy.ascontiguousarray(array, numpy.float32)
    if kind == "f16":
        limits = numpy.finfo(numpy.float16)
        return array.clip(limits.min, limits.max).astype(numpy.float16).view(numpy.uint16)
    wide = array.view(numpy.uint32).astype(numpy.uint64)
    narrow = (wide + 0x7FFF + (wide >> 16 & 1)) >> 16
    # The largest number stays one.
    return numpy.where(narrow & 0x7FFF == 0x7F80, narrow - 1, narrow).astype(numpy.uint16)


def widened(narrow, kind):
    if kind == "f16":
        return narrow.view(numpy.float16).astype(numpy.float32)
    return (narrow.astype(numpy.uint32) << 16).view(numpy.float32)


def round_tensor(tensor, kind, is_half):
    if tensor.data_type != TensorProto.FLOAT:
        return
    narrow = bits(numpy_helper.to_array(tensor), kind)
    tensor.ClearField("float_data")
    tensor.data_type = KINDS[kind] if is_half else TensorProto.FLOAT
    tensor.raw_data = (narrow if is_half else widened(narrow, kind)).tobytes()


def round_graph(graph, kind, is_half):
    for tensor in graph.initializer:
        round_tensor(tensor, kind, is_half)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                round_tensor(attribute.t, kind, is_half)
            if is_half and node.op_type == "Cast" and attribute.i == TensorProto.FLOAT:
                attribute.i = KINDS[kind]
    for value in list(graph.input) + list(graph.output):
        if is_half and value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = KINDS[kind]
    del graph.value_info[:]


def find_floats(model):
    """Names of the tensors of a model in 32 bits that are floats."""
    graph = infer_shapes(model).graph
    values = [*graph.value_info, *graph.input, *graph.output]
    return ({value.name for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT} |
            {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT})


def keep_wide(graph, kind, floats):
    """Casts around each node that computes in 32 bits."""
    nodes = []
    for node in graph.node:
        if node.op_type not in WIDE:
            nodes.append(node)
            continue
        after = []
        for i, name in enumerate(node.input):
            if name in floats:
                node.input[i] = f"{node.output[0]}.wide.{i}"
                nodes.append(helper.make_node("Cast", [name], [node.input[i]], to=TensorProto.FLOAT))
        for i, name in enumerate(node.output):
            node.output[i] = f"{name}.wide"
            after.append(helper.make_node("Cast", [node.output[i]], [name], to=KINDS[kind]))
        nodes += [node, *after]
    del graph.node[:]
    graph.node.extend(nodes)


def inputs(path):
    """The first set of inputs of a .safetensors file."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    for name, entry in json.loads(data[8:8 + size]).items():
        if name.startswith("0/in/"):
            begin, end = entry["data_offsets"]
            kind = {"F32": numpy.float32, "I64": numpy.int64}[entry["dtype"]]
            yield name[5:], numpy.frombuffer(data[8 + size + begin:8 + size + end], kind).reshape(entry["shape"])


def main():
    source, kind, folder = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    is_mixed = sys.argv[4:] == ["mixed"]
    for name, is_half in (("half", True), ("wide", False)):
        model = load(str(source) + ".onnx")
        floats = find_floats(model)
        round_graph(model.graph, kind, is_half)
        if is_half and is_mixed:
            keep_wide(model.graph, kind, floats)
        save(model, str(folder / (name + ".onnx")))
    for name, array in inputs(pathlib.Path(str(source) + ".safetensors")):
        numpy.save(folder / (name + ".npy"), array)
        if array.dtype == numpy.float32:
            numpy.save(folder / (name + ".half.npy"), array.astype(numpy.float16))


if __name__ == "__main__":
    main()
