func.func @main(%0: tensor<i1> {lowbit.name = "bool"}, %1: tensor<2x?xi8> {lowbit.name = "a.b"},
                %2: tensor<3xui8> {lowbit.name = "a b"}, %3: tensor<?x?xi16> {lowbit.name = "16", lowbit.dims = ["n", "2 * n"]},
                %4: tensor<1xui16> {lowbit.name = "*/"}, %5: tensor<1xi32>, %6: tensor<1xui32>, %7: tensor<1xi64>,
                %8: tensor<1xui64>, %9: tensor<1xf8E8M0FNU>, %10: tensor<1xf8E4M3FN>, %11: tensor<1xf8E5M2>,
                %12: tensor<1xf16>, %13: tensor<1xbf16>, %14: tensor<1xf32>, %15: tensor<1xf64>,
                %16: tensor<1xi8> {lowbit.unsigned}) -> (tensor<1xf64>, tensor<1xi8> {lowbit.unsigned}) {
  return %15, %16 : tensor<1xf64>, tensor<1xi8>
}
