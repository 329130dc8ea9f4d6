// RUN: quant-opt %s --lowbit-import-globals --split-input-file --verify-diagnostics | FileCheck %s

// The example of the pass.

// CHECK: lowbit.global @fc : tensor<2x4xf32> {data = dense<1.000000e+00> : tensor<2x4xf32>}
ml_program.global private @fc(dense<1.0> : tensor<2x4xf32>) : tensor<2x4xf32>
// CHECK-LABEL: func @load
func.func @load() -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  // CHECK: lowbit.weight @fc : tensor<2x4xf32>
  // CHECK: lowbit.weight @fc : tensor<2x4xf32>
  %w = ml_program.global_load_const @fc : tensor<2x4xf32>
  %v = ml_program.global_load @fc : tensor<2x4xf32>
  return %w, %v : tensor<2x4xf32>, tensor<2x4xf32>
}

// -----

// Constants of resources, as exporters of large models write them, are named
// after the resource, one for all uses. Small constants stay.

// CHECK: lowbit.global @layers.0.weight : tensor<2xf32> {data = dense_resource<layers.0.weight> : tensor<2xf32>}
// CHECK-NOT: lowbit.global
// CHECK-LABEL: func @resources
func.func @resources() -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  // CHECK: %[[A:.*]] = lowbit.weight @layers.0.weight
  // CHECK: %[[B:.*]] = lowbit.weight @layers.0.weight
  // CHECK: %[[C:.*]] = arith.constant dense<
  // CHECK: return %[[A]], %[[B]], %[[C]]
  %a = arith.constant dense_resource<layers.0.weight> : tensor<2xf32>
  %b = arith.constant dense_resource<layers.0.weight> : tensor<2xf32>
  %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  return %a, %b, %c : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

{-#
  dialect_resources: {
    builtin: {
      layers.0.weight: "0x040000000000803F00000040"
    }
  }
#-}

// -----

// expected-remark @+1 {{@state stays an ml_program.global: it is written, or used by more than loads}}
ml_program.global private mutable @state(dense<0> : tensor<2xi64>) : tensor<2xi64>
// expected-remark @+1 {{@given stays an ml_program.global: it has no initial value}}
ml_program.global private mutable @given : tensor<2xi64>
// expected-remark @+1 {{@bits stays an ml_program.global: its type isn't a static tensor of whole bytes}}
ml_program.global private @bits(dense<0> : tensor<2xi4>) : tensor<2xi4>
func.func @left(%x: tensor<2xi64>) {
  ml_program.global_store @state = %x : tensor<2xi64>
  return
}
