"""Decoders in 16-bit floats with a cache on a GPU, against the CPU.

  half_decoder.py FOLDER MODEL:f16|bf16[:mixed]...

MODEL.onnx of test/models/architectures with its numbers in 16 bits
(test/integration/onnx/half.py), quantized, with a cache of f16, continues a text
with the tokens of the CPU. The validation layer and spirv-val accept its kernels.
"""
import os
import sys

import numpy
from gpu import HERE, run
from models import ARCHITECTURES

TEXT = numpy.array([[3, 9, 22, 1, 60, 17]])


def check(folder, name, kind, *style):
    os.makedirs(folder, exist_ok=True)
    run(sys.executable, HERE.parent / "onnx" / "half.py", ARCHITECTURES / name, kind, folder, *style)
    numpy.save(f"{folder}/ids.npy", TEXT)
    flags = [f"{folder}/half.onnx", "--quantize=int8-g8", "--shape", "batch=1", "--kv-cache=f16", "--max-length=16"]
    run("quant-opt", *flags, "-o", f"{folder}/cpu.mlir")
    run("quant-opt", *flags, "--target=spirv", "--prefill-length=4", "-o", f"{folder}/gpu.json")
    expected = run(sys.executable, HERE / "generate.py", f"{folder}/cpu.mlir", f"{folder}/ids.npy", 10).split()
    said = run("lowbit-vulkan-run", f"{folder}/gpu.json", "--validate", f"--tokens={folder}/ids.npy", "--prefill=5",
               "--generate=10")
    found = said[said.index("tokens:"):].splitlines()[0].split()
    if found != expected:
        sys.exit(f"{name} in {kind}: {found}, the CPU has {expected}")
    run(sys.executable, HERE / "validate.py", f"{folder}/gpu.json")
    print(f"{' '.join((name, kind, *style))}:", *found[1:])


folder, *models = sys.argv[1:]
for model in models:
    check(f"{folder}/{model.replace(':', '.')}", *model.split(":"))
