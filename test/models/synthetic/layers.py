# ===- layers.py - what the architectures share -----------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""Layers as exporters of PyTorch write them: an activation or a norm that ONNX
has no operator for is the handful of operators that it becomes."""
import math

import numpy as np
from onnx import TensorProto

LOWEST = float(np.finfo(np.float32).min)


def linear(g, name, x, inputs, outputs, bias=True):
    with g.scope(name):
        y = g.node("MatMul", x, g.weight("weight", [inputs, outputs]))
        return g.node("Add", g.weight("bias", [outputs], 0.1), y) if bias else y


def gemm(g, name, x, inputs, outputs):
    """GPT-2's Conv1D: rows are one dimension, and the bias is part of it."""
    with g.scope(name):
        flat = g.node("Reshape", x, g.constant([-1, inputs]))
        y = g.node("Gemm", flat, g.weight("weight", [inputs, outputs]), g.weight("bias", [outputs], 0.1))
        extents = g.node("Shape", x, end=2)
        return g.node("Reshape", y, g.node("Concat", extents, g.constant([outputs]), axis=0))


def embedding(g, name, ids, rows, width, deviation=1.0):
    return g.node("Gather", g.weight(name + ".weight", [rows, width], deviation), ids)


def tied_head(g, name, x):
    """Logits from the rows of the embedding table `name`."""
    return g.node("MatMul", x, g.node("Transpose", name + ".weight", perm=[1, 0]))


def layer_norm(g, name, x, width, epsilon=1e-5):
    with g.scope(name):
        return g.node("LayerNormalization", x, g.weight("weight", [width], 0.1, 1.0), g.weight("bias", [width], 0.1),
                      epsilon=epsilon)


def rms_norm(g, name, x, width, epsilon=1e-6):
    with g.scope(name):
        mean = g.node("ReduceMean", g.node("Pow", x, g.scalar(2)), axes=[-1])
        root = g.node("Sqrt", g.node("Add", mean, g.scalar(epsilon)))
        scaled = g.node("Mul", x, g.node("Div", g.scalar(1), root))
        return g.node("Mul", g.weight("weight", [width], 0.1, 1.0), scaled)


def gelu(g, x):
    erf = g.node("Erf", g.node("Div", x, g.scalar(math.sqrt(2))))
    return g.node("Mul", g.node("Mul", x, g.node("Add", erf, g.scalar(1))), g.scalar(0.5))


def gelu_tanh(g, x):
    cubic = g.node("Mul", g.node("Pow", x, g.scalar(3)), g.scalar(0.044715))
    inner = g.node("Mul", g.node("Add", x, cubic), g.scalar(math.sqrt(2 / math.pi)))
    outer = g.node("Add", g.node("Tanh", inner), g.scalar(1))
    return g.node("Mul", g.node("Mul", x, g.scalar(0.5)), outer)


def silu(g, x):
    return g.node("Mul", x, g.node("Sigmoid", x))


def length_of(g, x, axis=1):
    """An extent of `x`, as a tensor of one element."""
    return g.node("Shape", x, start=axis, end=axis + 1)


class Past:
    """Keys and values of the tokens before, inputs and outputs under the names that
    exporters give them, and a mask of padding over all tokens."""

    def __init__(self, g, layers, heads, size):
        self.g = g
        self.padding = g.input("attention_mask", ["batch", "past_seq + seq"], TensorProto.INT64)
        self.names = [f"{i}.{kind}" for i in range(layers) for kind in ("key", "value")]
        for name in self.names:
            g.input("past_key_values." + name, ["batch", heads, "past_seq", size])
        self.shape = ["batch", heads, "past_seq + seq", size]
        self.length = length_of(g, "past_key_values." + self.names[0], 2)

    def join(self, layer, k, v):
        """Keys and values of all tokens: no node copies them once more for the outputs."""
        for kind, x in (("key", k), ("value", v)):
            self.g.node("Concat", f"past_key_values.{layer}.{kind}", x, axis=2)
            self.g.nodes[-1].output[:] = [f"present.{layer}.{kind}"]
        return f"present.{layer}.key", f"present.{layer}.value"

    def add_outputs(self):
        for name in self.names:
            self.g.declare_output("present." + name, self.shape)


def scalar_of(g, x):
    """The one number of `x`."""
    return g.node("Squeeze", x, g.constant([0]))


def positions(g, x, past=None):
    """0, 1, ... up to the length of `x`; counted from the past on, if there is one."""
    length = length_of(g, x)
    if past is None:
        return g.node("Range", g.constant(0), scalar_of(g, length), g.constant(1))
    last = g.node("Add", past.length, length)
    return g.node("Range", scalar_of(g, past.length), scalar_of(g, last), g.constant(1))


def causal_mask(g, x, past=None):
    """[length, all]: zero where a query may look, else the lowest float; of a past,
    padding is hidden, too."""
    length = length_of(g, x)
    columns = length if past is None else g.node("Add", past.length, length)
    full = g.node("Expand", g.scalar(LOWEST), g.node("Concat", length, columns, axis=0))
    if past is None:
        return g.node("Trilu", full, g.constant(1), upper=1)
    diagonal = g.node("Add", scalar_of(g, past.length), g.constant(1))
    return g.node("Add", g.node("Trilu", full, diagonal, upper=1), padding_mask(g, past.padding))


def padding_mask(g, mask):
    """[batch, 1, 1, length] from a mask of ones and zeros."""
    spread = g.node("Unsqueeze", mask, g.constant([1, 2]))
    off = g.node("Sub", g.scalar(1), g.node("Cast", spread, to=1))
    return g.node("Mul", off, g.scalar(LOWEST))


def split_heads(g, x, heads, size):
    shaped = g.node("Reshape", x, g.constant([0, 0, heads, size]))
    return g.node("Transpose", shaped, perm=[0, 2, 1, 3])


def attend(g, q, k, v, size, mask=None):
    """softmax(q kT / sqrt(size) + mask) v, heads merged again."""
    heads_product = g.node("MatMul", q, g.node("Transpose", k, perm=[0, 1, 3, 2]))
    scores = g.node("Div", heads_product, g.scalar(math.sqrt(size)))
    if mask is not None:
        scores = g.node("Add", scores, mask)
    a = g.node("Transpose", g.node("MatMul", g.node("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
    return g.node("Reshape", a, g.constant([0, 0, -1]))


def attention(g, name, x, width, heads, mask=None, other=None, key_bias=True):
    """Self-attention, or attention over `other`."""
    source, size = x if other is None else other, width // heads
    with g.scope(name):
        q = linear(g, "q", x, width, width)
        k = linear(g, "k", source, width, width, bias=key_bias)
        v = linear(g, "v", source, width, width)
        q, k, v = (split_heads(g, t, heads, size) for t in (q, k, v))
        return linear(g, "out", attend(g, q, k, v, size, mask), width, width)


def feed_forward(g, name, x, width, inner):
    with g.scope(name):
        return linear(g, "down", gelu(g, linear(g, "up", x, width, inner)), inner, width)


def pre_norm_block(g, x, width, heads, inner, mask=None, other=None, key_bias=True):
    """x + attention(norm(x)), over `other` as well if given; then the MLP."""
    x = g.node("Add", x, attention(g, "attention", layer_norm(g, "norm1", x, width), width, heads, mask,
                                   key_bias=key_bias))
    if other is not None:
        x = g.node("Add", x, attention(g, "cross", layer_norm(g, "norm2", x, width), width, heads, other=other,
                                       key_bias=key_bias))
    return g.node("Add", x, feed_forward(g, "mlp", layer_norm(g, "norm3", x, width), width, inner))
