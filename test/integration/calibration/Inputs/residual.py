#===- residual.py - a model of residual blocks, and samples ---------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: residual.py FOLDER [BLOCKS]

Writes model.mlir, three blocks (or BLOCKS) y = x + relu(x A^T) B^T, data.npy and x.npy, 24
samples of what it reads and another one, and nan.npy.
"""

import pathlib
import random
import struct
import sys

WIDTH, INNER, SAMPLES, ROWS = 16, 32, 24, 32
BLOCKS = int(sys.argv[2]) if len(sys.argv) > 2 else 3


def spell(values):
    return "[" + ", ".join(f"{value:.6e}" for value in values) + "]"


def weight(name, rows, columns, generator):
    numbers = [[generator.gauss(0, columns**-0.5) for _ in range(columns)]
               for _ in range(rows)]
    kind = f"tensor<{rows}x{columns}xf32>"
    text = ", ".join(spell(row) for row in numbers)
    return f"lowbit.global @{name} : {kind} {{data = dense<[{text}]> : {kind}}}\n"


def block(i):
    outer, inner = (f"tensor<1x{ROWS}x{n}xf32>" for n in (WIDTH, INNER))
    a, b = f"tensor<{INNER}x{WIDTH}xf32>", f"tensor<{WIDTH}x{INNER}xf32>"
    return f"""  %a{i} = lowbit.weight @a{i} : {a}
  %h{i} = lowbit.linear %x{i}, %a{i} : {outer}, {a} -> {inner}
  %r{i} = linalg.map ins(%h{i} : {inner}) outs(%inner : {inner}) (%in: f32, %out: f32) {{
    %max = arith.maximumf %in, %zero : f32
    linalg.yield %max : f32
  }}
  %b{i} = lowbit.weight @b{i} : {b}
  %y{i} = lowbit.linear %r{i}, %b{i} : {inner}, {b} -> {outer}
  %x{i + 1} = linalg.map ins(%x{i}, %y{i} : {outer}, {outer}) outs(%outer : {outer}) (%in: f32, %add: f32, %out: f32) {{
    %sum = arith.addf %in, %add : f32
    linalg.yield %sum : f32
  }}
"""


def model(generator):
    outer, inner = (f"tensor<1x{ROWS}x{n}xf32>" for n in (WIDTH, INNER))
    text = "".join(
        weight(f"a{i}", INNER, WIDTH, generator) +
        weight(f"b{i}", WIDTH, INNER, generator) for i in range(BLOCKS))
    return text + f"""func.func @main(%x0: {outer} {{lowbit.name = "x"}}) -> ({outer} {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %outer = tensor.empty() : {outer}
  %inner = tensor.empty() : {inner}
""" + "".join(block(i) for i in range(BLOCKS)) + f"""  return %x{BLOCKS} : {outer}
}}
"""


def npy(shape, numbers):
    header = repr({"descr": "<f4", "fortran_order": False, "shape": shape})
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) +
            header.encode() + struct.pack(f"<{len(numbers)}f", *numbers))


def rows(count, generator, basis):
    """Rows near a plane: what one column lacks, others can make up for."""
    numbers = []
    for _ in range(count):
        place = [generator.gauss(0, 1) for _ in basis]
        numbers += [
            sum(p * b[k] for p, b in zip(place, basis)) +
            generator.gauss(0, 0.1) for k in range(WIDTH)
        ]
    return numbers


def main():
    folder = pathlib.Path(sys.argv[1])
    generator = random.Random(7)
    folder.joinpath("model.mlir").write_text(model(generator))
    basis = [[generator.gauss(0, 1) for _ in range(WIDTH)] for _ in range(4)]
    folder.joinpath("data.npy").write_bytes(
        npy((SAMPLES, ROWS, WIDTH), rows(SAMPLES * ROWS, generator, basis)))
    # No number, nor is what layers make of it.
    folder.joinpath("nan.npy").write_bytes(
        npy((1, ROWS, WIDTH), [float("nan")] * (ROWS * WIDTH)))
    folder.joinpath("x.npy").write_bytes(
        npy((1, ROWS, WIDTH), rows(ROWS, generator, basis)))


main()
