# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""attention.py FOLDER [flags of quant-run...]: ONNX's Attention against numpy
   attention.py FOLDER --write: the models and their inputs alone

Writes models of Attention (versions 23 and 24) with every attribute and input,
runs them and compares all outputs with the formula of the specification, which
is written here on its own: scores = scale * Q K^T, softcap, mask, softmax. Bool
masks hide by minus infinity.
"""
import pathlib
import subprocess
import sys

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).parent / "quantized"))
from models import FLOAT, FLOAT16, Model  # noqa: E402

BATCH, HEADS, GROUPS, QUERIES, KEYS, SIZE, VALUES = 2, 4, 2, 3, 5, 8, 6


def softmax(x):
    with numpy.errstate(invalid="ignore"):  # rows without a key
        e = numpy.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def heads(x, count):
    batch, length, width = x.shape
    return x.reshape(batch, length, count, width // count).transpose(0, 2, 1, 3)


def reference(q, k, v, mask=None, past_k=None, past_v=None, lengths=None, scale=None, is_causal=0, softcap=0.0,
              q_num_heads=0, kv_num_heads=0, qk_matmul_output_mode=0, softmax_precision=None):
    """Y, present key, present value, scores; in double precision."""
    flat, narrow = q.ndim == 3, q.dtype
    q, k, v = (x.astype(float) for x in (q, k, v))
    if flat:
        q, k, v = heads(q, q_num_heads), heads(k, kv_num_heads), heads(v, kv_num_heads)
    before = 0 if past_k is None else past_k.shape[2]
    if before:
        k, v = numpy.concatenate([past_k, k], 2), numpy.concatenate([past_v, v], 2)
    repeats = q.shape[1] // k.shape[1]
    rows, columns = q.shape[2], k.shape[2]
    scores = numpy.einsum("bhid,bhjd->bhij", q, k.repeat(repeats, 1)) * (scale or q.shape[3] ** -0.5)
    stages = [scores]
    if softcap:
        scores = softcap * numpy.tanh(scores / softcap)
    stages.append(scores)
    if mask is not None:
        bias = numpy.where(mask, 0, -numpy.inf) if mask.dtype == bool else mask.astype(float)
        missing = columns - bias.shape[-1]
        bias = numpy.pad(bias, [(0, 0)] * (bias.ndim - 1) + [(0, missing)], constant_values=-numpy.inf)
        scores = scores + bias
    i, j = numpy.arange(rows)[:, None], numpy.arange(columns)
    if is_causal:
        # Queries are the last of a row, whose keys may be fewer: then they see none.
        ends = before if past_k is not None or lengths is None else lengths[:, None, None, None] - rows
        scores = scores + numpy.where(j <= i + ends, 0, -numpy.inf)
    if lengths is not None:
        scores = scores + numpy.where(j < lengths[:, None, None, None], 0, -numpy.inf)
    stages.append(scores)
    weights = numpy.where((scores > -numpy.inf).any(-1, keepdims=True), softmax(scores), 0)
    stages.append(weights)
    y = numpy.einsum("bhij,bhje->bhie", weights, v.repeat(repeats, 1))
    if flat:
        y = y.transpose(0, 2, 1, 3).reshape(y.shape[0], rows, -1)
    return [x.astype(narrow) for x in (y, k, v, stages[qk_matmul_output_mode])]


INPUTS = ("q", "k", "v", "mask", "past_k", "past_v", "lengths")


class Attention(Model):
    """A model of many nodes, with what each output must be."""

    def __init__(self, name, seed):
        super().__init__(name, seed)
        self.wanted = {}

    def draw(self, *shape):
        return self.random.standard_normal(shape).astype(numpy.float32)

    def case(self, name, outputs="y", kind=FLOAT, **given):
        """`outputs`: y, k and v present, s scores."""
        names = [self.input(f"{name}_{x}", given[x]) if x in given else "" for x in INPUTS]
        while not names[-1]:
            names.pop()
        attributes = {x: y for x, y in given.items() if x not in INPUTS}
        results = [f"{name}.{x}" if x in outputs else "" for x in "ykvs"]
        while not results[-1]:
            results.pop()
        self.node("Attention", names, results, **attributes)
        for result, array in zip(results, reference(**given)):
            if result:
                self.output(result, kind)
                self.wanted[result] = array


def operands(m, groups=HEADS, keys=KEYS, values=VALUES):
    return dict(q=m.draw(BATCH, HEADS, QUERIES, SIZE), k=m.draw(BATCH, groups, keys, SIZE),
                v=m.draw(BATCH, groups, keys, values))


def flat(m, groups=HEADS):
    return dict(q=m.draw(BATCH, QUERIES, HEADS * SIZE), k=m.draw(BATCH, KEYS, groups * SIZE),
                v=m.draw(BATCH, KEYS, groups * VALUES), q_num_heads=HEADS, kv_num_heads=groups)


def past(m, groups=HEADS, keys=4):
    return dict(past_k=m.draw(BATCH, groups, keys, SIZE), past_v=m.draw(BATCH, groups, keys, VALUES))


def attributes():
    m = Attention("attributes", 1)
    m.case("plain", **operands(m))
    m.case("scaled", **operands(m), scale=0.3)
    m.case("capped", **operands(m), softcap=0.7)
    m.case("causal", **operands(m, keys=QUERIES), is_causal=1)
    m.case("upper", **operands(m), is_causal=1)
    m.case("groups", **operands(m, GROUPS))
    m.case("one", **operands(m, 1), softcap=2.0)
    m.case("flat", **flat(m))
    m.case("flatgroups", **flat(m, GROUPS), is_causal=1)
    m.case("past", "ykv", **operands(m), **past(m))
    m.case("pastcausal", "ykv", **operands(m, keys=QUERIES), **past(m), is_causal=1)
    m.case("pastlonger", "ykv", **operands(m), **past(m), is_causal=1)
    m.case("pastflat", "ykv", **flat(m, GROUPS), **past(m, GROUPS), softmax_precision=1)
    return m


def masks():
    m = Attention("masks", 2)
    keep = m.random.rand(QUERIES, KEYS) < 0.6
    keep[:, 0] = True
    m.case("bool2", **operands(m), mask=keep)
    m.case("bool4", **operands(m), mask=numpy.broadcast_to(keep, (BATCH, 1, QUERIES, KEYS)).copy())
    m.case("float2", **operands(m), mask=m.draw(QUERIES, KEYS))
    m.case("float3", **operands(m), mask=m.draw(HEADS, QUERIES, KEYS))
    m.case("float4", **operands(m, GROUPS), mask=m.draw(BATCH, HEADS, QUERIES, KEYS))
    m.case("both", **operands(m), mask=keep, is_causal=1)
    m.case("capped", **operands(m), mask=keep, softcap=0.5)
    m.case("cappedcausal", **operands(m), mask=m.draw(1, QUERIES, KEYS), softcap=0.5, is_causal=1)
    m.case("past", "ykv", **operands(m), mask=m.draw(QUERIES, KEYS + 4), **past(m))
    m.case("short", **operands(m), mask=keep[:, :4].copy())
    m.case("shortfloat", **operands(m), mask=m.draw(BATCH, 1, QUERIES, 3), scale=0.2)
    m.case("lengths", **operands(m), lengths=numpy.array([5, 2]))
    m.case("lengthscausal", **operands(m, GROUPS), lengths=numpy.array([3, 4]), mask=keep, is_causal=1, softcap=1.5)
    m.case("lengthsshort", **operands(m), lengths=numpy.array([2, 5]), is_causal=1)
    return m


def stages():
    m = Attention("stages", 3)
    for mode in range(4):
        m.case(f"capped{mode}", "ys", **operands(m), mask=m.draw(QUERIES, KEYS), softcap=0.9, qk_matmul_output_mode=mode)
        m.case(f"plain{mode}", "ys", **operands(m, GROUPS), mask=m.draw(QUERIES, KEYS), qk_matmul_output_mode=mode)
    m.case("all", "ykvs", **flat(m, GROUPS), **past(m, GROUPS), qk_matmul_output_mode=3)
    return m


def halves():
    m = Attention("halves", 4)
    small = {x: y.astype(numpy.float16) for x, y in operands(m).items()}
    m.case("plain", kind=FLOAT16, **small)
    m.case("scores", "ys", FLOAT16, **small, softcap=1.0, qk_matmul_output_mode=3)
    return m


def main(folder, flags):
    failures = count = 0
    for family in (attributes, masks, stages, halves):
        model = family()
        model.save(folder, 24)
        if flags == ["--write"]:
            continue
        command = ["quant-run", f"{folder}/{model.name}.onnx", *flags]
        for name in model.inputs:
            command += ["--input", f"{name}={folder}/{model.name}.in.{name}.npy"]
        for name in model.wanted:
            command += ["--output", f"{name}={folder}/{model.name}.out.{name}.npy"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for name, wanted in model.wanted.items():
            found = numpy.load(f"{folder}/{model.name}.out.{name}.npy")
            limit = 2e-3 if wanted.dtype == numpy.float16 else 1e-5
            hidden = numpy.isinf(wanted)
            # What hides a key may be any number that exp makes 0.
            good = found.shape == wanted.shape and (found[hidden] < -1e30).all()
            error = abs(found[~hidden].astype(float) - wanted[~hidden]).max() if good else numpy.inf
            count += 1
            if not error <= limit:
                failures += 1
                print(f"{model.name} {name}: off by {error:.1e}, {found.shape}, {wanted.shape}")
    if flags != ["--write"]:
        print(f"{count} outputs, {failures} failed")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))
