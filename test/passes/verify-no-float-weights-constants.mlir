// RUN: quant-opt %s --lowbit-verify-no-float-weights="scope=constants max-elements=4 allow=rotary*" --verify-diagnostics

// After lowering no layer is left to ask, so every float constant of two or more
// dimensions is suspect.

// expected-error @below {{'memref.global' op requires no float weight, found 8 numbers of type 'f32'; quantize it, or allow it with 'lowbit-verify-no-float-weights=allow=fc1'}}
memref.global "private" @fc1 : memref<2x4xf32>
// expected-error @below {{'lowbit.global' op requires no float weight, found 8 numbers of type 'f16'}}
lowbit.global @fc2 : tensor<2x4xf16> {data = dense<0.5> : tensor<2x4xf16>}

// Vectors, small matrices, blobs of bytes and what is allowed pass.
memref.global "private" @norm : memref<1024xf32>
memref.global "private" @small : memref<2x2xf32>
memref.global "private" @fc3 : memref<4096xi8>
memref.global "private" @rotary_cos : memref<256x64xf32>

func.func @constant() -> tensor<2x3xf32> {
  // A splat takes no memory.
  %0 = arith.constant dense<0.0> : tensor<64x64xf32>
  // expected-error @below {{'arith.constant' op requires no float weight, found 6 numbers of type 'f32'; make it a lowbit.global and quantize it}}
  %1 = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}
