// Arithmetic on whole tensors, as frontends other than ours write it, of lengths that
// are known and that aren't.

// RUN: rm -rf %t && mkdir %t
// RUN: %python -c "import numpy as np; r = np.random.default_rng(3); np.save('%t/x.npy', r.standard_normal((3, 5)).astype('f')); np.save('%t/z.npy', r.standard_normal((3, 5)).astype('f'))"
// RUN: quant-run %s --input x=%t/x.npy --input z=%t/z.npy --output y=%t/y.npy --output n=%t/n.npy
// RUN: %python -c "import numpy as np; x, z, y, n = (np.load('%t/' + i + '.npy') for i in 'xzyn'); print(abs(np.where(x > z, np.tanh(x) * z, x / 2) - y).max() < 1e-5, (np.where(x > z, 7, -1) == n).all())" | FileCheck %s
// RUN: quant-run %s --reference --input x=%t/x.npy --input z=%t/z.npy --compare y=%t/y.npy --tolerance=1e-5
// CHECK: True True

func.func @main(%x: tensor<?x5xf32> {lowbit.name = "x"}, %z: tensor<?x5xf32> {lowbit.name = "z"})
    -> (tensor<?x5xf32> {lowbit.name = "y"}, tensor<?x5xi32> {lowbit.name = "n"}) {
  %c0 = arith.constant 0 : index
  %half = arith.constant 0.5 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x5xf32>
  %halves = tensor.splat %half[%rows] : tensor<?x5xf32>
  %seven = arith.constant dense<7> : tensor<5xi32>
  %less = arith.constant dense<-8> : tensor<5xi32>
  %minus = arith.addi %seven, %less : tensor<5xi32>
  %0 = math.tanh %x : tensor<?x5xf32>
  %1 = arith.mulf %0, %z : tensor<?x5xf32>
  %2 = arith.mulf %x, %halves : tensor<?x5xf32>
  %3 = arith.cmpf ogt, %x, %z : tensor<?x5xf32>
  %y = arith.select %3, %1, %2 : tensor<?x5xi1>, tensor<?x5xf32>
  %init = tensor.empty(%rows) : tensor<?x5xi32>
  %n = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d1)>,
                                        affine_map<(d0, d1) -> (d0, d1)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%3, %seven, %minus : tensor<?x5xi1>, tensor<5xi32>, tensor<5xi32>) outs(%init : tensor<?x5xi32>) {
  ^bb0(%in: i1, %a: i32, %b: i32, %out: i32):
    %4 = arith.select %in, %a, %b : i32
    linalg.yield %4 : i32
  } -> tensor<?x5xi32>
  return %y, %n : tensor<?x5xf32>, tensor<?x5xi32>
}
