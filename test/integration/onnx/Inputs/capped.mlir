// A decoder of one layer in f16 whose scores go through a soft cap.
#all = affine_map<(h, i, j) -> (h, i, j)>
func.func @main(%ids: tensor<1x?xi64> {lowbit.name = "ids", lowbit.dims = ["", "seq"]}) -> (tensor<1x?x8xf16> {lowbit.name = "y"}) {
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f16
  %words = arith.constant dense<0.5> : tensor<32x8xf16>
  %seq = tensor.dim %ids, %c1 : tensor<1x?xi64>
  %x = lowbit.embedding %ids, %words : tensor<1x?xi64>, tensor<32x8xf16> -> tensor<1x?x8xf16>
  %et = tensor.empty(%seq) : tensor<1x8x?xf16>
  %xt = linalg.transpose ins(%x : tensor<1x?x8xf16>) outs(%et : tensor<1x8x?xf16>) permutation = [0, 2, 1]
  %es = tensor.empty(%seq, %seq) : tensor<1x?x?xf16>
  %zs = linalg.fill ins(%zero : f16) outs(%es : tensor<1x?x?xf16>) -> tensor<1x?x?xf16>
  %s = linalg.batch_matmul ins(%x, %xt : tensor<1x?x8xf16>, tensor<1x8x?xf16>) outs(%zs : tensor<1x?x?xf16>) -> tensor<1x?x?xf16>
  %t = linalg.tanh ins(%s : tensor<1x?x?xf16>) outs(%es : tensor<1x?x?xf16>) -> tensor<1x?x?xf16>
  %p = linalg.softmax dimension(2) ins(%t : tensor<1x?x?xf16>) outs(%es : tensor<1x?x?xf16>) -> tensor<1x?x?xf16>
  %ey = tensor.empty(%seq) : tensor<1x?x8xf16>
  %zy = linalg.fill ins(%zero : f16) outs(%ey : tensor<1x?x8xf16>) -> tensor<1x?x8xf16>
  %y = linalg.batch_matmul ins(%p, %x : tensor<1x?x?xf16>, tensor<1x?x8xf16>) outs(%zy : tensor<1x?x8xf16>) -> tensor<1x?x8xf16>
  return %y : tensor<1x?x8xf16>
}
