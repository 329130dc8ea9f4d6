#===- sidecar_size.py - a dense artefact is its bits, to the byte ---------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: sidecar_size.py MODEL.mlir WIDTH GROUP PARAMETERS

Computes, from the shapes in the IR alone, how many bytes WIDTH-bit codes and
PARAMETERS f16 numbers per group of GROUP columns (0: per row) take, adds the
float weights, and compares with the sidecar: its size is that sum and a header.
"""

import json
import pathlib
import re
import struct
import sys

GLOBAL = re.compile(r"lowbit\.global @\S+ : (!lowbit\.)?tensor<((?:\d+x)+)f32")


def expected_bytes(text, width, group, parameters):
    total = 0
    for quantized, dimensions in GLOBAL.findall(text):
        shape = [int(extent) for extent in dimensions.split("x") if extent]
        count = 1
        for extent in shape:
            count *= extent
        if not quantized:
            total += 4 * count
            continue
        rows, columns = shape
        groups = -(-columns // group) if group else 1
        total += -(-count * width // 8) + 2 * parameters * rows * groups
    return total


def main():
    path = pathlib.Path(sys.argv[1])
    width, group, parameters = map(int, sys.argv[2:5])
    expected = expected_bytes(path.read_text(), width, group, parameters)
    sidecar = path.with_suffix(".safetensors").read_bytes()
    (header,) = struct.unpack("<Q", sidecar[:8])
    tensors = json.loads(sidecar[8:8 + header])
    tensors.pop("__metadata__", None)
    data = sum(end - begin for begin, end in
               (tensor["data_offsets"] for tensor in tensors.values()))
    print(f"expected {expected}, tensors {data}, file {len(sidecar)}, header {8 + header}")
    return 0 if expected == data == len(sidecar) - 8 - header else 1


if __name__ == "__main__":
    sys.exit(main())
