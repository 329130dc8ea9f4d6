// RUN: quant-opt %s --lowbit-import-block-scaled --split-input-file --verify-diagnostics

func.func @dynamic(%a: tensor<2x?xf8E4M3FN>, %s: tensor<2x?xf8E8M0FNU>) -> tensor<2x?xf32> {
  // expected-error @+1 {{lowering requires a ranked tensor whose last dimension is a static multiple of 32, found 'tensor<2x?xf8E4M3FN>'}}
  %y = tosa.cast_from_block_scaled %a, %s {block_size = BLOCK_SIZE_32} : (tensor<2x?xf8E4M3FN>, tensor<2x?xf8E8M0FNU>) -> tensor<2x?xf32>
  return %y : tensor<2x?xf32>
}

// -----

func.func @integers(%a: tensor<2x32x!tosa.mxint8>, %s: tensor<2x1xf8E8M0FNU>) -> tensor<2x32xf32> {
  // expected-error @+1 {{requires mxint8 data that are constant or come from tosa.cast_to_block_scaled, found argument #0 of @integers; no upstream operation reads them}}
  %y = tosa.cast_from_block_scaled %a, %s {block_size = BLOCK_SIZE_32} : (tensor<2x32x!tosa.mxint8>, tensor<2x1xf8E8M0FNU>) -> tensor<2x32xf32>
  return %y : tensor<2x32xf32>
}

// -----

func.func @escapes(%x: tensor<2x32xf32>) -> tensor<2x32x!tosa.mxint8> {
  // expected-error @+1 {{requires mxint8 data that block-scaled operations alone read, found another use; no upstream operation makes them}}
  %a, %s = tosa.cast_to_block_scaled %x {block_size = BLOCK_SIZE_32} : (tensor<2x32xf32>) -> (tensor<2x32x!tosa.mxint8>, tensor<2x1xf8E8M0FNU>)
  return %a : tensor<2x32x!tosa.mxint8>
}

// -----

func.func @nan() -> tensor<1x32xf32> {
  %a = "tosa.const"() {values = dense<1.0> : tensor<1x32xf8E4M3FN>} : () -> tensor<1x32xf8E4M3FN>
  %s = "tosa.const"() {values = dense<0xFF> : tensor<1x1xf8E8M0FNU>} : () -> tensor<1x1xf8E8M0FNU>
  // expected-error @+1 {{block-scaled constant: finite scales are required, found one that is not}}
  %y = tosa.cast_from_block_scaled %a, %s {block_size = BLOCK_SIZE_32} : (tensor<1x32xf8E4M3FN>, tensor<1x1xf8E8M0FNU>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// -----

func.func @short() -> tensor<2x32xf32> {
  %a = "tosa.const"() {values = dense<1.0> : tensor<2x32xf8E4M3FN>} : () -> tensor<2x32xf8E4M3FN>
  %c = "tosa.const"() {values = dense<1.0> : tensor<1x1xf8E8M0FNU>} : () -> tensor<1x1xf8E8M0FNU>
  %s = tensor.cast %c : tensor<1x1xf8E8M0FNU> to tensor<?x1xf8E8M0FNU>
  // expected-error @+1 {{block-scaled constant: 2 parameters are required, found 1}}
  %y = tosa.cast_from_block_scaled %a, %s {block_size = BLOCK_SIZE_32} : (tensor<2x32xf8E4M3FN>, tensor<?x1xf8E8M0FNU>) -> tensor<2x32xf32>
  return %y : tensor<2x32xf32>
}
