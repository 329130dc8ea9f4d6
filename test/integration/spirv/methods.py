"""Every method of the README compiles for every target: methods.py MODEL FOLDER

MODEL is a decoder of ids [1, seq]. With and without --include-embeddings, for
shaders, SPIR-V and CPUs; caches of every kind. What fails is printed; nothing may.
"""
import itertools
import subprocess
import sys

model, folder = sys.argv[1:]

PLAIN = ["f16", "bf16", "int1", "int2", "int3", "int4", "int5", "int6", "int7", "int8", "int4-g32", "int5-g12",
         "uint2", "uint4", "uint4-g32", "nf4", "fp4", "bnb-fp4", "nf4-g32", "fp8-e4m3", "fp8-e5m2", "fp8-e4m3-g64",
         "mxfp4", "mxfp6-e2m3", "mxfp6-e3m2", "mxfp8-e4m3", "mxfp8-e5m2", "mxint8", "nvfp4", "ternary", "cb2",
         "cb2-uniform", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "int8-b128x128", "fp8-e4m3-b128x128", "lattice1.375",
         "lattice2", "lattice2.25", "lattice3.5-g32", "kmeans2", "kmeans4-g64", "kmeans4-tensor", "cb2-auto",
         "cb2-auto-tensor", "int4-g32-dq", "uint4-g32-dq"]
CODED = ["int4-g32-a8", "int4-g32-a8-token", "int4-g32-afp8", "int4-g32-afp8-token", "int8-afp8-e5m2"]
CALIBRATED = ["gptq-int4-g32", "awq-uint4-g32", "awq-gptq-uint4-g32", "int8-a8-static", "int8-a8-static-asymmetric",
              "int4-g32-afp8-static", "trellis2", "trellis3-s8", "trellis2.5"]
TARGETS = {"webgpu": ["--target=webgpu", "--fallback=none", "-o", f"{folder}/web.webgpu.js"],
           "spirv": ["--target=spirv", "-o", f"{folder}/spirv.json"],
           "cpu": ["--target=cpu", "--emit=mlir", "-o", f"{folder}/cpu.mlir"]}

failed = count = 0


def compile_(name, *flags):
    global failed, count
    count += 1
    result = subprocess.run(["quant-opt", model, *flags], capture_output=True, text=True)
    if result.returncode:
        failed += 1
        errors = [line for line in result.stderr.splitlines() if "error" in line]
        print(f"{name}: {' '.join(flags)}: exit {result.returncode}: {' '.join(errors)[:400]}")


def compile_everywhere(method, *flags):
    for name, target in TARGETS.items():
        compile_(name, f"--quantize={method}", *flags, *target)


statistics = f"{folder}/statistics"
subprocess.run(["quant-opt", model, f"--calibrate={folder}/samples.npz", "--second-moments",
                f"--statistics={statistics}"], check=True, capture_output=True)
for method, embeddings in itertools.product(PLAIN + CODED, ([], ["--include-embeddings"])):
    compile_everywhere(method, *embeddings, "--shape", "batch=1", "--shape", "seq=4")
for method in CALIBRATED:
    compile_everywhere(method, f"--statistics={statistics}", "--shape", "batch=1", "--shape", "seq=4")
for cache in ["f32", "f16", "int8", "int4"]:
    for method in ["none", "int4-g32", "int8-a8"]:
        compile_everywhere(method, "--shape", "batch=1", f"--kv-cache={cache}", "--max-length=16")
print(f"{count} compilations, {failed} failed")
