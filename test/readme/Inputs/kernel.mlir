gpu.module @kernels {
  gpu.func @twice(%x: memref<64xf32> {lowbit.name = "x"}, %y: memref<64xf32> {lowbit.name = "y"}) kernel
      attributes {known_block_size = array<i32: 64, 1, 1>, known_grid_size = array<i32: 1, 1, 1>,
                  lowbit.description = "y = 2 x"} {
    %i = gpu.thread_id x
    %a = memref.load %x[%i] : memref<64xf32> loc("a")
    %b = arith.addf %a, %a : f32
    memref.store %b, %y[%i] : memref<64xf32>
    gpu.return
  }
}
