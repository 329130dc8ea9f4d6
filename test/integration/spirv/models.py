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
from gpu import find_device, run

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
    inputs = read_inputs(source.with_suffix(".safetensors"), number)
    model = onnx.load(source, load_external_data=False)
    files = {}
    for key, tensor in inputs.items():
        files[key] = f"{folder}/{key}.npy"
        numpy.save(files[key], tensor)
    results = lambda kind: {value.name: f"{folder}/{kind}{i}.npy" for i, value in enumerate(model.graph.output)}
    flags = ["--quantize=int8-g8", *fix_shapes(model, inputs)]
    run("quant-opt", source, *flags, "-o", f"{folder}/cpu.mlir")
    run("quant-run", f"{folder}/cpu.mlir", "--float-activations",
        *(f"--input={key}={file}" for key, file in files.items()),
        *(f"--output={key}={file}" for key, file in results("cpu").items()))
    device.compile(source, folder, *flags)
    device.run(files, results("gpu"))
    device.validate()
    worst = 0
    for output, file in results("cpu").items():
        expected, found = numpy.load(file), numpy.load(results("gpu")[output])
        if found.shape != expected.shape:
            sys.exit(f"{name}, set {number}, {output}: {found.shape}, the CPU has {expected.shape}")
        error = abs(found - expected).max() / abs(expected).max()
        worst = max(worst, error)
        if not error < 1e-3:
            sys.exit(f"{name}, set {number}, {output}: relative error {error:.1e}")
    print(f"{device.name}: {name}, set {number}: {len(model.graph.output)} outputs, worst relative error {worst:.1e}")


if __name__ == "__main__":
    folder, *models = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    harness = models.pop(0).split("=")[1] if models[0].startswith("--dawn=") else None
    device = find_device(harness)
    for name in models:
        check(folder, device, *(name.split("@") if "@" in name else (name, "0")))
