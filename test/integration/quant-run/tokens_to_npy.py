#===- tokens_to_npy.py - .npy input for the bundled model -----------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Writes the first tokens of a token file as int64 [1, count], without NumPy.
#
#===-----------------------------------------------------------------------===#
"""Usage: tokens_to_npy.py TOKENS COUNT OUTPUT"""

import struct
import sys

tokens, count, output = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with open(tokens, "rb") as file:
    ids = struct.unpack(f"<{count}H", file.read(2 * count))
header = f"{{'descr': '<i8', 'fortran_order': False, 'shape': (1, {count}), }}"
header = header.ljust(117) + "\n"
with open(output, "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)))
    file.write(header.encode() + struct.pack(f"<{count}q", *ids))
