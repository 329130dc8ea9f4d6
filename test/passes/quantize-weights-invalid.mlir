// RUN: quant-opt %s --split-input-file --verify-diagnostics --lowbit-quantize-weights=method=int4
// RUN: not quant-opt %s --lowbit-quantize-weights=method=int9 2>&1 | FileCheck %s --check-prefix=WIDTH
// RUN: not quant-opt %s --lowbit-quantize-weights=method=int4-g 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: not quant-opt %s --lowbit-quantize-weights=method=int4-g2147483648 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: not quant-opt %s --lowbit-quantize-weights=method=nf5 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not quant-opt %s --lowbit-quantize-weights=method=int4-a16 2>&1 | FileCheck %s --check-prefix=SUFFIX
// RUN: not quant-opt %s --lowbit-quantize-weights="method=int4 scale-search=best" 2>&1 | FileCheck %s --check-prefix=SEARCH

// RUN: not quant-opt %s --lowbit-quantize-weights='method="#lowbit.encoding<int<4>, group = 4>-a9"' 2>&1 | FileCheck %s --check-prefix=ENCODING
// RUN: not quant-opt %s --lowbit-quantize-weights='method="#lowbit.encoding<int<4>, group = 4>-dq4"' 2>&1 | FileCheck %s --check-prefix=ENCODING

// ENCODING: quantization method '#lowbit.encoding<int<4>, group = 4>-{{.*}}': requires no suffixes of encodings but -a8[-token], -afp8[-e5m2][-token] or -abf16, found '-{{a9|dq4}}' at the end
// WIDTH: quantization method 'int9': requires a width of 1 to 8 bits, found 'int9'
// GROUP: requires a size of 1 to 2147483647 columns behind -g, and two rows or more in blocks, -b<rows>x<columns>, found 'int4-g{{[0-9]*}}'
// NAME: quantization method 'nf5': requires a method that README.md lists, of which 'nf4' is the nearest, found 'nf5'
// SUFFIX: requires no suffixes but -g<columns> or -b<rows>x<columns>, -dq or -dq4, and -a8[-token], -afp8[-e5m2][-token] or -abf16, each at most once and in this order, found '-a16' at the end
// SEARCH: scale search: requires mse, importance or absmax, found 'best'

lowbit.global @nan : tensor<2x2xf32> {data = dense<[[1.0, 2.0], [0x7FC00000, 1.0]]> : tensor<2x2xf32>}

func.func @not_finite(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @nan : tensor<2x2xf32>
  // expected-error @+1 {{weight 'nan': }}
  %y = lowbit.linear %x, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// Nothing is left out silently.

func.func @computed(%x: tensor<?x2xf32>, %w: tensor<2x2xf32>) -> tensor<?x2xf32> {
  // expected-remark @+1 {{stays float: its weight is not a constant matrix, or its data are not at hand}}
  %y = lowbit.linear %x, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// Numbers that no scale is small enough for don't vanish silently.

lowbit.global @tiny : tensor<2x4xf32> {data = dense<[[1.0e-30, 0.0, 1.0e-30, 2.0e-30], [1.0, 2.0, 3.0, 4.0]]> : tensor<2x4xf32>}

func.func @underflow(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @tiny : tensor<2x4xf32>
  // expected-remark @+1 {{weight 'tiny': 1 of 2 groups become zeros: their numbers are too small for a scale of type 'f16'; scale the layer up or keep it float}}
  %y = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

lowbit.global @table : tensor<4x2xf32> {data = dense<1.0> : tensor<4x2xf32>}

func.func @by_request(%ids: tensor<?xi64>) -> tensor<?x4xf32> {
  %w = lowbit.weight @table : tensor<4x2xf32>
  // expected-remark @+1 {{weight 'table' stays float: embedding tables and the head are quantized with --include-embeddings only}}
  %x = lowbit.embedding %ids, %w : tensor<?xi64>, tensor<4x2xf32> -> tensor<?x2xf32>
  // expected-remark @+1 {{weight 'table' stays float: embedding tables and the head are quantized with --include-embeddings only}}
  %y = lowbit.linear %x, %w : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// One element of text must not become terabytes.

lowbit.global @huge : tensor<1048576x1048576xf32> {data = dense<1.0> : tensor<1048576x1048576xf32>}

func.func @splat(%x: tensor<?x1048576xf32>) -> tensor<?x1048576xf32> {
  %w = lowbit.weight @huge : tensor<1048576x1048576xf32>
  // expected-error @+1 {{weight 'huge': requires a splat of at most 2147483648 bytes when written out, found 'tensor<1048576x1048576xf32>'}}
  %y = lowbit.linear %x, %w : tensor<?x1048576xf32>, tensor<1048576x1048576xf32> -> tensor<?x1048576xf32>
  return %y : tensor<?x1048576xf32>
}

// -----

#int8 = #lowbit.encoding<int<8>, channel, scale = f16>
lowbit.global @codes : !lowbit.tensor<2x2xf32, #int8> {codes = dense<1> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>}

func.func @already_quantized(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @codes : !lowbit.tensor<2x2xf32, #int8>
  // expected-remark @+1 {{keeps its codes: its weight is quantized already, as #lowbit.encoding<int<8>, channel, scale = f16>}}
  %y = lowbit.linear %x, %w : tensor<?x2xf32>, !lowbit.tensor<2x2xf32, #int8> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// A resource of another size than its type's is not read.

func.func @short_resource(%x: tensor<?x64xf32>) -> tensor<?x8xf32> {
  %w = arith.constant dense_resource<short> : tensor<8x64xf32>
  // expected-remark @+1 {{stays float: its weight is not a constant matrix, or its data are not at hand}}
  %y = lowbit.linear %x, %w : tensor<?x64xf32>, tensor<8x64xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

{-#
  dialect_resources: {
    builtin: {
      short: "0x010000000102030405060708"
    }
  }
#-}
