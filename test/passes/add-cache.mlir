// RUN: quant-opt %s --lowbit-add-cache=max-length=16 --canonicalize --cse --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-add-cache="max-length=16 format=f16" --split-input-file | FileCheck %s --check-prefix=HALF
// RUN: quant-opt %s --lowbit-add-cache="max-length=16 format=int8" --split-input-file | FileCheck %s --check-prefix=BYTE
// RUN: quant-opt %s --lowbit-add-cache="max-length=16 format=int4" --split-input-file | FileCheck %s --check-prefix=NIBBLE
// RUN: quant-opt %s --lowbit-add-cache="max-length=16 last-only" --canonicalize --cse --split-input-file | FileCheck %s --check-prefix=LAST
// RUN: quant-opt %s --lowbit-add-cache="max-length=16 last-only prefill-length=4" --canonicalize --cse --split-input-file | FileCheck %s --check-prefix=PIECE

// Positions count from the position of the first token, a table of them is
// sliced there, and keys and values are put into the caches, whose new values are
// results.

// CHECK-LABEL: func.func @prefill
// CHECK-SAME:    %[[T:[a-z0-9]+]]: tensor<1x?xi64> {lowbit.dims = ["", "seq"], lowbit.name = "ids"}
// CHECK-SAME:    %[[POSITION:[a-z0-9]+]]: tensor<i64> {lowbit.name = "position"}
// CHECK-SAME:    %[[K:[a-z0-9]+]]: tensor<1x1x16x8xf32> {lowbit.name = "cache.0.keys", lowbit.state = 1 : i64}
// CHECK-SAME:    %[[V:[a-z0-9]+]]: tensor<1x1x16x8xf32> {lowbit.name = "cache.0.values", lowbit.state = 2 : i64}
// CHECK-SAME:    -> (tensor<1x?x8xf32>{{.*}}, tensor<1x1x16x8xf32> {lowbit.name = "cache.0.keys"}, tensor<1x1x16x8xf32> {lowbit.name = "cache.0.values"})
// CHECK-DAG:     %[[NEW:.*]] = tensor.dim %[[T]], %c1
// CHECK-DAG:     %[[GIVEN:.*]] = tensor.extract %[[POSITION]][]
// CHECK:         %[[LEAST:.*]] = affine.max
// CHECK:         %[[P:.*]] = affine.min #{{.*}}()[%[[LEAST]], %[[NEW]]]
// CHECK:         %[[S:.*]] = affine.apply #{{.*}}()[%[[P]], %[[NEW]]]
// CHECK:         tensor.extract_slice %{{.*}}[%[[P]], 0] [%[[NEW]], 8] [1, 1] : tensor<16x8xf32> to tensor<?x8xf32>
// CHECK:         %[[INDEX:.*]] = linalg.index 1
// CHECK:         arith.addi %[[INDEX]], %[[P]]
// CHECK:         %[[KEYS:.*]] = tensor.insert_slice %{{.*}} into %[[K]][0, 0, %[[P]], 0] [1, 1, %{{.*}}, 8]
// CHECK:         %[[ALL:.*]] = tensor.extract_slice %[[KEYS]][0, 0, 0, 0] [1, 1, %[[S]], 8]
// CHECK:         %[[VALUES:.*]] = tensor.insert_slice %{{.*}} into %[[V]]
// CHECK:         lowbit.attention %{{.*}}, %[[ALL]], %{{.*}} scale 1.000000e+00 causal
// CHECK:         return %{{.*}}, %[[KEYS]], %[[VALUES]]
// CHECK-LABEL: func.func @decode
// CHECK-SAME:    tensor<1x1xi64>
// CHECK:         lowbit.attention {{.*}} tensor<1x1x1x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32> -> tensor<1x1x1x8xf32>

// HALF-LABEL: func.func @decode
// HALF-SAME:    tensor<1x1x16x8xf16> {lowbit.name = "cache.0.keys"
// HALF:         arith.truncf
// HALF:         tensor.insert_slice {{.*}} into tensor<1x1x16x8xf16>
// HALF:         arith.extf

// Each row has a scale, its largest number over the largest code.

// BYTE-LABEL: func.func @decode
// BYTE-SAME:    tensor<1x1x16x8xi8> {lowbit.name = "cache.0.keys", lowbit.state = 1 : i64}
// BYTE-SAME:    tensor<1x1x16xf16> {lowbit.name = "cache.0.keys.scale", lowbit.state = 2 : i64}
// BYTE:         arith.constant 1.270000e+02 : f32
// BYTE:         math.roundeven
// BYTE:         tensor.insert_slice {{.*}} into tensor<1x1x16x8xi8>
// BYTE:         tensor.insert_slice {{.*}} into tensor<1x1x16xf16>
// BYTE:         arith.sitofp
// BYTE:         lowbit.attention

