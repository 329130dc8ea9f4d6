// RUN: quant-opt %s --lowbit-cpu-widen-booleans | FileCheck %s

#id = affine_map<(d0) -> (d0)>

// CHECK: memref.global "private" constant @table : memref<2xi8> = dense<[1, 0]>
memref.global "private" constant @table : memref<2xi1> = dense<[true, false]>

// CHECK-LABEL: func @both
// CHECK-SAME: %[[MASK:.*]]: memref<?xi8>, %{{.*}}: memref<?xf32>, %[[OUT:.*]]: memref<?xi8>
func.func @both(%mask: memref<?xi1>, %x: memref<?xf32>, %out: memref<?xi1>) {
  %zero = arith.constant 0.0 : f32
  // CHECK: ins(%[[MASK]], %{{.*}} : memref<?xi8>, memref<?xf32>) outs(%[[OUT]] : memref<?xi8>)
  // CHECK: ^bb0(%[[BYTE:.*]]: i8, %{{.*}}: f32, %{{.*}}: i8):
  // CHECK: %[[BIT:.*]] = arith.trunci %[[BYTE]] : i8 to i1
  // CHECK: %[[AND:.*]] = arith.andi %[[BIT]], %{{.*}} : i1
  // CHECK: %[[WIDE:.*]] = arith.extui %[[AND]] : i1 to i8
  // CHECK: linalg.yield %[[WIDE]] : i8
  linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%mask, %x : memref<?xi1>, memref<?xf32>) outs(%out : memref<?xi1>) {
  ^bb0(%m: i1, %e: f32, %o: i1):
    %above = arith.cmpf ogt, %e, %zero : f32
    %and = arith.andi %m, %above : i1
    linalg.yield %and : i1
  }
  return
}

// CHECK-LABEL: func @scalars
func.func @scalars(%n: index) -> i1 {
  %yes = arith.constant true
  // CHECK: memref.alloc(%{{.*}}) : memref<?xi8>
  %a = memref.alloc(%n) : memref<?xi1>
  // CHECK: linalg.fill ins(%{{.*}} : i8) outs(%{{.*}} : memref<?xi8>)
  linalg.fill ins(%yes : i1) outs(%a : memref<?xi1>)
  %c0 = arith.constant 0 : index
  // CHECK: %[[WIDE:.*]] = arith.extui
  // CHECK: memref.store %[[WIDE]], %{{.*}} : memref<?xi8>
  memref.store %yes, %a[%c0] : memref<?xi1>
  // CHECK: %[[BYTE:.*]] = memref.load %{{.*}} : memref<?xi8>
  // CHECK: %[[BIT:.*]] = arith.trunci %[[BYTE]] : i8 to i1
  // CHECK: return %[[BIT]] : i1
  %0 = memref.load %a[%c0] : memref<?xi1>
  return %0 : i1
}
