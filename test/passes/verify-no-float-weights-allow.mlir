// RUN: quant-opt %s --lowbit-verify-no-float-weights="max-elements=0 allow=lm_head,embed*" --split-input-file --verify-diagnostics
// RUN: quant-opt %s --lowbit-verify-no-float-weights --split-input-file
// RUN: not quant-opt %s --lowbit-verify-no-float-weights="allow=a[" 2>&1 | FileCheck %s --check-prefix=GLOB
// RUN: not quant-opt %s --lowbit-verify-no-float-weights="scope=all" 2>&1 | FileCheck %s --check-prefix=SCOPE

// GLOB: error: 'lowbit-verify-no-float-weights' requires globs in 'allow', found 'a['
// SCOPE: error: 'lowbit-verify-no-float-weights' requires 'scope' to be layers or constants, found 'all'

// Weights are allowed by name, and small tensors (the second run) by size.

lowbit.global @embed_tokens : tensor<2x4xf32> {data = dense<0.5> : tensor<2x4xf32>}
lowbit.global @lm_head : tensor<2x4xf32> {data = dense<0.5> : tensor<2x4xf32>}

func.func @layers(%ids: tensor<?xi64>) -> tensor<?x2xf32> {
  %0 = lowbit.weight @embed_tokens : tensor<2x4xf32>
  %1 = lowbit.embedding %ids, %0 : tensor<?xi64>, tensor<2x4xf32> -> tensor<?x4xf32>
  %2 = lowbit.weight @lm_head : tensor<2x4xf32>
  %3 = lowbit.linear %1, %2 : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}
