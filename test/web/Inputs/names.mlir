// Tensors called as what every object of JavaScript has. y = m ? x + n : x.
func.func @main(%x: tensor<4xf32> {lowbit.name = "__proto__"},
                %n: tensor<4xi64> {lowbit.name = "constructor"},
                %m: tensor<4xi1> {lowbit.name = "toString"})
    -> (tensor<4xf32> {lowbit.name = "__proto__"}, tensor<4xf32> {lowbit.name = "toString"}) {
  %f = arith.sitofp %n : tensor<4xi64> to tensor<4xf32>
  %s = arith.addf %x, %f : tensor<4xf32>
  %y = arith.select %m, %s, %x : tensor<4xi1>, tensor<4xf32>
  return %y, %s : tensor<4xf32>, tensor<4xf32>
}
