#===- damage.py - sidecars that are not what they were --------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: damage.py FIRST.safetensors SECOND.safetensors

Flips a bit of the first file's last byte, and gives the second another recipe
of the same length.
"""

import pathlib
import sys


def main():
    first, second = map(pathlib.Path, sys.argv[1:])
    data = bytearray(first.read_bytes())
    data[-1] ^= 1
    first.write_bytes(data)
    data = second.read_bytes()
    assert b"quantize=int4-g32" in data
    second.write_bytes(data.replace(b"quantize=int4-g32", b"quantize=int4-g64"))


if __name__ == "__main__":
    main()
