// Attention becomes a dispatch of a kernel that goes over the keys once, 64 at a
// time: scores, the largest one, weights, and what they multiply. Of a cache it
// takes the first rows, and reads how many.

// RUN: quant-opt %s -lowbit-lower-to-gpu-kernels -canonicalize -cse | FileCheck %s

// CHECK:      gpu.func @attention_causal_cached_4x2x1x32x8x16
// CHECK-SAME:   (%[[Q:[a-z0-9]+]]: memref<8xvector<4xf32>> {{[^%]*}}, %[[K:[a-z0-9]+]]: memref<128xvector<4xf32>> {{[^%]*}}, %[[V:[a-z0-9]+]]: memref<256xvector<4xf32>> {{[^%]*}}, %[[LENGTH:[a-z0-9]+]]: memref<1xi32> {{[^%]*}}, %[[Y:[a-z0-9]+]]: memref<16xvector<4xf32>> {{[^%]*}}) kernel
// CHECK:        memref.load %[[Q]]
// CHECK:        %[[WORD:.*]] = memref.load %[[LENGTH]]
// CHECK:        %[[KEYS:.*]] = arith.index_cast %[[WORD]]
// CHECK:        scf.for %{{.*}} = %c0 to %{{.*}} step %c64 iter_args
// CHECK:          memref.load %[[K]]
// CHECK:          math.fma
// CHECK:          lowbit.reduce_lanes max %{{.*}} of 64 : f32
// CHECK:          math.exp
// CHECK:          gpu.barrier
// CHECK:          memref.load %[[V]]
// CHECK:          memref.store
// What sixteen slices of threads have of a column is added up by a loop, as
// compilers take the longer for each number of a kernel without one.
// CHECK:        gpu.barrier
// CHECK:        scf.for %{{.*}} = %{{.*}} to %c8 step %c64
// CHECK:          scf.for %{{.*}} = %c0 to %c16 step %c1 iter_args
// CHECK-COUNT-2:    memref.load
// CHECK-NOT:        memref.load
// CHECK:          arith.divf
// CHECK:          memref.store %{{.*}}, %[[Y]]

// For processors threads share nothing: each has a query, takes four keys at a
// time, and adds to the result what they weigh of their values.
// CHECK:      gpu.func @attention_causal_cached_4x2x1x32x8x16_software
// CHECK-SAME:   (%[[Q:[a-z0-9]+]]: memref<8xvector<4xf32>> {{[^%]*}}, %[[K:[a-z0-9]+]]: memref<128xvector<4xf32>> {{[^%]*}}, %[[V:[a-z0-9]+]]: memref<256xvector<4xf32>> {{[^%]*}}, %[[LENGTH:[a-z0-9]+]]: memref<1xi32> {{[^%]*}}, %[[Y:[a-z0-9]+]]: memref<16xvector<4xf32>> {{[^%]*}}) kernel
// CHECK-SAME:   lowbit.features = ["software"], lowbit.variant_of = @attention_causal_cached_4x2x1x32x8x16}
// CHECK-NOT:    gpu.barrier
// CHECK-NOT:    memref.alloc
// CHECK:        scf.if
// CHECK:          %[[WORD:.*]] = memref.load %[[LENGTH]]
// CHECK:          %[[KEYS:.*]] = arith.index_cast %[[WORD]]
// CHECK:          scf.for %{{.*}} = %c0 to %{{.*}} step %c4 iter_args
// CHECK:            scf.for
// CHECK-COUNT-4:      memref.load %[[K]]
// CHECK:              memref.load %[[Q]]
// CHECK-COUNT-4:      math.fma
// CHECK-COUNT-5:    math.exp
// CHECK:            scf.for
// CHECK-COUNT-4:      memref.load %[[V]]
// CHECK:              memref.load %[[Y]]
// CHECK-COUNT-4:      math.fma
// CHECK:              memref.store %{{.*}}, %[[Y]]
// CHECK:          arith.divf
// CHECK:          memref.store %{{.*}}, %[[Y]]
// CHECK-NOT:    gpu.barrier

