"""Models whose inputs or outputs are f16 or bf16, as modules for pages.

  half_boundary.py FOLDER HARNESS [KIND-KIND:ROWSxINNERxCOLUMNS]...

Of each, y is a layer's result for x, and r is z with the other sign; inputs have the
first KIND and outputs the second. On WebAssembly, of a web module and of a module of
WebAssembly alone, pages hand over and get f32: y must be the CPU's, but for three
steps of its largest number, and r what z is, rounded twice, to the bit.
"""
import os
import pathlib
import subprocess
import sys

import numpy
from onnx import TensorProto, helper, numpy_helper, save

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "integration" / name) for name in ("onnx", "spirv")]
from gpu import run
from half import KINDS, bits, widened

TYPES = {**KINDS, "f32": TensorProto.FLOAT}
STEPS = {"f16": 2.0 ** -11, "bf16": 2.0 ** -8, "f32": 2.0 ** -8}


def rounded(array, kind):
    return array if kind == "f32" else widened(bits(array, kind), kind)


def write(path, source, target, narrow, extents):
    rows, inner, columns = extents
    random = numpy.random.default_rng(sum(extents))
    weights = {"w": random.normal(0, 0.2, (inner, columns)), "b": random.normal(0, 0.2, columns)}
    tensors = []
    for name, values in weights.items():
        tensors.append(numpy_helper.from_array(values.astype(numpy.float32), name))
        tensors[-1].raw_data = bits(values, narrow).tobytes()
        tensors[-1].data_type = TYPES[narrow]
    nodes = [helper.make_node("Cast", ["x"], ["xn"], to=TYPES[narrow]),
             helper.make_node("MatMul", ["xn", "w"], ["m"]),
             helper.make_node("Add", ["m", "b"], ["s"]),
             helper.make_node("Tanh", ["s"], ["t"]),
             helper.make_node("Cast", ["t"], ["y"], to=TYPES[target]),
             helper.make_node("Neg", ["z"], ["n"]),
             helper.make_node("Cast", ["n"], ["r"], to=TYPES[target])]
    value = lambda name, kind, shape: helper.make_tensor_value_info(name, TYPES[kind], shape)
    graph = helper.make_graph(
        nodes, "half", [value("x", source, [rows, inner]), value("z", source, [rows, 3, inner])],
        [value("y", target, [rows, columns]), value("r", target, [rows, 3, inner])], tensors)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def check(folder, harness, source, target, extents):
    os.makedirs(folder)
    pathlib.Path(folder, "package.json").write_text('{"type": "module"}')
    random = numpy.random.default_rng(sum(extents) + 1)
    narrow = target if source == "f32" else source
    write(f"{folder}/model.onnx", source, target, narrow, extents)
    # There are no files of bf16 for quant-run: its model takes in f32 what the page
    # has rounded.
    write(f"{folder}/cpu.onnx", "f32", target, narrow, extents)
    rows, inner, _ = extents
    # Numbers that 16 bits hold, and others, between them.
    inputs = {"x": random.normal(0, 1, (rows, inner)),
              "z": random.normal(0, 1, (rows, 3, inner)) * 10.0 ** random.integers(-7, 4, (rows, 3, inner))}
    for name, values in inputs.items():
        inputs[name] = values.astype(numpy.float32)
        numpy.save(f"{folder}/{name}.npy", inputs[name])
        numpy.save(f"{folder}/{name}.rounded.npy", rounded(inputs[name], source))
    run("quant-opt", f"{folder}/cpu.onnx", "--quantize=int8", "-o", f"{folder}/cpu.mlir")
    run("quant-opt", f"{folder}/model.onnx", "--quantize=int8", "--target=webgpu", "-o", f"{folder}/model.js")
    run("quant-opt", f"{folder}/model.onnx", "--quantize=int8", "-o", f"{folder}/page.wasm")
    run("node", f"{harness}/half.mjs", folder)
    for kind in "web", "page":
        found = numpy.load(f"{folder}/{kind}.r.npy")
        wanted = rounded(-rounded(inputs["z"], source), target)
        if not numpy.array_equal(found, wanted):
            sys.exit(f"{kind}: r is {found}, not {wanted}")
        file = f"{folder}/{kind}.y.npy"
        largest = abs(numpy.load(file)).max()
        run("quant-run", f"{folder}/cpu.mlir", *(f"--input={name}={folder}/{name}.rounded.npy" for name in inputs),
            f"--compare=y={file}", f"--tolerance={3 * STEPS[target] * largest}")
    print(f"{source} to {target}, {'x'.join(map(str, extents))}: as on the CPU")


if __name__ == "__main__":
    folder, harness, *models = sys.argv[1:]
    for model in models:
        kinds, extents = model.split(":")
        check(f"{folder}/{model.replace(':', '-')}", harness, *kinds.split("-"), [int(n) for n in extents.split("x")])
