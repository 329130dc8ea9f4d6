// RUN: quant-opt %s --lowbit-import-linalg --split-input-file --verify-diagnostics

// Each dequantization that stays is named, with the reason.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @codes(%q: tensor<2x2xi4>, %e: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %s = arith.constant dense<1.0> : tensor<2xf32>
  // expected-remark @+1 {{dequantization stays as it is: its codes are argument #0 of @codes, not a constant}}
  %w = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q, %s : tensor<2x2xi4>, tensor<2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%code: i4, %scale: f32, %unused: f32):
    %0 = arith.sitofp %code : i4 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @parameters(%s: tensor<2xf32>, %e: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %q = arith.constant dense<1> : tensor<2x2xi4>
  // expected-remark @+1 {{its parameters are argument #0 of @parameters, not a constant}}
  %w = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q, %s : tensor<2x2xi4>, tensor<2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%code: i4, %scale: f32, %unused: f32):
    %0 = arith.sitofp %code : i4 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @captured(%scale: f32, %e: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %q = arith.constant dense<1> : tensor<2x2xi4>
  // expected-remark @+1 {{a parameter is argument #0 of @captured, not a constant}}
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<2x2xi4>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%code: i4, %unused: f32):
    %0 = arith.sitofp %code : i4 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @each(%e: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %q = arith.constant dense<1> : tensor<2x2xi4>
  %s = arith.constant dense<1.0> : tensor<2x2xf32>
  // expected-remark @+1 {{scales differ from element to element in no run of columns}}
  %w = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q, %s : tensor<2x2xi4>, tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%code: i4, %scale: f32, %unused: f32):
    %0 = arith.sitofp %code : i4 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @wide(%e: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %q = arith.constant dense<1> : tensor<2x2xi16>
  %scale = arith.constant 1.0 : f32
  // expected-remark @+1 {{codes of at most 8 bits are required}}
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<2x2xi16>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%code: i16, %unused: f32):
    %0 = arith.sitofp %code : i16 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @dynamic(%q: tensor<?x2xi8>, %e: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %scale = arith.constant 1.0 : f32
  // expected-remark @+1 {{a static shape is required}}
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<?x2xi8>) outs(%e : tensor<?x2xf32>) {
  ^bb0(%code: i8, %unused: f32):
    %0 = arith.sitofp %code : i8 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<?x2xf32>
  return %w : tensor<?x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#swapped = affine_map<(d0, d1) -> (d1, d0)>
func.func @swapped(%e: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %q = arith.constant dense<1> : tensor<2x2xi8>
  %scale = arith.constant 1.0 : f32
  // expected-remark @+1 {{codes and numbers must have the same order}}
  %w = linalg.generic {indexing_maps = [#swapped, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<2x2xi8>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%code: i8, %unused: f32):
    %0 = arith.sitofp %code : i8 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#sum = affine_map<(d0, d1) -> (d0 + d1)>
func.func @sum(%e: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %q = arith.constant dense<1> : tensor<2x2xi8>
  %s = arith.constant dense<1.0> : tensor<3xf32>
  // expected-remark @+1 {{its parameters are not selected by whole loops}}
  %w = linalg.generic {indexing_maps = [#id, #sum, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q, %s : tensor<2x2xi8>, tensor<3xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%code: i8, %scale: f32, %unused: f32):
    %0 = arith.sitofp %code : i8 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @infinite(%e: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %q = arith.constant dense<1> : tensor<2x2xi8>
  %scale = arith.constant 0x7f800000 : f32
  // expected-remark @+1 {{finite scales are required, found one that is not}}
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<2x2xi8>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%code: i8, %unused: f32):
    %0 = arith.sitofp %code : i8 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @double(%e: tensor<2x2xf64>) -> tensor<2x2xf64> {
  %q = arith.constant dense<1> : tensor<2x2xi8>
  %scale = arith.constant 1.0 : f64
  // expected-remark @+1 {{requires f32, f16 or bf16 as expressed type (T2), found 'f64'}}
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<2x2xi8>) outs(%e : tensor<2x2xf64>) {
  ^bb0(%code: i8, %unused: f64):
    %0 = arith.sitofp %code : i8 to f64
    %1 = arith.mulf %0, %scale : f64
    linalg.yield %1 : f64
  } -> tensor<2x2xf64>
  return %w : tensor<2x2xf64>
}

// -----

// A cast that promises more than the constant has.
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @promised(%e: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %c = arith.constant dense<1> : tensor<1x2xi8>
  %q = tensor.cast %c : tensor<1x2xi8> to tensor<?x2xi8>
  %scale = arith.constant 1.0 : f32
  // expected-remark @+1 {{4 codes are required, found 2}}
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<?x2xi8>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%code: i8, %unused: f32):
    %0 = arith.sitofp %code : i8 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}

// -----

#scalar = affine_map<() -> ()>
func.func @scalar(%e: tensor<f32>) -> tensor<f32> {
  %q = arith.constant dense<1> : tensor<i8>
  %scale = arith.constant 1.0 : f32
  // expected-remark @+1 {{a tensor is required, found a scalar}}
  %w = linalg.generic {indexing_maps = [#scalar, #scalar], iterator_types = []}
      ins(%q : tensor<i8>) outs(%e : tensor<f32>) {
  ^bb0(%code: i8, %unused: f32):
    %0 = arith.sitofp %code : i8 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<f32>
  return %w : tensor<f32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @damaged(%e: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %q = arith.constant dense<1> : tensor<2x2xi8>
  %s = arith.constant dense_resource<short> : tensor<2xf32>
  // expected-remark @+1 {{parameters must be floats of 8 to 64 bits or integers with all their data, found tensor<2xf32>}}
  %w = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q, %s : tensor<2x2xi8>, tensor<2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%code: i8, %scale: f32, %unused: f32):
    %0 = arith.sitofp %code : i8 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}

{-#
  dialect_resources: {
    builtin: {
      short: "0x04000000000080"
    }
  }
#-}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @resource(%e: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %q = arith.constant dense_resource<short> : tensor<2x2xi8>
  %scale = arith.constant 1.0 : f32
  // expected-remark @+1 {{a byte for each of 4 codes, or a dense stream of 8 bits each, is required, found 3 bytes}}
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<2x2xi8>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%code: i8, %unused: f32):
    %0 = arith.sitofp %code : i8 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}

{-#
  dialect_resources: {
    builtin: {
      short: "0x01000000010203"
    }
  }
#-}