// Rows that are no multiple of four are read number by number.
// CHECK:      gpu.func @attention_2x2x5x7x6x6
// CHECK-SAME:   memref<60xf32> {lowbit.name = "query"}, %{{.*}}: memref<84xf32> {lowbit.name = "keys"}, %{{.*}}: memref<84xf32> {lowbit.name = "values"}, %{{.*}}: memref<60xf32> {lowbit.name = "result"}) kernel
// CHECK-SAME:     lowbit.description = "result[2 x 5 x 6] = softmax(scale * query[2 x 5 x 6] keys[2 x 7 x 6] transposed) values[2 x 7 x 6]

// A part of the keys begins where the workgroup's number along z says; what it has
// is divided where parts are joined. One without keys has no sum of weights.
// CHECK:      gpu.func @attention_32x8x1x4096x8x8_parts16
// CHECK-SAME:   %{{[a-z0-9]+}}: memref<1536xvector<4xf32>> {lowbit.description = "for each row also the largest score and the sum of weights", lowbit.name = "result"}) kernel
// CHECK:        %[[PART:.*]] = gpu.block_id z
// CHECK:        %[[FIRST:.*]] = arith.muli %[[PART]], %c256
// CHECK:        %[[NEXT:.*]] = arith.addi %[[FIRST]], %c256
// CHECK:        %[[LAST:.*]] = arith.minui %[[NEXT]], %c4096
// CHECK:        scf.for %{{.*}} = %[[FIRST]] to %[[LAST]] step %c64 iter_args
// CHECK-NOT:    arith.divf
// CHECK:      gpu.func @attention_32x8x1x4096x8x8_parts16_software
// CHECK-NOT:    arith.divf
// CHECK:      gpu.func @attention_join_16x32x8
// CHECK:        scf.for %{{.*}} = %c0 to %c16 step %c1 iter_args
// CHECK:          arith.cmpf ogt, %{{.*}}, %cst
// CHECK:          arith.select
// CHECK-COUNT-2:  math.exp
// CHECK:        arith.divf

// Of caches in fewer bits, shaders say what is in the words.
// CHECK:      gpu.func @attention_cached_int8_2x2x1x32x8x8
// CHECK-SAME:   {lowbit.description = "codes of int8, four in a word", lowbit.name = "keys"}, %{{.*}}: memref<64xf32> {lowbit.description = "one for each row", lowbit.name = "key_scales"}
// CHECK:      gpu.func @attention_cached_f16_2x2x1x32x8x8
// CHECK-SAME:   {lowbit.description = "f16, two in a word", lowbit.name = "keys"}

// CHECK:      gpu.func @attention_cached_f16_2x2x1x16x6x6
// CHECK-SAME:   memref<12xf32> {{[^%]*}}, %{{.*}}: memref<96xi32> {{[^%]*}}, %{{.*}}: memref<96xi32> {{[^%]*}}, %{{.*}}: memref<1xi32> {{[^%]*}}, %{{.*}}: memref<12xf32> {{[^%]*}}) kernel
// CHECK:        %[[BOTH:.*]] = lowbit.unpack_halves
// CHECK:        vector.extract %[[BOTH]][1]
// CHECK:        arith.select
// CHECK:      gpu.func @attention_cached_int4_2x2x1x32x12x12
// CHECK-SAME:   memref<384xi32> {lowbit.description = "bytes with a code of both halves of the row, one in a word", lowbit.name = "keys"}, %{{.*}}: memref<64xvector<2xi32>> {{[^%]*}}, %{{.*}}: memref<384xi32>

// Two heads of a group share a workgroup, which reads keys and values once for
// both.
// CHECK-LABEL: func.func @cached
// CHECK-SAME:    (%[[Q:.*]]: tensor<1x4x1x8xf32>, %[[K:.*]]: tensor<1x2x32x8xf32>, %[[V:.*]]: tensor<1x2x32x16xf32>, %[[N:.*]]: index)
// CHECK:         %[[LENGTH:.*]] = linalg.generic
// CHECK:           arith.index_cast %[[N]] : index to i32
// CHECK:         lowbit.dispatch @kernels::@attention_causal_cached_4x2x1x32x8x16 [2, 1, 1]
// CHECK-SAME:      ins(%[[Q]], %[[K]], %[[V]], %[[LENGTH]] : tensor<1x4x1x8xf32>, tensor<1x2x32x8xf32>, tensor<1x2x32x16xf32>, tensor<1xi32>)
func.func @cached(%q: tensor<1x4x1x8xf32>, %keys: tensor<1x2x32x8xf32>, %values: tensor<1x2x32x16xf32>, %n: index)
    -> tensor<1x4x1x16xf32> {
  %k = tensor.extract_slice %keys[0, 0, 0, 0] [1, 2, %n, 8] [1, 1, 1, 1] : tensor<1x2x32x8xf32> to tensor<1x2x?x8xf32>
  %v = tensor.extract_slice %values[0, 0, 0, 0] [1, 2, %n, 16] [1, 1, 1, 1] : tensor<1x2x32x16xf32> to tensor<1x2x?x16xf32>
  %y = lowbit.attention %q, %k, %v scale 0.5 causal
      : tensor<1x4x1x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x16xf32> -> tensor<1x4x1x16xf32>
  return %y : tensor<1x4x1x16xf32>
}

