# ===- generate.py - models of real size with random weights ----------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""usage: /usr/bin/python3 generate.py ARCHITECTURE FILE.onnx [--dim N] [--layers N] ...

Writes FILE.onnx and its weights, FILE.onnx.data. The architectures are those of
well-known models, of which the defaults are the sizes; weights are random,
and the same on every machine. Needs python3-onnx and numpy, and little memory.
"""
import argparse
import contextlib
import json
import os
import sys

import numpy as np
from onnx import TensorProto

from graph import Graph
import layers as l

SIZES = {
    "llama": {"dim": 2048, "layers": 16, "ffn": 5632, "vocab": 32000, "heads": 32, "kv-heads": 32},
    "gpt2": {"dim": 768, "layers": 12, "ffn": 3072, "vocab": 50257, "heads": 12, "positions": 1024},
    "bert": {"dim": 768, "layers": 12, "ffn": 3072, "vocab": 30522, "heads": 12, "positions": 512},
    "vit": {"dim": 768, "layers": 12, "ffn": 3072, "vocab": 1000, "heads": 12, "image": 224, "patch": 16},
    "whisper": {"dim": 384, "layers": 4, "ffn": 1536, "vocab": 51865, "heads": 6, "positions": 448, "mels": 80,
                "frames": 3000},
}

# Those that can take keys and values of the tokens before.
DECODERS = ("llama", "gpt2")

# Extents of what a model says of each token.
LOGITS = ["batch", "seq"]


def ids(g, name="input_ids"):
    return g.input(name, LOGITS, TensorProto.INT64)


def rotary_tables(g, x, size, past):
    """cos and sin, [length, size]."""
    frequencies = g.constant(10000.0 ** (-np.arange(0, size, 2) / size), np.float32)
    column = g.node("Unsqueeze", g.node("Cast", l.positions(g, x, past), to=1), g.constant([1]))
    angles = g.node("Mul", column, frequencies)
    both = g.node("Concat", angles, angles, axis=-1)
    return g.node("Cos", both), g.node("Sin", both)


def rotate(g, x, tables, size):
    def part(first, last):
        return g.node("Slice", x, g.constant([first]), g.constant([last]), g.constant([3]))

    turned = g.node("Concat", g.node("Neg", part(size // 2, size)), part(0, size // 2), axis=-1)
    return g.node("Add", g.node("Mul", x, tables[0]), g.node("Mul", turned, tables[1]))


def repeat_heads(g, x, heads, times, size):
    if times == 1:
        return x
    copies = g.node("Expand", g.node("Unsqueeze", x, g.constant([2])), g.constant([1, 1, times, 1, 1]))
    return g.node("Reshape", copies, g.constant([0, heads, -1, size]))


def llama(g, dim, layers, ffn, vocab, heads, kv_heads, with_past):
    """Touvron et al. 2023: RMSNorm, rotary positions, grouped queries, SwiGLU."""
    x = l.embedding(g, "embed", ids(g), vocab, dim)
    size = dim // heads
    past = l.Past(g, layers, kv_heads, size) if with_past else None
    tables, mask = rotary_tables(g, x, size, past), l.causal_mask(g, x, past)
    for i in range(layers):
        with g.scope(f"layers.{i}"):
            h = l.rms_norm(g, "norm1", x, dim)
            q, k, v = (l.split_heads(g, l.linear(g, name, h, dim, count * size, bias=False), count, size)
                       for name, count in (("q", heads), ("k", kv_heads), ("v", kv_heads)))
            q, k = (rotate(g, t, tables, size) for t in (q, k))
            k, v = past.join(i, k, v) if past else (k, v)
            k, v = (repeat_heads(g, t, heads, heads // kv_heads, size) for t in (k, v))
            a = l.attend(g, q, k, v, size, mask)
            x = g.node("Add", x, l.linear(g, "o", a, dim, dim, bias=False))
            h = l.rms_norm(g, "norm2", x, dim)
            gate = l.silu(g, l.linear(g, "gate", h, dim, ffn, bias=False))
            gated = g.node("Mul", gate, l.linear(g, "up", h, dim, ffn, bias=False))
            x = g.node("Add", x, l.linear(g, "down", gated, ffn, dim, bias=False))
    g.output("logits", l.linear(g, "head", l.rms_norm(g, "norm", x, dim), dim, vocab, bias=False), LOGITS + [vocab])
    if past:
        past.add_outputs()


def gpt2(g, dim, layers, ffn, vocab, heads, positions, with_past):
    """Radford et al. 2019: one product for Q, K and V, the head tied."""
    x = l.embedding(g, "wte", ids(g), vocab, dim)
    past = l.Past(g, layers, heads, dim // heads) if with_past else None
    x = g.node("Add", x, l.embedding(g, "wpe", l.positions(g, x, past), positions, dim, 0.1))
    mask = l.causal_mask(g, x, past)
    for i in range(layers):
        with g.scope(f"h.{i}"):
            qkv = l.gemm(g, "attn", l.layer_norm(g, "ln_1", x, dim), dim, 3 * dim)
            name = g.node("Split", qkv, g.constant([dim] * 3), axis=2)
            parts = [name, name + ".1", name + ".2"]
            g.nodes[-1].output[:] = parts
            q, k, v = (l.split_heads(g, part, heads, dim // heads) for part in parts)
            k, v = past.join(i, k, v) if past else (k, v)
            a = l.attend(g, q, k, v, dim // heads, mask)
            x = g.node("Add", x, l.gemm(g, "proj", a, dim, dim))
            inner = l.gelu_tanh(g, l.gemm(g, "fc", l.layer_norm(g, "ln_2", x, dim), dim, ffn))
            x = g.node("Add", x, l.gemm(g, "mlp", inner, ffn, dim))
    g.output("logits", l.tied_head(g, "wte", l.layer_norm(g, "ln_f", x, dim)), LOGITS + [vocab])
    if past:
        past.add_outputs()


def bert(g, dim, layers, ffn, vocab, heads, positions):
    """Devlin et al. 2019: norms after the residuals, a padding mask, a pooler."""
    words, padding, kinds = ids(g), ids(g, "attention_mask"), ids(g, "token_type_ids")
    x = g.node("Add", l.embedding(g, "words", words, vocab, dim), l.embedding(g, "types", kinds, 2, dim))
    x = g.node("Add", x, l.embedding(g, "positions", l.positions(g, words), positions, dim))
    x = l.layer_norm(g, "norm", x, dim, 1e-12)
    mask = l.padding_mask(g, padding)
    for i in range(layers):
        with g.scope(f"layer.{i}"):
            x = g.node("Add", x, l.attention(g, "attention", x, dim, heads, mask))
            x = l.layer_norm(g, "norm1", x, dim, 1e-12)
            x = g.node("Add", x, l.feed_forward(g, "mlp", x, dim, ffn))
            x = l.layer_norm(g, "norm2", x, dim, 1e-12)
    g.output("last_hidden_state", x, LOGITS + [dim])
    first = g.node("Gather", x, g.constant(0), axis=1)
    g.output("pooler_output", g.node("Tanh", l.linear(g, "pooler", first, dim, dim)), ["batch", dim])


def vit(g, dim, layers, ffn, vocab, heads, image, patch):
    """Dosovitskiy et al. 2021: patches by a convolution, a class token."""
    pixels = g.input("pixel_values", ["batch", 3, image, image])
    kernel = g.weight("patches.weight", [dim, 3, patch, patch], (3 * patch * patch) ** -0.5)
    x = g.node("Conv", pixels, kernel, g.weight("patches.bias", [dim], 0.1), strides=[patch, patch],
               kernel_shape=[patch, patch])
    x = g.node("Transpose", g.node("Reshape", x, g.constant([0, dim, -1])), perm=[0, 2, 1])
    extents = g.node("Concat", g.node("Shape", pixels, end=1), g.constant([1, dim]), axis=0)
    token = g.node("Expand", g.weight("cls", [1, 1, dim], 0.1), extents)
    count = (image // patch) ** 2 + 1
    x = g.node("Add", g.node("Concat", token, x, axis=1), g.weight("positions", [1, count, dim], 0.1))
    for i in range(layers):
        with g.scope(f"layer.{i}"):
            x = l.pre_norm_block(g, x, dim, heads, ffn)
    first = g.node("Gather", l.layer_norm(g, "norm", x, dim), g.constant(0), axis=1)
    g.output("logits", l.linear(g, "head", first, dim, vocab), ["batch", vocab])


def whisper(g, dim, layers, ffn, vocab, heads, positions, mels, frames):
    """Radford et al. 2022: two convolutions, cross-attention, the head tied."""
    mel = g.input("mel", ["batch", mels, frames])
    for i, (inputs, stride) in enumerate(((mels, 1), (dim, 2))):
        kernel = g.weight(f"conv{i}.weight", [dim, inputs, 3], (3 * inputs) ** -0.5)
        mel = l.gelu(g, g.node("Conv", mel, kernel, g.weight(f"conv{i}.bias", [dim], 0.1), kernel_shape=[3],
                               pads=[1, 1], strides=[stride]))
    x = g.node("Transpose", mel, perm=[0, 2, 1])
    x = g.node("Add", x, g.weight("frames", [(frames + 1) // 2, dim], 0.1))
    for i in range(layers):
        with g.scope(f"encoder.{i}"):
            x = l.pre_norm_block(g, x, dim, heads, ffn, key_bias=False)
    encoded = l.layer_norm(g, "encoder.norm", x, dim)
    x = l.embedding(g, "tokens", ids(g, "tokens_in"), vocab, dim)
    x = g.node("Add", x, l.embedding(g, "positions", l.positions(g, x), positions, dim, 0.1))
    mask = l.causal_mask(g, x)
    for i in range(layers):
        with g.scope(f"decoder.{i}"):
            x = l.pre_norm_block(g, x, dim, heads, ffn, mask, encoded, key_bias=False)
    g.output("logits", l.tied_head(g, "tokens", l.layer_norm(g, "decoder.norm", x, dim)),
             LOGITS + [vocab])


def check(parser, file, sizes, flags):
    """Ends with an error where there is no such model, before any of it is written."""
    for name in flags:
        if sizes[name] < 1:
            parser.error(f"--{name.replace('_', '-')} requires a positive number, found {sizes[name]}")
    dim, heads, kv_heads = sizes["dim"], sizes["heads"], sizes.get("kv_heads", 1)
    if dim % heads:
        parser.error(f"--heads requires a divisor of --dim, found {heads} and {dim}")
    if heads % kv_heads:
        parser.error(f"--kv-heads requires a divisor of --heads, found {kv_heads} and {heads}")
    if "kv_heads" in sizes and dim // heads % 2:
        parser.error(f"--dim requires an even number for each head, whose halves positions rotate, found {dim // heads}")
    if sizes.get("image", 1) < sizes.get("patch", 1):
        parser.error(f"--image requires one --patch or more, found {sizes['image']} and {sizes['patch']}")
    folder = os.path.dirname(os.path.abspath(file))
    if not os.path.isdir(folder):
        parser.error(f"requires a folder to write to, found none at '{folder}'")
    if os.path.isdir(file):
        parser.error(f"requires a file to write, found the folder '{file}'")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="architecture", required=True)
    for name, sizes in SIZES.items():
        kind = kinds.add_parser(name, help=globals()[name].__doc__)
        kind.add_argument("file")
        kind.add_argument("--seed", type=int, default=0)
        for size, value in sizes.items():
            kind.add_argument("--" + size, type=int, default=value, help=f"default {value}")
        if name in DECODERS:
            kind.add_argument("--with-past", action="store_true",
                              help="inputs past_key_values.I.key and .value, outputs present.I.key and .value")
    options = vars(parser.parse_args())
    architecture, file, seed = (options.pop(name) for name in ("architecture", "file", "seed"))
    check(parser, file, options, [size.replace("-", "_") for size in SIZES[architecture]])
    try:
        with contextlib.closing(Graph(file, seed)) as g:
            globals()[architecture](g, **options)
            g.save()
    except OSError as error:
        sys.exit(f"generate.py: error: {error}")
    print(json.dumps({"parameters": g.parameters, "bytes": 4 * g.parameters, "largest_bytes": g.largest}))


main()
