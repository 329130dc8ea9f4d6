# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""causal.py FOLDER: causal masks as graphs write them

One attention for each way to hide the keys behind a query, of texts of any
length. Each must become attention that knows that it is causal, with no mask,
and give what numpy does; `OTHERS` hide other keys, and must not.
"""
import pathlib
import subprocess
import sys

import numpy
from onnx import helper, numpy_helper, save

sys.path.insert(0, str(pathlib.Path(__file__).parent / "quantized"))
from models import FLOAT, Model  # noqa: E402

HEADS, WIDTH, LENGTH = 2, 8, 7
LEAST = float(numpy.finfo(numpy.float32).min)


class Causal(Model):
    """Attention whose scores `hide` changes: hide(model, scores), both names."""

    def __init__(self, name, hide):
        super().__init__(name, 7)
        for x in "qkv":
            self.input(x, self.random.standard_normal((1, HEADS, LENGTH, WIDTH)).astype(numpy.float32))
        self.number("zero", 0.0)
        self.number("one", 1.0)
        self.number("hidden", LEAST)
        self.constant("first", numpy.int64(0))
        self.constant("step", numpy.int64(1))
        self.constant("last_axis", numpy.array([1], numpy.int64))
        self.constant("first_axis", numpy.array([0], numpy.int64))
        shape = self.node("Shape", ["q"], "shape", start=2, end=3)
        count = self.node("Squeeze", [shape], "count")
        places = self.node("Range", ["first", count, "step"], "places")
        self.node("Unsqueeze", [places, "last_axis"], "i")
        self.node("Unsqueeze", [places, "first_axis"], "j")
        self.node("Concat", [shape, shape], "square", axis=0)
        keys = self.node("Transpose", ["k"], "keys", perm=[0, 1, 3, 2])
        scores = self.node("MatMul", ["q", keys], "scores")
        weights = self.node("Softmax", [hide(self, scores)], "weights", axis=-1)
        self.output(self.node("MatMul", [weights, "v"], "y"), FLOAT)

    def number(self, name, value):
        return self.constant(name, numpy.float32(value))

    def ones(self, dtype=numpy.float32):
        """A matrix of ones, of all pairs of places."""
        one = numpy_helper.from_array(numpy.ones(1, dtype))
        return self.node("ConstantOfShape", ["square"], "ones", value=one)

    def save(self, folder):
        kinds = [helper.make_tensor_value_info(x, FLOAT, [1, HEADS, "seq", WIDTH]) for x in "qkv"]
        result = [helper.make_tensor_value_info("y", FLOAT, None)]
        graph = helper.make_graph(self.nodes, self.name, kinds, result, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
        model.ir_version = 8
        save(model, f"{folder}/{self.name}.onnx")
        for name, array in self.inputs.items():
            numpy.save(f"{folder}/{self.name}.{name}.npy", array)


def seen(condition):
    """where(condition, scores, hidden)."""
    return lambda m, scores: m.node("Where", [condition(m), scores, "hidden"], "masked")


def hides(condition):
    """where(condition, hidden, scores)."""
    return lambda m, scores: m.node("Where", [condition(m), "hidden", scores], "masked")


def added(mask):
    return lambda m, scores: m.node("Add", [scores, mask(m)], "masked")


def compare(op, *operands):
    return lambda m: m.node(op, operands, "condition")


def negated(condition):
    return lambda m: m.node("Not", [inner := condition(m)], "not_" + inner)


def joined(op, first, second):
    """Two conditions, the second of places one further on."""
    def build(m):
        next_i = m.node("Add", ["i", "step"], "next_i")
        one = m.node(first, ["j", "i"], "own")
        return m.node(op, [one, m.node(second, ["j", next_i], "more")], "joined")
    return build


def triangle(upper, offset=0, dtype=numpy.float32):
    def build(m):
        m.constant("offset", numpy.int64(offset))
        return m.node("Trilu", [m.ones(dtype), "offset"], "triangle", upper=upper)
    return build


def equals(number, mask):
    return lambda m: m.node("Equal", [mask(m), number], "equal")


def as_bool(mask):
    return lambda m: m.node("Cast", [mask(m)], "as_bool", to=9)


def inverted(mask, large):
    """(1 - mask) * large."""
    def build(m):
        m.number("large", large)
        return m.node("Mul", [m.node("Sub", ["one", mask(m)], "inverse"), "large"], "addend")
    return build


def times(mask, large):
    def build(m):
        m.number("large", large)
        return m.node("Mul", [mask(m), "large"], "addend")
    return build


def chosen(condition, if_true, if_false):
    return lambda m: m.node("Where", [condition(m), if_true, if_false], "addend")


CAUSAL = {
    "less_or_equal": seen(compare("LessOrEqual", "j", "i")),
    "greater_or_equal": seen(compare("GreaterOrEqual", "i", "j")),
    "greater": hides(compare("Greater", "j", "i")),
    "less": hides(compare("Less", "i", "j")),
    "not_greater": seen(negated(compare("Greater", "j", "i"))),
    "not_less_or_equal": hides(negated(compare("LessOrEqual", "j", "i"))),
    "twice_negated": seen(negated(negated(compare("LessOrEqual", "j", "i")))),
    "and": seen(joined("And", "LessOrEqual", "LessOrEqual")),
    "or": hides(joined("Or", "Greater", "Greater")),
    "lower_ones": seen(as_bool(triangle(0))),
    "lower_bools": seen(triangle(0, 0, bool)),
    "lower_integers": seen(as_bool(triangle(0, 0, numpy.int64))),
    "lower_zeros": hides(equals("zero", triangle(0))),
    "upper_ones": hides(equals("one", triangle(1, 1))),
    "inverse_added": added(inverted(triangle(0), -1e9)),
    "upper_added": added(times(triangle(1, 1), LEAST)),
    "chosen_added": added(chosen(compare("Greater", "j", "i"), "hidden", "zero")),
    "choice_of_ones_added": added(chosen(equals("zero", triangle(0)), "hidden", "zero")),
}

OTHERS = {
    "own_hidden": hides(compare("GreaterOrEqual", "j", "i")),
    "earlier": seen(compare("GreaterOrEqual", "j", "i")),
    "one_later": added(times(triangle(1, 2), -1e9)),
    "or_later": seen(joined("Or", "LessOrEqual", "LessOrEqual")),
    "small": added(times(triangle(1, 1), -3.0)),
}


def wanted(name, m):
    q, k, v = (m.inputs[x].astype(float) for x in "qkv")
    scores = q @ k.swapaxes(-1, -2)
    i, j = numpy.arange(LENGTH)[:, None], numpy.arange(LENGTH)
    hidden = {"own_hidden": j >= i, "earlier": j < i, "one_later": j > i + 1, "or_later": j > i + 1,
              "small": j < 0}.get(name, j > i)
    scores = scores - 3 * (j > i) if name == "small" else numpy.where(hidden, LEAST, scores)
    weights = numpy.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ v


def main(folder):
    failures = 0
    for name, hide in {**CAUSAL, **OTHERS}.items():
        m = Causal(name, hide)
        m.save(folder)
        path = f"{folder}/{name}"
        subprocess.run(["quant-opt", f"{path}.onnx", "--quantize=none", "-o", f"{path}.mlir"], check=True)
        text = pathlib.Path(f"{path}.mlir").read_text()
        lines = [line for line in text.splitlines() if "lowbit.attention" in line]
        causal = len(lines) == 1 and " causal " in lines[0] and " mask " not in lines[0]
        if causal != (name in CAUSAL) or len(lines) != 1:
            failures += 1
            print(f"{name}: {'no' if name in CAUSAL else 'a'} causal attention: {lines}")
        inputs = [f"--input={x}={path}.{x}.npy" for x in "qkv"]
        subprocess.run(["quant-run", f"{path}.mlir", *inputs, f"--output=y={path}.y.npy"], check=True,
                       stdout=subprocess.DEVNULL)
        error = abs(numpy.load(f"{path}.y.npy") - wanted(name, m)).max()
        if not error < 1e-5:
            failures += 1
            print(f"{name}: off by {error:.1e}")
    print(f"{len(CAUSAL)} causal masks, {len(OTHERS)} others, {failures} failed")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