// Two codes in a byte, from both halves of a row, which have a scale and a
// minimum each.

// NIBBLE-LABEL: func.func @decode
// NIBBLE-SAME:    tensor<1x1x16x4xi8> {lowbit.name = "cache.0.keys"
// NIBBLE-SAME:    tensor<1x1x16x4xf16> {lowbit.name = "cache.0.keys.parameters"
// NIBBLE:         arith.constant 1.500000e+01 : f32
// NIBBLE:         tensor.insert_slice {{.*}}[0, 0, 0, 2] [1, 1, 1, 2] {{.*}} into tensor<1x1x1x4xf16>
// NIBBLE:         tensor.insert_slice {{.*}} into tensor<1x1x16x4xi8>
// NIBBLE:         tensor.insert_slice {{.*}}[0, 0, %{{.*}}, 0] [1, 1, 1, 4] {{.*}} into tensor<1x1x16x4xf16>
// NIBBLE:         tensor.collapse_shape {{.*}} : tensor<1x1x?x2x4xf32> into tensor<1x1x?x8xf32>

// Of the last token alone, queries and all that follows attention are computed
// for it; keys and values, for all.

// LAST-LABEL: func.func @prefill
// LAST-SAME:    %[[T:[a-z0-9]+]]: tensor<1x?xi64>
// LAST-SAME:    -> (tensor<1x1x8xf32>
// LAST:         lowbit.embedding %[[T]]
// LAST:         %[[H:.*]] = linalg.generic
// LAST:         %[[ROWS:.*]] = tensor.expand_shape %{{.*}} into tensor<1x1x?x8xf32>
// LAST:         %[[QUERY:.*]] = tensor.extract_slice %[[ROWS]][0, 0, %{{.*}}, 0] [1, 1, 1, 8]
// LAST:         lowbit.attention %{{.*}} tensor<1x1x1x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32> -> tensor<1x1x1x8xf32>
// LAST-LABEL: func.func @decode

// A prefill of so many tokens: the length of the text alone stays open.

