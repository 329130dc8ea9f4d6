// RUN: quant-opt %s -pass-pipeline='builtin.module(gpu.module(gpu.func(lowbit-wgsl-assign-names)))' | FileCheck %s

gpu.module @kernels {
// Buffers are called what their attribute says, or their location, or by number; no name
// is a word of WGSL's, and no two are the same.
// CHECK-LABEL: gpu.func @buffers
// CHECK-SAME:    memref<4xf32> {lowbit.name = "array_1"}
// CHECK-SAME:    memref<4xf32> {lowbit.name = "from_here"}
// CHECK-SAME:    memref<4xf32> {lowbit.name = "buffer2"}
// CHECK-SAME:    workgroup
// CHECK-SAME:    lowbit.names = ["tile"]
gpu.func @buffers(%a: memref<4xf32> {lowbit.name = "array"}, %b: memref<4xf32> {lowbit.name = "from__here"}, %c: memref<4xf32>)
    workgroup(%d: memref<4xf32, #gpu.address_space<workgroup>>) kernel {
  gpu.return
}

// Loads have names, what they were asked from and what a location says. What is
// used once is part of an expression.
// CHECK-LABEL: gpu.func @values
// CHECK:         %[[I:.*]] = gpu.thread_id  x
// CHECK:         memref.load %{{.*}}[%[[I]]] {lowbit.names = ["x_value"]}
// CHECK:         memref.load %{{.*}}[%[[I]]] {lowbit.names = ["angle"]}
// CHECK:         arith.mulf %{{[^{]*}} : f32
// CHECK:         arith.addf {{.*}} {lowbit.names = ["sum"]}
gpu.func @values(%x: memref<4xf32> {lowbit.name = "x"}, %y: memref<4xf32> {lowbit.name = "y"}) kernel {
  %i = gpu.thread_id x
  %0 = memref.load %x[%i] : memref<4xf32>
  %1 = memref.load %y[%i] : memref<4xf32> loc("angle")
  %2 = arith.mulf %0, %1 : f32
  %3 = arith.addf %2, %1 : f32
  %4 = arith.mulf %3, %3 : f32
  memref.store %4, %x[%i] : memref<4xf32>
  gpu.return
}

// A loop names its results, then its counter. An operation on literals alone
// gets one by name, which the compiler of the shader doesn't evaluate.
// CHECK-LABEL: gpu.func @loop
// CHECK:         arith.constant {lowbit.names = ["value"]} 1.000000e+03 : f32
// CHECK:         math.exp
// CHECK:         scf.for
// CHECK:         } {lowbit.names = ["sum", "i"]}
gpu.func @loop(%x: memref<4xf32> {lowbit.name = "x"}) kernel {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %large = arith.constant 1000.0 : f32
  %start = math.exp %large : f32
  %sum = scf.for %i = %c0 to %c4 step %c1 iter_args(%s = %start) -> f32 {
    %0 = memref.load %x[%i] : memref<4xf32>
    %1 = arith.addf %s, %0 : f32
    scf.yield %1 : f32
  } loc("sum")
  memref.store %sum, %x[%c0] : memref<4xf32>
  gpu.return
}

// A location of the model's is a path: the last part of it, without the number
// that tells nodes apart. What the kernel itself was made for says nothing of a
// value: that is called by what its operation computes.
// CHECK-LABEL: gpu.func @paths
// CHECK:         math.exp {{.*}} {lowbit.names = ["exponential"]}
// CHECK:         arith.mulf {{.*}} {lowbit.names = ["reduce_mean"]}
// CHECK:         arith.subf {{.*}} {lowbit.names = ["difference"]}
// CHECK:         arith.select {{.*}} {lowbit.names = ["larger"]}
// CHECK:         arith.select {{.*}} {lowbit.names = ["smaller"]}
// CHECK:         arith.select {{.*}} {lowbit.names = ["chosen"]}
// CHECK:         vector.broadcast {{.*}} {lowbit.names = ["difference_1"]}
gpu.func @paths(%x: memref<4xf32> {lowbit.name = "x"}, %y: memref<4xvector<4xf32>> {lowbit.name = "y"}) kernel {
  %i = gpu.thread_id x
  %0 = memref.load %x[%i] : memref<4xf32>
  %1 = math.exp %0 : f32 loc("/layers.0/Softmax_3")
  %2 = arith.mulf %1, %1 : f32 loc("/layers.0/ReduceMean_12")
  %3 = arith.subf %2, %1 : f32
  %isLess = arith.cmpf olt, %3, %2 : f32
  %4 = arith.select %isLess, %2, %3 : f32
  %isLarger = arith.cmpf ogt, %4, %3 : f32
  %5 = arith.select %isLarger, %3, %4 : f32
  %6 = arith.select %isLarger, %0, %5 : f32
  %7 = arith.addf %6, %6 : f32
  %8 = arith.addf %4, %5 : f32
  %9 = arith.mulf %8, %5 : f32
  memref.store %7, %x[%i] : memref<4xf32>
  memref.store %9, %x[%i] : memref<4xf32>
  %all = vector.broadcast %3 : f32 to vector<4xf32>
  %sum = arith.addf %all, %all : vector<4xf32>
  memref.store %sum, %y[%i] : memref<4xvector<4xf32>>
  gpu.return
} loc("/layers.0/Softmax_3")

// A loop's variables are called what they are inside, or by what is next.
// CHECK-LABEL: gpu.func @variables
// CHECK:         } {lowbit.names = ["larger", "product", "i"]}
gpu.func @variables(%x: memref<4xf32> {lowbit.name = "x"}) kernel {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  %all:2 = scf.for %row = %c0 to %c4 step %c1 iter_args(%m = %zero, %p = %zero) -> (f32, f32) {
    %0 = memref.load %x[%row] : memref<4xf32>
    %1 = arith.maxnumf %m, %0 : f32
    %2 = arith.mulf %p, %0 : f32
    scf.yield %1, %2 : f32, f32
  }
  memref.store %all#0, %x[%c0] : memref<4xf32>
  memref.store %all#1, %x[%c1] : memref<4xf32>
  gpu.return
}

// An inner loop goes on with the variable of the one around it, which needs it for
// nothing else; the second sum is read there, and the third is not what comes next.
// CHECK-LABEL: gpu.func @passed_on
// CHECK:         scf.for
// CHECK:           arith.subf {{.*}} {lowbit.names = ["before"]}
// CHECK:           scf.for
// CHECK:           } {lowbit.names = ["a", "b_1", "c_1", "i_1"]}
// CHECK:         } {lowbit.names = ["a", "b", "c", "d", "i"]}
gpu.func @passed_on(%x: memref<4xf32> {lowbit.name = "x"}) kernel {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %all:4 = scf.for %i = %c0 to %c4 step %c1 iter_args(%a = %zero, %b = %zero, %c = %zero, %d = %zero) -> (f32, f32, f32, f32) {
    %before = arith.subf %b, %one : f32 loc("before")
    memref.store %before, %x[%i] : memref<4xf32>
    memref.store %before, %x[%c0] : memref<4xf32>
    %inner:3 = scf.for %k = %c0 to %c4 step %c1 iter_args(%a1 = %a, %b1 = %b, %c1_ = %c) -> (f32, f32, f32) {
      %0 = memref.load %x[%k] : memref<4xf32>
      %1 = arith.addf %a1, %0 : f32 loc("a")
      %2 = arith.addf %b1, %0 : f32 loc("b")
      %3 = arith.addf %c1_, %0 : f32 loc("c")
      scf.yield %1, %2, %3 : f32, f32, f32
    }
    %next = arith.addf %d, %inner#2 : f32 loc("d")
    %last = arith.mulf %inner#2, %one : f32 loc("c")
    scf.yield %inner#0, %inner#1, %last, %next : f32, f32, f32, f32
  }
  memref.store %all#0, %x[%c0] : memref<4xf32>
  memref.store %all#1, %x[%c1] : memref<4xf32>
  memref.store %all#2, %x[%c0] : memref<4xf32>
  memref.store %all#3, %x[%c1] : memref<4xf32>
  gpu.return
}

// What is assigned is computed where it is, unless that is of a variable that has
// its next value by then.
// CHECK-LABEL: gpu.func @assigned
// CHECK:         arith.addf %{{[a-z0-9]*}}, %{{[a-z0-9]*}} : f32
// CHECK:         arith.mulf %{{[a-z0-9]*}}, %{{[a-z0-9]*}} : f32
// CHECK:         arith.subf {{.*}} {lowbit.names = ["late_1"]}
// CHECK:         } {lowbit.names = ["sum", "product", "late", "i"]}
gpu.func @assigned(%x: memref<4xf32> {lowbit.name = "x"}) kernel {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  %all:3 = scf.for %i = %c0 to %c4 step %c1 iter_args(%s = %zero, %p = %zero, %l = %zero) -> (f32, f32, f32) {
    %0 = memref.load %x[%i] : memref<4xf32>
    %1 = arith.addf %s, %0 : f32
    %2 = arith.mulf %p, %0 : f32
    %3 = arith.subf %s, %l : f32 loc("late")
    scf.yield %1, %2, %3 : f32, f32, f32
  }
  memref.store %all#0, %x[%c0] : memref<4xf32>
  memref.store %all#1, %x[%c1] : memref<4xf32>
  memref.store %all#2, %x[%c0] : memref<4xf32>
  gpu.return
}

// A statement that would be too long is divided: where a location has a name
// for a part, there.
// CHECK-LABEL: gpu.func @long
// CHECK:         arith.divf {{.*}} {lowbit.names = ["weight"]}
// CHECK-NOT:     lowbit.names
// CHECK:         memref.store
gpu.func @long(%x: memref<4xf32> {lowbit.name = "x"}, %a: f32, %b: f32) kernel {
  %i = gpu.thread_id x
  %0 = arith.addf %a, %b : f32
  %1 = arith.mulf %0, %a : f32
  %2 = arith.divf %1, %b : f32 loc("weight")
  %3 = arith.mulf %a, %b : f32
  %4 = arith.subf %3, %a : f32
  %5 = arith.mulf %4, %b : f32
  %6 = arith.negf %5 : f32
  %7 = arith.addf %6, %2 : f32
  memref.store %7, %x[%i] : memref<4xf32>
  gpu.return
}

// An index is called by what it is one of: the quotient that a row is left of
// counts rows, another row is one, too.
// CHECK-LABEL: gpu.func @subjects
// CHECK:         arith.divui {{.*}} {lowbit.names = ["rows"]}
// CHECK:         arith.remui {{.*}} {lowbit.names = ["row"]}
// CHECK:         arith.addi {{.*}} {lowbit.names = ["row_1"]}
// CHECK:         arith.minui {{.*}} {lowbit.names = ["row_2"]}
// CHECK:         arith.muli {{.*}} {lowbit.names = ["row_offset"]}
// CHECK:         arith.divui {{.*}} {lowbit.names = ["row_group"]}
// CHECK:         arith.remui {{.*}} {lowbit.names = ["row_in_group"]}
gpu.func @subjects(%x: memref<4xf32> {lowbit.name = "x"}, %y: memref<4xf32> {lowbit.name = "y"}) kernel {
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c9 = arith.constant 9 : index
  %thread = gpu.thread_id x
  %rows = arith.divui %thread, %c4 : index
  %row = arith.remui %rows, %c9 : index loc("row")
  %plane = arith.divui %rows, %c9 : index
  %next = arith.addi %row, %c1 : index
  %last = arith.minui %row, %c4 : index
  %offset = arith.muli %row, %c4 : index
  %group = arith.divui %row, %c4 : index
  %part = arith.remui %row, %c4 : index
  %0 = arith.addi %group, %part : index
  %1 = arith.muli %group, %part : index
  %2 = arith.addi %offset, %0 : index
  %3 = arith.addi %offset, %1 : index
  %4 = memref.load %x[%2] : memref<4xf32>
  memref.store %4, %y[%3] : memref<4xf32>
  %5 = memref.load %x[%row] : memref<4xf32>
  memref.store %5, %y[%plane] : memref<4xf32>
  %6 = memref.load %x[%next] : memref<4xf32>
  memref.store %6, %y[%next] : memref<4xf32>
  %7 = memref.load %x[%last] : memref<4xf32>
  memref.store %7, %y[%last] : memref<4xf32>
  gpu.return
}

// Or by the buffer that it is a place in, or a part of one: no buffer if there
// are several.
// CHECK-LABEL: gpu.func @places
// CHECK:         arith.divui {{.*}} {lowbit.names = ["x_offset"]}
// CHECK:         arith.remui {{.*}} {lowbit.names = ["offset"]}
// CHECK:         arith.addi {{.*}} {lowbit.names = ["x_at"]}
// CHECK:         arith.muli {{.*}} {lowbit.names = ["at"]}
gpu.func @places(%x: memref<4xf32> {lowbit.name = "x"}, %y: memref<4xf32> {lowbit.name = "y"}) kernel {
  %c4 = arith.constant 4 : index
  %thread = gpu.thread_id x
  %0 = arith.divui %thread, %c4 : index
  %1 = arith.remui %thread, %c4 : index
  %2 = arith.addi %0, %1 : index
  %3 = arith.muli %1, %1 : index
  %4 = memref.load %x[%2] : memref<4xf32>
  memref.store %4, %x[%2] : memref<4xf32>
  %5 = arith.muli %0, %0 : index
  %6 = memref.load %x[%5] : memref<4xf32>
  memref.store %6, %x[%3] : memref<4xf32>
  memref.store %6, %y[%3] : memref<4xf32>
  gpu.return
}

// What serves to shift words alone says so.
// CHECK-LABEL: gpu.func @shifts
// CHECK:         arith.muli {{.*}} {lowbit.names = ["shift"]}
// CHECK:         arith.muli {{.*}} {lowbit.names = ["product"]}
gpu.func @shifts(%x: memref<4xi32> {lowbit.name = "x"}, %n: i32) kernel {
  %i = gpu.thread_id x
  %0 = memref.load %x[%i] : memref<4xi32>
  %1 = arith.muli %n, %n : i32
  %2 = arith.shrui %0, %1 : i32
  %3 = arith.shli %2, %1 : i32
  %4 = arith.muli %3, %n : i32
  %5 = arith.shrui %0, %4 : i32
  %6 = arith.addi %5, %4 : i32
  memref.store %6, %x[%i] : memref<4xi32>
  gpu.return
}
}
