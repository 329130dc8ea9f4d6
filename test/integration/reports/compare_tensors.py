#===- compare_tensors.py - which tensors of two sidecars differ -----------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: compare_tensors.py FIRST.safetensors SECOND.safetensors

Prints the names of the tensors whose bytes differ.
"""

import json
import pathlib
import struct
import sys


def read(path):
    data = pathlib.Path(path).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__")
    return {name: data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]]
            for name, entry in header.items()}


def main():
    first, second = map(read, sys.argv[1:])
    assert first.keys() == second.keys(), (first.keys(), second.keys())
    print("differ:", *sorted(name for name in first if first[name] != second[name]))


if __name__ == "__main__":
    main()
