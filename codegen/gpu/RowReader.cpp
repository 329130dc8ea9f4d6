//===- RowReader.cpp - rows of keys and values as stored ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowReader.h"
#include "lowbit/IR/LowbitWordOps.h"

using namespace mlir;
using namespace lowbit;

StringRef lowbit::getName(GPURowFormat format) {
  static constexpr StringLiteral names[] = {"f32", "f16", "int8"};
  return names[static_cast<unsigned>(format)];
}

SmallVector<Type> RowReader::getArgumentTypes() {
  auto buffer = [&](int64_t count, Type element) -> Type {
    return MemRefType::get({count}, element);
  };
  Type word = b.getI32Type(), number = b.getF32Type();
  int64_t steps = rows * width / step;
  switch (format) {
  case GPURowFormat::F32:
    return {buffer(steps,
                   step == 1 ? number : Type(VectorType::get({step}, number)))};
  case GPURowFormat::F16:
    return {buffer(steps, VectorType::get({2}, word))};
  case GPURowFormat::Int8:
    return {buffer(steps, word), buffer(rows, number)};
  }
  llvm_unreachable("a format has buffers");
}

void RowReader::takeArguments(ArrayRef<BlockArgument> &arguments) {
  numbers = arguments.consume_front();
  if (format == GPURowFormat::Int8)
    scales = arguments.consume_front();
}

/// Four numbers of 16 bits in two words. What a device may take for 0 is a
/// subnormal one, which the rounding of numbers around 1 exceeds.
Value RowReader::decodeHalves(Value words) {
  auto pair = VectorType::get({2}, b.getF32Type());
  SmallVector<Value> decoded;
  for (int64_t i = 0; i < 2; ++i) {
    Value numbers =
        UnpackHalvesOp::create(b, pair, vector::ExtractOp::create(b, words, i));
    for (int64_t j = 0; j < 2; ++j)
      decoded.push_back(vector::ExtractOp::create(b, numbers, j));
  }
  return vector::FromElementsOp::create(b, VectorType::get({4}, b.getF32Type()),
                                        decoded);
}

/// Four signed bytes: each goes to the upper end of a word, and back.
Value RowReader::decodeBytes(Value word) {
  auto type = VectorType::get({4}, b.getI32Type());
  auto shifts = [&](ArrayRef<int32_t> counts) {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, counts));
  };
  Value all = vector::BroadcastOp::create(b, type, word);
  Value upper = arith::ShLIOp::create(b, all, shifts({24, 16, 8, 0}));
  Value codes = arith::ShRSIOp::create(b, upper, shifts({24, 24, 24, 24}));
  return arith::SIToFPOp::create(b, VectorType::get({4}, b.getF32Type()),
                                 codes);
}

Value RowReader::load(const Index &row, const Index &number) {
  Value loaded = KernelParts::load(
      numbers, indices.add(indices.multiply(row, width / step), number));
  switch (format) {
  case GPURowFormat::F32:
    return loaded;
  case GPURowFormat::F16:
    return decodeHalves(loaded);
  case GPURowFormat::Int8:
    return decodeBytes(loaded);
  }
  llvm_unreachable("a format has numbers");
}

Value RowReader::loadScale(const Index &row) {
  return scales ? KernelParts::load(scales, row) : Value();
}
