# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""half_decoder.py FOLDER ARCHITECTURE:f16|bf16[:mixed]...

Continues a text by models in 16 bits with a KV cache (half.py makes them), as
floats and quantized, and compares with the same numbers in 32 bits.
"""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
ARCHITECTURES = HERE.parents[1] / "models" / "architectures"
PROMPT = ["--prompt-tokens=3,9,22,1,60,17", "--generate=10"]


def run(*command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result.stdout.strip()


def check(folder, architecture, kind, *style):
    folder.mkdir(parents=True, exist_ok=True)
    run(sys.executable, HERE / "half.py", ARCHITECTURES / architecture, kind, folder, *style)
    tokens = {}
    for name, cache in (("wide", "f32"), ("half", "f16")):
        floats = run("quant-run", folder / f"{name}.onnx", "--shape", "batch=1", f"--kv-cache={cache}", *PROMPT)
        run("quant-opt", folder / f"{name}.onnx", "--quantize=int8-g8", "--shape", "batch=1", f"--kv-cache={cache}",
            "--max-length=16", "-o", folder / f"{name}.mlir")
        tokens[name] = floats, run("quant-run", folder / f"{name}.mlir", *PROMPT)
    if tokens["half"] != tokens["wide"]:
        sys.exit(f"{folder.name}: {tokens}")
    print(f"{' '.join((architecture, kind, *style))}: {tokens['half'][0]}")


for case in sys.argv[2:]:
    check(pathlib.Path(sys.argv[1]) / case.replace(":", "."), *case.split(":"))
