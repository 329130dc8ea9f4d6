// RUN: quant-opt %s --verify-diagnostics --lowbit-expand-kernel-calls

func.func private @k(memref<?xf32, strided<[1], offset: ?>>, index, index)

func.func @tensors(%y: tensor<?xf32>, %n: index) -> tensor<?xf32> {
  // expected-error @+1 {{requires buffers as outputs, found tensors; bufferize first}}
  %r = lowbit.call_kernel @k tiles(%n) grain(%n) outs(%y : tensor<?xf32>)
  return %r : tensor<?xf32>
}
