// Attention over keys that grow with the text has a kernel, or is an error.

// RUN: quant-opt %s -split-input-file -verify-diagnostics -lowbit-lower-to-gpu-kernels

func.func @no_cache(%q: tensor<2x5x8xf32>, %k: tensor<2x?x8xf32>) -> tensor<2x5x8xf32> {
  // expected-error @+1 {{requires a GPU kernel, for its keys grow with the text, and has none: its rows are not known when the model is compiled, and are not the first of caches}}
  %y = lowbit.attention %q, %k, %k scale 1.0 : tensor<2x5x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32> -> tensor<2x5x8xf32>
  return %y : tensor<2x5x8xf32>
}

// -----

func.func @given(%q: tensor<2x1x8xf32>, %cache: tensor<2x16x8xf32>, %m: tensor<1x?xf32>, %n: index) -> tensor<2x1x8xf32> {
  %k = tensor.extract_slice %cache[0, 0, 0] [2, %n, 8] [1, 1, 1] : tensor<2x16x8xf32> to tensor<2x?x8xf32>
  // expected-error @+1 {{and has none: its mask can't be computed for all rows of a cache: an input of the function has the rows of a text}}
  %y = lowbit.attention %q, %k, %k mask %m scale 1.0 : tensor<2x1x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>, mask tensor<1x?xf32> -> tensor<2x1x8xf32>
  return %y : tensor<2x1x8xf32>
}

// -----

func.func @short(%q: tensor<2x1x8xf32>, %cache: tensor<2x16x8xf32>, %table: tensor<1x12xf32>, %n: index) -> tensor<2x1x8xf32> {
  %k = tensor.extract_slice %cache[0, 0, 0] [2, %n, 8] [1, 1, 1] : tensor<2x16x8xf32> to tensor<2x?x8xf32>
  %m = tensor.extract_slice %table[0, 0] [1, %n] [1, 1] : tensor<1x12xf32> to tensor<1x?xf32>
  // expected-error @+1 {{and has none: its mask can't be computed for all rows of a cache: a table has 12 rows, fewer than the cache, which has 16; a smaller --max-length helps}}
  %y = lowbit.attention %q, %k, %k mask %m scale 1.0 : tensor<2x1x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>, mask tensor<1x?xf32> -> tensor<2x1x8xf32>
  return %y : tensor<2x1x8xf32>
}

// -----

func.func @later(%q: tensor<2x1x8xf32>, %cache: tensor<2x16x8xf32>, %table: tensor<1x40xf32>, %n: index) -> tensor<2x1x8xf32> {
  %k = tensor.extract_slice %cache[0, 0, 0] [2, %n, 8] [1, 1, 1] : tensor<2x16x8xf32> to tensor<2x?x8xf32>
  %m = tensor.extract_slice %table[0, %n] [1, %n] [1, 1] : tensor<1x40xf32> to tensor<1x?xf32>
  // expected-error @+1 {{and has none: its mask can't be computed for all rows of a cache: 'tensor.extract_slice' takes other rows than the first ones}}
  %y = lowbit.attention %q, %k, %k mask %m scale 1.0 : tensor<2x1x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>, mask tensor<1x?xf32> -> tensor<2x1x8xf32>
  return %y : tensor<2x1x8xf32>
}

// -----

func.func @sums(%q: tensor<2x1x8xf32>, %cache: tensor<2x16x8xf32>, %table: tensor<1x16x3xf32>, %n: index) -> tensor<2x1x8xf32> {
  %k = tensor.extract_slice %cache[0, 0, 0] [2, %n, 8] [1, 1, 1] : tensor<2x16x8xf32> to tensor<2x?x8xf32>
  %part = tensor.extract_slice %table[0, 0, 0] [1, %n, 3] [1, 1, 1] : tensor<1x16x3xf32> to tensor<1x?x3xf32>
  %init = tensor.empty(%n) : tensor<1x?xf32>
  %m = linalg.reduce { arith.addf } ins(%part : tensor<1x?x3xf32>) outs(%init : tensor<1x?xf32>) dimensions = [2]
  // expected-error @+1 {{and has none: its mask can't be computed for all rows of a cache: 'linalg.reduce' combines numbers of several places}}
  %y = lowbit.attention %q, %k, %k mask %m scale 1.0 : tensor<2x1x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>, mask tensor<1x?xf32> -> tensor<2x1x8xf32>
  return %y : tensor<2x1x8xf32>
}

// -----

func.func @mixed(%q: tensor<2x1x8xf32>, %cache: tensor<2x16x8xf32>, %table: tensor<3x16xf32>, %n: index) -> tensor<2x1x8xf32> {
  %k = tensor.extract_slice %cache[0, 0, 0] [2, %n, 8] [1, 1, 1] : tensor<2x16x8xf32> to tensor<2x?x8xf32>
  %part = tensor.extract_slice %table[0, 0] [3, %n] [1, 1] : tensor<3x16xf32> to tensor<3x?xf32>
  %line = tensor.collapse_shape %part [[0, 1]] : tensor<3x?xf32> into tensor<?xf32>
  %m = tensor.expand_shape %line [[0, 1]] output_shape [1, %n] : tensor<?xf32> into tensor<1x?xf32>
  // expected-error @+1 {{and has none: its mask can't be computed for all rows of a cache: 'tensor.collapse_shape' mixes rows with another dimension}}
  %y = lowbit.attention %q, %k, %k mask %m scale 1.0 : tensor<2x1x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>, mask tensor<1x?xf32> -> tensor<2x1x8xf32>
  return %y : tensor<2x1x8xf32>
}

// -----

func.func @padded(%q: tensor<2x1x8xf32>, %cache: tensor<2x16x8xf32>, %table: tensor<1x8xf32>, %n: index) -> tensor<2x1x8xf32> {
  %k = tensor.extract_slice %cache[0, 0, 0] [2, %n, 8] [1, 1, 1] : tensor<2x16x8xf32> to tensor<2x?x8xf32>
  %zero = arith.constant 0.0 : f32
  %m = tensor.pad %table low[0, 0] high[0, %n] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<1x8xf32> to tensor<1x?xf32>
  // expected-error @+1 {{and has none: its mask can't be computed for all rows of a cache: 'tensor.pad' is not known to compute each number from those at its place}}
  %y = lowbit.attention %q, %k, %k mask %m scale 1.0 : tensor<2x1x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>, mask tensor<1x?xf32> -> tensor<2x1x8xf32>
  return %y : tensor<2x1x8xf32>
}
