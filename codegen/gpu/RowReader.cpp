//===- RowReader.cpp - rows of keys and values as stored ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowReader.h"
#include "lowbit/IR/LowbitWordOps.h"
#include <cmath>

using namespace mlir;
using namespace lowbit;

StringRef lowbit::getName(GPURowFormat format) {
  static constexpr StringLiteral names[] = {"f32", "f16", "int8", "int4"};
  return names[static_cast<unsigned>(format)];
}

int64_t RowReader::getElements() const {
  return format == GPURowFormat::Int4 ? width / 2 : width;
}

/// `lowbit-gpu-update-states` packs rows that are whole words.
int64_t RowReader::getElementsPerWord() const {
  int64_t most = format == GPURowFormat::F32   ? 1
                 : format == GPURowFormat::F16 ? 2
                                               : 4;
  return getElements() % most == 0 ? most : 1;
}

SmallVector<Type> RowReader::getArgumentTypes() {
  auto buffer = [&](int64_t count, Type element) -> Type {
    return MemRefType::get({count}, element);
  };
  Type word = b.getI32Type(), number = b.getF32Type();
  int64_t words = rows * getElements() / getElementsPerWord();
  switch (format) {
  case GPURowFormat::F32:
    return {buffer(words / step,
                   step == 1 ? number : Type(VectorType::get({step}, number)))};
  case GPURowFormat::F16:
    if (step == 1)
      return {buffer(words, getElementsPerWord() == 1 ? number : word)};
    return {buffer(words / 2, VectorType::get({2}, word))};
  case GPURowFormat::Int8:
    return {buffer(words, word), buffer(rows, number)};
  case GPURowFormat::Int4:
    return {buffer(words, word), buffer(rows, VectorType::get({2}, word))};
  }
  llvm_unreachable("a format has buffers");
}

std::string RowReader::describe() const {
  std::string inWords =
      getElementsPerWord() == 1 ? ", one in a word" : ", four in a word";
  switch (format) {
  case GPURowFormat::F32:
    return "";
  case GPURowFormat::F16:
    return getElementsPerWord() == 1 ? "" : "f16, two in a word";
  case GPURowFormat::Int8:
    return "codes of int8" + inWords;
  case GPURowFormat::Int4:
    return "bytes with a code of both halves of the row" + inWords;
  }
  llvm_unreachable("a format has a description");
}

void RowReader::takeArguments(gpu::GPUFuncOp kernel,
                              ArrayRef<BlockArgument> &arguments,
                              StringRef word) {
  name = word;
  auto take = [&](StringRef kind, const Twine &about) -> Value {
    describeBuffer(kernel, arguments.front().getArgNumber(),
                   (name + kind).str(), about);
    return arguments.consume_front();
  };
  numbers = take("s", describe());
  if (format == GPURowFormat::Int8)
    scales = take("_scales", "one for each row");
  if (format == GPURowFormat::Int4)
    parameters = take("_parameters", "for each row two scales and two minima, "
                                     "f16, of its halves");
}

