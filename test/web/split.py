"""A layer in IR, with its input: split.py LAYER.mlir X.npy [COLUMNS]
A table that is a layer, too: split.py --tied MODEL.mlir IDS.npy"""
import sys

import numpy

random = numpy.random.default_rng(3)
tied = sys.argv[1] == "--tied"
model, inputs, *rest = sys.argv[2 if tied else 1:]
columns = int(rest[0]) if rest else 128
weight = random.standard_normal((150, columns)).astype("<f4")
bias = random.standard_normal(150).astype("<f4")
w = f"tensor<150x{columns}xf32>"
LAYER = f"""lowbit.global @w : {w} {{data = dense<"0x{weight.tobytes().hex()}"> : {w}}}
lowbit.global @b : tensor<150xf32> {{data = dense<"0x{bias.tobytes().hex()}"> : tensor<150xf32>}}
func.func @main(%x: tensor<2x{columns}xf32> {{lowbit.name = "x"}}) -> (tensor<2x150xf32> {{lowbit.name = "y"}}) {{
  %w = lowbit.weight @w : {w}
  %b = lowbit.weight @b : tensor<150xf32>
  %y = lowbit.linear %x, %w bias %b activation relu
      : tensor<2x{columns}xf32>, {w} -> tensor<2x150xf32>, bias tensor<150xf32>
  return %y : tensor<2x150xf32>
}}
"""
# Rows of both ends, and around those at which the table is cut.
IDS = [0, 149, 31, 32, -1, -150, 64, 127, 128, 96]
TIED = f"""lowbit.global @w : {w} {{data = dense<"0x{weight.tobytes().hex()}"> : {w}}}
func.func @main(%ids: tensor<1x{len(IDS)}xi64> {{lowbit.name = "ids"}})
    -> (tensor<1x{len(IDS)}x{columns}xf32> {{lowbit.name = "x"}}, tensor<1x{len(IDS)}x150xf32> {{lowbit.name = "y"}}) {{
  %w = lowbit.weight @w : {w}
  %x = lowbit.embedding %ids, %w : tensor<1x{len(IDS)}xi64>, {w} -> tensor<1x{len(IDS)}x{columns}xf32>
  %y = lowbit.linear %x, %w : tensor<1x{len(IDS)}x{columns}xf32>, {w} -> tensor<1x{len(IDS)}x150xf32>
  return %x, %y : tensor<1x{len(IDS)}x{columns}xf32>, tensor<1x{len(IDS)}x150xf32>
}}
"""
with open(model, "w") as file:
    file.write(TIED if tied else LAYER)
numpy.save(inputs, numpy.array([IDS]) if tied else random.standard_normal((2, columns)).astype("f"))
