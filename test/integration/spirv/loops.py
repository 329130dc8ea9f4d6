"""Sums along axes and scattered updates on a GPU, against numpy.

  loops.py FOLDER [--dawn=HARNESS]

One model has them in all forms that ONNX defines, some with equal positions, which
are written in order. No kernel writes to an input.
"""
import sys

import exact
import numpy
from gpu import take_device
from onnx import TensorProto, helper

RANDOM = numpy.random.default_rng(5)


class Model(exact.Model):
    def cumsum(self, source, axis, reverse=0, exclusive=0):
        x = self.inputs[source]
        ahead = numpy.flip(x, axis) if reverse else x
        y = numpy.cumsum(ahead, axis, dtype=x.dtype)
        if exclusive:
            y = y - ahead
        y = numpy.flip(y, axis) if reverse else y
        self.constants.append(helper.make_tensor(f"axis{len(self.nodes)}", TensorProto.INT64, [], [axis]))
        self.node("CumSum", [source, self.constants[-1].name], y, reverse=reverse, exclusive=exclusive)

    def scatter_elements(self, data, indices, updates, axis, reduction="none"):
        y, where = self.inputs[data].copy(), self.inputs[indices]
        for at in numpy.ndindex(where.shape):
            place = at[:axis] + (where[at],) + at[axis + 1:]
            y[place] = combine(reduction, y[place], self.inputs[updates][at])
        self.node("ScatterElements", [data, indices, updates], y, axis=axis, reduction=reduction)

    def scatter_nd(self, data, indices, updates, reduction="none"):
        y, where = self.inputs[data].copy(), self.inputs[indices]
        for at in numpy.ndindex(where.shape[:-1]):
            place = tuple(where[at])
            y[place] = combine(reduction, y[place], self.inputs[updates][at])
        self.node("ScatterND", [data, indices, updates], y, reduction=reduction)


def combine(reduction, old, new):
    return {"none": new, "add": old + new, "mul": old * new,
            "max": numpy.maximum(old, new), "min": numpy.minimum(old, new)}[reduction]


def make_model():
    model = Model()
    # Numbers of which sums and products are exact, in any order.
    floats = lambda *shape: (RANDOM.integers(-8, 8, shape) / 4).astype(numpy.float32)
    model.input("x", floats(3, 5, 67))
    model.input("n", RANDOM.integers(-100, 100, (2, 9)))
    model.input("mask", (RANDOM.random((1, 70)) < 0.7).astype(numpy.int64))
    for axis in range(3):
        model.cumsum("x", axis)
    model.cumsum("x", 1, reverse=1)
    model.cumsum("x", 1, exclusive=1)
    model.cumsum("n", 1, reverse=1, exclusive=1)
    model.cumsum("mask", 1)
    # Positions from the end, and one that two updates have.
    model.input("places", RANDOM.integers(-5, 5, (2, 4, 67)))
    model.input("updates", floats(2, 4, 67))
    for reduction in ("none", "add", "max", "min"):
        model.scatter_elements("x", "places", "updates", 1, reduction)
    where = RANDOM.integers(0, 3, (6, 2))
    where[4] = where[1]
    model.input("rows", where)
    model.input("columns", floats(6, 67))
    for reduction in ("none", "add", "mul"):
        model.scatter_nd("x", "rows", "columns", reduction)
    model.input("points", numpy.stack([RANDOM.integers(0, 2, 7), RANDOM.integers(-9, 9, 7)], axis=1))
    model.input("numbers", RANDOM.integers(-9, 9, 7))
    model.scatter_nd("n", "points", "numbers")
    return model


if __name__ == "__main__":
    device, (folder,) = take_device(sys.argv[1:])
    model = make_model()
    exact.check(folder, device, model)
    print(f"{device.name}: {len(model.nodes)} sums and updates, as on the CPU")
