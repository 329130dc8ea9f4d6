# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes models that come quantized: models.py FOLDER

For each family FAMILY.onnx, its inputs FAMILY.in.NAME.npy, and, in
FAMILY.codes.json, what the weights of each output must be taken over as: codes
[N, K] and, per group, zero points. Sizes are odd on purpose. Random numbers come
from a generator whose stream is frozen, so that results of ONNX Runtime, which
lie in `expected`, stay those of the same models (see run_onnxruntime.js).
"""
import json
import pathlib
import sys

import numpy
from onnx import TensorProto, helper, numpy_helper, save

FLOAT, UINT8, INT8, INT32 = (TensorProto.FLOAT, TensorProto.UINT8,
                             TensorProto.INT8, TensorProto.INT32)
INT64, FLOAT16 = TensorProto.INT64, TensorProto.FLOAT16
UINT16, INT16 = TensorProto.UINT16, TensorProto.INT16
UINT4, INT4 = 21, 22  # newer than the package onnx
KIND = {numpy.dtype(name): kind for name, kind in [
    ("float32", FLOAT), ("float16", FLOAT16), ("int64", INT64), ("int32", INT32), ("bool", TensorProto.BOOL)]}


def pack(codes, bits, axis=-1):
    """Codes as bytes, least significant bits first, each line along `axis`
    filled to whole bytes."""
    codes = numpy.moveaxis(numpy.asarray(codes, numpy.uint8), axis, -1)
    stream = numpy.unpackbits(codes[..., None], axis=-1, bitorder="little")
    stream = stream[..., :bits].reshape(codes.shape[:-1] + (-1,))
    return numpy.packbits(stream, axis=-1, bitorder="little")


class Model:
    def __init__(self, name, seed):
        self.name, self.nodes, self.constants = name, [], []
        self.inputs, self.outputs, self.codes = {}, [], {}
        self.random = numpy.random.RandomState(seed)

    def input(self, name, array):
        self.inputs[name] = array
        return name

    def constant(self, name, array, kind=None):
        """A constant; 4-bit kinds take one code per element."""
        array = numpy.asarray(array)
        if kind in (UINT4, INT4):
            tensor = TensorProto(name=name, data_type=kind, dims=array.shape,
                                 raw_data=pack(array.reshape(-1) & 15, 4).tobytes())
        else:
            tensor = numpy_helper.from_array(array, name)
        self.constants.append(tensor)
        return name

    def node(self, op, inputs, outputs, **attributes):
        outputs = [outputs] if isinstance(outputs, str) else outputs
        self.nodes.append(helper.make_node(op, inputs, outputs,
                                           name="/" + outputs[0], **attributes))
        return outputs[0]

    def output(self, name, kind):
        self.outputs.append((name, kind))
        return name

    def takes(self, weight, codes, zeros=None):
        """Global `weight` must hold these codes and zero points."""
        self.codes[weight] = {"codes": numpy.asarray(codes).tolist()}
        if zeros is not None:
            self.codes[weight]["zeros"] = numpy.asarray(zeros).tolist()

    def scales(self, *shape, kind=numpy.float32):
        return (self.random.uniform(0.5, 2, shape) / 64).astype(kind)

    def save(self, folder, opset=21):
        inputs = [helper.make_tensor_value_info(n, KIND[a.dtype], a.shape)
                  for n, a in self.inputs.items()]
        outputs = [helper.make_tensor_value_info(n, k, None)
                   for n, k in self.outputs]
        graph = helper.make_graph(self.nodes, self.name, inputs, outputs,
                                  self.constants)
        model = helper.make_model(graph, opset_imports=[
            helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)])
        model.ir_version = 10
        save(model, str(folder / (self.name + ".onnx")))
        for name, array in self.inputs.items():
            numpy.save(folder / f"{self.name}.in.{name}.npy", array)
        (folder / (self.name + ".codes.json")).write_text(json.dumps(self.codes))


def nbits():
    """MatMulNBits in every width and with every kind of zero point."""
    m = Model("nbits", 1)
    m.input("x", m.random.randn(3, 67).astype(numpy.float32))
    m.input("h", m.random.randn(2, 1, 67).astype(numpy.float16))
    m.input("g", m.random.randn(2, 48).astype(numpy.float32))

    def layer(name, bits, block, columns=67, rows=20, zeros=None, bias=False,
              kind=numpy.float32, x="x", order=None):
        groups = -(-columns // block)
        codes = m.random.randint(0, 1 << bits, (rows, columns))
        padded = numpy.full((rows, groups * block), (1 << bits) - 1)
        padded[:, :columns] = codes
        inputs = [x, m.constant(name + ".w", pack(
            padded.reshape(rows, groups, block), bits)),
            m.constant(name + ".s", m.scales(rows, groups, kind=kind)), "", "", ""]
        points = None
        if zeros == "packed":
            points = m.random.randint(0, 1 << bits, (rows, groups))
            inputs[3] = m.constant(name + ".z", pack(points, bits))
        elif zeros == "float":
            points = (m.random.uniform(0, 1 << bits, (rows, groups))).astype(kind)
            inputs[3] = m.constant(name + ".z", points)
        if order is not None:
            inputs[4] = m.constant(name + ".g", order.astype(numpy.int32))
            codes = codes[:, numpy.argsort(order, kind="stable")]
        if bias:
            inputs[5] = m.constant(name + ".b", m.random.randn(rows).astype(kind))
        m.node("MatMulNBits", inputs, name, domain="com.microsoft", K=columns,
               N=rows, bits=bits, block_size=block)
        m.output(name, FLOAT if kind == numpy.float32 else FLOAT16)
        m.takes(name + ".w", codes, points)

    layer("q2", 2, 16)
    layer("q2z", 2, 16, zeros="packed")
    layer("q2f", 2, 16, zeros="float")
    layer("q4", 4, 32, bias=True)
    layer("q4z", 4, 32, zeros="packed", bias=True)
    layer("q4f", 4, 16, zeros="float")
    layer("q8", 8, 32)
    layer("q8z", 8, 16, zeros="packed")
    layer("one", 4, 128, rows=1)
    layer("onez", 8, 16, rows=1, zeros="packed")
    layer("half", 4, 32, zeros="packed", kind=numpy.float16, x="h", bias=True)
    # Without zero points: ONNX Runtime 1.30 ignores them beside g_idx.
    layer("ordered", 4, 16, columns=48, x="g",
          order=m.random.permutation(numpy.arange(48) // 16))
    return m


def gather():
    """Lookups in quantized tables, and one table that is also the head."""
    m = Model("gather", 2)
    m.input("ids", numpy.array([[0, 4, 30], [17, 2, 2]], numpy.int64))

    def table(name, bits, columns, zeros, kind=UINT8):
        groups = -(-columns // 16)
        codes = m.random.randint(0, 1 << bits, (31, columns))
        points = m.random.randint(0, 1 << bits, (31, groups)) if zeros else None
        offset = 8 if kind == INT4 else 0
        inputs = [m.constant(name + ".w", pack(codes, bits) if kind == UINT8
                             else codes - offset, kind),
                  "ids", m.constant(name + ".s", m.scales(31, groups))]
        if zeros:
            inputs.append(m.constant(name + ".z", pack(points, bits)
                                     if kind == UINT8 else points - offset, kind))
        m.node("GatherBlockQuantized", inputs, name, domain="com.microsoft",
               bits=bits, block_size=16, gather_axis=0, quantize_axis=1)
        m.output(name, FLOAT)
        m.takes(name + ".w", codes, points)

    table("t4", 4, 66, False)
    table("t4z", 4, 66, True)
    table("t8z", 8, 33, True)
    table("i4", 4, 34, False, INT4)
    table("i4z", 4, 34, True, INT4)
    table("u4", 4, 34, False, UINT4)
    # A head that reads the bytes of a table.
    table("tied", 4, 64, True)
    m.input("x", m.random.randn(2, 64).astype(numpy.float32))
    m.node("Reshape", ["tied.w", m.constant("blocks", numpy.array([31, 4, 8]))],
           "head.w")
    m.node("MatMulNBits", ["x", "head.w", "tied.s", "tied.z"], "head",
           domain="com.microsoft", K=64, N=31, bits=4, block_size=16)
    m.output("head", FLOAT)
    return m


def weights():
    """Dequantized weights in front of layers."""
    m = Model("weights", 3)
    m.input("x", m.random.randn(3, 67).astype(numpy.float32))
    m.input("ids", numpy.array([[0, 4, 30], [17, 2, 2]], numpy.int64))

    def weight(name, shape, kind, groups=(), zeros=False, **attributes):
        bits = 4 if kind in (INT4, UINT4) else 8
        low = -(1 << (bits - 1)) if kind in (INT8, INT4) else 0
        storage = numpy.uint8 if kind == UINT8 else numpy.int8
        draw = lambda *s: m.random.randint(low, low + (1 << bits), s)
        values = draw(*shape)
        inputs = [m.constant(name + ".w", values.astype(storage), kind),
                  m.constant(name + ".s", m.scales(*groups))]
        points = draw(*groups) if zeros else None
        if zeros:
            inputs.append(m.constant(name + ".z", points.astype(storage), kind))
        m.node("DequantizeLinear", inputs, name + ".f", **attributes)
        return values - low, None if points is None else points - low

    def product(name, shape, kind, groups=(), zeros=False, by_rows=False, **attributes):
        codes, points = weight(name, shape, kind, groups, zeros, **attributes)
        if by_rows:
            m.node("Gemm", ["x", name + ".f"], name, transB=1)
        else:
            m.node("MatMul", ["x", name + ".f"], name)
            codes = codes.T
            points = None if points is None else points.T
        m.output(name, FLOAT)
        m.takes(name + ".w", codes, points)

    product("t8", (67, 20), INT8)
    product("t8z", (67, 20), INT8, zeros=True)
    product("tu8z", (67, 20), UINT8, zeros=True)
    product("tu4z", (67, 20), UINT4, zeros=True)
    product("a8", (67, 20), INT8, (20,), axis=1)
    product("au8z", (67, 20), UINT8, (20,), zeros=True, axis=1)
    product("r8z", (20, 67), INT8, (20,), zeros=True, by_rows=True, axis=0)
    product("r4", (20, 67), INT4, (20,), by_rows=True, axis=-2)
    product("b4z", (67, 20), INT4, (5, 20), zeros=True, axis=0, block_size=16)
    product("bu4z", (20, 67), UINT4, (20, 3), zeros=True, by_rows=True, axis=1,
            block_size=32)
    product("b8", (67, 1), INT8, (5, 1), axis=0, block_size=16)
    codes, points = weight("e8z", (31, 13), INT8, (31,), zeros=True, axis=0)
    m.node("Gather", ["e8z.f", "ids"], "e8z")
    m.output("e8z", FLOAT)
    m.takes("e8z.w", codes, points)
    # Scales along the summed axis: no layer has them, so it is decoded.
    codes, points = weight("other", (67, 5), INT8, (67,), zeros=True, axis=0)
    m.node("MatMul", ["x", "other.f"], "other")
    m.output("other", FLOAT)
    m.takes("other.w", codes, points)
    # Stored by rows, used by columns.
    codes, points = weight("turned", (20, 67), INT8, (20,), axis=0)
    m.node("Transpose", ["turned.f"], "turned.t", perm=[1, 0])
    m.node("MatMul", ["x", "turned.t"], "turned")
    m.output("turned", FLOAT)
    m.takes("turned.w", codes)
    # As static quantization writes a layer, up to its result's rounding.
    m.constant("fixed.s", numpy.float32(0.04))
    m.constant("fixed.z", numpy.uint8(120))
    m.node("QuantizeLinear", ["x", "fixed.s", "fixed.z"], "fixed.q")
    m.node("DequantizeLinear", ["fixed.q", "fixed.s", "fixed.z"], "fixed.x")
    codes, points = weight("static", (67, 20), INT8, (20,), axis=1)
    m.node("MatMul", ["fixed.x", "static.f"], "static")
    m.output("static", FLOAT)
    m.takes("static.w", codes.T)
    # A bias in 32 bits, and a weight that is quantized from floats.
    floats = m.random.randn(20, 67).astype(numpy.float32)
    scale = (numpy.abs(floats).max(1) / 127).astype(numpy.float32)
    m.constant("trained.w", floats)
    m.constant("trained.s", scale)
    m.constant("trained.z", numpy.zeros(20, numpy.int8))
    m.constant("trained.b", m.random.randint(-9000, 9000, 20).astype(numpy.int32))
    m.constant("trained.bs", (scale / 100).astype(numpy.float32))
    m.node("QuantizeLinear", ["trained.w", "trained.s", "trained.z"], "trained.q",
           axis=0)
    m.node("DequantizeLinear", ["trained.q", "trained.s", "trained.z"], "trained.f",
           axis=0)
    m.node("DequantizeLinear", ["trained.b", "trained.bs"], "trained.bf", axis=0)
    m.node("Gemm", ["x", "trained.f", "trained.bf"], "trained", transB=1)
    m.output("trained", FLOAT)
    m.takes("trained.q", numpy.rint(floats / scale[:, None]).astype(int) + 128)
    return m


def activations():
    """Quantization of values that the model computes, ties and ends included."""
    m = Model("activations", 4)
    x = (m.random.randn(3, 5, 4) * 9).astype(numpy.float32)
    x[0, 0] = [0.5, 1.5, 2.5, -0.5]
    x[1, 0] = [1e9, -1e9, 0, -2.5]
    m.input("x", x)
    m.input("h", numpy.clip(x, -60000, 60000).astype(numpy.float16))

    def pair(name, kind, scale, zero, x="x", out=None, **attributes):
        storage = {INT8: numpy.int8, UINT8: numpy.uint8, INT16: numpy.int16,
                   UINT16: numpy.uint16}.get(kind, numpy.int8)
        inputs = [x, m.constant(name + ".s", scale)]
        if zero is not None:
            inputs.append(m.constant(name + ".z", numpy.asarray(zero, storage), kind))
        m.node("QuantizeLinear", inputs, name + ".q", **attributes)
        attributes.pop("output_dtype", None)
        m.node("DequantizeLinear", [name + ".q"] + inputs[1:], name, **attributes)
        m.output(name, out or FLOAT)
        if kind not in (INT4, UINT4):
            m.output(name + ".q", kind)

    one = numpy.float32(1)
    pair("u8", UINT8, one, None)
    pair("i8", INT8, numpy.float32(0.25), 3)
    pair("u16", UINT16, numpy.float32(0.01), 30000)
    pair("i16", INT16, numpy.float32(0.125), -7)
    pair("i4", INT4, one, 1)
    pair("u4", UINT4, numpy.float32(2), 9)
    pair("axis", INT8, m.scales(5) * 20, m.random.randint(-9, 9, 5), axis=1)
    pair("last", UINT8, m.scales(4) * 20, m.random.randint(100, 150, 4), axis=-1)
    pair("half", UINT8, numpy.float16(0.5), 128, x="h", out=FLOAT16)
    return m


def dynamic():
    """Products of integers, above all ONNX Runtime's dynamic quantization."""
    m = Model("dynamic", 5)
    m.input("x", m.random.randn(3, 67).astype(numpy.float32))
    m.node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"])
    for name, kind in [("q", UINT8), ("s", FLOAT), ("z", UINT8)]:
        m.output(name, kind)

    def codes(name, kind, shape):
        low = 0 if kind == numpy.uint8 else -128
        values = m.random.randint(low, low + 256, shape).astype(kind)
        return m.constant(name, values), values

    def layer(name, kind, points):
        weight, values = codes(name + ".w", kind, (67, 20))
        inputs, zeros = ["q", weight, "z"], None
        if points:
            zero, zeros = codes(name + ".z", kind, points)
            inputs.append(zero)
        m.node("MatMulInteger", inputs, name + ".i")
        m.output(name + ".i", INT32)
        m.node("Cast", [name + ".i"], name + ".c", to=FLOAT)
        m.constant(name + ".s", m.scales(20))
        m.node("Mul", ["s", name + ".s"], name + ".m")
        m.node("Mul", [name + ".c", name + ".m"], name + ".y")
        m.constant(name + ".b", m.random.randn(20).astype(numpy.float32))
        m.node("Add", [name + ".y", name + ".b"], name)
        m.output(name, FLOAT)
        m.takes(name + ".w", values.T.astype(int) + (128 if kind == numpy.int8 else 0),
                zeros)

    layer("i8", numpy.int8, None)
    layer("u8", numpy.uint8, (20,))
    # Both operands computed: plain integers.
    m.node("Transpose", ["q"], "qt")
    m.node("MatMulInteger", ["q", "qt", "z", "z"], "both")
    m.output("both", INT32)

    m.constant("l.as", numpy.float32(0.02))
    m.constant("l.az", numpy.uint8(128))
    m.constant("l.bs", m.scales(20))
    m.constant("l.bz", numpy.zeros(20, numpy.int8))
    m.constant("l.ys", numpy.float32(0.9))
    m.constant("l.yz", numpy.uint8(120))
    m.node("QuantizeLinear", ["x", "l.as", "l.az"], "l.a")
    weight, values = codes("l.w", numpy.int8, (67, 20))
    m.node("QLinearMatMul", ["l.a", "l.as", "l.az", weight, "l.bs", "l.bz", "l.ys",
                             "l.yz"], "l")
    m.output("l", UINT8)
    m.takes("l.w", values.T.astype(int) + 128)
    return m


def main():
    folder = pathlib.Path(sys.argv[1])
    for family in (nbits, gather, weights, activations, dynamic):
        family().save(folder)


if __name__ == "__main__":
    main()
