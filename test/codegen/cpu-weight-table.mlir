// RUN: quant-opt %s --lowbit-cpu-weight-table --split-input-file --verify-diagnostics | FileCheck %s

// CHECK: module attributes {lowbit.weight_table = ["lowbit.weight.fc1", "lowbit.weight.fc2"]}
// CHECK-NOT: lowbit.weight.fc
llvm.mlir.global external constant @lowbit.weight.fc1() : !llvm.array<4 x f32>
llvm.mlir.global external constant @lowbit.weight.fc2() : !llvm.array<4 x i8>
// A global with a value is no weight.
// CHECK: llvm.mlir.global internal constant @epsilon
llvm.mlir.global internal constant @epsilon(1.0 : f32) : f32

// A reader takes the table, and whoever calls it passes it on.
// CHECK-LABEL: llvm.func @layer(
// CHECK-SAME: %[[X:.*]]: !llvm.ptr, %[[TABLE:.*]]: !llvm.ptr)
// CHECK: %[[SLOT:.*]] = llvm.getelementptr %[[TABLE]][1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
// CHECK: llvm.load %[[SLOT]] invariant : !llvm.ptr -> !llvm.ptr
llvm.func @layer(%x: !llvm.ptr) -> !llvm.ptr {
  %w = llvm.mlir.addressof @lowbit.weight.fc2 : !llvm.ptr
  llvm.return %w : !llvm.ptr
}

// CHECK-LABEL: llvm.func @main(
// CHECK-SAME: %[[X:.*]]: !llvm.ptr {llvm.noalias}, %[[TABLE:.*]]: !llvm.ptr)
// CHECK: llvm.getelementptr %[[TABLE]][0]
// CHECK: llvm.call @layer(%[[X]], %[[TABLE]])
llvm.func @main(%x: !llvm.ptr {llvm.noalias}) -> !llvm.ptr {
  %w = llvm.mlir.addressof @lowbit.weight.fc1 : !llvm.ptr
  %y = llvm.call @layer(%x) : (!llvm.ptr) -> !llvm.ptr
  llvm.return %y : !llvm.ptr
}

// What reads no weight stays as it is.
// CHECK-LABEL: llvm.func @helper(
// CHECK-SAME: %{{.*}}: f32)
llvm.func @helper(%x: f32) -> f32 {
  llvm.return %x : f32
}

// -----

llvm.mlir.global external constant @lowbit.weight.fc() : !llvm.array<4 x f32>
llvm.func @reader() -> !llvm.ptr {
  %w = llvm.mlir.addressof @lowbit.weight.fc : !llvm.ptr
  llvm.return %w : !llvm.ptr
}
llvm.func @main() -> !llvm.ptr {
  // expected-error @+1 {{requires direct calls of functions that read weights, found another use of '@reader'}}
  %f = llvm.mlir.addressof @reader : !llvm.ptr
  llvm.return %f : !llvm.ptr
}