// Workgroups are those of two heads, and of four queries each.
// CHECK-LABEL: func.func @whole
// CHECK:         lowbit.dispatch @kernels::@attention_2x2x5x7x6x6 [2, 2, 1]
func.func @whole(%q: tensor<2x5x6xf32>, %k: tensor<2x7x6xf32>, %v: tensor<2x7x6xf32>) -> tensor<2x5x6xf32> {
  %y = lowbit.attention %q, %k, %v scale 1.0 : tensor<2x5x6xf32>, tensor<2x7x6xf32>, tensor<2x7x6xf32> -> tensor<2x5x6xf32>
  return %y : tensor<2x5x6xf32>
}

// Few queries of many keys: of 8 groups, each with a workgroup for its four heads,
// the keys are taken in 16 parts of 256 rows or more, by workgroups of their own.
// What each has is the sums of weighted values, and in a vector behind those of a
// row the largest score and the sum of weights.
// CHECK-LABEL: func.func @parts
// CHECK-SAME:    (%[[Q:.*]]: tensor<32x1x8xf32>, %[[C:.*]]: tensor<8x4096x8xf32>)
// CHECK:         %[[SUMS:.*]] = lowbit.dispatch @kernels::@attention_32x8x1x4096x8x8_parts16 [8, 1, 16]
// CHECK-SAME:      ins(%[[Q]], %[[C]], %[[C]] : {{.*}}) outs(%{{.*}} : tensor<6144xf32>)
// CHECK:         lowbit.dispatch @kernels::@attention_join_16x32x8 [1, 1, 1]
// CHECK-SAME:      ins(%[[SUMS]] : tensor<6144xf32>) outs(%{{.*}} : tensor<32x1x8xf32>)
func.func @parts(%q: tensor<32x1x8xf32>, %k: tensor<8x4096x8xf32>) -> tensor<32x1x8xf32> {
  %y = lowbit.attention %q, %k, %k scale 1.0 : tensor<32x1x8xf32>, tensor<8x4096x8xf32>, tensor<8x4096x8xf32> -> tensor<32x1x8xf32>
  return %y : tensor<32x1x8xf32>
}

// Codes of a cache are decoded where they are read, and multiplied by the scale
// of their row.
// CHECK-LABEL: func.func @bytes
// CHECK-SAME:    (%[[Q:.*]]: tensor<2x1x8xf32>, %[[C:.*]]: tensor<2x32x8xi8>, %[[S:.*]]: tensor<2x32xf16>, %{{.*}}: index)
// CHECK:         lowbit.dispatch @kernels::@attention_cached_int8_2x2x1x32x8x8 [2, 1, 1]
// CHECK-SAME:      ins(%[[Q]], %[[C]], %[[S]], %[[C]], %[[S]], %{{.*}} : tensor<2x1x8xf32>, tensor<2x32x8xi8>, tensor<2x32xf16>, tensor<2x32x8xi8>, tensor<2x32xf16>, tensor<1xi32>)
func.func @bytes(%q: tensor<2x1x8xf32>, %codes: tensor<2x32x8xi8>, %scales: tensor<2x32xf16>, %n: index) -> tensor<2x1x8xf32> {
  %c = tensor.extract_slice %codes[0, 0, 0] [2, %n, 8] [1, 1, 1] : tensor<2x32x8xi8> to tensor<2x?x8xi8>
  %s = tensor.extract_slice %scales[0, 0] [2, %n] [1, 1] : tensor<2x32xf16> to tensor<2x?xf16>
  %init = tensor.empty(%n) : tensor<2x?x8xf32>
  %k = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>,
                                        affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%c, %s : tensor<2x?x8xi8>, tensor<2x?xf16>) outs(%init : tensor<2x?x8xf32>) {
  ^bb0(%code: i8, %scale: f16, %out: f32):
    %wide = arith.extf %scale : f16 to f32
    %number = arith.sitofp %code : i8 to f32
    %0 = arith.mulf %number, %wide : f32
    linalg.yield %0 : f32
  } -> tensor<2x?x8xf32>
  %y = lowbit.attention %q, %k, %k scale 1.0 : tensor<2x1x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32> -> tensor<2x1x8xf32>
  return %y : tensor<2x1x8xf32>
}

