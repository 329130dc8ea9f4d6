#===- count_tiles.py - what assembly does with tiles ----------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: count_tiles.py FILE.s...

Counts instructions on tiles. A step of 32 x 32 results takes four loads and
four products, one of 16 x 32 three and two, and kernels have as many of
either. Loads besides are of sums, or of tiles that found no register.
"""

import pathlib
import sys

for path in map(pathlib.Path, sys.argv[1:]):
    text = path.read_text()
    count = {
        name: text.count("\t" + name)
        for name in ("ldtilecfg", "tdpb", "tileloadd", "tilestored", "tilezero")
    }
    steps, rest = divmod(count["tdpb"], 6)
    if rest:
        sys.exit("requires products of 32 x 32 and of as many 16 x 32 results")
    print(
        f"{path.name}: configurations {count['ldtilecfg']}, steps {steps}, "
        f"sums {count['tilezero']}, stored {count['tilestored']}, "
        f"loads besides {count['tileloadd'] - 7 * steps}"
    )
