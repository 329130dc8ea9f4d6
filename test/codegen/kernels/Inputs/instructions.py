#!/usr/bin/env python3
"""What the inner loops of x86 assembly cost.

Prints a line for each innermost loop that multiplies bytes: its instructions,
its products of 64 bytes, and the instructions for each weight, with as many
products per weight as the argument says (2 for activations of 16 bits).
Exit status 1 if there is no such loop.

    instructions.py PRODUCTS_PER_WEIGHT < model.s
"""
import re
import sys

LABEL = re.compile(r"(\.LBB\w+):")
JUMP = re.compile(r"\tj\w+\t(\.LBB\w+)")
INSTRUCTION = re.compile(r"\t[a-z]")


def innermost_loops(lines):
    """The lines of each loop without a loop in it."""
    start, last_label = {}, None
    for i, line in enumerate(lines):
        if match := LABEL.match(line):
            start[match[1]] = i
            last_label = i
        elif (match := JUMP.match(line)) and last_label is not None and start.get(match[1]) == last_label:
            yield lines[last_label:i + 1]


def main():
    products_per_weight = int(sys.argv[1])
    found = False
    for loop in innermost_loops(sys.stdin.read().splitlines()):
        code = [line for line in loop if INSTRUCTION.match(line)]
        products = sum("\tvpdpbusd\t" in line for line in code)
        if products:
            found = True
            weights = 64 * products / products_per_weight
            print(f"{len(code)} instructions, {products} products, "
                  f"{len(code) / weights:.3f} per weight")
    return not found


sys.exit(main())
