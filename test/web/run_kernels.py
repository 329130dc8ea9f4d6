#===- run_kernels.py - printed shaders compute what they say --------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: run_kernels.py SHADERS HARNESS SCRATCH

Runs the kernels of wgsl-translate.mlir, printed to SHADERS, on Dawn (HARNESS is
the folder of kernels.mjs), and compares them with numpy. naga must accept them,
too. Prints a line for each and fails if one differs by more than 1e-5 of the
largest number (4e-4 where the adapter's own exp2 and log2 are part of it).
"""

import base64
import json
import math
import pathlib
import subprocess
import sys

import numpy as np

RNG = np.random.default_rng(7)


def randoms(*shape, scale=1.0):
    return (RNG.standard_normal(shape) * scale).astype(np.float32)


def pack_nibbles(codes):
    """Byte-interleaved nibbles: word j holds codes 8j .. 8j+7, four in the low
    halves of its bytes and four in the high ones."""
    parts = codes.reshape(-1, 2, 4).astype(np.uint32)
    shifts = np.array([0, 8, 16, 24], np.uint32)
    return ((parts[:, 0] << shifts).sum(1) | (parts[:, 1] << (shifts + 4)).sum(1)).astype(np.uint32)


def gemv():
    codes, scales, x = RNG.integers(0, 16, (256, 1024)), randoms(256, 32), randoms(1024)
    weights = (codes - 8.0) * np.repeat(scales, 32, axis=1)
    return [256, 1, 1], [pack_nibbles(codes), scales, x], weights @ x.astype(np.float64)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3)))


def gemm():
    a, b, bias = randoms(16, 128), randoms(128, 32), randoms(32)
    # Also numbers whose hyperbolic tangent overflows on its way.
    a[0] *= 40
    return [1, 2, 1], [a, b, bias], gelu(a.astype(np.float64) @ b + bias)


def softmax():
    x = randoms(4, 100, scale=3)
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    return [4, 1, 1], [x], e / e.sum(1, keepdims=True)


def functions():
    x = np.linspace(-400, 400, 200).astype(np.float32)
    x[:100] /= 100
    wide = x.astype(np.float64)
    erf = np.array([math.erf(v) for v in wide])
    return [4, 1, 1], [x], np.stack([erf, np.sin(wide), np.cos(wide), np.abs(wide) ** 1.7], 1)


def gather():
    tokens, table = RNG.integers(-10, 10, 8).astype(np.int32), randoms(10, 32)
    return [8, 1, 1], [tokens, table], table[tokens]


def integers():
    x = RNG.integers(-2**31, 2**31, 64).astype(np.int32)
    # Python's integers don't wrap: words do.
    wrap = lambda v: (v + 2**31) % 2**32 - 2**31
    results = []
    for word in x.tolist():
        bytes_ = np.array([word], np.int32).view(np.int8).astype(int)
        quotient = int(wrap(int((bytes_ * bytes_).sum()) - 5 * word) / 7)
        bit = (quotient > 5) != (word & 1 == 1)
        results.append(wrap(quotient * 2) | int(bit))
    return [1, 1, 1], [x], np.array(results, np.int32)


CASES = {function.__name__: function for function in (gemv, gemm, softmax, functions, gather, integers)}


def main():
    shaders, harness, scratch = (pathlib.Path(argument) for argument in sys.argv[1:])
    scratch.mkdir(parents=True, exist_ok=True)
    jobs, expected = [], []
    for name, make in CASES.items():
        workgroups, inputs, result = make()
        buffers = [{"words": base64.b64encode(np.ascontiguousarray(data).tobytes()).decode()} for data in inputs]
        jobs.append({"kernel": name, "workgroups": workgroups, "buffers": buffers + [{"bytes": result.size * 4}]})
        expected.append(result)
    (scratch / "jobs.json").write_text(json.dumps(jobs))
    subprocess.run(["node", harness / "kernels.mjs", shaders, scratch / "jobs.json", scratch / "results.json"],
                   check=True, timeout=120)
    failures = 0
    for name, reference, buffers in zip(CASES, expected, json.loads((scratch / "results.json").read_text())):
        dtype = np.int32 if reference.dtype == np.int32 else np.float32
        found = np.frombuffer(base64.b64decode(buffers[-1]), dtype).reshape(reference.shape)
        # Each column of functions has a scale of its own.
        axis = 0 if name == "functions" else None
        scale = np.abs(reference).max(axis=axis)
        error = (np.abs(found.astype(np.float64) - reference).max(axis=axis) / scale).max()
        limit = 4e-4 if name == "functions" else 1e-5
        good = error <= limit
        failures += not good
        print(f"{name}: {'agrees' if good else 'DIFFERS'}, error {error:.1e} of the largest number")
    print(f"{len(CASES)} kernels, {failures} differ")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
