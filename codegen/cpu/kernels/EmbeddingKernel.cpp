//===- EmbeddingKernel.cpp - rows of a quantized table --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decodes rows of a dense table, which is a stream of codes. Codes of at most 8
// bits that stand for one number each are taken eight at a time: a load of 64
// bits holds them wherever the first one begins, since codes of less than 8
// bits leave room for the 7 bits before it. Others are taken one at a time,
// with the numbers that they stand for.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "KernelSpec.h"
#include "lowbit/Numerics/Lattice.h"

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
        width(encoding.element.codeBits()),
        values(encoding.element.valuesPerCode()), function(function) {}
  void emit();

private:
  /// Whether a step is eight codes, and not a single one.
  bool isPacked() const { return width <= 8 && values == 1; }
  int64_t columnsPerStep() const { return isPacked() ? kStep : values; }
  VectorType lanes(Type element) { return b.vector(columnsPerStep(), element); }
  Value loadRow(Value place);
  Value loadParameter(Value memory, Value row, Value group);
  Value loadWord(Value bit);
  Value loadCodes(Value bit);
  Value decode(Value codes);
  Value decodeOne(Value bit);
  Value decodeLattice(Value code);
  void emitGroup(Value row, Value group, Value output);

  KernelBuilder b;
  const EmbeddingKernelSpec &spec;
  numerics::Encoding encoding;
  int64_t width, values;
  func::FuncOp function;
  Value codes, scale, zeroPoint, minimum, outer, indices, n, k, y;
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
    at = b.add(b.mul(b.div(row, encoding.groupRows), groups), group);
  Value number = memref::LoadOp::create(b, memory, at);
  auto type = dyn_cast<FloatType>(number.getType());
  if (type)
    number =
        arith::BitcastOp::create(b, b.getIntegerType(type.getWidth()), number);
  Value value = b.broadcast(number, columnsPerStep());
  if (!type)
    return arith::UIToFPOp::create(b, lanes(b.getF32Type()), value);
  return b.extendBits(value, type, spec.target->hasHalf);
}

/// The 64 bits of the table from bit `bit` on, or fewer. Loads end with the
/// table.
Value EmbeddingKernel::loadWord(Value bit) {
  Value size = memref::DimOp::create(b, codes, 0);
  Value from = b.min(b.div(bit, 8), b.sub(size, b.index(kStep)));
  Value word = vector::ExtractOp::create(
      b, b.load(codes, from, b.vector(1, b.getI64Type())), 0);
  Value before = b.sub(bit, b.mul(from, 8));
  Value first = arith::IndexCastOp::create(b, b.getI64Type(), before);
  return arith::ShRUIOp::create(b, word, first);
}

/// The codes of eight columns that begin at bit `bit`.
Value EmbeddingKernel::loadCodes(Value bit) {
  VectorType words = lanes(b.getI64Type());
  SmallVector<int64_t> shifts;
  for (int64_t lane = 0; lane < kStep; ++lane)
    shifts.push_back(lane * width);
  Value counts = arith::ConstantOp::create(
      b, DenseElementsAttr::get(words, ArrayRef<int64_t>(shifts)));
  Value moved =
      arith::ShRUIOp::create(b, b.broadcast(loadWord(bit), kStep), counts);
  Value mask = b.splat(words, (int64_t(1) << width) - 1);
  Value masked = arith::AndIOp::create(b, moved, mask);
  return arith::TruncIOp::create(b, lanes(b.getI32Type()), masked);
}

/// What the codes stand for before zero point and scale.
Value EmbeddingKernel::decode(Value code) {
  if (const numerics::CodeTable *table = encoding.element.table())
    return b.gather(ArrayRef(table->values), code);
  const numerics::IntegerFormat &format = *encoding.element.integer();
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

/// The numbers of the code at bit `bit`, of at most 16 bits.
Value EmbeddingKernel::decodeOne(Value bit) {
  Value mask = arith::ConstantOp::create(
      b, b.getI64IntegerAttr((int64_t(1) << width) - 1));
  Value code = arith::AndIOp::create(b, loadWord(bit), mask);
  if (encoding.element.isLattice())
    return decodeLattice(code);
  Value place =
      b.mul(arith::IndexCastUIOp::create(b, b.getIndexType(), code), values);
  return vector::LoadOp::create(
      b, lanes(b.getF32Type()),
      b.table(ArrayRef(encoding.element.table()->values)), place);
}

/// The same of a lattice: magnitudes from a table, and signs.
Value EmbeddingKernel::decodeLattice(Value code) {
  numerics::LatticeFormat format = numerics::latticeOf(encoding.element);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  };
  SmallVector<float> magnitudes;
  for (int8_t number : numerics::latticeMagnitudes(format))
    magnitudes.push_back(number);
  Value index = arith::AndIOp::create(
      b, code, constant((int64_t(1) << format.indexBits()) - 1));
  Value place =
      b.mul(arith::IndexCastUIOp::create(b, b.getIndexType(), index), values);
  Value number = vector::LoadOp::create(
      b, lanes(b.getF32Type()), b.table(ArrayRef<float>(magnitudes)), place);
  Value bits = arith::ShRUIOp::create(b, code, constant(format.indexBits()));
  Value signs = arith::XOrIOp::create(
      b, bits, arith::ShLIOp::create(b, bits, constant(1)));
  VectorType words = lanes(b.getI64Type());
  SmallVector<int64_t> single;
  for (int64_t i = 0; i < values; ++i)
    single.push_back(int64_t(1) << i);
  Value mask = arith::ConstantOp::create(
      b, DenseElementsAttr::get(words, ArrayRef<int64_t>(single)));
  Value isNegated = arith::CmpIOp::create(
      b, arith::CmpIPredicate::ne,
      arith::AndIOp::create(b, b.broadcast(signs, values), mask),
      b.zero(words));
  return arith::SelectOp::create(b, isNegated, arith::NegFOp::create(b, number),
                                 number);
}

void EmbeddingKernel::emitGroup(Value row, Value group, Value output) {
  Value factor = loadParameter(scale, row, group), shift, addend, lastFactor;
  if (zeroPoint)
    shift = loadParameter(zeroPoint, row, group);
  if (minimum)
    addend = loadParameter(minimum, row, group);
  if (outer) {
    bool isShared = encoding.outer == numerics::OuterScale::Tensor;
    lastFactor = b.broadcast(
        memref::LoadOp::create(b, outer, isShared ? b.index(0) : row),
        columnsPerStep());
  }
  Value begin = b.mul(group, groupColumns);
  Value end = b.min(k, b.add(begin, groupColumns));
  Value rowStart = b.mul(row, k);
  b.loop(begin, end, columnsPerStep(), {},
         [&](Value column, ValueRange) -> Values {
           Value code = b.add(rowStart, column);
           Value bit = b.mul(values == 1 ? code : b.div(code, values), width);
           Value number = isPacked() ? decode(loadCodes(bit)) : decodeOne(bit);
           if (shift)
             number = arith::SubFOp::create(b, number, shift);
           number = b.mulf(number, factor);
           if (addend)
             number = arith::AddFOp::create(b, number, addend);
           if (lastFactor)
             number = b.mulf(number, lastFactor);
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
  if (encoding.outer != numerics::OuterScale::None)
    outer = *argument++;
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
