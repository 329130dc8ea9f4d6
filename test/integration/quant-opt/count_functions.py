# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""count_functions.py FILE.ll: the kernels that the code has, by name, and of each function how many loops of its own. What
LLVM clones and inlines is left out."""
import collections
import re
import sys

loops = collections.Counter()
kernels = []
with open(sys.argv[1]) as file:
    for name in re.findall(r"^define [^@]*@([\w.]+)\(", file.read(), re.M):
        if loop := re.fullmatch(r"(\w+)_loop_\d+", name):
            loops[loop[1]] += 1
        elif re.fullmatch(r"lowbit_(linear|panel|embedding)\w*", name):
            kernels.append(name)
print(*sorted(kernels), *(f"{name}: {count} loops" for name, count in sorted(loops.items())), sep="\n")
