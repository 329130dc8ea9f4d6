// RUN: quant-opt %s --lowbit-insert-observers=statistics=columns,histogram | FileCheck %s
// RUN: quant-opt %s '--lowbit-insert-observers=layers=*.down,*.k statistics=second_moment' | FileCheck %s --check-prefix=SOME

lowbit.global @attn.q : tensor<64x64xf32> {data = dense<1.0> : tensor<64x64xf32>}
lowbit.global @attn.k : tensor<64x16xf32> {data = dense<1.0> : tensor<64x16xf32>}
lowbit.global @mlp.up : tensor<96x64xf32> {data = dense<1.0> : tensor<96x64xf32>}
lowbit.global @mlp.down : tensor<64x96xf32> {data = dense<1.0> : tensor<64x96xf32>}

// Layers that share an input share a record; a layer is called as its weight,
// also one that is stored as [K, N].

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>
// CHECK: lowbit.observe %[[X]] as "attn.q" layers ["attn.q", "attn.k"] with columns|histogram : tensor<?x64xf32>
// SOME-LABEL: func.func @main
// SOME: lowbit.observe %{{.*}} as "attn.q" layers ["attn.q", "attn.k"] with second_moment
// SOME-NOT: "mlp.up"
func.func @main(%x: tensor<?x64xf32>, %e: tensor<64x64xf32>) -> (tensor<?x64xf32>, tensor<?x16xf32>) {
  %wq = lowbit.weight @attn.q : tensor<64x64xf32>
  %tq = linalg.transpose ins(%wq : tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) permutation = [1, 0]
  %0 = lowbit.linear %x, %tq : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %wk = lowbit.weight @attn.k : tensor<64x16xf32>
  %ek = tensor.empty() : tensor<16x64xf32>
  %tk = linalg.transpose ins(%wk : tensor<64x16xf32>) outs(%ek : tensor<16x64xf32>) permutation = [1, 0]
  %1 = lowbit.linear %x, %tk : tensor<?x64xf32>, tensor<16x64xf32> -> tensor<?x16xf32>
  return %0, %1 : tensor<?x64xf32>, tensor<?x16xf32>
}

// CHECK-LABEL: func.func @mlp
// CHECK: lowbit.observe %{{.*}} as "mlp.up" layers ["mlp.up"] with columns|histogram : tensor<?x64xf32>
// CHECK: %[[H:.*]] = lowbit.linear
// CHECK: lowbit.observe %[[H]] as "mlp.down" layers ["mlp.down"] with columns|histogram : tensor<?x96xf32>
// CHECK: lowbit.linear %[[H]]
// SOME-LABEL: func.func @mlp
// SOME: lowbit.observe %{{.*}} as "mlp.down" layers ["mlp.down"] with second_moment
func.func @mlp(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %wu = lowbit.weight @mlp.up : tensor<96x64xf32>
  %0 = lowbit.linear %x, %wu activation relu : tensor<?x64xf32>, tensor<96x64xf32> -> tensor<?x96xf32>
  %wd = lowbit.weight @mlp.down : tensor<64x96xf32>
  %1 = lowbit.linear %0, %wd : tensor<?x96xf32>, tensor<64x96xf32> -> tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}

// What a weight meets is one record, whoever reads it.

// CHECK-LABEL: func.func @again
// CHECK: lowbit.observe %{{.*}} as "attn.q" layers ["attn.q"]
func.func @again(%x: tensor<1x64xf32>, %e: tensor<64x64xf32>) -> tensor<1x64xf32> {
  %wq = lowbit.weight @attn.q : tensor<64x64xf32>
  %tq = linalg.transpose ins(%wq : tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) permutation = [1, 0]
  %0 = lowbit.linear %x, %tq : tensor<1x64xf32>, tensor<64x64xf32> -> tensor<1x64xf32>
  return %0 : tensor<1x64xf32>
}

// A weight that is computed has no name, and a quantized input no numbers to
// observe.

// CHECK-LABEL: func.func @others
// CHECK-NOT: lowbit.observe
func.func @others(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>) -> tensor<?x8xf32> {
  %0 = lowbit.linear %x, %w : tensor<?x64xf32>, tensor<8x64xf32> -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
