#===- in_page.py - layers whose weights come as floats ---------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: in_page.py LAYERS.mlir X.npy

Writes three layers of one input, with weights of f32, f16 and bf16, a gate and
what it is multiplied with, and a layer behind them: weights that are merged,
and such as are not.
"""

import sys

import numpy

RNG = numpy.random.default_rng(7)
K, ROWS = 96, {"q": ("f32", 40), "k": ("f16", 40), "v": ("f16", 40), "gate": ("bf16", 88),
               "up": ("bf16", 88), "down": ("f32", 70)}


def columns(name):
    return ROWS["gate"][1] if name == "down" else K


def data(name):
    kind, rows = ROWS[name]
    values = RNG.standard_normal((rows, columns(name))).astype("<f4") / 9
    if kind == "f16":
        values = values.astype("<f2")
    if kind == "bf16":
        values = (values.view("<u4") >> 16).astype("<u2")
    return values.tobytes().hex()


def declare(name):
    kind, rows = ROWS[name]
    shape = f"tensor<{rows}x{columns(name)}x{kind}>"
    return f'lowbit.global @{name} : {shape} {{data = dense<"0x{data(name)}"> : {shape}}}\n'


def read(name):
    kind, rows = ROWS[name]
    shape = f"{rows}x{columns(name)}"
    text = f"  %{name}0 = lowbit.weight @{name} : tensor<{shape}x{kind}>\n"
    if kind == "f32":
        return text.replace(f"%{name}0", f"%{name}w")
    return text + f"  %{name}w = arith.extf %{name}0 : tensor<{shape}x{kind}> to tensor<{shape}xf32>\n"


def layer(name, x, extra=""):
    rows, k = ROWS[name][1], columns(name)
    return (f"  %{name} = lowbit.linear %{x}, %{name}w {extra}: tensor<2x{k}xf32>, tensor<{rows}x{k}xf32>"
            f" -> tensor<2x{rows}xf32>\n")


outputs = {"q": 40, "k": 40, "v": 40, "down": 70}
results = ", ".join(f'tensor<2x{rows}xf32> {{lowbit.name = "{name}"}}' for name, rows in outputs.items())
types = ", ".join(f"tensor<2x{rows}xf32>" for rows in outputs.values())
with open(sys.argv[1], "w") as file:
    file.write("".join(declare(name) for name in ROWS))
    file.write(f'func.func @main(%x: tensor<2x{K}xf32> {{lowbit.name = "x"}}) -> ({results}) {{\n')
    file.write("".join(read(name) for name in ROWS))
    file.write("  %y = math.tanh %x : tensor<2x96xf32>\n")
    file.write("".join(layer(name, "x") for name in "qkv"))
    file.write(layer("gate", "y", "activation silu ") + layer("up", "y"))
    file.write("  %empty = tensor.empty() : tensor<2x88xf32>\n")
    file.write("  %gated = linalg.mul ins(%up, %gate : tensor<2x88xf32>, tensor<2x88xf32>)"
               " outs(%empty : tensor<2x88xf32>) -> tensor<2x88xf32>\n")
    file.write(layer("down", "gated"))
    file.write(f"  return {', '.join('%' + name for name in outputs)} : {types}\n}}\n")
numpy.save(sys.argv[2], RNG.standard_normal((2, K)).astype("f"))
