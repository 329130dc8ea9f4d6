# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes models of operators that no other test runs, and what they must give: models.py FOLDER

Families and files are those of ../quantized/models.py; FOLDER/expected has the
outputs, by formulas of numpy's in 64 bits that are written here from the
definitions of the operators, and not from Lowbit's.
"""
import itertools
import math
import pathlib
import sys

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "quantized"))
from models import FLOAT, INT32, INT64, UINT8, Model, pack  # noqa: E402

MICROSOFT = "com.microsoft"
KINDS = {"f": FLOAT, "u": UINT8, "i": INT32}


class Formulas(Model):
    """A model whose outputs come with what they must be."""

    def __init__(self, name, seed):
        super().__init__(name, seed)
        self.expected = {}

    def tensor(self, name, *shape):
        self.input(name, self.random.standard_normal(shape).astype(numpy.float32))
        return name, self.inputs[name].astype(float)

    def weight(self, name, *shape):
        array = self.random.standard_normal(shape).astype(numpy.float32)
        return self.constant(name, array), array.astype(float)

    def gives(self, expected, op, inputs, name, domain="", **attributes):
        expected = numpy.asarray(expected)
        self.node(op, inputs, name, domain=domain, **attributes)
        if expected.dtype.kind == "f":
            expected = expected.astype(numpy.float32)
        self.output(name, INT64 if expected.dtype == numpy.int64 else KINDS[expected.dtype.kind])
        self.expected[name] = expected

    def write(self, folder, opset):
        self.save(folder, opset)
        (folder / "expected").mkdir(exist_ok=True)
        for name, array in self.expected.items():
            numpy.save(folder / "expected" / f"{self.name}.{name}.npy", array)


erf = numpy.vectorize(math.erf)


def gelu(x):
    return x * (1 + erf(x / math.sqrt(2))) / 2


def gelu_by_tanh(x):
    return x / 2 * (1 + numpy.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def softmax(x, axes=-1):
    powers = numpy.exp(x - x.max(axis=axes, keepdims=True))
    return powers / powers.sum(axis=axes, keepdims=True)


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def fused():
    """Of ONNX Runtime's optimizer."""
    m = Formulas("fused", 1)
    (x, X), (y, Y) = m.tensor("x", 2, 4, 6), m.tensor("y", 2, 5, 6)
    (w, W), (b, B) = m.weight("w", 6, 8), m.weight("b", 8)
    m.gives(gelu_by_tanh(X @ W + B), "GemmFastGelu", [x, w, b], "gemm", MICROSOFT)
    m.gives(gelu_by_tanh(X @ W), "GemmFastGelu", [x, w], "gemm.plain", MICROSOFT)
    m.gives(0.5 * X @ Y.swapaxes(1, 2), "TransposeMatMul", [x, y], "turned", MICROSOFT, transB=1, alpha=0.5)
    (c, C) = m.weight("c", 4, 3)
    m.gives(X.swapaxes(1, 2) @ C, "TransposeMatMul", [x, c], "left", MICROSOFT, transA=1)
    (s, S), (mask, M), (outer, O) = m.tensor("scores", 2, 3, 4, 5), m.tensor("mask", 2, 1, 1, 5), m.tensor("outer", 1, 1, 4, 5)
    m.gives(softmax(S + M), "BiasSoftmax", [s, mask], "inner", MICROSOFT, axis=3, is_inner_broadcast=1)
    m.gives(softmax(S + O), "BiasSoftmax", [s, outer], "whole", MICROSOFT, axis=3, is_inner_broadcast=0)
    m.gives(softmax(S + O, (2, 3)), "BiasSoftmax", [s, outer], "planes", MICROSOFT, axis=2, is_inner_broadcast=0)
    (z, Z), (wide, D) = m.tensor("z", 2, 3, 10), m.weight("wide", 10)
    m.gives((Z + D)[..., :5] * gelu((Z + D)[..., 5:]), "BiasSplitGelu", [z, wide], "split", MICROSOFT)
    (i, I), (skip, K), (d, E) = m.tensor("image", 2, 9, 4), m.tensor("skip", 2, 9, 4), m.weight("d", 4)
    m.gives(I + E + K, "BiasAdd", [i, d, skip], "added", MICROSOFT)
    m.gives(gelu(X), "Gelu", [x], "gelu", MICROSOFT)
    (g, G) = m.weight("gamma", 6)
    m.gives(X / numpy.sqrt((X ** 2).mean(-1, keepdims=True) + 1e-5) * G, "SimplifiedLayerNormalization", [x, g], "rms",
            axis=-1, epsilon=1e-5)
    return m


