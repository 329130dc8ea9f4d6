// Kernels as every GPU target takes them, and the shaders that they become.
// test/web/run_kernels.py runs these very kernels on Dawn.

// RUN: lowbit-translate --lowbit-to-wgsl %s | FileCheck %s

gpu.module @kernels {

// A row of 4-bit codes times a vector: byte-interleaved nibbles, so that four
// consecutive weights are four bytes of a masked word.
// CHECK-LABEL: // gemv: y[256] = w[256 x 1024] x
// CHECK-NEXT:  //
// CHECK-NEXT:  // workgroup  64 x 1 x 1 in a grid of 256 x 1 x 1
// CHECK-NEXT:  // binding 0  codes: 8192 vec4<u32>, 131072 bytes, read; int4, groups of 32, byte-interleaved nibbles
// CHECK-NEXT:  // binding 1  scales: 8192 f32, 32768 bytes, read
// CHECK-NEXT:  // binding 2  x: 256 vec4<f32>, 4096 bytes, read
// CHECK-NEXT:  // binding 3  y: 256 f32, 1024 bytes, written
// CHECK:       override workgroup_size_x: u32 = 64u;
// CHECK-NEXT:  @group(0) @binding(0) var<storage, read> codes: array<vec4<u32>, 8192>;
// CHECK-NEXT:  @group(0) @binding(1) var<storage, read> scales: array<f32, 8192>;
// CHECK-NEXT:  @group(0) @binding(2) var<storage, read> x: array<vec4<f32>, 256>;
// CHECK-NEXT:  @group(0) @binding(3) var<storage, read_write> y: array<f32, 256>;
// CHECK-NEXT:  var<workgroup> sums: array<f32, 256>;
// CHECK:       @compute @workgroup_size(workgroup_size_x, 1, 1)
// CHECK-NEXT:  fn gemv(@builtin(local_invocation_id) local_id: vec3<u32>,
// CHECK-NEXT:          @builtin(workgroup_id) workgroup_id: vec3<u32>) {
// CHECK:         for (var [[GROUP:.*]] = local_id.x; [[GROUP]] < 32u; [[GROUP]] += workgroup_size_x) {
// CHECK:           let word = codes_value[{{.*}}];
// CHECK:           vec4<f32>(unpack4xU8(word & 252645135u))
// CHECK:         workgroupBarrier();
// CHECK:         if (local_id.x == 0u) {
gpu.func @gemv(%codes: memref<8192xvector<4xi32>> {lowbit.name = "codes", lowbit.description = "int4, groups of 32, byte-interleaved nibbles"},
               %scales: memref<8192xf32> {lowbit.name = "scales"},
               %x: memref<256xvector<4xf32>> {lowbit.name = "x"},
               %y: memref<256xf32> {lowbit.name = "y"}) kernel
    attributes {known_block_size = array<i32: 64, 1, 1>, known_grid_size = array<i32: 256, 1, 1>,
                lowbit.description = "y[256] = w[256 x 1024] x"} {
  %sums = memref.alloc() : memref<256xf32, #gpu.address_space<workgroup>> loc("sums")
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c32 = arith.constant 32 : index
  %zero = arith.constant 0.0 : f32
  %eight = arith.constant dense<8.0> : vector<4xf32>
  %mask = arith.constant 0x0F0F0F0F : i32
  %four = arith.constant 4 : i32
  %n = gpu.block_id x
  %t = gpu.thread_id x
  %threads = gpu.block_dim x
  %row = arith.muli %n, %c32 : index
  %sum = scf.for %group = %t to %c32 step %threads iter_args(%acc = %zero) -> f32 {
    %at = arith.addi %row, %group : index
    %words = memref.load %codes[%at] : memref<8192xvector<4xi32>>
    %scale = memref.load %scales[%at] : memref<8192xf32>
    %first = arith.muli %group, %c8 : index
    %part = scf.for %j = %c0 to %c4 step %c1 iter_args(%p = %zero) -> f32 {
      %word = vector.extract %words[%j] : i32 from vector<4xi32> loc("word")
      %low = arith.andi %word, %mask : i32
      %shifted = arith.shrui %word, %four : i32
      %high = arith.andi %shifted, %mask : i32
      %u0 = lowbit.unpack_bytes %low : vector<4xf32>
      %u1 = lowbit.unpack_bytes %high : vector<4xf32>
      %w0 = arith.subf %u0, %eight : vector<4xf32>
      %w1 = arith.subf %u1, %eight : vector<4xf32>
      %j2 = arith.muli %j, %c2 : index
      %i0 = arith.addi %first, %j2 : index
      %i1 = arith.addi %i0, %c1 : index
      %x0 = memref.load %x[%i0] : memref<256xvector<4xf32>>
      %x1 = memref.load %x[%i1] : memref<256xvector<4xf32>>
      %m0 = arith.mulf %w0, %x0 : vector<4xf32>
      %m1 = arith.mulf %w1, %x1 : vector<4xf32>
      %s0 = vector.reduction <add>, %m0 : vector<4xf32> into f32
      %s1 = vector.reduction <add>, %m1 : vector<4xf32> into f32
      %s = arith.addf %s0, %s1 : f32
      %next = arith.addf %p, %s : f32
      scf.yield %next : f32
    } loc("part")
    %scaled = arith.mulf %part, %scale : f32
    %next = arith.addf %acc, %scaled : f32
    scf.yield %next : f32
  } loc("sum")
  memref.store %sum, %sums[%t] : memref<256xf32, #gpu.address_space<workgroup>>
  gpu.barrier
  %is_first = arith.cmpi eq, %t, %c0 : index
  scf.if %is_first {
    %total = scf.for %i = %c0 to %threads step %c1 iter_args(%a = %zero) -> f32 {
      %one = memref.load %sums[%i] : memref<256xf32, #gpu.address_space<workgroup>>
      %next = arith.addf %a, %one : f32
      scf.yield %next : f32
    } loc("total")
    memref.store %total, %y[%n] : memref<256xf32>
  }
  gpu.return
}

// Four rows times 64 columns of a tile through workgroup memory; bias and GELU.
// CHECK-LABEL: //===== gemm
// CHECK:       var<workgroup> [[A:tile.*]]: array<vec4<f32>, 64>;
// CHECK:       for (var [[I:i.*]] = 0u; [[I]] < 8u; [[I]] += 1u) {
// CHECK:         workgroupBarrier();
// CHECK:         workgroupBarrier();
// CHECK:       tanh(clamp({{.*}}vec4<f32>(-10.0f){{.*}}vec4<f32>(10.0f)))
gpu.func @gemm(%a: memref<512xvector<4xf32>> {lowbit.name = "a"},
               %b: memref<1024xvector<4xf32>> {lowbit.name = "b"},
               %bias: memref<8xvector<4xf32>> {lowbit.name = "bias"},
               %c: memref<128xvector<4xf32>> {lowbit.name = "c"}) kernel
    attributes {known_block_size = array<i32: 8, 8, 1>, known_grid_size = array<i32: 1, 2, 1>,
                lowbit.description = "c[16 x 32] = gelu(a[16 x 128] b[128 x 32] + bias)"} {
  %tile = memref.alloc() : memref<64xvector<4xf32>, #gpu.address_space<workgroup>>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %zero = arith.constant dense<0.0> : vector<4xf32>
  %tx = gpu.thread_id x
  %ty = gpu.thread_id y
  %by = gpu.block_id y
  %m0 = arith.muli %by, %c8 : index
  %m = arith.addi %m0, %ty : index
  // 16 numbers of k, as 4 vectors, in each of 8 rounds; half of the invocations load.
  %acc = scf.for %k0 = %c0 to %c8 step %c1 iter_args(%sum = %zero) -> vector<4xf32> {
    %loads = arith.cmpi ult, %tx, %c4 : index
    scf.if %loads {
      %ra = arith.muli %m, %c32 : index
      %ka = arith.muli %k0, %c4 : index
      %at0 = arith.addi %ra, %ka : index
      %at = arith.addi %at0, %tx : index
      %v = memref.load %a[%at] : memref<512xvector<4xf32>>
      %r = arith.muli %ty, %c8 : index
      %to = arith.addi %r, %tx : index
      memref.store %v, %tile[%to] : memref<64xvector<4xf32>, #gpu.address_space<workgroup>>
    }
    gpu.barrier
    %inner = scf.for %k = %c0 to %c16 step %c1 iter_args(%s = %sum) -> vector<4xf32> {
      %r = arith.muli %ty, %c8 : index
      %kv = arith.divui %k, %c4 : index
      %lane = arith.remui %k, %c4 : index
      %from = arith.addi %r, %kv : index
      %v = memref.load %tile[%from] : memref<64xvector<4xf32>, #gpu.address_space<workgroup>>
      %one = vector.extract %v[%lane] : f32 from vector<4xf32>
      %all = vector.broadcast %one : f32 to vector<4xf32>
      %kb0 = arith.muli %k0, %c16 : index
      %kb1 = arith.addi %kb0, %k : index
      %kb2 = arith.muli %kb1, %c8 : index
      %kb = arith.addi %kb2, %tx : index
      %w = memref.load %b[%kb] : memref<1024xvector<4xf32>>
      %next = math.fma %all, %w, %s : vector<4xf32>
      scf.yield %next : vector<4xf32>
    }
    gpu.barrier
    scf.yield %inner : vector<4xf32>
  }
  %bv = memref.load %bias[%tx] : memref<8xvector<4xf32>>
  %x = arith.addf %acc, %bv : vector<4xf32> loc("x")
  %cubic = arith.constant dense<0.044715> : vector<4xf32>
  %root = arith.constant dense<0.7978845608> : vector<4xf32>
  %half = arith.constant dense<0.5> : vector<4xf32>
  %one = arith.constant dense<1.0> : vector<4xf32>
  %x2 = arith.mulf %x, %x : vector<4xf32>
  %x3 = arith.mulf %x2, %x : vector<4xf32>
  %x3c = arith.mulf %x3, %cubic : vector<4xf32>
  %in = arith.addf %x, %x3c : vector<4xf32>
  %u = arith.mulf %in, %root : vector<4xf32>
  %th = math.tanh %u : vector<4xf32>
  %th1 = arith.addf %th, %one : vector<4xf32>
  %xh = arith.mulf %x, %half : vector<4xf32>
  %y = arith.mulf %xh, %th1 : vector<4xf32>
  %cr = arith.muli %m, %c8 : index
  %ci = arith.addi %cr, %tx : index
  memref.store %y, %c[%ci] : memref<128xvector<4xf32>>
  gpu.return
}

// A row of 100 numbers for each workgroup of 32, halved until one is left.
// CHECK-LABEL: //===== softmax
// CHECK:       var {{.*}} = -3.4{{[0-9]*}}e+38f;
// CHECK:       loop {
// CHECK:         if (!condition) {
// CHECK-NEXT:      break;
// CHECK-NEXT:    }
gpu.func @softmax(%x: memref<400xf32> {lowbit.name = "x"}, %y: memref<400xf32> {lowbit.name = "y"}) kernel
    attributes {known_block_size = array<i32: 32, 1, 1>, known_grid_size = array<i32: 4, 1, 1>,
                lowbit.description = "y[4 x 100] = softmax(x[4 x 100])"} {
  %shared = memref.alloc() : memref<32xf32, #gpu.address_space<workgroup>> loc("shared")
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %c100 = arith.constant 100 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %row = gpu.block_id x
  %t = gpu.thread_id x
  %base = arith.muli %row, %c100 : index
  %max = scf.for %i = %t to %c100 step %c32 iter_args(%m = %lowest) -> f32 {
    %at = arith.addi %base, %i : index
    %v = memref.load %x[%at] : memref<400xf32>
    %next = arith.maximumf %m, %v : f32
    scf.yield %next : f32
  } loc("largest")
  memref.store %max, %shared[%t] : memref<32xf32, #gpu.address_space<workgroup>>
  gpu.barrier
  %ignored = scf.while (%h = %c16) : (index) -> index {
    %more = arith.cmpi ugt, %h, %c0 : index
    scf.condition(%more) %h : index
  } do {
  ^bb0(%h: index):
    %active = arith.cmpi ult, %t, %h : index
    scf.if %active {
      %other = arith.addi %t, %h : index
      %a = memref.load %shared[%t] : memref<32xf32, #gpu.address_space<workgroup>>
      %b = memref.load %shared[%other] : memref<32xf32, #gpu.address_space<workgroup>>
      %m = arith.maximumf %a, %b : f32
      memref.store %m, %shared[%t] : memref<32xf32, #gpu.address_space<workgroup>>
    }
    gpu.barrier
    %next = arith.shrui %h, %c1 : index
    scf.yield %next : index
  } loc("distance")
  %m = memref.load %shared[%c0] : memref<32xf32, #gpu.address_space<workgroup>> loc("row_max")
  %sum = scf.for %i = %c0 to %c100 step %c1 iter_args(%s = %zero) -> f32 {
    %at = arith.addi %base, %i : index
    %v = memref.load %x[%at] : memref<400xf32>
    %d = arith.subf %v, %m : f32
    %e = math.exp %d : f32
    %next = arith.addf %s, %e : f32
    scf.yield %next : f32
  } loc("sum")
  scf.for %i = %t to %c100 step %c32 {
    %at = arith.addi %base, %i : index
    %v = memref.load %x[%at] : memref<400xf32>
    %d = arith.subf %v, %m : f32
    %e = math.exp %d : f32
    %q = arith.divf %e, %sum : f32
    memref.store %q, %y[%at] : memref<400xf32>
  }
  gpu.return
}

// The error function, sine, cosine and powers of each number.
// CHECK-LABEL: //===== functions
// CHECK:       if (global_id.x < 200u) {
// CHECK-NOT:     erf(
// CHECK-NOT:     sin(
gpu.func @functions(%x: memref<200xf32> {lowbit.name = "x"}, %y: memref<800xf32> {lowbit.name = "y"}) kernel
    attributes {known_block_size = array<i32: 64, 1, 1>, known_grid_size = array<i32: 4, 1, 1>,
                lowbit.description = "y[200 x 4] = erf, sin, cos, |x|^1.7 of x[200]"} {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c200 = arith.constant 200 : index
  %power = arith.constant 1.7 : f32
  %i = gpu.global_id x
  %inside = arith.cmpi ult, %i, %c200 : index
  scf.if %inside {
    %v = memref.load %x[%i] : memref<200xf32>
    %erf = math.erf %v : f32
    %sin = math.sin %v : f32
    %cos = math.cos %v : f32
    %abs = math.absf %v : f32
    %pow = math.powf %abs, %power : f32
    %i0 = arith.muli %i, %c4 : index
    %i1 = arith.addi %i0, %c1 : index
    %i2 = arith.addi %i0, %c2 : index
    %i3 = arith.addi %i0, %c3 : index
    memref.store %erf, %y[%i0] : memref<800xf32>
    memref.store %sin, %y[%i1] : memref<800xf32>
    memref.store %cos, %y[%i2] : memref<800xf32>
    memref.store %pow, %y[%i3] : memref<800xf32>
  }
  gpu.return
}

// Rows of a table by number; a negative number counts from the end.
// CHECK-LABEL: //===== gather
// CHECK:       let token = tokens[workgroup_id.x];
// CHECK:       select(token, token + 10u, (bitcast<i32>(token) < 0i))
gpu.func @gather(%tokens: memref<8xi32> {lowbit.name = "tokens"}, %table: memref<320xf32> {lowbit.name = "table"},
                 %y: memref<256xf32> {lowbit.name = "y"}) kernel
    attributes {known_block_size = array<i32: 32, 1, 1>, known_grid_size = array<i32: 8, 1, 1>,
                lowbit.description = "y[8 x 32] = table[10 x 32] at tokens[8]"} {
  %c32 = arith.constant 32 : index
  %zero = arith.constant 0 : i32
  %ten = arith.constant 10 : i32
  %r = gpu.block_id x
  %t = gpu.thread_id x
  %token = memref.load %tokens[%r] : memref<8xi32> loc("token")
  %negative = arith.cmpi slt, %token, %zero : i32
  %wrapped = arith.addi %token, %ten : i32
  %row32 = arith.select %negative, %wrapped, %token : i32
  %row = arith.index_cast %row32 : i32 to index
  %from0 = arith.muli %row, %c32 : index
  %from = arith.addi %from0, %t : index
  %v = memref.load %table[%from] : memref<320xf32>
  %to0 = arith.muli %r, %c32 : index
  %to = arith.addi %to0, %t : index
  memref.store %v, %y[%to] : memref<256xf32>
  gpu.return
}

// Integers: 8-bit dot products of words, signed division, truth values.
// CHECK-LABEL: //===== integers
// CHECK:       let quotient = bitcast<u32>(bitcast<i32>(0u + bitcast<u32>(dot4I8Packed(x_value, x_value)) - x_value * 5u) / 7i)
gpu.func @integers(%x: memref<64xi32> {lowbit.name = "x"}, %y: memref<64xi32> {lowbit.name = "y"}) kernel
    attributes {known_block_size = array<i32: 64, 1, 1>, known_grid_size = array<i32: 1, 1, 1>,
                lowbit.description = "y[64] = (dot4(x, x) - 5 x) / 7 and a few bits more"} {
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %five = arith.constant 5 : i32
  %seven = arith.constant 7 : i32
  %i = gpu.thread_id x
  %v = memref.load %x[%i] : memref<64xi32>
  %dot = lowbit.dot_bytes %zero, %v, %v : i32
  %p = arith.muli %v, %five : i32
  %d = arith.subi %dot, %p : i32
  %q = arith.divsi %d, %seven : i32
  %big = arith.cmpi sgt, %q, %five : i32
  %odd = arith.trunci %v : i32 to i1
  %either = arith.xori %big, %odd : i1
  %bit = arith.extui %either : i1 to i32
  %twice = arith.shli %q, %one : i32
  %result = arith.ori %twice, %bit : i32
  memref.store %result, %y[%i] : memref<64xi32>
  gpu.return
}

// The nodes of the model that a kernel was made for; what is signed stays so
// within an expression.
// CHECK-LABEL: //===== clamped
// CHECK-NEXT:  // clamped
// CHECK-NEXT:  //
// CHECK-NEXT:  // workgroup  64 x 1 x 1
// CHECK-NEXT:  // made for   /layers.0/Clip, /layers.0/Div
// CHECK-NEXT:  // binding 0  x: 64 u32, 256 bytes, updated
// CHECK:       x[local_id.x] = bitcast<u32>(min(max((bitcast<i32>(x_value) / 3i), 0i), 63i));
gpu.func @clamped(%x: memref<64xi32> {lowbit.name = "x"}) kernel
    attributes {known_block_size = array<i32: 64, 1, 1>} {
  %zero = arith.constant 0 : i32
  %three = arith.constant 3 : i32
  %most = arith.constant 63 : i32
  %i = gpu.thread_id x
  %v = memref.load %x[%i] : memref<64xi32>
  %third = arith.divsi %v, %three : i32
  %positive = arith.maxsi %third, %zero : i32
  %result = arith.minsi %positive, %most : i32
  memref.store %result, %x[%i] : memref<64xi32>
  gpu.return
} loc(fused["/layers.0/Clip", "/layers.0/Div"])

}
