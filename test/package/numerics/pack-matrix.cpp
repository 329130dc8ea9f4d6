//===- pack-matrix.cpp - quantizes and packs a matrix, and reads it back --===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include <lowbit/Numerics/EffectiveBits.h>
#include <lowbit/Numerics/Layouts.h>
#include <lowbit/Numerics/Packer.h>
#include <lowbit/Numerics/Quantizer.h>

#include <cstdio>

using namespace lowbit::numerics;

int main() {
  const float weights[] = {1, 3, 5, 7, 2, 4, 6, -8};
  Encoding encoding;
  encoding.element = ElementFormat(4, IntegerKind::Signed);
  QuantizedMatrix matrix;
  Status status = quantize(weights, 2, 4, encoding, {}, matrix);
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.message.c_str());
    return 1;
  }
  BoundLayout layout(planes(4, /*rowsPerBlock=*/16), encoding, 2, 4);
  Packer packer(layout);
  PackedMatrix packed = packer.pack(matrix);

  QuantizedMatrix read = packer.unpack(packed);
  float result[8];
  dequantize(read, result);
  for (float number : result)
    std::printf("%g ", number);
  std::printf("in %lld bytes\n", static_cast<long long>(storedBytes(layout)));
  return 0;
}
