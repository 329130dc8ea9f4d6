"""Architectures on a GPU, against the CPU: every operator that exporters write.

  models.py FOLDER [--dawn=HARNESS] MODEL[@SET]...

Quantizes MODEL.onnx of test/models/architectures with the shapes of a set of inputs
(MODEL.safetensors has some, differing in batch and length), and runs it. Outputs may
differ from those of the CPU, with float activations, by a thousandth of the largest
number.
"""
import json
import os
import pathlib
import struct
import sys

import numpy
import onnx
from gpu import compare, compile_for_cpu, name_outputs, run_on_cpu, save_inputs, take_device

ARCHITECTURES = pathlib.Path(__file__).parents[2] / "models" / "architectures"
TYPES = {"I64": "<i8", "F32": "<f4"}


def read_inputs(path, number):
    """The inputs of a set, by name."""
    data = path.read_bytes()
    size, = struct.unpack("<Q", data[:8])
    inputs = {}
    for key, entry in json.loads(data[8:8 + size]).items():
        if key.startswith(f"{number}/in/"):
            first, last = (8 + size + offset for offset in entry["data_offsets"])
            inputs[key.split("/")[-1]] = numpy.frombuffer(
                data[first:last], TYPES[entry["dtype"]]).reshape(entry["shape"])
    return inputs


def fix_shapes(model, inputs):
    """Flags that give each dimension with a name its extent in `inputs`."""
    extents = {}
    for value in model.graph.input:
        if value.name in inputs:
            for dimension, extent in zip(value.type.tensor_type.shape.dim, inputs[value.name].shape):
                if dimension.dim_param.isidentifier():
                    extents[dimension.dim_param] = extent
    return [part for name, extent in extents.items() for part in ("--shape", f"{name}={extent}")]


def check(folder, device, name, number):
    source = ARCHITECTURES / f"{name}.onnx"
    arrays = read_inputs(source.with_suffix(".safetensors"), number)
    model = onnx.load(source, load_external_data=False)
    flags = ["--quantize=int8-g8", *fix_shapes(model, arrays)]
    inputs, names = save_inputs(folder, arrays), [value.name for value in model.graph.output]
    found, expected = (name_outputs(folder, kind, names) for kind in ("gpu", "cpu"))
    run_on_cpu(compile_for_cpu(source, folder, *flags), inputs, expected, "--float-activations")
    device.compile(source, folder, *flags)
    device.run(inputs, found)
    device.validate()
    worst = max(compare(numpy.load(found[output]), numpy.load(expected[output]), 1e-3,
                        f"{name}, set {number}, {output}") for output in names)
    print(f"{device.name}: {name}, set {number}: {len(names)} outputs, worst relative error {worst:.1e}")


if __name__ == "__main__":
    device, (folder, *models) = take_device(sys.argv[1:])
    os.makedirs(folder, exist_ok=True)
    for name in models:
        check(folder, device, *(name.split("@") if "@" in name else (name, "0")))