def experts():
    """Codes from the middle of their range, with a scale for each row or block."""
    m = Formulas("experts", 6)
    (x, X), (router, R) = m.tensor("x", 5, 32), m.tensor("router", 5, 3)
    best = numpy.argsort(-R)[:, :2]
    shares = numpy.zeros_like(R)
    numpy.put_along_axis(shares, best, numpy.take_along_axis(softmax(R), best, 1), 1)
    (b, B), (e, E) = m.weight("up.b", 3, 64), m.weight("down.b", 3, 32)

    def coded(name, rows, columns, bits, block):
        codes = m.random.randint(0, 1 << bits, (3, rows, columns))
        scales = (m.random.uniform(0.5, 2, (3, rows, columns // block)) / (4 << bits)).astype(numpy.float32)
        weights = (codes - (1 << bits - 1)) * numpy.repeat(scales.astype(float), block, 2)
        return [m.constant(name, pack(codes, bits)),
                m.constant(name + ".s", scales if block < columns else scales[..., 0])], weights

    def mixture(up, down, activate):
        each = [activate(X @ up[i].T + B[i]) @ down[i].T + E[i] for i in range(3)]
        return sum(y * shares[:, i:i + 1] for i, y in enumerate(each))

    def swish(y):
        return y[:, 0::2] * sigmoid(1.702 * y[:, 0::2]) * (y[:, 1::2] + 1)

    for name, bits, block in (("bytes", 8, 0), ("nibbles", 4, 0), ("blocks", 4, 16)):
        up, U = coded(name + ".up", 64, 32, bits, block or 32)
        down, D = coded(name + ".down", 32, 64, bits, block or 64)
        attributes = {"block_size": block} if block else {}
        m.gives(mixture(U, D, lambda y: y * sigmoid(y)), "QMoE", [x, router, *up, b, *down, e], name, MICROSOFT, k=2,
                activation_type="silu", expert_weight_bits=bits, **attributes)
    half, H = coded("half.down", 32, 32, 4, 16)
    m.gives(mixture(U, H, swish), "QMoE", [x, router, *up, b, *half, e], "gated", MICROSOFT, k=2, activation_type="swiglu",
            swiglu_fusion=1, activation_alpha=1.702, activation_beta=1.0, expert_weight_bits=4, block_size=16)
    return m


def windows(x, size, strides):
    """Views [windows, N, C, h, w] of all windows of an image, by their places."""
    places = [range((x.shape[2 + a] - size[a]) // strides[a] + 1) for a in (0, 1)]
    for row, column in itertools.product(*places):
        top, left = row * strides[0], column * strides[1]
        yield (row, column), x[:, :, top:top + size[0], left:left + size[1]]


def pool(x, size, strides, reduce):
    found = {at: reduce(window) for at, window in windows(x, size, strides)}
    rows, columns = max(found)
    return numpy.stack([numpy.stack([found[r, c] for c in range(columns + 1)], -1) for r in range(rows + 1)], -2)


def integers():
    """Of ONNX Runtime's quantizer: arithmetic between DequantizeLinear and QuantizeLinear."""
    m = Formulas("integers", 2)
    s, z, ys, yz = (m.constant(n, v) for n, v in (
        ("s", numpy.float32(0.02)), ("z", numpy.uint8(120)), ("ys", numpy.float32(0.0157)), ("yz", numpy.uint8(101))))

    def decoded(name, *shape):
        x, X = m.tensor(name, *shape)
        m.node("QuantizeLinear", [x, s, z], name + ".q")
        codes = numpy.clip(numpy.rint(X.astype(numpy.float32) / numpy.float32(0.02)) + 120, 0, 255)
        return name + ".q", (codes - 120) * float(numpy.float32(0.02))

    def encoded(y, scale=0.0157, zero=101):
        return numpy.clip(numpy.rint(y / float(numpy.float32(scale))) + zero, 0, 255).astype(numpy.uint8)

    (x, X), (image, I) = decoded("x", 2, 3, 4, 5), decoded("image", 1, 2, 6, 5)
    rest = [s, z, ys, yz]
    m.gives(encoded(X.mean((1, 3), keepdims=True)), "QLinearReduceMean", [x, *rest], "mean", MICROSOFT, axes=[1, 3], keepdims=1)
    m.gives(encoded(X.mean(-1)), "QLinearReduceMean", [x, *rest], "mean.last", MICROSOFT, axes=[-1], keepdims=0)
    m.gives(encoded(numpy.where(X < 0, X * float(numpy.float32(0.1)), X)), "QLinearLeakyRelu", [x, *rest], "leaky", MICROSOFT,
            alpha=0.1)
    m.gives(encoded(softmax(X)), "QLinearSoftmax", [x, *rest], "softmax", MICROSOFT, axis=-1, opset=13)
    m.gives(encoded(softmax(X, 1)), "QLinearSoftmax", [x, *rest], "softmax.one", MICROSOFT, axis=1, opset=13)
    m.gives(encoded(softmax(X, (2, 3))), "QLinearSoftmax", [x, *rest], "softmax.flat", MICROSOFT, axis=2, opset=12)
    m.gives(encoded(pool(I, (3, 2), (2, 1), lambda w: w.mean((2, 3)))), "QLinearAveragePool", [image, *rest], "pool",
            MICROSOFT, kernel_shape=[3, 2], strides=[2, 1])
    return m


def standard():
    """ONNX's own of versions 11 to 24 that its node tests in Debian don't have."""
    m = Formulas("standard", 3)
    (x, X), (image, I) = m.tensor("x", 2, 4, 6), m.tensor("image", 2, 4, 5, 6)
    m.gives(gelu(X), "Gelu", [x], "gelu")
    m.gives(gelu_by_tanh(X), "Gelu", [x], "gelu.tanh", approximate="tanh")
    m.gives(X * numpy.tanh(numpy.log1p(numpy.exp(X))), "Mish", [x], "mish")
    m.gives(X * sigmoid(1.5 * X), "Swish", [x], "swish", alpha=1.5)
    (g, G), (c, C), (b, B) = m.weight("gamma", 6), m.weight("scale", 4), m.weight("bias", 4)
    m.gives(X / numpy.sqrt((X ** 2).mean(-1, keepdims=True) + 1e-4) * G, "RMSNormalization", [x, g], "rms", epsilon=1e-4)
    (p, P) = m.weight("plane", 4, 6)
    m.gives(X / numpy.sqrt((X ** 2).mean((1, 2), keepdims=True) + 1e-5) * P, "RMSNormalization", [x, p], "rms.planes", axis=1)
    parts = I.reshape(2, 2, -1)
    parts = (parts - parts.mean(-1, keepdims=True)) / numpy.sqrt(parts.var(-1, keepdims=True) + 1e-3)
    m.gives(parts.reshape(I.shape) * C[:, None, None] + B[:, None, None], "GroupNormalization", [image, c, b], "groups",
            num_groups=2, epsilon=1e-3)
    m.gives(X / numpy.abs(X).sum(1, keepdims=True), "LpNormalization", [x], "l1", axis=1, p=1)
    m.gives(X / numpy.sqrt((X ** 2).sum(-1, keepdims=True)), "LpNormalization", [x], "l2")
    m.gives(pool(I, (2, 3), (1, 2), lambda w: numpy.sqrt((w ** 2).sum((2, 3)))), "LpPool", [image], "lp",
            kernel_shape=[2, 3], strides=[1, 2])
    m.gives(pool(I, (2, 2), (1, 1), lambda w: (numpy.abs(w) ** 3).sum((2, 3)) ** (1 / 3)), "LpPool", [image], "lp.three",
            kernel_shape=[2, 2], p=3)
    m.gives(numpy.abs(I).sum((2, 3), keepdims=True), "GlobalLpPool", [image], "lp.all", p=1)
    first, second = (m.input(n, m.random.randint(-99, 99, (3, 4)).astype(numpy.int32)) for n in ("first", "second"))
    one, two = m.inputs[first], m.inputs[second]
    for op, expected in (("And", one & two), ("Or", one | two), ("Xor", one ^ two)):
        m.gives(expected, "Bitwise" + op, [first, second], op)
    m.gives(~one, "BitwiseNot", [first], "Not")
    return m


def geometry():
    """Determinants, grids for images, and what is unique."""
    m = Formulas("geometry", 6)
    square, S = m.tensor("square", 2, 3, 5, 5)
    m.inputs[square][1, 0, :, 2] = 0
    m.inputs[square][0, 1, 3] = m.inputs[square][0, 1, 1]
    m.inputs[square][1, 1, 0, 0] = 0
    m.gives(numpy.linalg.det(m.inputs[square].astype(float)), "Det", [square], "det")
    (plane, P), (space, T) = m.tensor("plane", 2, 2, 3), m.tensor("space", 1, 3, 4)
    for name, theta, of, size, corners in (("grid", plane, P, (4, 5), 0), ("grid.corners", plane, P, (4, 1), 1),
                                           ("grid.space", space, T, (2, 3, 4), 0)):
        axes = [numpy.arange(n) * 2 / max(n - 1, 1) - 1 if corners else (2 * numpy.arange(n) + 1) / n - 1 for n in size]
        points = numpy.stack([*numpy.meshgrid(*axes, indexing="ij")[::-1], numpy.ones(size)], -1)
        shape = m.constant(name + ".size", numpy.array([len(of), 3, *size]))
        m.gives(numpy.einsum("nij,...j->n...i", of, points), "AffineGrid", [theta, shape], name, align_corners=corners)
    m.tensor("odd", 9)
    m.inputs["odd"][:] = [3, 1, numpy.nan, 3, -2, numpy.nan, 1, 1, 3]
    m.input("rows", m.random.randint(-1, 2, (2, 12, 2)).astype(numpy.int32))
    for name, axis in (("odd", None), ("rows", 1)):
        array = m.inputs[name]
        outputs = numpy.unique(array, return_index=True, return_inverse=True, return_counts=True, axis=axis)
        names = [f"{name}.{kind}" for kind in ("values", "first", "place", "count")]
        m.node("Unique", [name], names, **({} if axis is None else {"axis": axis}))
        for output, wanted in zip(names, outputs):
            m.gives(numpy.nan_to_num(wanted, nan=9) if wanted.dtype.kind == "f" else wanted, *(
                ("Where", [m.node("IsNaN", [output], output + ".nan"), m.constant(output + ".nine", numpy.float32(9)), output])
                if wanted.dtype.kind == "f" else ("Identity", [output])), output + ".found")
    return m


def sequences():
    m = Formulas("sequences", 4)
    rows = [m.tensor(f"r{i}", 2, 3) for i in range(3)]
    arrays = [array for _, array in rows]
    one = m.constant("one", numpy.array(1))
    m.node("SequenceConstruct", [name for name, _ in rows], "all")
    m.node("SequenceErase", ["all", one], "two")
    m.node("SequenceErase", ["all"], "first")
    m.gives(numpy.concatenate([arrays[0], arrays[2]], 1), "ConcatFromSequence", ["two"], "beside", axis=1)
    m.gives(numpy.stack(arrays[:2]), "ConcatFromSequence", ["first"], "stacked", axis=0, new_axis=1)
    m.gives(numpy.array(2), "SequenceLength", ["two"], "length")
    return m


def versions():
    """Forms that operators have only had since version 18 or 19."""
    m = Formulas("versions", 5)
    (x, X), (image, I) = m.tensor("x", 2, 7, 3), m.tensor("image", 1, 2, 6, 8)
    m.node("Split", [x], ["s0", "s1", "s2"], num_outputs=3, axis=1)
    m.gives(X[:, 6:], "Identity", ["s2"], "split.last")
    ints = {n: m.constant(n, numpy.array(v)) for n, v in {
        "last": [-1], "middle": [1], "pads": [1, 2], "around": [2, 1, 1, 2], "both": [1, 2], "none": []}.items()}
    m.constants[-1].data_type = INT64
    m.gives(numpy.pad(X, ((0, 0), (1, 2), (0, 0))), "Pad", [x, ints["pads"], "", ints["middle"]], "pad.axes")
    m.gives(numpy.pad(X, ((0, 0), (2, 1), (1, 2)), mode="wrap"), "Pad", [x, ints["around"], "", ints["both"]], "pad.wrap",
            mode="wrap")
    for op, expected in (("Max", X.max(1)), ("Min", X.min(1)), ("L1", numpy.abs(X).sum(1)), ("Prod", X.prod(1)),
                         ("L2", numpy.sqrt((X ** 2).sum(1))), ("SumSquare", (X ** 2).sum(1)),
                         ("LogSumExp", numpy.log(numpy.exp(X).sum(1)))):
        m.gives(expected, "Reduce" + op, [x, ints["middle"]], op, keepdims=0)
    m.gives(X, "ReduceMean", [x, ints["none"]], "mean.none", noop_with_empty_axes=1)
    m.gives(X.mean(keepdims=True), "ReduceMean", [x], "mean.all")
    spread = numpy.stack([I[:, :, r:r + 5:2, c:c + 3:2].mean((2, 3)) for r in (0, 1) for c in range(6)], -1)
    m.gives(spread.reshape(1, 2, 2, 6), "AveragePool", [image], "average", kernel_shape=[3, 2], dilations=[2, 2])
    at = m.input("at", numpy.array([[0, 1, 2], [0, 0, 1]], numpy.int64))
    base, updates = m.tensor("base", 3, 3), m.tensor("updates", 2, 3)
    for reduction, of in (("max", max), ("min", min)):
        wanted = base[1].copy()
        for (row, column), place in numpy.ndenumerate(m.inputs[at]):
            wanted[place, column] = of(wanted[place, column], updates[1][row, column])
        m.gives(wanted, "ScatterElements", [base[0], at, updates[0]], "scatter." + reduction, axis=0, reduction=reduction)
    # Antialiasing: the linear kernel is as wide as the step.
    weights = numpy.maximum(0, 1 - numpy.abs(numpy.arange(8)[None] + 0.5 - (numpy.arange(4)[:, None] + 0.5) * 2) / 2)
    weights /= weights.sum(1, keepdims=True)
    m.gives(I @ weights.T, "Resize", [image, "", "", m.constant("sizes", numpy.array([4]))], "resized", axes=[3],
            mode="linear", antialias=1, exclude_outside=1)
    return m


def main():
    folder = pathlib.Path(sys.argv[1])
    for family, opset in ((fused, 21), (experts, 21), (integers, 21), (standard, 24), (geometry, 21), (sequences, 17), (versions, 19)):
        family().write(folder, opset)


main()
