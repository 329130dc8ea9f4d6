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
from gpu import compare, name_outputs, run_on_cpu, take_device


def compare_seen(found, expected, what):
    hidden = numpy.isinf(expected)
    if found.shape != expected.shape or not (found[hidden] < -1e30).all():
        sys.exit(f"{what}: {found.shape}, the CPU has {expected.shape}, or what is hidden is seen")
    return compare(found[~hidden], expected[~hidden], 1e-5, what)


def check(folder, device, family):
    source = f"{folder}/{family}.onnx"
    inputs = {path.name.split(".")[2]: path for path in sorted(pathlib.Path(folder).glob(f"{family}.in.*.npy"))}
    names = [value.name for value in onnx.load(source).graph.output]
    found, expected = (name_outputs(folder, kind, names) for kind in ("gpu", "cpu"))
    run_on_cpu(source, inputs, expected, "--float-activations")
    device.compile(source, folder)
    runs = [None, *{"software", "base"}.intersection(device.get_variants())]
    worst = 0
    for variant in runs:
        device.run(inputs, found, variant)
        for name in names:
            worst = max(worst, compare_seen(numpy.load(found[name]), numpy.load(expected[name]),
                                            f"{family}, {variant}, {name}"))
    device.validate()
    print(f"{device.name}: {family}, {len(runs)} runs: {len(names)} outputs, worst relative error {worst:.1e}")


if __name__ == "__main__":
    device, (folder, *families) = take_device(sys.argv[1:])
    for family in families:
        check(folder, device, family)
