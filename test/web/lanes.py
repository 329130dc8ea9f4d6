#===- lanes.py - sums over the invocations of a workgroup -----------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: lanes.py make KERNELS.mlir
          lanes.py run SHADERS HARNESS SCRATCH [FEATURE]...

Kernels with lowbit.reduce_lanes of many sizes: one number and several; sums and
maxima; once, and in a loop, where one workgroup memory serves several. And one that
tells what a subgroup knows of itself, in workgroups of six, which don't fill
subgroups. The second form runs the kernels of that file, printed to SHADERS, and
those of their variants for which the features are given, on Dawn, and compares them
with numpy. Prints how many.
"""

import base64
import json
import pathlib
import subprocess
import sys

import numpy as np

GROUPS, ROUNDS = 3, 3
# SwiftShader compiles a line for each word of workgroup memory: few are large.
CASES = [(size, lanes, count, op, loops)
         for size in (2, 64, 256) for lanes in (1, 2, 8, 16, 64, 256) if lanes <= size
         for count, op, loops in ((1, "", False), (3, "max", True), (8, "", True))
         if size * count <= 512]
RANKS, SIX = "ranks_subgroups", 6


def name(size, lanes, count, op, loops):
    return f"reduce{size}_{lanes}_{count}{op}{'_loop' if loops else ''}"


def make_kernel(case):
    size, lanes, count, op, loops = case
    numbers = size * GROUPS * count
    names = lambda stem: ", ".join(f"%{stem}{i}" for i in range(count))
    types = ", ".join(["f32"] * count)
    lines = [f"gpu.func @{name(*case)}(%x: memref<{numbers}xf32>, %y: memref<{numbers}xf32>) kernel",
             f"    attributes {{known_block_size = array<i32: {size}, 1, 1>}} {{",
             "  %t = gpu.thread_id x", "  %g = gpu.block_id x", f"  %size = arith.constant {size} : index",
             f"  %n = arith.constant {count} : index", "  %zero = arith.constant 0 : index",
             "  %one = arith.constant 1 : index", f"  %rounds = arith.constant {ROUNDS} : index",
             "  %none = arith.constant 0.0 : f32",
             "  %f = arith.muli %g, %size : index", "  %i = arith.addi %f, %t : index",
             "  %first = arith.muli %i, %n : index"]
    for i in range(count):
        lines += [f"  %c{i} = arith.constant {i} : index", f"  %at{i} = arith.addi %first, %c{i} : index",
                  f"  %v{i} = memref.load %x[%at{i}] : memref<{numbers}xf32>"]
    if loops:
        # Each round adds a number to what is summed up.
        starts = ", ".join(f"%s{i} = %none" for i in range(count))
        lines += [f"  %sums:{count} = scf.for %r = %zero to %rounds step %one iter_args({starts}) -> ({types}) {{",
                  "    %w = arith.index_cast %r : index to i32", "    %p = arith.sitofp %w : i32 to f32"]
        lines += [f"    %m{i} = arith.mulf %v{i}, %p : f32" for i in range(count)]
        lines += [f"    {names('q')} = lowbit.reduce_lanes {op} {names('m')} of {lanes} : {types}"]
        lines += [f"    %n{i} = arith.addf %s{i}, %q{i} : f32" for i in range(count)]
        lines += [f"    scf.yield {names('n')} : {types}", "  }"]
        results = [f"%sums#{i}" for i in range(count)]
    else:
        lines += [f"  {names('q')} = lowbit.reduce_lanes {op} {names('v')} of {lanes} : {types}"]
        results = [f"%q{i}" for i in range(count)]
    lines += [f"  memref.store {result}, %y[%at{i}] : memref<{numbers}xf32>" for i, result in enumerate(results)]
    return "\n".join(lines + ["  gpu.return", "}"])


def make_ranks():
    """y = 64 * active invocations of the subgroup + the rank among them."""
    numbers = SIX * GROUPS
    return f"""gpu.func @{RANKS}(%x: memref<{numbers}xf32>, %y: memref<{numbers}xf32>) kernel
    attributes {{known_block_size = array<i32: {SIX}, 1, 1>}} {{
  %t = gpu.thread_id x
  %g = gpu.block_id x
  %size = arith.constant {SIX} : index
  %f = arith.muli %g, %size : index
  %i = arith.addi %f, %t : index
  %v = memref.load %x[%i] : memref<{numbers}xf32>
  %one = arith.constant 1 : i32
  %room = arith.constant 64 : i32
  %active = gpu.subgroup_reduce add %one : (i32) -> i32
  %rank = lowbit.subgroup_rank : i32
  %a = arith.muli %active, %room : i32
  %b = arith.addi %a, %rank : i32
  %c = arith.sitofp %b : i32 to f32
  %d = arith.addf %c, %v : f32
  memref.store %d, %y[%i] : memref<{numbers}xf32>
  gpu.return
}}"""


def are_ranks(found):
    """Whether those of n active invocations are 0 to n - 1, and some subgroup isn't full."""
    sizes = set()
    for group in found.astype(int).reshape(GROUPS, SIX):
        active, rank = group // 64, group % 64
        for size in set(active):
            sizes.add(size)
            mine = sorted(rank[active == size])
            if mine != sorted(list(range(size)) * (len(mine) // size)):
                return False
    return len(sizes) > 1 or SIX in sizes


def reference(case, x):
    size, lanes, count, op, loops = case
    values = x.astype(np.float64).reshape(-1, lanes, count)
    total = 0
    for factor in range(ROUNDS) if loops else (1,):
        scaled = values * factor
        found = scaled.max(1, keepdims=True) if op else scaled.sum(1, keepdims=True)
        total = total + np.broadcast_to(found, values.shape)
    return total.reshape(-1)


def run(shaders, harness, scratch, *features):
    scratch = pathlib.Path(scratch)
    scratch.mkdir(parents=True, exist_ok=True)
    text = pathlib.Path(shaders).read_text()
    random, jobs, expected = np.random.default_rng(5), [], []
    for case in CASES:
        x = random.standard_normal(case[0] * GROUPS * case[2]).astype(np.float32)
        words = base64.b64encode(x.tobytes()).decode()
        for kernel in (name(*case), name(*case) + "_subgroups"):
            if f"//===== {kernel}\n" in text and (kernel == name(*case) or "subgroups" in features):
                jobs.append({"kernel": kernel, "workgroups": [GROUPS, 1, 1],
                             "buffers": [{"words": words}, {"bytes": x.nbytes}]})
                expected.append(reference(case, x))
    if "subgroups" in features:
        zeros = base64.b64encode(bytes(SIX * GROUPS * 4)).decode()
        jobs.append({"kernel": RANKS, "workgroups": [GROUPS, 1, 1],
                     "buffers": [{"words": zeros}, {"bytes": SIX * GROUPS * 4}]})
        expected.append(None)
    shown = text
    if "subgroups" not in features:
        parts = text.split("//===== ")[1:]
        shown = "".join("//===== " + part for part in parts if not part.split("\n")[0].endswith("_subgroups"))
    (scratch / "shaders.wgsl").write_text(shown)
    (scratch / "jobs.json").write_text(json.dumps(jobs))
    subprocess.run(["node", pathlib.Path(harness) / "kernels.mjs", scratch / "shaders.wgsl", scratch / "jobs.json",
                    scratch / "results.json", *features], check=True, timeout=500, stdout=subprocess.DEVNULL)
    failures = 0
    for job, right, buffers in zip(jobs, expected, json.loads((scratch / "results.json").read_text())):
        found = np.frombuffer(base64.b64decode(buffers[1]), np.float32)
        if right is None:
            if not are_ranks(found):
                failures += 1
                print(f"{job['kernel']}: no ranks: {found}")
            continue
        error = np.abs(found - right).max() / np.abs(right).max()
        if not error <= 1e-6:
            failures += 1
            print(f"{job['kernel']} DIFFERS, error {error:.1e} of the largest number")
    variants = sum(job["kernel"].endswith("_subgroups") for job in jobs)
    print(f"{len(jobs) - variants} kernels and {variants} variants, {failures} differ")
    return 1 if failures else 0


def main():
    if sys.argv[1] == "make":
        kernels = "\n".join([make_kernel(case) for case in CASES] + [make_ranks()])
        pathlib.Path(sys.argv[2]).write_text(f"gpu.module @kernels {{\n{kernels}\n}}\n")
        return 0
    return run(*sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
