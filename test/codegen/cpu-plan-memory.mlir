// RUN: quant-opt %s --lowbit-cpu-plan-memory --split-input-file | FileCheck %s

// Buffers that live at different times share a place; one of a dynamic size has
// room for the largest. The result keeps its place to the end.

// CHECK:       lowbit.signature.decode = {states = array<i64: 0>, workspace = 256 : i64}
// CHECK-LABEL: func.func @decode
// CHECK-SAME:    %[[N:[a-z0-9]+]]: index, %[[SPACE:[a-z0-9]+]]: memref<256xi8>
// CHECK:         %[[M:.*]] = affine.min
// CHECK:         memref.view %[[SPACE]][%c0][] : memref<256xi8> to memref<32xf32>
// CHECK:         memref.view %[[SPACE]][%c128][%[[M]]] : memref<256xi8> to memref<?xf32>
// CHECK:         memref.view %[[SPACE]][%c0_{{[0-9]+}}][] : memref<256xi8> to memref<32xf32>
// CHECK:         %[[Y:.*]] = memref.view %[[SPACE]][%c128_{{[0-9]+}}][] : memref<256xi8> to memref<4xf32>
// CHECK-NOT:     dealloc
// CHECK:         return %[[Y]]
#most = affine_map<()[s0] -> (s0, 32)>
module attributes {lowbit.signature.decode = {states = array<i64: 0>}} {
  func.func @decode(%state: memref<8xf32>, %n: index) -> memref<4xf32> {
    %zero = arith.constant 0.0 : f32
    %m = affine.min #most()[%n]
    %a = memref.alloc() : memref<32xf32>
    %b = memref.alloc(%m) : memref<?xf32>
    linalg.fill ins(%zero : f32) outs(%a : memref<32xf32>)
    linalg.fill ins(%zero : f32) outs(%b : memref<?xf32>)
    %c = memref.alloc() : memref<32xf32>
    %y = memref.alloc() : memref<4xf32>
    linalg.fill ins(%zero : f32) outs(%c : memref<32xf32>)
    linalg.fill ins(%zero : f32) outs(%y : memref<4xf32>)
    memref.dealloc %a : memref<32xf32>
    memref.dealloc %b : memref<?xf32>
    memref.dealloc %c : memref<32xf32>
    return %y : memref<4xf32>
  }
}

// -----

// A buffer that may have any size has no place.

// CHECK-LABEL: func.func @prefill
// CHECK:         memref.alloc
module attributes {lowbit.signature.prefill = {states = array<i64: 0>}} {
  func.func @prefill(%state: memref<8xf32>, %n: index) -> memref<?xf32> {
    %y = memref.alloc(%n) : memref<?xf32>
    return %y : memref<?xf32>
  }
}

// -----

// Without states, in a module whose host keeps the memory.

// CHECK:       lowbit.signature = {workspace = 64 : i64}
// CHECK-SAME:  lowbit.temporaries = 320 : i64
// CHECK-LABEL: func.func @main
// CHECK-SAME:    %[[SPACE:[a-z0-9]+]]: memref<64xi8>
// CHECK:         %[[Y:.*]] = memref.view %[[SPACE]]
// CHECK:         return %[[Y]]
module attributes {lowbit.signature = {}, lowbit.workspaces} {
  func.func @main() -> memref<4xf32> {
    %zero = arith.constant 0.0 : f32
    %y = memref.alloc() : memref<4xf32>
    linalg.fill ins(%zero : f32) outs(%y : memref<4xf32>)
    func.call @loop(%y) : (memref<4xf32>) -> ()
    return %y : memref<4xf32>
  }

  // What a loop allocates, in whole lines, and a line for each; to be aligned takes another.
  func.func private @loop(%y: memref<4xf32>) {
    %a = memref.alloc() : memref<3xf32>
    %b = memref.alloc() {alignment = 64 : i64} : memref<16xf32>
    memref.copy %a, %a : memref<3xf32> to memref<3xf32>
    memref.dealloc %b : memref<16xf32>
    memref.dealloc %a : memref<3xf32>
    return
  }
}

// -----

// Of a loop that allocates any size nothing is known.

// CHECK:       module attributes {lowbit.signature = {workspace = 0 : i64}, lowbit.workspaces} {
module attributes {lowbit.signature = {}, lowbit.workspaces} {
  func.func @main(%n: index) {
    func.call @loop(%n) : (index) -> ()
    return
  }
  func.func private @loop(%n: index) {
    %a = memref.alloc(%n) : memref<?xf32>
    memref.dealloc %a : memref<?xf32>
    return
  }
}

// -----

// Of an index nobody knows here how wide it is: it has room for 64 bits.

// CHECK:       module attributes {lowbit.signature.index = {workspace = 128 : i64}, lowbit.temporaries = 0 : i64, lowbit.workspaces} {
// CHECK-LABEL: func.func @index
// CHECK:         memref.view %{{.*}}[%{{.*}}][] : memref<128xi8> to memref<9xindex>
module attributes {lowbit.signature.index = {}, lowbit.workspaces} {
  func.func @index(%n: index) {
    %zero = arith.constant 0 : index
    %a = memref.alloc() : memref<9xindex>
    memref.store %n, %a[%zero] : memref<9xindex>
    memref.dealloc %a : memref<9xindex>
    return
  }
}

// -----

// In other modules functions allocate.

// CHECK-LABEL: func.func @main
// CHECK:         memref.alloc
module attributes {lowbit.signature = {}} {
  func.func @main() -> memref<4xf32> {
    %zero = arith.constant 0.0 : f32
    %y = memref.alloc() : memref<4xf32>
    linalg.fill ins(%zero : f32) outs(%y : memref<4xf32>)
    return %y : memref<4xf32>
  }
}
