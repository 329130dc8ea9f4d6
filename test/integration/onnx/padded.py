# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""padded.py FOLDER: masks of decoders with a past, as exporters write them

One attention for each way in which exports of transformers hide the keys behind
a query and the padding that an input says: two texts, one padded before and one
with a hole, some tokens of the past. Each must become attention that is causal,
whose mask has no row for each query, and give what numpy does for queries that
see a key. What has a window, or hides fewer keys, keeps its rows.
"""
import pathlib
import subprocess
import sys

import numpy
from onnx import helper, save

sys.path.insert(0, str(pathlib.Path(__file__).parent / "quantized"))
from models import FLOAT, Model  # noqa: E402

BATCH, HEADS, WIDTH, PAST, LENGTH, POSITIONS = 2, 2, 8, 3, 5, 16
LEAST = float(numpy.finfo(numpy.float32).min)
INT64 = 7


class Padded(Model):
    """Attention over a past whose scores `hide` changes: hide(model, scores)."""

    def __init__(self, name, hide):
        super().__init__(name, 11)
        for x, length in (("q", LENGTH), ("past_k", PAST), ("k", LENGTH), ("past_v", PAST), ("v", LENGTH)):
            self.input(x, self.random.standard_normal((BATCH, HEADS, length, WIDTH)).astype(numpy.float32))
        padding = numpy.ones((BATCH, PAST + LENGTH), numpy.int64)
        padding[0, :2] = padding[1, 4] = 0
        self.input("attention_mask", padding)
        for number, value in (("zero", 0.0), ("one", 1.0), ("least", LEAST), ("endless", -numpy.inf)):
            self.constant(number, numpy.float32(value))
        for number, value in (("first", 0), ("step", 1), ("last", -1), ("four", 4)):
            self.constant(number, numpy.int64(value))
        for axes, value in (("front", [0]), ("back", [1]), ("middle", [1, 2]), ("ends", [0, 1]), ("second", [2])):
            self.constant(axes, numpy.array(value, numpy.int64))
        self.places()
        keys, values = (self.node("Concat", ["past_" + x, x], "all_" + x, axis=2) for x in "kv")
        scores = self.node("MatMul", ["q", self.node("Transpose", [keys], "keys", perm=[0, 1, 3, 2])], "scores")
        weights = self.node("Softmax", [hide(self, scores)], "weights", axis=-1)
        self.output(self.node("MatMul", [weights, values], "y"), FLOAT)

    def places(self):
        """Extents, and the places of queries (i, from the past on) and keys (j)."""
        for name, x in (("queries", "q"), ("before", "past_k")):
            self.node("Shape", [x], name, start=2, end=3)
            self.node("Squeeze", [name], name + "_count")
        self.node("Add", ["queries", "before"], "keys_extent")
        self.node("Squeeze", ["keys_extent"], "keys_count")
        rows = self.node("Range", ["before_count", "keys_count", "step"], "rows")
        columns = self.node("Range", ["first", "keys_count", "step"], "columns")
        self.node("Unsqueeze", [rows, "back"], "i")
        self.node("Unsqueeze", [columns, "front"], "j")
        self.node("Concat", ["queries", "keys_extent"], "extents", axis=0)

    def save(self, folder):
        lengths = {"q": "seq", "k": "seq", "v": "seq", "past_k": "past", "past_v": "past"}
        kinds = [helper.make_tensor_value_info(x, FLOAT, ["batch", HEADS, length, WIDTH])
                 for x, length in lengths.items()]
        kinds.append(helper.make_tensor_value_info("attention_mask", INT64, ["batch", "past + seq"]))
        result = [helper.make_tensor_value_info("y", FLOAT, None)]
        graph = helper.make_graph(self.nodes, self.name, kinds, result, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
        model.ir_version = 8
        save(model, f"{folder}/{self.name}.onnx")
        for name, array in self.inputs.items():
            numpy.save(f"{folder}/{self.name}.{name}.npy", array)


def padding_of(m, kind=1):
    """[batch, 1, 1, keys] of the input, cast."""
    spread = m.node("Unsqueeze", ["attention_mask", "middle"], "spread")
    return m.node("Cast", [spread], "padding", to=kind)


def off(m):
    """(1 - mask) * least."""
    return m.node("Mul", [m.node("Sub", ["one", padding_of(m)], "inverse"), "least"], "off")


def later(m):
    return m.node("Greater", ["j", "i"], "later")


def upper(m):
    """The upper triangle of a hidden whole, from the past on."""
    whole = m.node("Expand", ["least", "extents"], "whole")
    diagonal = m.node("Add", ["before_count", "step"], "diagonal")
    return m.node("Trilu", [whole, diagonal], "upper", upper=1)


def product(m):
    """An upper triangle that knows no past, times what is later: Llama."""
    whole = m.node("Expand", ["least", "extents"], "whole")
    own = m.node("Trilu", [whole, "step"], "own", upper=1)
    return m.node("Mul", [own, m.node("Cast", [later(m)], "is_later", to=1)], "product")


def spread(m, mask):
    return m.node("Unsqueeze", [mask, "ends"], "spread_" + mask)


def add(mask):
    return lambda m, scores: m.node("Add", [scores, mask(m)], "masked")


def sum_of(causal):
    return lambda m: m.node("Add", [spread(m, causal(m)), off(m)], "both")


def least_of(causal):
    return lambda m: m.node("Min", [spread(m, causal(m)), off(m)], "both")


def filled(causal):
    """Padding where neither hides: masked_fill(mask == 0 and causal == 0)."""
    def build(m):
        mask = spread(m, causal(m))
        is_off = m.node("Equal", [padding_of(m), "zero"], "is_off")
        both = m.node("And", [is_off, m.node("Equal", [mask, "zero"], "is_open")], "is_padding")
        return m.node("Where", [both, "least", mask], "filled")
    return build


def filled_by_sum(causal):
    """masked_fill(causal + mask == 0): Llama, Phi and others after 4.41."""
    def build(m):
        mask = spread(m, causal(m))
        total = m.node("Add", [mask, padding_of(m)], "total")
        return m.node("Where", [m.node("Equal", [total, "zero"], "is_padding"), "least", mask], "filled")
    return build


def seen(m, *more):
    """Truth values joined: earlier, in the text, and `more`."""
    both = m.node("And", [m.node("LessOrEqual", ["j", "i"], "earlier"), padding_of(m, 9)], "seen")
    for i, condition in enumerate(more):
        both = m.node("And", [both, condition], f"seen.{i}")
    return both


def stored(m):
    """The rows and columns of a stored triangle: GPT-2."""
    m.constant("bias", numpy.tril(numpy.ones((1, 1, POSITIONS, POSITIONS), bool)))
    rows = m.node("Slice", ["bias", "before", "keys_extent", "second"], "stored_rows")
    m.constant("third", numpy.array([3], numpy.int64))
    m.constant("zeros", numpy.array([0], numpy.int64))
    return m.node("Slice", [rows, "zeros", "keys_extent", "third"], "stored_part")


def near(m):
    """Keys fewer than four before the query."""
    return m.node("Greater", ["j", m.node("Sub", ["i", "four"], "begin")], "near")


def next_seen(m):
    """One key behind the query is seen, too."""
    return m.node("LessOrEqual", ["j", m.node("Add", ["i", "step"], "next")], "next_seen")


CAUSAL = {
    "triangle_and_padding": add(sum_of(upper)),
    "least_of_both": add(least_of(upper)),
    "one_after_the_other": lambda m, s: m.node("Add", [m.node("Add", [s, upper(m)], "causal"), off(m)], "masked"),
    "stored": lambda m, s: m.node("Add", [m.node("Where", [stored(m), s, "least"], "causal"), off(m)], "masked"),
    "stored_and_padding": lambda m, s: m.node(
        "Where", [m.node("And", [stored(m), padding_of(m, 9)], "seen"), s, "least"], "masked"),
    "product": add(filled(product)),
    "product_by_sum": add(filled_by_sum(product)),
    "triangle_by_sum": add(filled_by_sum(upper)),
    "truth_values": add(lambda m: m.node("Where", [seen(m), "zero", "least"], "mask")),
    "truth_values_endless": add(lambda m: m.node("Where", [seen(m), "zero", "endless"], "mask")),
    "selected": lambda m, s: m.node("Where", [seen(m), s, "least"], "masked"),
    "finite": lambda m, s: m.node("Max", [m.node("Add", [s, sum_of(upper)(m)], "sum"), "least"], "masked"),
}

OTHERS = {
    "window": add(lambda m: m.node("Where", [seen(m, near(m)), "zero", "least"], "mask")),
    "one_later": add(lambda m: m.node(
        "Where", [m.node("And", [next_seen(m), padding_of(m, 9)], "seen"), "zero", "least"], "mask")),
}


def wanted(name, m):
    """The result, and which queries see a key."""
    q, k, v, past_k, past_v = (m.inputs[x].astype(float) for x in ("q", "k", "v", "past_k", "past_v"))
    k, v = numpy.concatenate([past_k, k], 2), numpy.concatenate([past_v, v], 2)
    i, j = numpy.arange(PAST, PAST + LENGTH)[:, None], numpy.arange(PAST + LENGTH)
    is_seen = j <= i + (name == "one_later")
    if name == "window":
        is_seen = is_seen & (j > i - 4)
    is_seen = is_seen & (m.inputs["attention_mask"][:, None, None, :] != 0)
    scores = numpy.where(is_seen, q @ k.swapaxes(-1, -2), LEAST)
    weights = numpy.exp(scores - scores.max(-1, keepdims=True))
    rows = numpy.broadcast_to(is_seen.any(-1), scores.shape[:-1])
    return weights / weights.sum(-1, keepdims=True) @ v, rows


def check(folder, name, hide):
    m = Padded(name, hide)
    m.save(folder)
    path = f"{folder}/{name}"
    subprocess.run(["quant-opt", f"{path}.onnx", "--quantize=none", "-o", f"{path}.mlir"], check=True)
    text = pathlib.Path(f"{path}.mlir").read_text()
    lines = [line for line in text.splitlines() if "lowbit.attention" in line]
    has_rows = len(lines) == 1 and "mask tensor<?x1x?x?xf32>" in lines[0]
    is_causal = len(lines) == 1 and " causal " in lines[0]
    failed = is_causal != (name != "one_later") or has_rows != (name in OTHERS)
    if failed:
        print(f"{name}: {lines}")
    inputs = [f"--input={x}={path}.{x}.npy" for x in m.inputs]
    subprocess.run(["quant-run", f"{path}.mlir", *inputs, f"--output=y={path}.y.npy"], check=True,
                   stdout=subprocess.DEVNULL)
    result, rows = wanted(name, m)
    error = abs(numpy.load(f"{path}.y.npy") - result)[rows].max()
    if not error < 1e-5:
        print(f"{name}: off by {error:.1e}")
    return failed or not error < 1e-5


def main(folder):
    failures = sum(check(folder, name, hide) for name, hide in {**CAUSAL, **OTHERS}.items())
    print(f"{len(CAUSAL)} causal masks, {len(OTHERS)} others, {failures} failed")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
