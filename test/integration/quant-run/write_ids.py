#===- write_ids.py - .npy input of given ids ------------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: write_ids.py OUTPUT ID...

Writes the ids as int64 [1, count], without NumPy.
"""

import struct
import sys

ids = [int(word) for word in sys.argv[2:]]
header = f"{{'descr': '<i8', 'fortran_order': False, 'shape': (1, {len(ids)}), }}"
header = header.ljust(117) + "\n"
with open(sys.argv[1], "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)))
    file.write(header.encode() + struct.pack(f"<{len(ids)}q", *ids))
