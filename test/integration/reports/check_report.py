#===- check_report.py - reports hold what their README says ---------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: check_report.py README REPORT.json RAISED.safetensors QUANTIZED.safetensors

Each key of the report is in the README's tables, and each key of the tables
that isn't marked as absent at times is in the report. Bits, sizes and shares add
up. Errors of int4-g32 weights are what a computation from the two sidecars
gives, which knows nothing of the compiler.
"""

import json
import math
import pathlib
import re
import struct
import sys


def documented(readme):
    """The keys of each table, and those that may be absent, by the table's name."""
    tables, name = {}, "report"
    for line in readme.splitlines():
        if match := re.match(r"(?:Each of )?`(\w+)`:$", line):
            name = match.group(1)
        if match := re.match(r"\| (`.*?) \|", line):
            keys = re.findall(r"`(\w+)`", match.group(1))
            always, sometimes = tables.setdefault(name, (set(), set()))
            (sometimes if "*" in match.group(1) else always).update(keys)
    return tables


def check_keys(name, value, tables):
    always, sometimes = tables[name]
    assert always <= value.keys(), f"{name}: lacks {always - value.keys()}"
    unknown = value.keys() - always - sometimes
    assert not unknown, f"{name}: not documented: {unknown}"


def read_tensors(path):
    data = pathlib.Path(path).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    def get(name):
        first, end = header[name]["data_offsets"]
        return header[name]["shape"], data[8 + size + first:8 + size + end]
    return get


def dequantize(codes, scales, rows, columns):
    """int4-g32: two codes in a byte, the low half first; f16 scales."""
    scales = struct.unpack(f"<{len(scales) // 2}e", scales)
    groups = columns // 32
    return [((codes[i // 2] >> (4 * (i % 2)) & 15) - 8) * scales[i // columns * groups + i % columns // 32]
            for i in range(rows * columns)]


def check_error(layer, raised, quantized):
    name = layer["name"]
    rows, columns = layer["shape"]
    shape, data = raised(name)
    numbers = struct.unpack(f"<{rows * columns}f", data)
    wanted = [numbers[k * rows + n] if shape == [columns, rows] else numbers[n * columns + k]
              for n in range(rows) for k in range(columns)]
    found = dequantize(quantized(name + ".codes")[1], quantized(name + ".scale")[1], rows, columns)
    mse = math.fsum((a - b) ** 2 for a, b in zip(wanted, found)) / len(wanted)
    square = math.fsum(a * a for a in wanted) / len(wanted)
    error = layer["error"]
    assert math.isclose(error["mse"], mse, rel_tol=1e-6), (name, error, mse)
    assert math.isclose(error["snr_db"], 10 * math.log10(square / mse), rel_tol=1e-6)
    assert math.isclose(error["max"], max(abs(a - b) for a, b in zip(wanted, found)), rel_tol=1e-6)
    # One more bit halves the step, and so quarters the error, but for the ends.
    assert 0.15 < layer["one_more_bit"]["mse"] / mse < 0.35, (name, layer["one_more_bit"])
    assert sum(layer["histogram"]["counts"]) == rows * columns
    assert layer["histogram"]["codes"] == list(range(-8, 8))


def main():
    readme, path, *sidecars = sys.argv[1:]
    report = json.loads(pathlib.Path(path).read_text())
    tables = documented(pathlib.Path(readme).read_text())
    check_keys("report", report, tables)
    check_keys("size", report["size"], tables)
    for layer in report["layers"]:
        check_keys("layers", layer, tables)
        weights = layer["shape"][0] * layer["shape"][1]
        assert math.isclose(layer["bits_per_weight"], 8 * layer["bytes"] / weights)
    if measured := report.get("measured"):
        check_keys("measured", measured, tables)
    for point in report.get("pareto", {}).get("points", []):
        check_keys("points", point, tables)
    for entry in report.get("activations", []):
        check_keys("activations", entry, tables)
    assert sum(part["bytes"] for part in report["size"]["parts"]) == report["size"]["bytes"]
    shares = [layer["kl_share"] for layer in report["layers"] if "kl_share" in layer]
    assert not shares or math.isclose(sum(shares), 1), shares
    if sidecars:
        raised, quantized = map(read_tensors, sidecars)
        # Enough for every orientation; the rest is slow in Python.
        chosen = [layer for layer in report["layers"] if layer["quantized"]][:2]
        for layer in chosen:
            check_error(layer, raised, quantized)
    low = sum(layer["quantized"] for layer in report["layers"])
    print(f"{len(report['layers'])} layers, {low} low-bit, {len(shares)} shares: consistent")


if __name__ == "__main__":
    main()
