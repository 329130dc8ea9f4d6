"""Models in 16-bit floats on a GPU, against the CPU.

  half.py FOLDER [--dawn=HARNESS] MODEL:KIND...

Writes MODEL.onnx of test/models/architectures with all numbers in KIND, f16 or
bf16 (test/integration/onnx/half.py), quantizes it and runs it. Both round each
result; sums are in another order, by which a result may be the next number, and
what follows from it. So outputs may differ by six steps of the largest number.
"""
import os
import sys

import numpy
import onnx
from gpu import HERE, compile_for_cpu, name_outputs, run, run_on_cpu, take_device
from models import ARCHITECTURES, fix_shapes, read_inputs

STEPS = {"f16": 2.0 ** -11, "bf16": 2.0 ** -8}


def check(folder, device, name, kind):
    os.makedirs(folder, exist_ok=True)
    run(sys.executable, HERE.parent / "onnx" / "half.py", ARCHITECTURES / name, kind, folder)
    source = f"{folder}/half.onnx"
    inputs = read_inputs((ARCHITECTURES / name).with_suffix(".safetensors"), "0")
    model = onnx.load(source, load_external_data=False)
    flags = ["--quantize=int8-g8", *fix_shapes(model, inputs)]
    # To the GPU's host, numbers of 16 bits are f32.
    files = {key: f"{folder}/{key}.npy" for key in inputs}
    halves = {key: f"{folder}/{key}.half.npy" if os.path.exists(f"{folder}/{key}.half.npy") else file
              for key, file in files.items()}
    results = name_outputs(folder, "gpu", [value.name for value in model.graph.output])
    device.compile(source, folder, *flags)
    device.run(files, results)
    device.validate()
    cpu = compile_for_cpu(source, folder, *flags)
    for output, file in results.items():
        largest = abs(numpy.load(file)).max()
        run_on_cpu(cpu, halves, {}, "--float-activations", f"--compare={output}={file}",
                   f"--tolerance={6 * STEPS[kind] * largest}")
    print(f"{device.name}: {name} in {kind}: as on the CPU")


if __name__ == "__main__":
    device, (folder, *models) = take_device(sys.argv[1:])
    for model in models:
        name, kind = model.split(":")
        check(f"{folder}/{name}.{kind}", device, name, kind)
