"""KV caches of each form on a device, against the CPU's of that form.

  caches.py vulkan|chromium MODEL.onnx IDS.npy FOLDER FORMAT:LENGTH... FLAGS...

FLAGS, which begin with --, are for all compilations.
The likeliest tokens that follow a text, which a cache of LENGTH rows has in a few
pieces, are those of the CPU with such a cache. A Vulkan device's logits, where the
cache holds floats, may differ by a thousandth of the largest from those of the CPU
without a cache. Rows of 512 or more are taken in parts by several workgroups.
"""
import os
import sys

import numpy
from gpu import HERE, run

on, model, ids, folder, *caches = (word for word in sys.argv[1:] if not word.startswith("--"))
flags = [word for word in sys.argv[1:] if word.startswith("--")]
os.makedirs(folder, exist_ok=True)
COUNT = 4


def find_logits(compile_):
    """Those of the CPU, which computes all tokens at once."""
    run(*compile_, "--shape", f"seq={numpy.load(ids).size}", "-o", f"{folder}/cpu.mlir")
    run("quant-run", f"{folder}/cpu.mlir", "--float-activations", f"--input=input_ids={ids}",
        f"--output=logits={folder}/expected.npy")


def run_vulkan(compile_, has_floats):
    run(*compile_, "--target=spirv", "-o", f"{folder}/model.json")
    text = run("lowbit-vulkan-run", f"{folder}/model.json", "--validate", f"--tokens={ids}",
               f"--output=logits={folder}/found.npy", f"--generate={COUNT}")
    if has_floats:
        run(sys.executable, HERE / "compare_last.py", f"{folder}/expected.npy", f"{folder}/found.npy")
    return text.split("tokens:")[1].splitlines()[0].split()


def run_chromium(compile_, _):
    path = f"{folder}/model.webgpu.js"
    run(*compile_, "--target=webgpu", "--fallback=none", "-o", path)
    prompt = ",".join(map(str, numpy.load(ids).ravel()))
    text = run("quant-run", path, "--browser=chromium", f"--generate={COUNT}", f"--prompt-tokens={prompt}")
    return text.replace(",", " ").split()[-COUNT:]


compile_ = ["quant-opt", model, *flags]
if on == "vulkan" and any(not cache.startswith("int") for cache in caches):
    find_logits(compile_)
for cache in caches:
    name, length = cache.split(":")
    cached = [*compile_, f"--kv-cache={name}", f"--max-length={length}"]
    run(*cached, "-o", f"{folder}/cached.mlir")
    expected = run(sys.executable, HERE / "generate.py", f"{folder}/cached.mlir", ids, COUNT).split()[1:]
    found = (run_vulkan if on == "vulkan" else run_chromium)(cached, not name.startswith("int"))
    if found != expected:
        sys.exit(f"{cache}: the device continues with '{' '.join(found)}', the CPU with '{' '.join(expected)}'")
    print(f"{cache}: {' '.join(found)}", flush=True)
