"""Attention on a device against numpy, over generated shapes.

  attention.py FOLDER [--dawn=HARNESS]

One model has all shapes: heads that share keys, rows that fill what a thread or
a workgroup takes and that don't, keys in one part and in several, widths that are
multiples of four and odd ones, later keys hidden or not, masks shared by heads or
by queries, a mask that hides all, and a key that is NaN. The kernels for GPUs, those
that add up by subgroups, and those for processors may differ by 1e-5 of the largest
number of a result; of the first, Dawn runs some, and no others that need subgroups.
The validation layer and spirv-val, or naga, must accept them. Prints the largest
differences.
"""
import os
import sys

import numpy
from gpu import Dawn, compare, name_outputs, save_inputs, take_device

# Batch, heads, groups, queries, keys, width, width of values, causal, mask.
SHAPES = [
    (1, 4, 4, 1, 1, 8, 8, True, None),
    (1, 4, 4, 1, 70, 64, 64, False, None),
    (1, 8, 2, 3, 131, 32, 16, True, None),
    (1, 4, 2, 37, 64, 12, 8, True, None),
    (2, 2, 2, 32, 32, 16, 16, True, None),
    (2, 2, 1, 33, 5, 6, 7, False, None),
    (1, 64, 32, 2, 9, 8, 4, True, None),
    (1, 3, 3, 43, 43, 4, 4, True, None),
    (1, 1, 1, 128, 66, 128, 256, False, None),
    (2, 6, 3, 5, 11, 8, 8, False, (2, 6, 5, 11)),
    (2, 4, 2, 40, 72, 8, 8, False, (1, 1, 40, 72)),
    (3, 2, 2, 7, 6, 8, 8, False, (3, 1, 1, 6)),
    (1, 2, 2, 8, 12, 8, 8, True, (2, 1, 12)),
    (1, 2, 1, 4, 6, 8, 8, False, "hidden"),
    # Few queries and many keys: workgroups have queries of several heads, and
    # parts of the keys.
    (1, 14, 2, 1, 600, 8, 8, True, None),
    (1, 3, 1, 2, 520, 6, 7, True, None),
    (2, 4, 1, 1, 1030, 80, 96, False, (2, 1, 1, 1030)),
    # A NaN among them is one in the results of its heads, and in no others.
    (2, 4, 2, 1, 1030, 8, 8, True, "NaN"),
]


