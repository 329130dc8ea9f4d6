//===- EmbeddingKernel.cpp - rows of a quantized table --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decodes rows of a dense table, which is a stream of codes, eight columns at a
// time: a load of 64 bits holds them wherever the first one begins, since codes
// of less than 8 bits leave room for the 7 bits before it.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "KernelSpec.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

using Values = llvm::SmallVector<Value>;

/// Columns of a step, and bytes of a load.
static constexpr int64_t kStep = EmbeddingKernelSpec::kLoadBytes;

namespace {

class EmbeddingKernel {
public:
  EmbeddingKernel(func::FuncOp function, const EmbeddingKernelSpec &spec)
      : b(function.getLoc(), function.getContext()), spec(spec),
        encoding(spec.encoding.getNumerics()),
        format(*encoding.element.integer()), function(function) {}
  void emit();

private:
  VectorType lanes(Type element) { return b.vector(kStep, element); }
  Value loadRow(Value place);
  Value loadParameter(Value memory, Value row, Value group);
  Value loadCodes(Value bit);
  Value decode(Value codes);
  void emitGroup(Value row, Value group, Value output);

  KernelBuilder b;
  const EmbeddingKernelSpec &spec;
  numerics::Encoding encoding;
  numerics::IntegerFormat format;
  func::FuncOp function;
  Value codes, scale, zeroPoint, minimum, indices, n, k, y;
  Value groupColumns, groups;
};

} // namespace

/// The row that the index at `place` names: counted from the end when negative,
/// clamped to the table.
Value EmbeddingKernel::loadRow(Value place) {
  Value index = memref::LoadOp::create(b, indices, place);
  Value row = arith::IndexCastOp::create(b, b.getIndexType(), index);
  Value isNegative =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, row, b.index(0));
  row = arith::SelectOp::create(b, isNegative, b.add(row, n), row);
  return b.min(b.max(row, b.index(0)), b.sub(n, b.index(1)));
}

/// The parameter of a row's group in every lane.
Value EmbeddingKernel::loadParameter(Value memory, Value row, Value group) {
  Value at = group;
  if (encoding.granularity != numerics::Granularity::Tensor)
    at = b.add(b.mul(row, groups), group);
  Value value = b.broadcast(memref::LoadOp::create(b, memory, at), kStep);
  Type type = getElementTypeOrSelf(value.getType());
  if (type.isInteger())
    return arith::UIToFPOp::create(b, lanes(b.getF32Type()), value);
  return type.isF32() ? value : b.extendHalf(value, spec.target->hasHalf);
}

/// The codes of eight columns that begin at bit `bit` of the table. Loads end
/// with the table.
Value EmbeddingKernel::loadCodes(Value bit) {
  VectorType words = lanes(b.getI64Type());
  Value size = memref::DimOp::create(b, codes, 0);
  Value place = b.div(bit, 8);
  Value from = b.min(place, b.sub(size, b.index(kStep)));
  Value word = vector::ExtractOp::create(
      b, b.load(codes, from, b.vector(1, b.getI64Type())), 0);
  Value before = b.sub(bit, b.mul(from, 8));
  Value first = arith::IndexCastOp::create(b, b.getI64Type(), before);
  word = arith::ShRUIOp::create(b, word, first);
  SmallVector<int64_t> shifts;
  for (int64_t lane = 0; lane < kStep; ++lane)
    shifts.push_back(lane * format.width);
  Value counts = arith::ConstantOp::create(
      b, DenseElementsAttr::get(words, ArrayRef<int64_t>(shifts)));
  Value moved = arith::ShRUIOp::create(b, b.broadcast(word, kStep), counts);
  Value mask = b.splat(words, (int64_t(1) << format.width) - 1);
  Value masked = arith::AndIOp::create(b, moved, mask);
  return arith::TruncIOp::create(b, lanes(b.getI32Type()), masked);
}

/// What the codes stand for before zero point and scale.
Value EmbeddingKernel::decode(Value code) {
  VectorType ints = lanes(b.getI32Type());
  if (format.kind != numerics::IntegerKind::Unsigned) {
    // A one-bit code is 2c - 1.
    if (format.width == 1)
      code = b.add(code, code);
    int64_t offset = format.width == 1 ? 1 : int64_t(1) << (format.width - 1);
    code = b.sub(code, b.splat(ints, offset));
  }
  return b.toFloat(code);
}

void EmbeddingKernel::emitGroup(Value row, Value group, Value output) {
  Value factor = loadParameter(scale, row, group), shift, addend;
  if (zeroPoint)
    shift = loadParameter(zeroPoint, row, group);
  if (minimum)
    addend = loadParameter(minimum, row, group);
  Value begin = b.mul(group, groupColumns);
  Value end = b.min(k, b.add(begin, groupColumns));
  Value rowCode = b.mul(row, k);
  b.loop(begin, end, kStep, {}, [&](Value column, ValueRange) -> Values {
    Value bit = b.mul(b.add(rowCode, column), format.width);
    Value number = decode(loadCodes(bit));
    if (shift)
      number = arith::SubFOp::create(b, number, shift);
    number = b.mulf(number, factor);
    if (addend)
      number = arith::AddFOp::create(b, number, addend);
    b.storeFirst(number, y, b.add(output, column), b.sub(end, column),
                 spec.target->hasMasks);
    return {};
  });
}

void EmbeddingKernel::emit() {
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  auto argument = entry->args_begin();
  codes = *argument++;
  scale = *argument++;
  if (encoding.zeroPoint != numerics::ZeroPointKind::None)
    zeroPoint = *argument++;
  if (encoding.hasMinimum)
    minimum = *argument++;
  for (Value *value : {&indices, &n, &k, &y})
    *value = *argument++;
  Value first = *argument++, last = *argument++;
  groupColumns = encoding.granularity == numerics::Granularity::Group
                     ? b.index(encoding.groupSize)
                     : b.max(k, b.index(1));
  groups = arith::CeilDivUIOp::create(b, k, groupColumns);
  b.loop(first, last, 1, {}, [&](Value place, ValueRange) -> Values {
    Value row = loadRow(place), output = b.mul(place, k);
    b.loop(b.index(0), groups, 1, {}, [&](Value group, ValueRange) -> Values {
      emitGroup(row, group, output);
      return {};
    });
    return {};
  });
  func::ReturnOp::create(b);
}

func::FuncOp cpu::getOrCreateEmbeddingKernel(ModuleOp module,
                                             const EmbeddingKernelSpec &spec) {
  std::string name = spec.name();
  if (auto existing = module.lookupSymbol<func::FuncOp>(name))
    return existing;
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Type index = builder.getIndexType();
  SmallVector<Type> arguments{flatBuffer(builder.getI8Type())};
  for (StringRef parameter : spec.encoding.getParameterNames())
    arguments.push_back(flatBuffer(
        spec.encoding.getParameterType(parameter, 1, 1).getElementType()));
  arguments.append({flatBuffer(spec.indexType), index, index,
                    flatBuffer(builder.getF32Type()), index, index});
  auto function = func::FuncOp::create(builder, module.getLoc(), name,
                                       builder.getFunctionType(arguments, {}));
  function.setPrivate();
  EmbeddingKernel(function, spec).emit();
  return function;
}