// PIECE-LABEL: func.func @prefill
// PIECE-SAME:    %[[T:[a-z0-9]+]]: tensor<1x4xi64> {lowbit.name = "ids"}
// PIECE-SAME:    -> (tensor<1x1x8xf32>
// PIECE:         lowbit.attention %{{.*}} tensor<1x1x1x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32> -> tensor<1x1x1x8xf32>
// PIECE-LABEL: func.func @decode
#set = affine_set<(d0) : (16 - d0 >= 0)>
#row = affine_map<(b, i, j) -> (b, i, j)>
#table = affine_map<(b, i, j) -> (i, j)>
module attributes {lowbit.requires = [{dims = array<i64: 0, 1>, holds = #set, text = "16 >= seq"}]} {
  lowbit.global @words : tensor<32x8xf32> {data = dense<0.5> : tensor<32x8xf32>}
  lowbit.global @places : tensor<16x8xf32> {data = dense<0.25> : tensor<16x8xf32>}
  func.func @main(%ids: tensor<1x?xi64> {lowbit.name = "ids", lowbit.dims = ["", "seq"]}) -> (tensor<1x?x8xf32> {lowbit.name = "y"}) {
    %c1 = arith.constant 1 : index
    %seq = tensor.dim %ids, %c1 : tensor<1x?xi64>
    %words = lowbit.weight @words : tensor<32x8xf32>
    %places = lowbit.weight @places : tensor<16x8xf32>
    %x = lowbit.embedding %ids, %words : tensor<1x?xi64>, tensor<32x8xf32> -> tensor<1x?x8xf32>
    %p = tensor.extract_slice %places[0, 0] [%seq, 8] [1, 1] : tensor<16x8xf32> to tensor<?x8xf32>
    %e = tensor.empty(%seq) : tensor<1x?x8xf32>
    %h = linalg.generic {indexing_maps = [#row, #table, #row], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x, %p : tensor<1x?x8xf32>, tensor<?x8xf32>) outs(%e : tensor<1x?x8xf32>) {
      ^bb0(%word: f32, %place: f32, %out: f32):
        %i = linalg.index 1 : index
        %n = arith.index_cast %i : index to i64
        %f = arith.sitofp %n : i64 to f32
        %0 = arith.mulf %place, %f : f32
        %1 = arith.addf %word, %0 : f32
        linalg.yield %1 : f32
    } -> tensor<1x?x8xf32>
    %q = tensor.expand_shape %h [[0], [1, 2], [3]] output_shape [1, 1, %seq, 8] : tensor<1x?x8xf32> into tensor<1x1x?x8xf32>
    %y = lowbit.attention %q, %q, %q scale 1.0 causal : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32> -> tensor<1x1x?x8xf32>
    %r = tensor.collapse_shape %y [[0], [1, 2], [3]] : tensor<1x1x?x8xf32> into tensor<1x?x8xf32>
    return %r : tensor<1x?x8xf32>
  }
}

// -----

// Past keys and values are dropped with the joins that append to them, and so is
// what the model returns of them. An input called attention_mask is all ones, so
// that nothing is left of a mask but that it is causal.

// CHECK-LABEL: func.func @prefill
// CHECK-NOT:     linalg.fill
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 causal : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32> -> tensor<1x1x?x8xf32>
// CHECK-LABEL: func.func @decode
// CHECK-SAME:    %[[T:[a-z0-9]+]]: tensor<1x1xi64>
// CHECK-SAME:    %[[K:[a-z0-9]+]]: tensor<1x1x16x8xf32> {lowbit.name = "cache.0.keys", lowbit.state = 1 : i64}
// CHECK-SAME:    -> (tensor<1x1x1x8xf32>, tensor<1x1x16x8xf32> {{.*}}, tensor<1x1x16x8xf32>
// CHECK:         %[[P:.*]] = affine.min
// CHECK-NOT:     linalg.fill
// CHECK:         tensor.insert_slice %{{.*}} into %[[K]][0, 0, %[[P]], 0] [1, 1, 1, 8]
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 causal : tensor<1x1x1x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32> -> tensor<1x1x1x8xf32>
#whole = affine_map<(i, j) -> (i, j)>
#padding = affine_map<(i, j) -> (0, j)>
module {
  lowbit.global @words : tensor<32x8xf32> {data = dense<0.5> : tensor<32x8xf32>}
  func.func @main(%ids: tensor<1x?xi64> {lowbit.name = "ids"}, %ones: tensor<1x?xi64> {lowbit.name = "attention_mask"},
      %past: tensor<1x1x?x8xf32> {lowbit.name = "past"}) -> (tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %seen = arith.constant 0.0 : f32
    %hidden = arith.constant -1.0e+30 : f32
    %none = arith.constant 0 : i64
    %seq = tensor.dim %ids, %c1 : tensor<1x?xi64>
    %before = tensor.dim %past, %c2 : tensor<1x1x?x8xf32>
    %all = arith.addi %seq, %before : index
    %words = lowbit.weight @words : tensor<32x8xf32>
    %x = lowbit.embedding %ids, %words : tensor<1x?xi64>, tensor<32x8xf32> -> tensor<1x?x8xf32>
    %q = tensor.expand_shape %x [[0], [1, 2], [3]] output_shape [1, 1, %seq, 8] : tensor<1x?x8xf32> into tensor<1x1x?x8xf32>
    %e = tensor.empty(%all) : tensor<1x1x?x8xf32>
    %first = tensor.insert_slice %past into %e[0, 0, 0, 0] [1, 1, %before, 8] [1, 1, 1, 1] : tensor<1x1x?x8xf32> into tensor<1x1x?x8xf32>
    %k = tensor.insert_slice %q into %first[0, 0, %before, 0] [1, 1, %seq, 8] [1, 1, 1, 1] : tensor<1x1x?x8xf32> into tensor<1x1x?x8xf32>
    %em = tensor.empty(%seq, %all) : tensor<?x?xf32>
    %mask = linalg.generic {indexing_maps = [#padding, #whole], iterator_types = ["parallel", "parallel"]}
        ins(%ones : tensor<1x?xi64>) outs(%em : tensor<?x?xf32>) {
      ^bb0(%one: i64, %out: f32):
        %i = linalg.index 0 : index
        %j = linalg.index 1 : index
        %last = arith.addi %i, %before : index
        %isEarlier = arith.cmpi sle, %j, %last : index
        %isReal = arith.cmpi ne, %one, %none : i64
        %both = arith.andi %isEarlier, %isReal : i1
        %m = arith.select %both, %seen, %hidden : f32
        linalg.yield %m : f32
    } -> tensor<?x?xf32>
    %y = lowbit.attention %q, %k, %k mask %mask scale 1.0 : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, mask tensor<?x?xf32> -> tensor<1x1x?x8xf32>
    return %y, %k : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>
  }
}

// -----

// Of a window that slides, what is not causal is a mask for the new rows and all
// columns.

// CHECK-LABEL: func.func @decode
// CHECK:         %[[P:.*]] = affine.min
// CHECK:         %[[MASK:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<1x?xf32>)
// CHECK:           %[[J:.*]] = linalg.index 1
// CHECK:           arith.cmpi sgt, %[[J]], %{{.*}} : index
// CHECK-NOT:       arith.andi
// CHECK:           arith.select
// CHECK:         lowbit.attention {{.*}} mask %[[MASK]] scale 1.000000e+00 causal : {{.*}} mask tensor<1x?xf32>
#whole = affine_map<(i, j) -> (i, j)>
#padding = affine_map<(i, j) -> (0, j)>
module {
  lowbit.global @words : tensor<32x8xf32> {data = dense<0.5> : tensor<32x8xf32>}
  func.func @main(%ids: tensor<1x?xi64> {lowbit.name = "ids"}, %ones: tensor<1x?xi64> {lowbit.name = "attention_mask"},
      %past: tensor<1x1x?x8xf32> {lowbit.name = "past"}) -> (tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c4 = arith.constant 4 : index
    %seen = arith.constant 0.0 : f32
    %hidden = arith.constant -1.0e+30 : f32
    %none = arith.constant 0 : i64
    %seq = tensor.dim %ids, %c1 : tensor<1x?xi64>
    %before = tensor.dim %past, %c2 : tensor<1x1x?x8xf32>
    %all = arith.addi %seq, %before : index
    %words = lowbit.weight @words : tensor<32x8xf32>
    %x = lowbit.embedding %ids, %words : tensor<1x?xi64>, tensor<32x8xf32> -> tensor<1x?x8xf32>
    %q = tensor.expand_shape %x [[0], [1, 2], [3]] output_shape [1, 1, %seq, 8] : tensor<1x?x8xf32> into tensor<1x1x?x8xf32>
    %e = tensor.empty(%all) : tensor<1x1x?x8xf32>
    %first = tensor.insert_slice %past into %e[0, 0, 0, 0] [1, 1, %before, 8] [1, 1, 1, 1] : tensor<1x1x?x8xf32> into tensor<1x1x?x8xf32>
    %k = tensor.insert_slice %q into %first[0, 0, %before, 0] [1, 1, %seq, 8] [1, 1, 1, 1] : tensor<1x1x?x8xf32> into tensor<1x1x?x8xf32>
    %em = tensor.empty(%seq, %all) : tensor<?x?xf32>
    %mask = linalg.generic {indexing_maps = [#padding, #whole], iterator_types = ["parallel", "parallel"]}
        ins(%ones : tensor<1x?xi64>) outs(%em : tensor<?x?xf32>) {
      ^bb0(%one: i64, %out: f32):
        %i = linalg.index 0 : index
        %j = linalg.index 1 : index
        %last = arith.addi %i, %before : index
        %isEarlier = arith.cmpi sle, %j, %last : index
        %isReal = arith.cmpi ne, %one, %none : i64
        %both = arith.andi %isEarlier, %isReal : i1
        %end = arith.subi %last, %c4 : index
        %isNear = arith.cmpi sgt, %j, %end : index
        %all3 = arith.andi %isNear, %both : i1
        %m = arith.select %all3, %seen, %hidden : f32
        linalg.yield %m : f32
    } -> tensor<?x?xf32>
    %y = lowbit.attention %q, %k, %k mask %mask scale 1.0 : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, mask tensor<?x?xf32> -> tensor<1x1x?x8xf32>
    return %y, %k : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>
  }
}

// -----

// Positions that are counted by adding up the mask are functions of the position,
// and no loop over all of them.

// CHECK-LABEL: func.func @prefill
// CHECK-SAME:    %[[T:[a-z0-9]+]]: tensor<1x?xi64>
// CHECK:         affine.min
// CHECK-NOT:     scf.for
// CHECK:         %[[I:.*]] = linalg.index 1
// CHECK:         %[[P:.*]] = arith.addi %[[I]], %{{.*}} : index
// CHECK:         %[[N:.*]] = arith.index_cast %[[P]] : index to i64
// CHECK:         arith.addi %[[N]], %c1_i64
// CHECK:         lowbit.attention
// CHECK-LABEL: func.func @decode
// CHECK-NOT:     scf.for
func.func @main(%ids: tensor<1x?xi64> {lowbit.dims = ["", "seq"], lowbit.name = "ids"},
                %mask: tensor<1x?xi64> {lowbit.dims = ["", "seq"], lowbit.name = "attention_mask"}) -> tensor<1x1x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i64
  %n = tensor.dim %ids, %c1 : tensor<1x?xi64>
  %init = tensor.empty(%n) : tensor<1x?xi64>
  %sums:2 = scf.for %i = %c0 to %n step %c1 iter_args(%so_far = %init, %sum = %zero) -> (tensor<1x?xi64>, i64) {
    %one = tensor.extract %mask[%c0, %i] : tensor<1x?xi64>
    %next = arith.addi %sum, %one : i64
    %inserted = tensor.insert %next into %so_far[%c0, %i] : tensor<1x?xi64>
    scf.yield %inserted, %next : tensor<1x?xi64>, i64
  }
  %x_init = tensor.empty(%n) : tensor<1x1x?x8xf32>
  %x = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d2)>,
                                        affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%ids, %sums#0 : tensor<1x?xi64>, tensor<1x?xi64>) outs(%x_init : tensor<1x1x?x8xf32>) {
  ^bb0(%id: i64, %position: i64, %out: f32):
    %0 = arith.addi %id, %position : i64
    %1 = arith.sitofp %0 : i64 to f32
    linalg.yield %1 : f32
  } -> tensor<1x1x?x8xf32>
  %y = lowbit.attention %x, %x, %x scale 1.0 causal : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32> -> tensor<1x1x?x8xf32>
  return %y : tensor<1x1x?x8xf32>
}

// -----

// Sums of those before each one; those from the back, which stay a loop.

// CHECK-LABEL: func.func @prefill
// CHECK:         %[[I:.*]] = linalg.index 1
// CHECK:         arith.index_cast
// CHECK:         %{{.*}}:2 = scf.for
func.func @main(%ids: tensor<1x?xi64> {lowbit.dims = ["", "seq"], lowbit.name = "ids"},
                %mask: tensor<1x?xi64> {lowbit.dims = ["", "seq"], lowbit.name = "attention_mask"}) -> tensor<1x1x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i64
  %n = tensor.dim %ids, %c1 : tensor<1x?xi64>
  %init = tensor.empty(%n) : tensor<1x?xi64>
  %before:2 = scf.for %i = %c0 to %n step %c1 iter_args(%so_far = %init, %sum = %zero) -> (tensor<1x?xi64>, i64) {
    %one = tensor.extract %mask[%c0, %i] : tensor<1x?xi64>
    %next = arith.addi %sum, %one : i64
    %inserted = tensor.insert %sum into %so_far[%c0, %i] : tensor<1x?xi64>
    scf.yield %inserted, %next : tensor<1x?xi64>, i64
  }
  %last = arith.subi %n, %c1 : index
  %after:2 = scf.for %i = %c0 to %n step %c1 iter_args(%so_far = %init, %sum = %zero) -> (tensor<1x?xi64>, i64) {
    %at = arith.subi %last, %i : index
    %one = tensor.extract %mask[%c0, %at] : tensor<1x?xi64>
    %next = arith.addi %sum, %one : i64
    %inserted = tensor.insert %next into %so_far[%c0, %at] : tensor<1x?xi64>
    scf.yield %inserted, %next : tensor<1x?xi64>, i64
  }
  %x_init = tensor.empty(%n) : tensor<1x1x?x8xf32>
  %x = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d2)>,
                                        affine_map<(d0, d1, d2, d3) -> (d0, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%ids, %before#0, %after#0 : tensor<1x?xi64>, tensor<1x?xi64>, tensor<1x?xi64>) outs(%x_init : tensor<1x1x?x8xf32>) {
  ^bb0(%id: i64, %position: i64, %rest: i64, %out: f32):
    %0 = arith.addi %id, %position : i64
    %1 = arith.muli %0, %rest : i64
    %2 = arith.sitofp %1 : i64 to f32
    linalg.yield %2 : f32
  } -> tensor<1x1x?x8xf32>
  %y = lowbit.attention %x, %x, %x scale 1.0 causal : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32> -> tensor<1x1x?x8xf32>
  return %y : tensor<1x1x?x8xf32>
}