// Narrow floats are widened there.
// CHECK-LABEL: func.func @halves
// CHECK-SAME:    (%[[Q:.*]]: tensor<2x1x8xf32>, %[[C:.*]]: tensor<2x32x8xf16>, %{{.*}}: index)
// CHECK:         lowbit.dispatch @kernels::@attention_cached_f16_2x2x1x32x8x8 [2, 1, 1]
// CHECK-SAME:      ins(%[[Q]], %[[C]], %[[C]], %{{.*}} : tensor<2x1x8xf32>, tensor<2x32x8xf16>, tensor<2x32x8xf16>, tensor<1xi32>)
func.func @halves(%q: tensor<2x1x8xf32>, %numbers: tensor<2x32x8xf16>, %n: index) -> tensor<2x1x8xf32> {
  %c = tensor.extract_slice %numbers[0, 0, 0] [2, %n, 8] [1, 1, 1] : tensor<2x32x8xf16> to tensor<2x?x8xf16>
  %init = tensor.empty(%n) : tensor<2x?x8xf32>
  %k = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%c : tensor<2x?x8xf16>) outs(%init : tensor<2x?x8xf32>) {
  ^bb0(%half: f16, %out: f32):
    %number = arith.extf %half : f16 to f32
    linalg.yield %number : f32
  } -> tensor<2x?x8xf32>
  %y = lowbit.attention %q, %k, %k scale 1.0 : tensor<2x1x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32> -> tensor<2x1x8xf32>
  return %y : tensor<2x1x8xf32>
}

// A mask of as many columns as there are keys is computed for all rows of the
// cache; the kernel reads the ones of the keys that are there. It may be shared
// by heads, or by queries.
// CHECK-LABEL: func.func @masked
// CHECK-SAME:    (%[[Q:.*]]: tensor<1x4x2x8xf32>, %[[C:.*]]: tensor<1x2x32x8xf32>, %[[TABLE:.*]]: tensor<1x1x2x64xi1>, %[[N:.*]]: index)
// CHECK:         %[[FIRST:.*]] = tensor.extract_slice %[[TABLE]][0, 0, 0, 0] [1, 1, 2, 32] [1, 1, 1, 1]
// CHECK:         %[[INIT:.*]] = tensor.empty() : tensor<1x1x2x32xf32>
// CHECK:         %[[M:.*]] = linalg.generic {{.*}} ins(%[[FIRST]] : tensor<1x1x2x32xi1>) outs(%[[INIT]] : tensor<1x1x2x32xf32>)
// CHECK:         lowbit.dispatch @kernels::@attention_masked_cached_4x2x2x32x8x8 [2, 1, 1]
// CHECK-SAME:      ins(%[[Q]], %[[C]], %[[C]], %[[M]], %{{.*}} : tensor<1x4x2x8xf32>, tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>, tensor<1x1x2x32xf32>, tensor<1xi32>)
func.func @masked(%q: tensor<1x4x2x8xf32>, %cache: tensor<1x2x32x8xf32>, %table: tensor<1x1x2x64xi1>, %n: index) -> tensor<1x4x2x8xf32> {
  %zero = arith.constant 0.0 : f32
  %hidden = arith.constant -3.4e38 : f32
  %k = tensor.extract_slice %cache[0, 0, 0, 0] [1, 2, %n, 8] [1, 1, 1, 1] : tensor<1x2x32x8xf32> to tensor<1x2x?x8xf32>
  %seen = tensor.extract_slice %table[0, 0, 0, 0] [1, 1, 2, %n] [1, 1, 1, 1] : tensor<1x1x2x64xi1> to tensor<1x1x2x?xi1>
  %init = tensor.empty(%n) : tensor<1x1x2x?xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%seen : tensor<1x1x2x?xi1>) outs(%init : tensor<1x1x2x?xf32>) {
  ^bb0(%in: i1, %out: f32):
    %0 = arith.select %in, %zero, %hidden : f32
    linalg.yield %0 : f32
  } -> tensor<1x1x2x?xf32>
  %y = lowbit.attention %q, %k, %k mask %m scale 1.0
      : tensor<1x4x2x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, mask tensor<1x1x2x?xf32> -> tensor<1x4x2x8xf32>
  return %y : tensor<1x4x2x8xf32>
}

