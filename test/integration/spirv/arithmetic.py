"""Arithmetic on integers on a GPU, to the bit as numpy and the CPU have it.

  arithmetic.py FOLDER [--dawn=HARNESS]

One model has the operators of ONNX on integers of 8, 16 and 32 bits, with and
without a sign, which wrap around. Inputs have the ends of each type.
"""
import sys

import exact
import numpy
from gpu import take_device
from onnx import TensorProto, helper

KINDS = ("int8", "uint8", "int16", "uint16", "int32")


class Model(exact.Model):
    def __init__(self):
        super().__init__()
        self.random = numpy.random.default_rng(3)
        for kind in KINDS:
            self.add(kind)

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


if __name__ == "__main__":
    device, (folder,) = take_device(sys.argv[1:])
    model = Model()
    exact.check(folder, device, model)
    print(f"{device.name}: {len(model.expected)} results, to the bit")
