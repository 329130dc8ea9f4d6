"""Arithmetic on integers on a GPU, to the bit as numpy and the CPU have it.

  arithmetic.py FOLDER [--dawn=HARNESS]

One model has the operators of ONNX on integers of 8, 16 and 32 bits, with and
without a sign, which wrap around. Inputs have the ends of each type.
"""
import os
import sys

import numpy
import onnx
from gpu import find_device, run
from onnx import TensorProto, helper

KINDS = ("int8", "uint8", "int16", "uint16", "int32")
TYPES = {"bool": TensorProto.BOOL, "float32": TensorProto.FLOAT, "int8": TensorProto.INT8, "uint8": TensorProto.UINT8,
         "int16": TensorProto.INT16, "uint16": TensorProto.UINT16, "int32": TensorProto.INT32}


class Model:
    def __init__(self):
        self.random = numpy.random.default_rng(3)
        self.nodes, self.inputs, self.expected = [], {}, {}
        for kind in KINDS:
            self.add(kind)

    def node(self, op, inputs, expected, **attributes):
        name = f"y{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        self.expected[name] = expected

    def input(self, name, array):
        self.inputs[name] = array
        return array

    def add(self, kind):
        ends = numpy.iinfo(kind)
        numbers = lambda: self.random.integers(ends.min, ends.max, (5, 67), kind, endpoint=True)
        a, b = numbers(), numbers()
        a[0, :2] = b[1, :2] = ends.min, ends.max
        a, b = self.input(f"a_{kind}", a), self.input(f"b_{kind}", b)
        # No zeros, and not the one quotient that doesn't fit.
        divisor = numpy.where(b == 0, 3, b)
        divisor = self.input(f"d_{kind}", numpy.where((divisor == -1) if ends.min else False, 7, divisor).astype(kind))
        names = [f"a_{kind}", f"b_{kind}"]
        pair = lambda op, y: self.node(op, names, y)
        pair("Add", a + b)
        pair("Sub", a - b)
        pair("Mul", a * b)
        pair("Max", numpy.maximum(a, b))
        pair("Min", numpy.minimum(a, b))
        pair("Less", a < b)
        pair("GreaterOrEqual", a >= b)
        pair("Equal", a == b)
        pair("BitwiseXor", a ^ b)
        quotients = (a.astype("int64") / divisor.astype("int64")).astype("int64")
        self.node("Div", [names[0], f"d_{kind}"], quotients.astype(kind))
        self.node("Mod", [names[0], f"d_{kind}"], numpy.mod(a, divisor))
        self.node("Mod", [names[0], f"d_{kind}"], numpy.fmod(a, divisor), fmod=1)
        self.node("BitwiseNot", names[:1], ~a)
        self.node("Cast", names[:1], a.astype("float32"), to=TensorProto.FLOAT)
        if ends.min:
            self.node("Neg", names[:1], -a)
            self.node("Abs", names[:1], abs(a))
        else:
            self.shift(kind, a)
        # Two operations, with what overflows between them.
        self.nodes.append(helper.make_node("Add", names, [f"sum_{kind}"]))
        self.node("Div", [f"sum_{kind}", f"d_{kind}"], ((a + b).astype("int64") / divisor).astype("int64").astype(kind))

    def shift(self, kind, a):
        by = self.input(f"s_{kind}", self.random.integers(0, 8, a.shape).astype(kind))
        self.node("BitShift", [f"a_{kind}", f"s_{kind}"], a << by, direction="LEFT")
        self.node("BitShift", [f"a_{kind}", f"s_{kind}"], a >> by, direction="RIGHT")

    def save(self, path):
        value = lambda name, array: helper.make_tensor_value_info(name, TYPES[array.dtype.name], array.shape)
        graph = helper.make_graph(self.nodes, "arithmetic", [value(*item) for item in self.inputs.items()],
                                  [value(*item) for item in self.expected.items()])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
        model.ir_version = 8
        onnx.save(model, path)


def main(folder, *harness):
    os.makedirs(folder, exist_ok=True)
    device = find_device(*(flag.split("=")[1] for flag in harness))
    model = Model()
    model.save(f"{folder}/arithmetic.onnx")
    files = {name: f"{folder}/{name}.npy" for name in model.inputs}
    for name, array in model.inputs.items():
        numpy.save(files[name], array)
    results = lambda kind: {name: f"{folder}/{kind}.{name}.npy" for name in model.expected}
    run("quant-opt", f"{folder}/arithmetic.onnx", "--quantize=none", "-o", f"{folder}/cpu.mlir")
    run("quant-run", f"{folder}/cpu.mlir", *(f"--input={key}={file}" for key, file in files.items()),
        *(f"--output={key}={file}" for key, file in results("cpu").items()))
    device.compile(f"{folder}/arithmetic.onnx", folder, "--quantize=none")
    device.run(files, results("gpu"))
    device.validate()
    nodes = {node.output[0]: node for node in model.nodes}
    for kind in ("cpu", "gpu"):
        for name, file in results(kind).items():
            found, expected = numpy.load(file), model.expected[name]
            if not numpy.array_equal(found, expected):
                sys.exit(f"{kind}: {nodes[name].op_type} of {', '.join(nodes[name].input)}: {found}\nexpected {expected}")
    print(f"{device.name}: {len(model.expected)} results, to the bit")


if __name__ == "__main__":
    main(*sys.argv[1:])
