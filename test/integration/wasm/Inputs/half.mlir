// Halves to floats and floats to halves, and bfloat16 alike.
#id = affine_map<(i) -> (i)>
func.func @main(%h: tensor<?xf16> {lowbit.name = "half"}, %x: tensor<?xf32> {lowbit.name = "float"})
    -> (tensor<?xf32> {lowbit.name = "widened"}, tensor<?xf16> {lowbit.name = "half_of"},
        tensor<?xbf16> {lowbit.name = "bfloat_of"}) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %h, %c0 : tensor<?xf16>
  %m = tensor.dim %x, %c0 : tensor<?xf32>
  %e0 = tensor.empty(%n) : tensor<?xf32>
  %widened = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%h : tensor<?xf16>) outs(%e0 : tensor<?xf32>) {
  ^bb0(%a: f16, %b: f32):
    %r = arith.extf %a : f16 to f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  %e1 = tensor.empty(%m) : tensor<?xf16>
  %half = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<?xf32>) outs(%e1 : tensor<?xf16>) {
  ^bb0(%a: f32, %b: f16):
    %r = arith.truncf %a : f32 to f16
    linalg.yield %r : f16
  } -> tensor<?xf16>
  %e2 = tensor.empty(%m) : tensor<?xbf16>
  %bfloat = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<?xf32>) outs(%e2 : tensor<?xbf16>) {
  ^bb0(%a: f32, %b: bf16):
    %r = arith.truncf %a : f32 to bf16
    linalg.yield %r : bf16
  } -> tensor<?xbf16>
  return %widened, %half, %bfloat : tensor<?xf32>, tensor<?xf16>, tensor<?xbf16>
}
