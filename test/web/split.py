"""A layer in IR, with its input: split.py LAYER.mlir X.npy"""
import sys

import numpy

random = numpy.random.default_rng(3)
weight = random.standard_normal((150, 128)).astype("<f4")
bias = random.standard_normal(150).astype("<f4")
with open(sys.argv[1], "w") as file:
    file.write(f"""lowbit.global @w : tensor<150x128xf32> {{data = dense<"0x{weight.tobytes().hex()}"> : tensor<150x128xf32>}}
lowbit.global @b : tensor<150xf32> {{data = dense<"0x{bias.tobytes().hex()}"> : tensor<150xf32>}}
func.func @main(%x: tensor<2x128xf32> {{lowbit.name = "x"}}) -> (tensor<2x150xf32> {{lowbit.name = "y"}}) {{
  %w = lowbit.weight @w : tensor<150x128xf32>
  %b = lowbit.weight @b : tensor<150xf32>
  %y = lowbit.linear %x, %w bias %b activation relu
      : tensor<2x128xf32>, tensor<150x128xf32> -> tensor<2x150xf32>, bias tensor<150xf32>
  return %y : tensor<2x150xf32>
}}
""")
numpy.save(sys.argv[2], random.standard_normal((2, 128)).astype("f"))
