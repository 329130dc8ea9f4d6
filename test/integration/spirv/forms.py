"""Operators that are attention in graphs on a GPU, against the CPU.

  forms.py FOLDER [--dawn=HARNESS] FAMILY...

FOLDER has FAMILY.onnx and its inputs, as onnx/attention.py and onnx/fused/models.py
write them. Outputs, of the kernels that the device takes and of those for processors,
may differ from the CPU's by 1e-5 of the largest number; what hides a key may be any
number that exp makes 0.
"""
import pathlib
import sys

import numpy
import onnx
from gpu import find_device, run


def check(folder, device, family):
    source = f"{folder}/{family}.onnx"
    inputs = {path.name.split(".")[2]: path for path in sorted(pathlib.Path(folder).glob(f"{family}.in.*.npy"))}
    names = [value.name for value in onnx.load(source).graph.output]
    results = lambda kind: {name: f"{folder}/{kind}{i}.npy" for i, name in enumerate(names)}
    run("quant-run", source, "--float-activations", *(f"--input={name}={path}" for name, path in inputs.items()),
        *(f"--output={name}={path}" for name, path in results("cpu").items()))
    device.compile(source, folder)
    runs = [None, *{"software", "base"}.intersection(device.get_variants())]
    worst = 0
    for variant in runs:
        device.run(inputs, results("gpu"), variant)
        for name in names:
            expected, found = (numpy.load(results(kind)[name]) for kind in ("cpu", "gpu"))
            hidden = numpy.isinf(expected)
            if found.shape != expected.shape or not (found[hidden] < -1e30).all():
                sys.exit(f"{family}, {variant}, {name}: {found.shape}, the CPU has {expected.shape}")
            error = abs(found - expected)[~hidden].max() / abs(expected[~hidden]).max()
            worst = max(worst, error)
            if not error < 1e-5:
                sys.exit(f"{family}, {variant}, {name}: relative error {error:.1e}")
    device.validate()
    print(f"{device.name}: {family}, {len(runs)} runs: {len(names)} outputs, worst relative error {worst:.1e}")


if __name__ == "__main__":
    folder, *families = sys.argv[1:]
    harness = families.pop(0).split("=")[1] if families[0].startswith("--dawn=") else None
    device = find_device(harness)
    for family in families:
        check(folder, device, family)
