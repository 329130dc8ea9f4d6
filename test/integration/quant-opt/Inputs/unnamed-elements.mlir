// Elements of eight bits that safetensors has no name for.
lowbit.global @g : tensor<2xf8E5M2FNUZ> {data = dense<[1.0, 2.0]> : tensor<2xf8E5M2FNUZ>}
func.func @main() -> tensor<1xi8> {
  %g = lowbit.weight @g : tensor<2xf8E5M2FNUZ>
  %i = arith.constant 1 : index
  %v = tensor.extract %g[%i] : tensor<2xf8E5M2FNUZ>
  %c = arith.bitcast %v : f8E5M2FNUZ to i8
  %t = tensor.from_elements %c : tensor<1xi8>
  return %t : tensor<1xi8>
}