// CHECK-LABEL: func.func @biased
// CHECK:         lowbit.dispatch @kernels::@attention_masked_6x6x5x7x8x8 [6, 2, 1]
// CHECK-SAME:      tensor<3x1x7xf32>)
func.func @biased(%q: tensor<2x3x5x8xf32>, %k: tensor<2x3x7x8xf32>, %m: tensor<3x1x7xf32>) -> tensor<2x3x5x8xf32> {
  %y = lowbit.attention %q, %k, %k mask %m scale 1.0
      : tensor<2x3x5x8xf32>, tensor<2x3x7x8xf32>, tensor<2x3x7x8xf32>, mask tensor<3x1x7xf32> -> tensor<2x3x5x8xf32>
  return %y : tensor<2x3x5x8xf32>
}

// Codes of four bits: a byte has one of each half of a row, and four halves beside
// it have what both halves are multiplied by, and what is added.
// CHECK-LABEL: func.func @nibbles
// CHECK-SAME:    (%[[Q:.*]]: tensor<2x1x16xf32>, %[[C:.*]]: tensor<2x32x8xi8>, %[[P:.*]]: tensor<2x32x4xf16>, %{{.*}}: index)
// CHECK:         lowbit.dispatch @kernels::@attention_cached_int4_2x2x1x32x16x16 [2, 1, 1]
// CHECK-SAME:      ins(%[[Q]], %[[C]], %[[P]], %[[C]], %[[P]], %{{.*}} : tensor<2x1x16xf32>, tensor<2x32x8xi8>, tensor<2x32x4xf16>, tensor<2x32x8xi8>, tensor<2x32x4xf16>, tensor<1xi32>)
func.func @nibbles(%q: tensor<2x1x16xf32>, %codes: tensor<2x32x8xi8>, %parameters: tensor<2x32x4xf16>, %n: index) -> tensor<2x1x16xf32> {
  %c = tensor.extract_slice %codes[0, 0, 0] [2, %n, 8] [1, 1, 1] : tensor<2x32x8xi8> to tensor<2x?x8xi8>
  %s = tensor.extract_slice %parameters[0, 0, 0] [2, %n, 2] [1, 1, 1] : tensor<2x32x4xf16> to tensor<2x?x2xf16>
  %m = tensor.extract_slice %parameters[0, 0, 2] [2, %n, 2] [1, 1, 1] : tensor<2x32x4xf16> to tensor<2x?x2xf16>
  %init = tensor.empty(%n) : tensor<2x?x2x8xf32>
  %halves = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>,
                                             affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>],
                            iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %s, %m : tensor<2x?x8xi8>, tensor<2x?x2xf16>, tensor<2x?x2xf16>) outs(%init : tensor<2x?x2x8xf32>) {
  ^bb0(%byte: i8, %scale: f16, %minimum: f16, %out: f32):
    %four = arith.constant 4 : i32
    %mask = arith.constant 15 : i32
    %half = linalg.index 2 : index
    %0 = arith.index_cast %half : index to i32
    %shift = arith.muli %0, %four : i32
    %wide = arith.extui %byte : i8 to i32
    %shifted = arith.shrui %wide, %shift : i32
    %code = arith.andi %shifted, %mask : i32
    %number = arith.sitofp %code : i32 to f32
    %a = arith.extf %scale : f16 to f32
    %1 = arith.mulf %number, %a : f32
    %b = arith.extf %minimum : f16 to f32
    %2 = arith.addf %1, %b : f32
    linalg.yield %2 : f32
  } -> tensor<2x?x2x8xf32>
  %k = tensor.collapse_shape %halves [[0], [1], [2, 3]] : tensor<2x?x2x8xf32> into tensor<2x?x16xf32>
  %y = lowbit.attention %q, %k, %k scale 1.0 : tensor<2x1x16xf32>, tensor<2x?x16xf32>, tensor<2x?x16xf32> -> tensor<2x1x16xf32>
  return %y : tensor<2x1x16xf32>
}

