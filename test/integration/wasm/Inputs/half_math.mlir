// Sines, cosines and roots in 16 bits.
#id = affine_map<(i) -> (i)>
func.func @main(%h: tensor<?xf16> {lowbit.name = "h"}, %g: tensor<?xbf16> {lowbit.name = "g"}) -> (tensor<?xf16> {lowbit.name = "a"}, tensor<?xbf16> {lowbit.name = "b"}) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %h, %c0 : tensor<?xf16>
  %m = tensor.dim %g, %c0 : tensor<?xbf16>
  %e0 = tensor.empty(%n) : tensor<?xf16>
  %e1 = tensor.empty(%m) : tensor<?xbf16>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%h : tensor<?xf16>) outs(%e0 : tensor<?xf16>) {
  ^bb0(%x: f16, %o: f16):
    %r = math.sin %x : f16
    %s = math.absf %r : f16
    %t = math.sqrt %s : f16
    linalg.yield %t : f16
  } -> tensor<?xf16>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%g : tensor<?xbf16>) outs(%e1 : tensor<?xbf16>) {
  ^bb0(%x: bf16, %o: bf16):
    %r = math.cos %x : bf16
    %s = math.absf %r : bf16
    %t = math.sqrt %s : bf16
    linalg.yield %t : bf16
  } -> tensor<?xbf16>
  return %a, %b : tensor<?xf16>, tensor<?xbf16>
}
