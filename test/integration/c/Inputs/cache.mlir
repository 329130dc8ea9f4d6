// Two inputs whose extents depend on one another, in every kind of expression.
module attributes {lowbit.requires = [
  {text = "64 >= past + seq", dims = array<i64: 1, 0, 0, 0>,
   holds = affine_set<(p, s) : (64 - p - s >= 0)>},
  {text = "floor((seq - 9) / 4) >= -2, seq mod 3 == 2, ceil((seq - 8) / 4) <= 14",
   dims = array<i64: 0, 0>,
   holds = affine_set<(s) : ((s - 9) floordiv 4 + 2 >= 0, s mod 3 - 2 == 0, 14 - (s - 8) ceildiv 4 >= 0)>},
  {text = "4 * past >= 0", dims = array<i64: 1, 0>, holds = affine_set<(p) : (p * 4 >= 0)>}]} {
  func.func @main(%x: tensor<?xf32> {lowbit.dims = ["seq"], lowbit.name = "x"},
                  %cache: tensor<?xf32> {lowbit.dims = ["past"], lowbit.name = "cache"})
      -> (tensor<?xf32> {lowbit.dims = ["seq"], lowbit.name = "y"}) {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %empty = tensor.empty(%n) : tensor<?xf32>
    %y = linalg.add ins(%x, %x : tensor<?xf32>, tensor<?xf32>) outs(%empty : tensor<?xf32>) -> tensor<?xf32>
    return %y : tensor<?xf32>
  }
}
