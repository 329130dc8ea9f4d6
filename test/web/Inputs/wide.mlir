// A table of integers of 64 bits.
#id = affine_map<(d0) -> (d0)>
lowbit.global @t : tensor<16384xi64> {data = dense<7> : tensor<16384xi64>}
func.func @main(%x: tensor<16384xi64> {lowbit.name = "x"}) -> (tensor<16384xi64> {lowbit.name = "y"}) {
  %t = lowbit.weight @t : tensor<16384xi64>
  %init = tensor.empty() : tensor<16384xi64>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%x, %t : tensor<16384xi64>, tensor<16384xi64>) outs(%init : tensor<16384xi64>) {
  ^bb0(%a: i64, %b: i64, %c: i64):
    %s = arith.addi %a, %b : i64
    linalg.yield %s : i64
  } -> tensor<16384xi64>
  return %y : tensor<16384xi64>
}
