// Attention over keys that grow with the text has a kernel, or is an error.

// RUN: quant-opt %s -split-input-file -verify-diagnostics -lowbit-lower-to-gpu-kernels

func.func @no_cache(%q: tensor<2x5x8xf32>, %k: tensor<2x?x8xf32>) -> tensor<2x5x8xf32> {
  // expected-error @+1 {{requires a GPU kernel, for its keys grow with the text, and has none: its rows are not known when the model is compiled, and are not the first of caches}}
  %y = lowbit.attention %q, %k, %k scale 1.0 : tensor<2x5x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32> -> tensor<2x5x8xf32>
  return %y : tensor<2x5x8xf32>
}

// -----

func.func @masked(%q: tensor<2x1x8xf32>, %cache: tensor<2x16x8xf32>, %m: tensor<1x?xf32>, %n: index) -> tensor<2x1x8xf32> {
  %k = tensor.extract_slice %cache[0, 0, 0] [2, %n, 8] [1, 1, 1] : tensor<2x16x8xf32> to tensor<2x?x8xf32>
  // expected-error @+1 {{requires a GPU kernel, for its keys grow with the text, and has none: it has a mask}}
  %y = lowbit.attention %q, %k, %k mask %m scale 1.0 : tensor<2x1x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>, mask tensor<1x?xf32> -> tensor<2x1x8xf32>
  return %y : tensor<2x1x8xf32>
}

// -----

func.func @odd(%q: tensor<2x1x6xf32>, %cache: tensor<2x16x6xf16>, %n: index) -> tensor<2x1x6xf32> {
  %h = tensor.extract_slice %cache[0, 0, 0] [2, %n, 6] [1, 1, 1] : tensor<2x16x6xf16> to tensor<2x?x6xf16>
  %init = tensor.empty(%n) : tensor<2x?x6xf32>
  %k = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%h : tensor<2x?x6xf16>) outs(%init : tensor<2x?x6xf32>) {
  ^bb0(%in: f16, %out: f32):
    %0 = arith.extf %in : f16 to f32
    linalg.yield %0 : f32
  } -> tensor<2x?x6xf32>
  // expected-error @+1 {{has none: its heads are no multiple of 4 wide, as those of a cache in f16 have to be}}
  %y = lowbit.attention %q, %k, %k scale 1.0 : tensor<2x1x6xf32>, tensor<2x?x6xf32>, tensor<2x?x6xf32> -> tensor<2x1x6xf32>
  return %y : tensor<2x1x6xf32>
}