def make_inputs(i, shape):
    batch, heads, groups, queries, keys, width, value_width, _, mask = shape
    random = numpy.random.default_rng(i)
    inputs = {"q": (batch, heads, queries, width), "k": (batch, groups, keys, width),
              "v": (batch, groups, keys, value_width)}
    arrays = {name: random.standard_normal(extents).astype("f") for name, extents in inputs.items()}
    # Scores that leave few keys any weight, the largest one late.
    arrays["k"][:, :, keys // 2] *= 8
    if mask == "hidden":
        arrays["m"] = numpy.full((1, 1, queries, keys), numpy.finfo("f").min, "f")
    elif mask == "NaN":
        arrays["k"][0, 1, 700, 3] = numpy.nan
    elif mask:
        arrays["m"] = numpy.where(random.random(mask) < 0.3, numpy.finfo("f").min,
                                  random.standard_normal(mask)).astype("f")
    return arrays


def attend(shape, arrays, scale):
    _, heads, groups, queries, keys, _, _, causal, _ = shape
    q, k, v = (arrays[name].astype("f8") for name in "qkv")
    k, v = (numpy.repeat(x, heads // groups, axis=1) for x in (k, v))
    scores = scale * q @ k.swapaxes(2, 3)
    if "m" in arrays:
        # What numbers of 32 bits lose beside such a one.
        scores = numpy.maximum(scores + arrays["m"], -1e30)
    if causal:
        seen = numpy.arange(keys) <= numpy.arange(queries)[:, None] + keys - queries
        scores = numpy.where(seen, scores, -numpy.inf)
    weights = numpy.exp(scores - scores.max(-1, keepdims=True))
    return weights @ v / weights.sum(-1, keepdims=True)


def make_model(path, cases):
    arguments, results, body = [], [], []
    type_of = lambda extents: f"tensor<{'x'.join(map(str, extents))}xf32>"
    for i, (shape, arrays, scale) in enumerate(cases):
        arguments += [f'%{name}{i}: {type_of(array.shape)} {{lowbit.name = "{name}{i}"}}'
                      for name, array in arrays.items()]
        output = type_of((*arrays["q"].shape[:3], shape[6]))
        results.append((f"%y{i}", output))
        types = ", ".join(type_of(arrays[name].shape) for name in "qkv")
        mask = f" mask %m{i}" if "m" in arrays else ""
        mask_type = f", mask {type_of(arrays['m'].shape)}" if "m" in arrays else ""
        body.append(f"  %y{i} = lowbit.attention %q{i}, %k{i}, %v{i}{mask} scale {scale}"
                    f"{' causal' if shape[7] else ''} : {types}{mask_type} -> {output}\n")
    names = ", ".join(name for name, _ in results)
    types = ", ".join(output for _, output in results)
    named = ", ".join(f'{output} {{lowbit.name = "y{i}"}}' for i, (_, output) in enumerate(results))
    with open(path, "w") as file:
        file.write(f"func.func @main({', '.join(arguments)}) -> ({named}) {{\n{''.join(body)}"
                   f"  return {names} : {types}\n}}\n")


def compile_cases(device, folder, cases):
    """The model has kernels alone, among them those for processors."""
    make_model(f"{folder}/model.mlir", cases)
    text = device.compile(f"{folder}/model.mlir", folder)
    if "no GPU kernel" in text:
        sys.exit(text)
    variants = device.get_variants()
    if not {"base", "subgroups", "software"} <= set(variants):
        sys.exit(f"the kernels have no others for processors, or with subgroups: {' '.join(variants)}")


def compute(device, folder, cases, variant):
    """Runs all cases and returns the worst relative error."""
    inputs = save_inputs(folder, {f"{name}{i}": array for i, (_, arrays, _) in enumerate(cases)
                                  for name, array in arrays.items()})
    outputs = name_outputs(folder, variant, [f"y{i}" for i in range(len(cases))])
    device.run(inputs, outputs, variant, validates=True)
    worst = 0
    for (shape, arrays, scale), file in zip(cases, outputs.values()):
        expected = attend(shape, arrays, scale)
        found = numpy.load(file).reshape(expected.shape)
        missing = numpy.isnan(expected)
        if not numpy.array_equal(numpy.isnan(found), missing):
            sys.exit(f"{variant}: {shape}: NaN in {numpy.isnan(found).sum()} results of {found.size}")
        worst = max(worst, compare(found[~missing], expected[~missing], 1e-5, f"{variant}: {shape}"))
    return worst


def main():
    device, (folder,) = take_device(sys.argv[1:])
    os.makedirs(f"{folder}/some", exist_ok=True)
    cases = [(shape, make_inputs(i, shape), 0.5) for i, shape in enumerate(SHAPES)]
    runs = [(folder, cases, ["base", "subgroups", "software"])]
    if isinstance(device, Dawn):
        # A browser's kernels clear workgroup memory, by code for each word of it
        # where the adapter is a processor: a pipeline takes a second.
        runs = [(folder, cases, ["software"]), (f"{folder}/some", cases[2::4], ["base"])]
    for place, chosen, variants in runs:
        compile_cases(device, place, chosen)
        for variant in variants:
            worst = compute(device, place, chosen, variant)
            print(f"{variant}: {len(chosen)} shapes: worst relative error {worst:.1e}")
        device.validate()


if __name__ == "__main__":
    main()
