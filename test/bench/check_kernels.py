# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""check_kernels.py RESULTS.json: rows of lowbit-bench --benchmark_format=json, which kernels.test asks for, have their
names and counters."""
import json
import sys

FIGURES = ("us", "us_least", "GB/s", "GFLOP/s")

with open(sys.argv[1]) as file:
    rows = {row["name"]: row for row in json.load(file)["benchmarks"]}
wanted = {f"linear/{method}/N:48/K:96/M:{m}/threads:{threads}/{memory}": m
          for method in ("int4-g32", "mxfp4-a8") for m in (1, 5) for threads in (1, 2) for memory in ("l3", "dram")}
if set(rows) != set(wanted):
    sys.exit(f"rows differ: {sorted(set(rows) ^ set(wanted))}")
for name, m in wanted.items():
    row = rows[name]
    # A row reads its weights, and several multiply: each beside that limit.
    limits = ("read_GB/s", "of_read") if m == 1 else ("int8_GOP/s", "of_int8")
    for figure in FIGURES + limits:
        if not row.get(figure, 0) > 0:
            sys.exit(f"{name}: {figure} is {row.get(figure)}")
    # Codes of 4 bits and a scale of 16 (MXFP4: 8) for 32 of them; packed rows come in blocks of 32 and more.
    least = 48 * 96 // 2 + 48 * 96 // 32 * (1 if "mxfp4" in name else 2)
    bytes_read = 1e3 * row["GB/s"] * row["us"]
    if not least <= bytes_read <= 3 * least:
        sys.exit(f"{name}: {bytes_read} bytes, at least {least} are packed")
    if abs(row["GFLOP/s"] * row["us"] * 1e3 - 2 * 48 * 96 * m) > 1:
        sys.exit(f"{name}: GFLOP/s and us are of different times")
    if ("1 MiB of weights" in row.get("label", "")) != name.endswith("dram"):
        sys.exit(f"{name}: the label is '{row.get('label')}'")
print("ok")
