// RUN: quant-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lowbit-cpu-clean-up))' | FileCheck %s --check-prefixes=CHECK,ALL
// RUN: quant-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lowbit-cpu-clean-up{kernels=false}))' | FileCheck %s --check-prefixes=CHECK,OTHERS
// RUN: quant-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lowbit-cpu-clean-up{eliminate-common=false}))' | FileCheck %s --check-prefix=TWICE

// CHECK-LABEL: func @sizes(%arg0: index)
// CHECK-NEXT: %[[FOUR:.*]] = arith.constant 4 : index
// CHECK-NEXT: %[[SIZE:.*]] = arith.muli %arg0, %[[FOUR]] : index
// CHECK-NEXT: return %[[SIZE]], %[[SIZE]]

// TWICE-LABEL: func @sizes
// TWICE: arith.muli
// TWICE: arith.muli
func.func @sizes(%n: index) -> (index, index) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %0 = arith.addi %n, %c0 : index
  %1 = arith.muli %0, %c4 : index
  %2 = arith.muli %n, %c4 : index
  return %1, %2 : index, index
}

// -----

// Kernels come cleaned up. Until vectors are lowered, they are passed by.

// CHECK-LABEL: func private @kernel
// ALL-NOT: arith.addi
// OTHERS: arith.addi
func.func private @kernel(%n: index) -> index attributes {lowbit.kernel} {
  %c0 = arith.constant 0 : index
  %0 = arith.addi %n, %c0 : index
  return %0 : index
}
