// RUN: quant-opt %s --split-input-file --lowbit-cpu-expand-floats | FileCheck %s

// A target that has everything keeps it.
module attributes {lowbit.target = #lowbit.cpu<avx2>} {
  // CHECK-LABEL: @kept
  func.func @kept(%a: vector<8xf32>, %h: vector<8xf16>) -> vector<8xf32> {
    // CHECK: arith.extf
    // CHECK: vector.fma
    // CHECK: math.fma
    %0 = arith.extf %h : vector<8xf16> to vector<8xf32>
    %1 = vector.fma %a, %a, %0 : vector<8xf32>
    %2 = math.fma %1, %a, %a : vector<8xf32>
    return %2 : vector<8xf32>
  }
}

// -----

// WebAssembly has no fused multiply-add.
module attributes {lowbit.target = #lowbit.cpu<wasm>} {
  // CHECK-LABEL: @product
  func.func @product(%a: vector<4xf32>, %b: vector<4xf32>, %c: vector<4xf32>) -> vector<4xf32> {
    // CHECK: %[[P:.*]] = arith.mulf %arg0, %arg1 : vector<4xf32>
    // CHECK: arith.addf %[[P]], %arg2 : vector<4xf32>
    %0 = vector.fma %a, %b, %c : vector<4xf32>
    return %0 : vector<4xf32>
  }

  // What counts on one rounding gets it: products of f32 are exact in f64.
  // CHECK-LABEL: @approximation
  func.func @approximation(%a: f32, %b: f32, %c: f32) -> f32 {
    // CHECK: %[[A:.*]] = arith.extf %arg0 : f32 to f64
    // CHECK: %[[B:.*]] = arith.extf %arg1 : f32 to f64
    // CHECK: %[[P:.*]] = arith.mulf %[[A]], %[[B]] : f64
    // CHECK: %[[C:.*]] = arith.extf %arg2 : f32 to f64
    // CHECK: %[[S:.*]] = arith.addf %[[P]], %[[C]] : f64
    // CHECK: arith.truncf %[[S]] : f64 to f32
    %0 = math.fma %a, %b, %c {lowbit.rounds_once} : f32
    return %0 : f32
  }
  // CHECK-LABEL: @polynomial
  func.func @polynomial(%a: vector<4xf32>) -> vector<4xf32> {
    // CHECK-NEXT: arith.mulf {{.*}} : vector<4xf32>
    // CHECK-NEXT: arith.addf {{.*}} : vector<4xf32>
    // CHECK-NEXT: return
    %0 = math.fma %a, %a, %a : vector<4xf32>
    return %0 : vector<4xf32>
  }
  // CHECK-LABEL: @extremum
  func.func @extremum(%a: vector<4xf32>, %b: vector<4xf32>) -> vector<4xf32> {
    // CHECK: %[[NAN:.*]] = arith.cmpf uno, %arg0, %arg0
    // CHECK: %[[A:.*]] = arith.select %[[NAN]], %arg1, %arg0
    // CHECK: %[[LESS:.*]] = arith.cmpf olt, %[[A]], %arg1
    // CHECK: %[[MAX:.*]] = arith.select %[[LESS]], %arg1, %[[A]]
    // CHECK: arith.cmpf ogt
    %0 = arith.maxnumf %a, %b : vector<4xf32>
    %1 = arith.minnumf %0, %b : vector<4xf32>
    return %1 : vector<4xf32>
  }
}

// -----

// Conversions of halves, without instructions for them.
// CHECK-LABEL: @from_half
func.func @from_half(%h: vector<4xf16>) -> vector<4xf32> {
  // CHECK-NOT: arith.extf
  // CHECK: arith.bitcast %arg0 : vector<4xf16> to vector<4xi16>
  // CHECK: arith.extui {{.*}} : vector<4xi16> to vector<4xi32>
  // CHECK: arith.mulf {{.*}} : vector<4xf32>
  // CHECK-NOT: arith.extf
  // CHECK: return
  %0 = arith.extf %h : vector<4xf16> to vector<4xf32>
  return %0 : vector<4xf32>
}
// CHECK-LABEL: @to_half
func.func @to_half(%x: f32) -> f16 {
  // CHECK-NOT: arith.truncf
  // CHECK: %[[BITS:.*]] = arith.trunci {{.*}} : i32 to i16
  // CHECK: arith.bitcast %[[BITS]] : i16 to f16
  %0 = arith.truncf %x : f32 to f16
  return %0 : f16
}
// CHECK-LABEL: @to_bfloat
func.func @to_bfloat(%x: vector<4xf32>) -> vector<4xbf16> {
  // CHECK-NOT: arith.truncf
  // CHECK: arith.bitcast {{.*}} : vector<4xi16> to vector<4xbf16>
  %0 = arith.truncf %x : vector<4xf32> to vector<4xbf16>
  return %0 : vector<4xbf16>
}
// Others stay.
// CHECK-LABEL: @double
func.func @double(%x: f64) -> f32 {
  // CHECK: arith.truncf
  %0 = arith.truncf %x : f64 to f32
  return %0 : f32
}

// -----

// Arithmetic in 16 bits is done in f32, and each result rounded.
module attributes {lowbit.target = #lowbit.cpu<wasm>} {
  // CHECK-LABEL: @arithmetic
  func.func @arithmetic(%h: vector<4xf16>, %b: bf16) -> (vector<4xf16>, bf16, i1) {
    // CHECK: arith.mulf {{.*}} : vector<4xf32>
    // CHECK: %[[S:.*]] = arith.addf {{.*}} : f32
    // CHECK: arith.bitcast %[[S]] : f32 to i32
    // CHECK: arith.subf {{.*}} : f32
    // CHECK: arith.cmpf olt, {{.*}} : f32
    %0 = arith.mulf %h, %h : vector<4xf16>
    %1 = arith.addf %b, %b : bf16
    %2 = arith.subf %1, %b : bf16
    %3 = arith.cmpf olt, %2, %b : bf16
    return %0, %2, %3 : vector<4xf16>, bf16, i1
  }
}