RowParameters RowReader::enter(const Index &row) {
  RowParameters entered;
  if (!parameters)
    return entered;
  Value pairs = KernelParts::load(parameters, row);
  auto unpack = [&](int64_t kind, MutableArrayRef<Value> halves) {
    Value both =
        UnpackHalvesOp::create(b, VectorType::get({2}, b.getF32Type()),
                               vector::ExtractOp::create(b, pairs, kind));
    for (auto [i, half] : llvm::enumerate(halves))
      half = vector::ExtractOp::create(b, both, i);
  };
  unpack(0, entered.factors);
  unpack(1, entered.offsets);
  return entered;
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

/// Four codes of one half of a row, which words have beside those of the other,
/// and what they stand for. Each is masked where it is, and a power of two
/// moves it: processors shift vectors by different counts one word at a time.
Value RowReader::loadNibbles(const Index &row, const Index &number,
                             const RowParameters &parameters) {
  int64_t steps = width / step / 2;
  Value isUpper =
      arith::CmpIOp::create(b, arith::CmpIPredicate::uge,
                            indices.materialize(number), constantIndex(steps));
  auto choose = [&](Value lower, Value upper) -> Value {
    return arith::SelectOp::create(b, isUpper, upper, lower);
  };
  Value word =
      KernelParts::load(numbers, indices.add(indices.multiply(row, steps),
                                             indices.remainder(number, steps)));
  Value half =
      arith::ShRUIOp::create(b, word, choose(constantWord(0), constantWord(4)));
  auto words = VectorType::get({4}, b.getI32Type());
  SmallVector<int32_t> masks;
  SmallVector<float> places;
  for (int64_t i = 0; i < 4; ++i) {
    masks.push_back(15 << (8 * i));
    places.push_back(std::ldexp(1.0f, -8 * i));
  }
  Value codes = arith::AndIOp::create(
      b, vector::BroadcastOp::create(b, words, half),
      arith::ConstantOp::create(
          b, DenseElementsAttr::get(words, ArrayRef<int32_t>(masks))));
  auto floats = VectorType::get({4}, b.getF32Type());
  Value moved = arith::MulFOp::create(
      b, arith::SIToFPOp::create(b, floats, codes),
      arith::ConstantOp::create(
          b, DenseElementsAttr::get(floats, ArrayRef<float>(places))));
  return scaleNibbles(moved, isUpper, parameters);
}

/// What codes of one half of a row, as floats, stand for.
Value RowReader::scaleNibbles(Value codes, Value isUpper,
                              const RowParameters &parameters) {
  auto choose = [&](ArrayRef<Value> halves) -> Value {
    Value own = arith::SelectOp::create(b, isUpper, halves[1], halves[0]);
    return isa<VectorType>(codes.getType()) ? splat(own, codes.getType()) : own;
  };
  Value scaled = arith::MulFOp::create(b, codes, choose(parameters.factors));
  return arith::AddFOp::create(b, scaled, choose(parameters.offsets));
}

/// A number of a row of any width.
Value RowReader::loadOne(const Index &row, const Index &number,
                         const RowParameters &parameters) {
  int64_t elements = getElements(), each = getElementsPerWord();
  Index at = indices.add(indices.multiply(row, elements),
                         indices.remainder(number, elements));
  Value word = KernelParts::load(numbers, indices.divide(at, each));
  if (word.getType().isF32())
    return word;
  Value place = arith::IndexCastOp::create(
      b, b.getI32Type(), indices.materialize(indices.remainder(at, each)));
  if (format == GPURowFormat::F16) {
    Value both =
        UnpackHalvesOp::create(b, VectorType::get({2}, b.getF32Type()), word);
    Value isOdd = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, place,
                                        constantWord(0));
    return arith::SelectOp::create(b, isOdd,
                                   vector::ExtractOp::create(b, both, 1),
                                   vector::ExtractOp::create(b, both, 0));
  }
  Value shift = arith::MulIOp::create(b, place, constantWord(8));
  if (format == GPURowFormat::Int8) {
    Value upper = arith::ShLIOp::create(
        b, word, arith::SubIOp::create(b, constantWord(24), shift));
    Value code = arith::ShRSIOp::create(b, upper, constantWord(24));
    return arith::SIToFPOp::create(b, b.getF32Type(), code);
  }
  Value isUpper = arith::CmpIOp::create(b, arith::CmpIPredicate::uge,
                                        indices.materialize(number),
                                        constantIndex(elements));
  Value half =
      arith::SelectOp::create(b, isUpper, constantWord(4), constantWord(0));
  Value code =
      arith::ShRUIOp::create(b, word, arith::AddIOp::create(b, shift, half));
  code = arith::AndIOp::create(b, code, constantWord(15));
  return scaleNibbles(arith::SIToFPOp::create(b, b.getF32Type(), code), isUpper,
                      parameters);
}

Value RowReader::load(const Index &row, const Index &number,
                      const RowParameters &parameters) {
  return named(loadNumbers(row, number, parameters), (name + "_part").str());
}

Value RowReader::loadNumbers(const Index &row, const Index &number,
                             const RowParameters &parameters) {
  if (step == 1)
    return loadOne(row, number, parameters);
  if (format == GPURowFormat::Int4)
    return loadNibbles(row, number, parameters);
  Value loaded = KernelParts::load(
      numbers, indices.add(indices.multiply(row, width / step), number));
  switch (format) {
  case GPURowFormat::F32:
    return loaded;
  case GPURowFormat::F16:
    return decodeHalves(loaded);
  case GPURowFormat::Int8:
    return decodeBytes(loaded);
  case GPURowFormat::Int4:
    break;
  }
  llvm_unreachable("a format has numbers");
}

Value RowReader::loadScale(const Index &row) {
  if (!scales)
    return {};
  return named(KernelParts::load(scales, row), (name + "_scale").str());
}