// Rows of a cache that are no multiple of four are read number by number: from
// words that have two, or, where rows are no whole words, from words of their own.
// CHECK-LABEL: func.func @odd
// CHECK:         lowbit.dispatch @kernels::@attention_cached_f16_2x2x1x16x6x6
func.func @odd(%q: tensor<2x1x6xf32>, %cache: tensor<2x16x6xf16>, %n: index) -> tensor<2x1x6xf32> {
  %h = tensor.extract_slice %cache[0, 0, 0] [2, %n, 6] [1, 1, 1] : tensor<2x16x6xf16> to tensor<2x?x6xf16>
  %init = tensor.empty(%n) : tensor<2x?x6xf32>
  %k = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%h : tensor<2x?x6xf16>) outs(%init : tensor<2x?x6xf32>) {
  ^bb0(%in: f16, %out: f32):
    %0 = arith.extf %in : f16 to f32
    linalg.yield %0 : f32
  } -> tensor<2x?x6xf32>
  %y = lowbit.attention %q, %k, %k scale 1.0 : tensor<2x1x6xf32>, tensor<2x?x6xf32>, tensor<2x?x6xf32> -> tensor<2x1x6xf32>
  return %y : tensor<2x1x6xf32>
}

// Bytes of int4, of which six are no whole words either.
// CHECK-LABEL: func.func @odd_nibbles
// CHECK:         lowbit.dispatch @kernels::@attention_cached_int4_2x2x1x32x12x12
func.func @odd_nibbles(%q: tensor<2x1x12xf32>, %codes: tensor<2x32x6xi8>, %parameters: tensor<2x32x4xf16>, %n: index) -> tensor<2x1x12xf32> {
  %c = tensor.extract_slice %codes[0, 0, 0] [2, %n, 6] [1, 1, 1] : tensor<2x32x6xi8> to tensor<2x?x6xi8>
  %s = tensor.extract_slice %parameters[0, 0, 0] [2, %n, 2] [1, 1, 1] : tensor<2x32x4xf16> to tensor<2x?x2xf16>
  %m = tensor.extract_slice %parameters[0, 0, 2] [2, %n, 2] [1, 1, 1] : tensor<2x32x4xf16> to tensor<2x?x2xf16>
  %init = tensor.empty(%n) : tensor<2x?x2x6xf32>
  %halves = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>,
                                             affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>],
                            iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %s, %m : tensor<2x?x6xi8>, tensor<2x?x2xf16>, tensor<2x?x2xf16>) outs(%init : tensor<2x?x2x6xf32>) {
  ^bb0(%byte: i8, %scale: f16, %minimum: f16, %out: f32):
    %four = arith.constant 4 : i32
    %mask = arith.constant 15 : i32
    %half = linalg.index 2 : index
    %0 = arith.index_cast %half : index to i32
    %shift = arith.muli %0, %four : i32
    %wide = arith.extui %byte : i8 to i32
    %shifted = arith.shrui %wide, %shift : i32
    %code = arith.andi %shifted, %mask : i32
    %number = arith.sitofp %code : i32 to f32
    %a = arith.extf %scale : f16 to f32
    %1 = arith.mulf %number, %a : f32
    %b = arith.extf %minimum : f16 to f32
    %2 = arith.addf %1, %b : f32
    linalg.yield %2 : f32
  } -> tensor<2x?x2x6xf32>
  %k = tensor.collapse_shape %halves [[0], [1], [2, 3]] : tensor<2x?x2x6xf32> into tensor<2x?x12xf32>
  %y = lowbit.attention %q, %k, %k scale 1.0 : tensor<2x1x12xf32>, tensor<2x?x12xf32>, tensor<2x?x12xf32> -> tensor<2x1x12xf32>
  return %y : tensor<2x1x12xf32>
}
