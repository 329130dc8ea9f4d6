# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""check.py outputs LIMIT FAMILY MODELS EXPECTED MODEL [flags of quant-run...]
   check.py codes FAMILY MODELS ARTEFACT.mlir

`outputs` runs MODEL, made from MODELS/FAMILY.onnx, and compares each output
with what ONNX Runtime gave: integers of 8 and 16 bits must be equal, all else
within LIMIT of the output's largest number. `codes` reads the weights of an
artefact and compares codes and integer zero points with the model's, bit by bit.
"""
import ast
import json
import pathlib
import re
import subprocess
import sys

import numpy


def run(limit, family, models, expected, model, flags):
    references = {path.name[len(family) + 1:-4]: numpy.load(path)
                  for path in pathlib.Path(expected).glob(family + ".*.npy")}
    command = ["quant-run", model] + flags
    for path in sorted(pathlib.Path(models).glob(family + ".in.*.npy")):
        command += ["--input", f"{path.name.split('.')[2]}={path}"]
    for name in references:
        command += ["--output", f"{name}={models}/{family}.out.{name}.npy"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    failures = 0
    for name, wanted in sorted(references.items()):
        found = numpy.load(f"{models}/{family}.out.{name}.npy")
        if wanted.dtype.itemsize <= 2 and wanted.dtype.kind in "iu":
            found = found.view(wanted.dtype)  # MLIR's integers have no sign
            error, allowed = numpy.count_nonzero(found != wanted), 0
        else:
            # Halves are as exact as their last bit.
            allowed = 1e-3 if wanted.dtype == numpy.float16 else float(limit)
            wanted, found = wanted.astype(float), found.astype(float)
            error = abs(found - wanted).max() / (abs(wanted).max() or 1)
        bad = found.shape != wanted.shape or not error <= allowed
        failures += bad
        print(f"{name}: {error:.2e}{' FAILED' if bad else ''}")
    print(f"{len(references)} outputs, {failures} failed")
    return failures


def sidecar(path):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    return {name: data[8 + size + entry["data_offsets"][0]:
                       8 + size + entry["data_offsets"][1]]
            for name, entry in header.items() if name != "__metadata__"}


def numbers(text, resources, count):
    """Unsigned bytes that an attribute of i8 holds."""
    resource = re.match(r"dense_resource<(.*)>", text)
    if resource:
        return numpy.frombuffer(resources[resource[1].strip('"')], numpy.uint8)
    literal = ast.literal_eval(re.match(r"dense<(.*)>", text)[1])
    if isinstance(literal, str):
        return numpy.frombuffer(bytes.fromhex(literal[2:]), numpy.uint8)
    return numpy.resize(numpy.array(literal), count).astype(numpy.int8).view(numpy.uint8)


def compare_codes(family, models, artefact):
    wanted = json.loads(pathlib.Path(models, family + ".codes.json").read_text())
    text = pathlib.Path(artefact).read_text()
    resources = sidecar(pathlib.Path(artefact).with_suffix(".safetensors"))
    aliases = dict(re.findall(r"^(#\S+) = #lowbit.encoding<u?int<(\d)", text, re.M))
    globals_ = {name: (alias, parts) for name, alias, parts in re.findall(
        r"lowbit.global @(\S+) : !lowbit.tensor<[0-9x]+x\w+, (#\w+)> \{(.*)\}", text)}
    failures = 0
    for name, parameters in wanted.items():
        alias, parts = globals_[name]
        bits = int(aliases[alias])
        codes = numpy.array(parameters["codes"])
        stream = numbers(re.search(r"codes = (dense\S*)", parts)[1] if "codes = dense_r" in parts
                         else re.search(r"codes = (dense<.*?>) :", parts)[1],
                         resources, -(-codes.size * bits // 8))
        unpacked = numpy.unpackbits(stream, bitorder="little")[:codes.size * bits]
        found = unpacked.reshape(codes.shape + (bits,)) @ (1 << numpy.arange(bits))
        same = numpy.array_equal(found, codes)
        points = re.search(r"zero_point = (dense.*?>) :", parts)
        zeros = numpy.array(parameters.get("zeros", 0))
        if points and zeros.dtype.kind == "i":
            found = numbers(points[1], resources, zeros.size)
            same &= numpy.array_equal(found, zeros.reshape(-1))
        failures += not same
        print(f"{name}: {'equal' if same else 'DIFFERENT'}")
    print(f"{len(wanted)} weights, {failures} different")
    return failures


mode, arguments = sys.argv[1], sys.argv[2:]
if mode == "outputs":
    sys.exit(run(*arguments[:5], arguments[5:]) != 0)
sys.exit(compare_codes(*arguments) != 0)
