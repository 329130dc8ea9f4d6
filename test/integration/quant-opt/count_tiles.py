#===- count_tiles.py - what assembly does with tiles ----------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: count_tiles.py FILE.s...

Follows each tile register from one instruction to the next: how many products
sums have that are stored, how many sums are loaded again, and how many tiles
are stored that are no sums, which only a register allocator does.
"""

import pathlib
import re
import sys

INSTRUCTION = re.compile(r"\t(ldtilecfg|tdpb\w+|tile\w+)\b.*?((?:%tmm\d.*)?)$", re.M)
REGISTER = re.compile(r"%tmm\d")


def describe(text):
    configurations = loaded = spilled = 0
    chains = set()
    # Of each register: products added to it, or none for what was loaded.
    products = {}
    for name, operands in INSTRUCTION.findall(text):
        registers = REGISTER.findall(operands)
        configurations += name == "ldtilecfg"
        if name == "tilezero":
            products[registers[0]] = 0
        elif name == "tileloadd":
            products[registers[0]] = None
        elif name.startswith("tdpb"):
            loaded += products[registers[-1]] is None
            products[registers[-1]] = (products[registers[-1]] or 0) + 1
        # Blocks of a loop may stand before those that come first.
        elif name == "tilestored" and registers[0] in products:
            count = products[registers[0]]
            spilled += not count
            chains.add(count)
    chains = ", ".join(map(str, sorted(filter(None, chains))))
    return (
        f"configurations {configurations}, products of a sum {chains}, "
        f"loaded sums {loaded}, other tiles stored {spilled}"
    )


for path in map(pathlib.Path, sys.argv[1:]):
    print(f"{path.name}: {describe(path.read_text())}")
