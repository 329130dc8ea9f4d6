"""Sums along axes and scattered updates on a GPU, against numpy.

  loops.py FOLDER [--dawn=HARNESS]

One model has them in all forms that ONNX defines, some with equal positions, which
are written in order. No kernel writes to an input.
"""
import os
import sys

import numpy
import onnx
from gpu import find_device, run
from onnx import TensorProto, helper

RANDOM = numpy.random.default_rng(5)


class Model:
    """Nodes, the inputs of a run, and what it must yield."""

    def __init__(self):
        self.nodes, self.constants, self.inputs, self.expected = [], [], {}, {}

    def input(self, name, array):
        self.inputs[name] = array
        return array

    def node(self, op, inputs, expected, **attributes):
        name = f"y{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        self.expected[name] = expected

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

    def save(self, path):
        value = lambda name, array: helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype) if hasattr(helper, "np_dtype_to_tensor_dtype")
            else onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[array.dtype], array.shape)
        graph = helper.make_graph(self.nodes, "loops", [value(*item) for item in self.inputs.items()],
                                  [value(*item) for item in self.expected.items()], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
        model.ir_version = 8
        onnx.save(model, path)


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


def main(folder, *harness):
    os.makedirs(folder, exist_ok=True)
    device = find_device(*(flag.split("=")[1] for flag in harness))
    model = make_model()
    model.save(f"{folder}/loops.onnx")
    files = {name: f"{folder}/{name}.npy" for name in model.inputs}
    for name, array in model.inputs.items():
        numpy.save(files[name], array)
    device.compile(f"{folder}/loops.onnx", folder, "--quantize=none")
    run("quant-opt", f"{folder}/loops.onnx", "--quantize=none", "-o", f"{folder}/cpu.mlir")
    results = lambda kind: {name: f"{folder}/{kind}.{name}.npy" for name in model.expected}
    device.run(files, results("gpu"))
    device.validate()
    run("quant-run", f"{folder}/cpu.mlir", *(f"--input={key}={file}" for key, file in files.items()),
        *(f"--output={key}={file}" for key, file in results("cpu").items()))
    for kind in ("gpu", "cpu"):
        for node, (name, file) in zip(model.nodes, results(kind).items()):
            found, expected = numpy.load(file), model.expected[name]
            if not numpy.array_equal(found, expected):
                sys.exit(f"{kind}: {node.op_type} {name}: {found}\nexpected {expected}")
    print(f"{device.name}: {len(model.nodes)} sums and updates, as on the CPU")


if __name__ == "__main__":
    main(*sys.argv[1:])
