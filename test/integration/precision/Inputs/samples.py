#===- samples.py - samples for layers.mlir ---------------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: samples.py FOLDER

Writes samples.npy, eight samples of two rows, labels.npy, the class of each row
(four of which are right for the float model), and some that don't fit.
"""

import math
import pathlib
import struct
import sys


def npy(kind, shape, numbers, letter):
    header = repr({"descr": kind, "fortran_order": False, "shape": shape})
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
            + struct.pack(f"<{len(numbers)}{letter}", *numbers))


def main():
    folder = pathlib.Path(sys.argv[1])
    numbers = [((i * 37) % 64 - 31.5) / 16 for i in range(8 * 2 * 8)]
    (folder / "samples.npy").write_bytes(npy("<f4", (8, 2, 8), numbers, "f"))
    (folder / "labels.npy").write_bytes(npy("<i8", (8, 2), [i % 4 for i in range(16)], "q"))
    (folder / "few.npy").write_bytes(npy("<i8", (4, 2), [0] * 8, "q"))
    (folder / "flat.npy").write_bytes(npy("<i8", (8,), [0] * 8, "q"))
    (folder / "large.npy").write_bytes(npy("<i8", (8, 2), [4] * 16, "q"))
    (folder / "infinite.npy").write_bytes(npy("<f4", (1, 2, 8), [math.inf] * 16, "f"))
    (folder / "one.npy").write_bytes(npy("<f4", (1, 2, 8), numbers[:16], "f"))


if __name__ == "__main__":
    main()
