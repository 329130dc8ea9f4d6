# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes models of fused operators: models.py FOLDER

Operators that ONNX Runtime's optimizer and model builder write, and ONNX's own of
version 23. Families and files are those of ../quantized/models.py, and so is how
`expected` was computed (../quantized/run_onnxruntime.js).
"""
import pathlib
import sys

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "quantized"))
from models import FLOAT, INT8, INT32, UINT8, Model  # noqa: E402

MICROSOFT = "com.microsoft"
BATCH, LENGTH, HEADS, GROUPS, SIZE, PAST = 2, 3, 4, 2, 16, 5
WIDTH = HEADS * SIZE


class Fused(Model):
    """A model whose operators, outputs and inputs are made in one call each."""

    def tensor(self, name, *shape):
        return self.input(name, self.random.standard_normal(shape).astype(numpy.float32))

    def weight(self, name, *shape, scale=0.2):
        return self.constant(name, (scale * self.random.standard_normal(shape)).astype(numpy.float32))

    def ints(self, name, values, kind=numpy.int32):
        return self.input(name, numpy.array(values, kind))

    def fused(self, op, inputs, outputs, kind=FLOAT, domain=MICROSOFT, **attributes):
        outputs = [outputs] if isinstance(outputs, str) else outputs
        self.node(op, inputs, outputs, domain=domain, **attributes)
        for name in outputs:
            if name:
                self.output(name, kind)


def norms():
    m = Fused("norms", 1)
    x, skip = m.tensor("x", BATCH, LENGTH, WIDTH), m.tensor("skip", BATCH, LENGTH, WIDTH)
    gamma, beta, bias = (m.weight(n, WIDTH) for n in ("gamma", "beta", "bias"))
    m.fused("SkipLayerNormalization", [x, skip, gamma, beta, bias], ["skipped", "", "", "sum"], epsilon=1e-5)
    m.fused("SkipLayerNormalization", [x, skip, gamma], "plain")
    m.fused("SkipSimplifiedLayerNormalization", [x, skip, gamma, bias], ["rms", "", "", "rms.sum"], epsilon=1e-6)
    ids = m.input("ids", m.random.randint(0, 20, (BATCH, LENGTH)).astype(numpy.int32))
    segments = m.ints("segments", [[0, 0, 1], [0, 1, 1]])
    mask = m.ints("mask", [[1, 1, 1], [1, 1, 0]])
    tables = [m.weight("words", 20, WIDTH), m.weight("places", 9, WIDTH), m.weight("kinds", 2, WIDTH)]
    m.fused("EmbedLayerNormalization", [ids, segments, *tables, gamma, beta, mask], ["embedded", "embedded.mask"])
    m.outputs[-1] = ("embedded.mask", INT32)
    m.fused("EmbedLayerNormalization", [ids, "", tables[0], tables[1], "", gamma, beta], ["short", "short.mask"])
    m.outputs[-1] = ("short.mask", INT32)
    m.fused("BiasGelu", [x, bias], "gelu")
    m.fused("FastGelu", [x, bias], "fast")
    m.fused("QuickGelu", [x], "quick", alpha=1.702)
    return m


def products():
    m = Fused("products", 2)
    x, y = m.tensor("x", 2, 4, 6), m.tensor("y", 2, 5, 6)
    m.fused("FusedMatMul", [x, y], "turned", transB=1, alpha=0.25)
    m.fused("FusedMatMul", [x, m.weight("w", 4, 3)], "left", transA=1)
    image = m.tensor("image", 1, 3, 7, 6)
    kernel, bias = m.weight("kernel", 4, 3, 3, 3), m.weight("kernel.bias", 4)
    m.fused("FusedConv", [image, kernel, bias], "relu", kernel_shape=[3, 3], pads=[1, 1, 1, 1], activation="Relu")
    m.fused("FusedConv", [image, kernel], "leaky", kernel_shape=[3, 3], activation="LeakyRelu", activation_params=[0.3])
    m.fused("FusedConv", [image, kernel, bias], "clip", kernel_shape=[3, 3], activation="Clip",
            activation_params=[-0.2, 0.4])
    rows = m.tensor("rows", 4, 6)
    m.fused("FusedGemm", [rows, m.weight("g", 6, 5), m.weight("g.bias", 5)], "gemm", activation="Relu")
    return m


def attention():
    m = Fused("attention", 3)
    x = m.tensor("x", BATCH, LENGTH, 20)
    w, b = m.weight("w", 20, 3 * WIDTH), m.weight("b", 3 * WIDTH)
    mask = m.ints("mask", [[1, 1, 1], [1, 1, 0]])
    m.fused("Attention", [x, w, b, mask], "encoder", num_heads=HEADS)
    m.fused("Attention", [x, w, b, m.ints("lengths", [3, 2])], "lengths.out", num_heads=HEADS)
    past = m.tensor("past", 2, BATCH, HEADS, PAST, SIZE)
    m.fused("Attention", [x, w, b, "", past], ["decoder", "present"], num_heads=HEADS, unidirectional=1)
    narrow = m.weight("narrow", 20, 2 * WIDTH + 12), m.weight("narrow.b", 2 * WIDTH + 12)
    m.fused("Attention", [x, *narrow], "narrow.out", num_heads=HEADS, qkv_hidden_sizes=[WIDTH, WIDTH, 12])
    q, k, v = m.tensor("q", BATCH, LENGTH, WIDTH), m.tensor("k", BATCH, PAST, WIDTH), m.tensor("v", BATCH, PAST, WIDTH)
    bias = m.tensor("bias", 1, HEADS, LENGTH, PAST)
    m.fused("MultiHeadAttention", [q, k, v, b, m.ints("padding", [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]), bias], "cross",
            num_heads=HEADS)
    keys, values = m.tensor("keys", BATCH, HEADS, PAST, SIZE), m.tensor("values", BATCH, HEADS, PAST, SIZE)
    own = [m.tensor(n, BATCH, LENGTH, WIDTH) for n in ("own_k", "own_v")]
    m.fused("MultiHeadAttention", [q, *own, "", "", "", keys, values], ["cached", "cached.k", "cached.v"],
            num_heads=HEADS, unidirectional=1)
    m.fused("MultiHeadAttention", [q, keys, values], "heads", num_heads=HEADS, scale=0.3)
    return m


def groups():
    """A cache of 5 keys; rows of a batch that have 5 and 3, and prompts of 3 and 2."""
    m = Fused("groups", 4)
    q = m.tensor("q", 1, LENGTH, WIDTH)
    k, v = (m.tensor(n, 1, LENGTH, GROUPS * SIZE) for n in "kv")
    past = [m.tensor(n, 1, GROUPS, PAST, SIZE) for n in ("past_k", "past_v")]
    both = [m.tensor(n, BATCH, GROUPS, PAST, SIZE) for n in ("both_k", "both_v")]
    first = [m.tensor(n, BATCH, LENGTH, w) for n, w in (("q0", WIDTH), ("k0", GROUPS * SIZE), ("v0", GROUPS * SIZE))]
    none = [m.input(n, numpy.zeros((BATCH, GROUPS, 0, SIZE), numpy.float32)) for n in ("none_k", "none_v")]
    angles = numpy.arange(16)[:, None] / 100 ** (numpy.arange(SIZE // 2) / (SIZE // 2))
    tables = [m.constant("cos", numpy.cos(angles).astype(numpy.float32)),
              m.constant("sin", numpy.sin(angles).astype(numpy.float32))]
    lengths, total = m.ints("lengths", [7]), m.constant("total", numpy.array(8, numpy.int32))
    sizes = {"num_heads": HEADS, "kv_num_heads": GROUPS}

    def case(name, inputs, **attributes):
        m.fused("GroupQueryAttention", inputs, [name, name + ".k", name + ".v"], **sizes, **attributes)

    case("plain", [q, k, v, *past, lengths, total])
    case("rotary", [q, k, v, *past, lengths, total, *tables], do_rotary=1)
    case("pairs", [q, k, v, *past, lengths, total, *tables], do_rotary=1, rotary_interleaved=1)
    case("window", [q, k, v, *past, lengths, total], local_window_size=4)
    case("capped", [q, k, v, *past, lengths, total], softcap=2.0, scale=0.2)
    # What follows the end of a row is not defined.
    m.node("GroupQueryAttention", [*first, *none, m.ints("prompt_lengths", [2, 1]),
                                   m.constant("three", numpy.array(3, numpy.int32)), *tables],
           ["prompt.all", "prompt.k", "prompt.v"], domain=MICROSOFT, do_rotary=1, **sizes)
    m.node("Slice", ["prompt.all", m.constant("from", numpy.array([0])), m.constant("to", numpy.array([2])),
                     m.constant("axis", numpy.array([1]))], "prompt")
    for name in ("prompt", "prompt.k", "prompt.v"):
        m.output(name, FLOAT)
    packed = m.tensor("packed", 1, LENGTH, WIDTH + 2 * GROUPS * SIZE)
    case("together", [packed, "", "", *past, lengths, total, *tables], do_rotary=1)
    single = [m.tensor(n, BATCH, 1, w) for n, w in (("q1", WIDTH), ("k1", GROUPS * SIZE), ("v1", GROUPS * SIZE))]
    # What lies behind the keys of a row is not defined.
    m.node("GroupQueryAttention", [*single, *both, m.ints("ragged_lengths", [5, 3]),
                                   m.constant("six", numpy.array(6, numpy.int32)), *tables],
           ["ragged", "ragged.k", "ragged.v"], domain=MICROSOFT, do_rotary=1, **sizes)
    m.output("ragged", FLOAT)
    return m


def rotary():
    m = Fused("rotary", 5)
    x, flat = m.tensor("x", BATCH, HEADS, LENGTH, SIZE), m.tensor("flat", BATCH, LENGTH, WIDTH)
    ids = m.ints("ids", [[0, 1, 2], [4, 5, 6]], numpy.int64)
    first = m.ints("first", [3], numpy.int64)
    tables = [m.weight("cos", 9, SIZE // 2, scale=1), m.weight("sin", 9, SIZE // 2, scale=1)]
    half = [m.weight("cos.half", 9, SIZE // 4, scale=1), m.weight("sin.half", 9, SIZE // 4, scale=1)]
    m.fused("RotaryEmbedding", [x, ids, *tables], "heads")
    m.fused("RotaryEmbedding", [flat, ids, *tables], "flat.out")
    m.fused("RotaryEmbedding", [flat, first, *tables], "offset", interleaved=1)
    m.fused("RotaryEmbedding", [flat, ids, *half], "part", num_heads=HEADS, rotary_embedding_dim=SIZE // 2)
    return m


def integers():
    m = Fused("integers", 6)
    x = m.tensor("x", 4, 6)
    w = m.constant("w", m.random.randint(-127, 128, (6, 5)).astype(numpy.int8))
    scales, zero = m.constant("w.s", m.scales(5)), m.constant("w.z", numpy.int8(0))
    bias = m.weight("w.b", 5)
    m.fused("DynamicQuantizeMatMul", [x, w, scales, zero, bias], "dynamic")
    m.node("DynamicQuantizeLinear", [x], ["q", "s", "z"])
    m.fused("MatMulIntegerToFloat", ["q", w, "s", scales, "z", zero, bias], "float")
    s, z, ys, yz = (m.constant(n, v) for n, v in (
        ("a.s", numpy.float32(0.02)), ("a.z", numpy.uint8(120)),
        ("y.s", numpy.float32(0.05)), ("y.z", numpy.uint8(128))))
    m.node("QuantizeLinear", [x, s, z], "a")
    u8 = m.constant("g", m.random.randint(-127, 128, (5, 6)).astype(numpy.int8))
    m.fused("QGemm", ["a", s, z, u8, scales, m.constant("g.z", numpy.zeros(5, numpy.int8)),
                      m.constant("g.b", m.random.randint(-99, 99, 5).astype(numpy.int32)), ys, yz], "gemm", UINT8, transB=1)
    m.fused("QLinearAdd", ["a", s, z, "a", ys, yz, ys, yz], "sum", UINT8)
    m.fused("QLinearMul", ["a", s, z, "a", ys, yz, ys, yz], "product", UINT8)
    m.fused("QLinearSigmoid", ["a", s, z, m.constant("p.s", numpy.float32(1 / 256)), m.constant("p.z", numpy.uint8(0))],
            "sigmoid", UINT8)
    m.fused("QLinearConcat", [ys, yz, "a", s, z, "a", ys, yz], "beside", UINT8, axis=1)
    image = m.tensor("image", 1, 3, 6, 5)
    m.node("QuantizeLinear", [image, s, z], "i")
    kernel = m.constant("k", m.random.randint(-127, 128, (4, 3, 3, 3)).astype(numpy.int8))
    m.fused("QLinearConv", ["i", s, z, kernel, m.constant("k.s", m.scales(4)), m.constant("k.z", numpy.zeros(4, numpy.int8)),
                            ys, yz, m.constant("k.b", m.random.randint(-99, 99, 4).astype(numpy.int32))],
            "conv", UINT8, domain="", pads=[1, 1, 1, 1])
    m.fused("ConvInteger", ["i", kernel, z, m.constant("k.0", numpy.int8(0))], "sums", INT32, domain="", strides=[2, 1])
    m.fused("QLinearGlobalAveragePool", ["i", s, z, ys, yz], "mean", UINT8)
    return m


def quantized():
    """What the quantizers of ONNX Runtime write."""
    m = Fused("quantized", 7)
    x = m.tensor("x", BATCH, LENGTH, 20)
    s, z = m.constant("x.s", numpy.float32(0.02)), m.constant("x.z", numpy.uint8(120))
    m.node("QuantizeLinear", [x, s, z], "q")
    w = m.constant("w", m.random.randint(-127, 128, (20, 3 * WIDTH)).astype(numpy.int8))
    bias = m.weight("w.b", 3 * WIDTH)
    scale, columns = m.constant("w.s", numpy.float32(0.01)), m.constant("w.c", m.scales(3 * WIDTH))
    zero, zeros = m.constant("w.z", numpy.int8(0)), m.constant("w.zs", numpy.zeros(3 * WIDTH, numpy.int8))
    mask = m.ints("mask", [[1, 1, 1], [1, 1, 0]])
    m.fused("QAttention", ["q", w, bias, s, scale, mask, z, zero], "tensor", num_heads=HEADS)
    past = m.tensor("past", 2, BATCH, HEADS, PAST, SIZE)
    m.fused("QAttention", ["q", w, bias, s, columns, "", z, zeros, past], ["channels", "present"], num_heads=HEADS,
            unidirectional=1)
    for name, kind in (("fp4", 0), ("nf4", 1)):
        codes = m.constant(name + ".w", m.random.randint(0, 256, 7 * 64 // 2).astype(numpy.uint8))
        m.fused("MatMulBnb4", [m.tensor(name + "_x", 3, 64), codes, m.constant(name + ".s", m.scales(7 * 4))], name,
                K=64, N=7, block_size=16, quant_type=kind)
    ids, segments = m.ints("ids", [[1, 5, 2], [0, 3, 19]]), m.ints("segments", [[0, 0, 1], [0, 1, 1]])
    tables, scales, points = [], [], []
    for name, shape in (("words", (20, 32)), ("places", (9, 32)), ("kinds", (2, 32)), ("gamma", (32,)), ("beta", (32,))):
        tables.append(m.constant(name, m.random.randint(0, 256, shape).astype(numpy.uint8)))
        scales.append(m.constant(name + ".s", numpy.float32(m.random.uniform(0.01, 0.03))))
        points.append(m.constant(name + ".z", numpy.uint8(m.random.randint(100, 150))))
    m.fused("QEmbedLayerNormalization", [ids, segments, *tables, mask, *scales, *points],
            ["embedded", "embedded.mask"], epsilon=1e-5)
    m.outputs[-1] = ("embedded.mask", INT32)
    ys, yz = m.constant("y.s", numpy.float32(0.05)), m.constant("y.z", numpy.uint8(128))
    choice = m.input("choice", m.random.rand(BATCH, LENGTH, 1) < 0.5)
    m.fused("QLinearWhere", [choice, "q", s, z, "q", ys, yz, ys, yz], "either", UINT8)
    return m


def experts():
    m = Fused("experts", 8)
    x, router = m.tensor("x", 5, 12), m.tensor("router", 5, 4)
    up, down = m.weight("up", 4, 16, 12), m.weight("down", 4, 12, 16)
    biases = m.weight("up.b", 4, 16), m.weight("down.b", 4, 12)
    m.fused("MoE", [x, router, up, biases[0], down, biases[1]], "silu", k=2, activation_type="silu")
    m.fused("MoE", [x, router, up, "", down], "normal", k=2, activation_type="gelu", normalize_routing_weights=1)
    wide = m.weight("wide", 4, 32, 12)
    m.fused("MoE", [x, router, wide, m.weight("wide.b", 4, 32), down, biases[1]], "gated", k=2,
            activation_type="swiglu", swiglu_fusion=1, swiglu_limit=0.7, activation_alpha=1.702, activation_beta=1.0,
            normalize_routing_weights=1)
    return m


def sinks():
    """A key without a value for each head, and other new operators of caches and images."""
    m = Fused("sinks", 9)
    q = m.tensor("q", 1, LENGTH, WIDTH)
    k, v = (m.tensor(n, 1, LENGTH, GROUPS * SIZE) for n in "kv")
    past = [m.tensor(n, 1, GROUPS, PAST, SIZE) for n in ("past_k", "past_v")]
    rest = [m.ints("lengths", [7]), m.constant("total", numpy.array(8, numpy.int32))]
    sizes = {"num_heads": HEADS, "kv_num_heads": GROUPS}
    m.fused("GroupQueryAttention", [q, k, v, *past, *rest], ["smooth", "smooth.k", "smooth.v"], smooth_softmax=1, **sizes)
    m.fused("GroupQueryAttention", [q, k, v, *past, *rest, "", "", "", "", m.weight("heads", HEADS, scale=1)],
            ["sink", "sink.k", "sink.v"], **sizes)
    image = m.tensor("image", 2, 3, 5, 8)
    m.fused("CenterCropPad", [image, m.constant("shape", numpy.array([3, 11]))], "centre", domain="", axes=[2, 3])
    columns = m.tensor("columns", 2, 3 * 6, 12)
    m.fused("Col2Im", [columns, m.constant("whole", numpy.array([4, 5])), m.constant("block", numpy.array([2, 3]))],
            "folded", domain="", pads=[0, 1, 0, 0])
    m.fused("Col2Im", [columns, m.constant("large", numpy.array([8, 10])), m.constant("block2", numpy.array([2, 3]))],
            "apart", domain="", strides=[2, 3], dilations=[1, 2], pads=[0, 1, 1, 1])
    return m


def signals():
    m = Fused("signals", 10)
    length, size = m.constant("length", numpy.array(24)), m.constant("size", numpy.array(16))
    for name in ("HannWindow", "HammingWindow", "BlackmanWindow"):
        m.fused(name, [size], name, domain="")
    m.fused("HannWindow", [size], "symmetric", domain="", periodic=0)
    x = m.tensor("x", 2, 50, 1)
    axis = m.constant("axis", numpy.array(1))
    m.fused("DFT", [x, "", axis], "whole", domain="")
    m.fused("DFT", [x, "", axis], "half", domain="", onesided=1)
    m.fused("DFT", [x, length, axis], "cut", domain="")
    m.fused("DFT", [m.tensor("z", 2, 3, 12, 2), m.constant("longer", numpy.array(20)), m.constant("third", numpy.array(2))],
            "inverse", domain="", inverse=1)
    step = m.constant("step", numpy.array(10))
    m.fused("STFT", [x, step, "HannWindow"], "frames", domain="")
    m.fused("STFT", [x, step, "", length], "all", domain="", onesided=0)
    m.fused("MelWeightMatrix", [m.constant("bins", numpy.array(8)), m.constant("n", numpy.array(64)),
                                m.constant("rate", numpy.array(8192)), m.constant("low", numpy.float32(10)),
                                m.constant("high", numpy.float32(4000))], "mel", domain="")
    return m


def recurrent():
    """LSTMs whose weights ONNX Runtime's quantizer has made codes of."""
    m = Fused("recurrent", 11)
    x, hidden = m.tensor("x", 7, 1, 12), 10

    def lstm(name, kind, channels, inputs, outputs, **attributes):
        directions = 2 if attributes.get("direction") == "bidirectional" else 1
        info = numpy.iinfo(kind)
        codes, parameters = [], []
        for matrix, rows in (("w", 12), ("r", hidden)):
            shape = (directions, 4 * hidden) if channels else (directions,)
            codes.append(m.constant(f"{name}.{matrix}", m.random.randint(info.min, info.max + 1, (
                directions, rows, 4 * hidden)).astype(kind)))
            zero = numpy.full(shape, 0 if kind == numpy.int8 else 131, kind)
            parameters += [m.constant(f"{name}.{matrix}s", m.scales(*shape) / 8), m.constant(f"{name}.{matrix}z", zero)]
        bias = m.weight(name + ".b", directions, 8 * hidden)
        m.fused("DynamicQuantizeLSTM", [x, *codes, bias, *inputs, *parameters], outputs, hidden_size=hidden, **attributes)

    start = [m.tensor(n, 1, 1, hidden) for n in ("h", "c")]
    lstm("one", numpy.int8, False, ["", *start, ""], ["one", "one.h", "one.c"])
    lstm("two", numpy.uint8, False, ["", "", "", ""], ["two"], direction="bidirectional")
    lstm("back", numpy.int8, True, ["", "", "", ""], ["back", "back.h"], direction="reverse")
    return m


def main():
    for family in (norms, products, attention, groups, rotary, integers, quantized, experts, sinks, signals, recurrent):
        family().save(pathlib.Path(sys.argv[1]))


main()
