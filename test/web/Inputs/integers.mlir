// Integers of every width, as numbers and back: what has no sign says so.
func.func @main(%u8: tensor<4xi8> {lowbit.name = "u8", lowbit.unsigned}, %i8: tensor<4xi8> {lowbit.name = "i8"},
                %u16: tensor<4xi16> {lowbit.name = "u16", lowbit.unsigned}, %i16: tensor<4xi16> {lowbit.name = "i16"},
                %u32: tensor<4xi32> {lowbit.name = "u32", lowbit.unsigned}, %i32: tensor<4xi32> {lowbit.name = "i32"})
    -> (tensor<4xf32> {lowbit.name = "f_u8"}, tensor<4xi8> {lowbit.name = "u8", lowbit.unsigned},
        tensor<4xf32> {lowbit.name = "f_i8"}, tensor<4xi8> {lowbit.name = "i8"},
        tensor<4xf32> {lowbit.name = "f_u16"}, tensor<4xi16> {lowbit.name = "u16", lowbit.unsigned},
        tensor<4xf32> {lowbit.name = "f_i16"}, tensor<4xi16> {lowbit.name = "i16"},
        tensor<4xf32> {lowbit.name = "f_u32"}, tensor<4xi32> {lowbit.name = "u32", lowbit.unsigned},
        tensor<4xf32> {lowbit.name = "f_i32"}, tensor<4xi32> {lowbit.name = "i32"}) {
  %0 = arith.uitofp %u8 : tensor<4xi8> to tensor<4xf32>
  %1 = arith.fptoui %0 : tensor<4xf32> to tensor<4xi8>
  %2 = arith.sitofp %i8 : tensor<4xi8> to tensor<4xf32>
  %3 = arith.fptosi %2 : tensor<4xf32> to tensor<4xi8>
  %4 = arith.uitofp %u16 : tensor<4xi16> to tensor<4xf32>
  %5 = arith.fptoui %4 : tensor<4xf32> to tensor<4xi16>
  %6 = arith.sitofp %i16 : tensor<4xi16> to tensor<4xf32>
  %7 = arith.fptosi %6 : tensor<4xf32> to tensor<4xi16>
  %8 = arith.uitofp %u32 : tensor<4xi32> to tensor<4xf32>
  %9 = arith.fptoui %8 : tensor<4xf32> to tensor<4xi32>
  %10 = arith.sitofp %i32 : tensor<4xi32> to tensor<4xf32>
  %11 = arith.fptosi %10 : tensor<4xf32> to tensor<4xi32>
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11 : tensor<4xf32>, tensor<4xi8>, tensor<4xf32>, tensor<4xi8>, tensor<4xf32>, tensor<4xi16>, tensor<4xf32>, tensor<4xi16>, tensor<4xf32>, tensor<4xi32>, tensor<4xf32>, tensor<4xi32>
}
