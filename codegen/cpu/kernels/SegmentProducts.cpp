//===- SegmentProducts.cpp - products within one activation scale ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SegmentProducts.h"
#include "ByteDot.h"
#include "lowbit/IR/LowbitTableOps.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

/// Columns of the innermost loop's body of f32 activations, which take several
/// instructions for each, and gain nothing from more.
static constexpr int64_t kFloatChunkColumns = 8;
/// The same where windows are looked up: by two permutations, or by many.
static constexpr int64_t kWindowChunkColumns = 16, kWideChunkColumns = 4;
/// Two rows of activations that share decoded codes always gain more than their
/// spills cost.
static constexpr int64_t kMinRowTile = 2;
/// As many products of a segment in one chain are no wait: those of the next
/// segment start meanwhile.
static constexpr int64_t kShortChain = 16;

/// Whether each vector of the atom holds fields of one step, the same in all.
static bool hasOneStepPerVector(const CodeFields &fields) {
  if (fields.vectors != fields.steps)
    return false;
  for (int64_t step = 0; step < fields.steps; ++step)
    for (int64_t block = 0; block < fields.subBlocks; ++block) {
      const auto &here = fields.at(step, block), &there = fields.at(0, block);
      if (here.size() != 1 || here[0].vector != step ||
          here[0].shift != there[0].shift)
        return false;
    }
  return true;
}

/// The fields of codes, or the steps of windows.
static CodeFields getFields(const numerics::Layout &layout,
                            const numerics::Encoding &encoding,
                            const std::optional<CodeWindows> &windows) {
  if (windows)
    return {windows->subBlocks, /*steps=*/1, /*vectors=*/0, {}};
  return *findCodeFields(layout, encoding);
}

/// Orders the bytes of windows by what is read from the stream.
static void sortByRuns(CodeDigits &tables, const CodeWindows &windows) {
  for (std::vector<int8_t> &bytes : tables.bytes) {
    std::vector<int8_t> sorted(bytes.size());
    for (uint32_t run = 0; run < bytes.size(); ++run)
      sorted[run] = bytes[windows.windowOf(run)];
    bytes = std::move(sorted);
  }
}

/// Factors of 256 bytes or fewer of the tables of windows of more than a byte,
/// or none.
static std::vector<FactoredTable> factorTables(const CodeDigits &tables,
                                               unsigned windowBits) {
  std::vector<FactoredTable> result;
  if (windowBits <= 8)
    return result;
  for (const std::vector<int8_t> &bytes : tables.bytes) {
    result.push_back(factorTable(bytes));
    size_t size = result.back().entries.size();
    if (size < 2 || size > 256)
      return {};
  }
  return result;
}

SegmentProducts::SegmentProducts(KernelBuilder &builder,
                                 const LinearKernelSpec &spec, bool isTiled)
    : b(builder), spec(spec), target(*spec.target),
      encoding(spec.encoding.getNumerics()),
      layout(spec.layout.getLayout(encoding.element.codeBits())),
      windows(findCodeWindows(layout, encoding)),
      fields(getFields(layout, encoding, windows)), isTiled(isTiled) {
  if (isLearned())
    tables = getLearnedDigits(isSigned());
  else if (isTable())
    tables = findCodeDigits(encoding, isSigned());
  if (windows) {
    sortByRuns(tables, *windows);
    factored = factorTables(tables, windows->windowBits);
    return;
  }
  isDifferential = inPlaceLimit() == 255 && hasOneStepPerVector(fields);
  findPlaces(choosePeriod());
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

/// Half of the registers are for sums; the others for sums of groups, weights,
/// activations and masks.
static bool hasRoom(const CPUDescription &target, size_t sums) {
  return int64_t(sums) <= target.registers / 2;
}

/// Where runs have sums of their own, these need registers, too. A single row
/// does better with spills than with a second pass over the weights. Codes that
/// are joined of fields keep few rows' products waiting.
int64_t SegmentProducts::rowTile(bool areDecoded) const {
  bool hasRuns = target.dot().getRunCapacity() && !isFloat() && !isWords();
  int64_t each = hasRuns ? 2 : 1;
  int64_t rows = spec.tuning.kernelRows;
  // A register then is all lanes of a block; others take slices in turns.
  bool isWhole = target.lanes() == kLanes;
  if (isWhole && !areDecoded && !isFloat() && !isWords() && isJoined())
    rows *= 2;
  while (rows > kMinRowTile &&
         !hasRoom(target, each * accumulatorCount(rows, 1)))
    rows /= 2;
  return rows;
}

int64_t SegmentProducts::sliceCount(int64_t rows) const {
  int64_t count = kLanes / target.lanes();
  // Eight rows of a stream are whole bytes.
  int64_t least = windows ? std::max<int64_t>(1, 8 / target.lanes()) : 1;
  while (count > least && !hasRoom(target, accumulatorCount(rows, count)))
    count /= 2;
  return count;
}

/// Of the in-place form: several rows have accumulators enough.
int64_t SegmentProducts::getChains(size_t rows, int64_t slices) const {
  bool hasChains = rows == 1 && places.size() * parts() * slices <=
                                    size_t(spec.tuning.chainedSums);
  return hasChains ? 2 : 1;
}

/// Several rows have accumulators enough, and short segments, which follow one
/// another independently, need none besides.
int64_t SegmentProducts::getDecodedChains(size_t rows, int64_t slices) const {
  // Windows take so many instructions that no sum waits for another.
  if (windows && registerCount(slices) * levels() > spec.tuning.chainedSums)
    return 1;
  int64_t most = 0;
  for (int64_t level = 0; level < levels(); ++level)
    most = std::max(most, pairCount(level));
  bool isLong = spec.panel.columns / kStepColumns * most > kShortChain;
  bool hasChains = rows == 1 && !isFloat() && isLong &&
                   hasRoom(target, 2 * registerCount(slices) * levels());
  return hasChains ? 2 : 1;
}

int64_t SegmentProducts::pairCount(int64_t level) const {
  int64_t count = 0;
  for (int64_t digit = 0; digit < digits(); ++digit)
    count += level >= digit && level - digit < parts();
  return count;
}

size_t SegmentProducts::accumulatorCount(size_t rows, int64_t slices) const {
  if (isInPlace(rows))
    return rows * placeCount(rows, slices);
  return rows * registerCount(slices) * levels() *
         getDecodedChains(rows, slices);
}

//===----------------------------------------------------------------------===//
// Loops over the segment
//===----------------------------------------------------------------------===//

SegmentProducts::Values
SegmentProducts::accumulate(const SegmentOperands &operands, Extent columns) {
  Type element = isFloat() ? Type(b.getF32Type()) : Type(b.getI32Type());
  Values sums(accumulatorCount(operands.rows.size(), operands.slices.count),
              b.zero(lanes(element)));
  int64_t atomColumns = layout.atom.columns, padding = layout.columnPadding;
  int64_t unroll = 1;
  Value atoms;
  if (columns.known) {
    int64_t count = atomCount(*columns.known);
    int64_t chunk = isFloat() ? kFloatChunkColumns : spec.tuning.kernelColumns;
    if (windows && !isFloat())
      chunk = windows->windowBits > 8 && !countAligned() ? kWideChunkColumns
                                                         : kWindowChunkColumns;
    chunk = std::min(chunk, target.mostColumns);
    int64_t perChunk = std::max<int64_t>(1, chunk / (atomColumns * values()));
    unroll = count % perChunk == 0 ? perChunk : 1;
    atoms = b.index(count);
    if (count <= unroll) {
      for (int64_t i = 0; i < count; ++i)
        emitAtom(operands, b.index(i), i, sums);
      return sums;
    }
  } else {
    atoms = b.mul(b.ceilDiv(columns.value, padding * values()),
                  padding / atomColumns);
  }
  return b.loop(b.index(0), atoms, unroll, sums,
                [&](Value atom, ValueRange in) {
                  Values next(in);
                  for (int64_t i = 0; i < unroll; ++i)
                    emitAtom(operands, b.add(atom, i), i, next);
                  return next;
                });
}

/// Atoms of `columns` columns, padding included.
int64_t SegmentProducts::atomCount(int64_t columns) const {
  int64_t padding = layout.columnPadding;
  return llvm::divideCeil(columns / values(), padding) * padding /
         layout.atom.columns;
}

void SegmentProducts::prefetch(Value weights, Value offset) {
  if (spec.tuning.prefetchBytes == 0)
    return;
  // As LLVM counts, 3 is into all caches.
  unsigned locality = 4 - spec.tuning.prefetchLevel;
  memref::PrefetchOp::create(
      b, weights, ValueRange{b.add(offset, spec.tuning.prefetchBytes)},
      /*isWrite=*/false, locality, /*isDataCache=*/true);
}

/// The vectors of an atom or, of codes that overlap, its windows.
SegmentProducts::Values
SegmentProducts::loadAtom(const SegmentOperands &operands, Value atom) {
  Value offset = b.add(operands.codes, b.mul(atom, layout.atom.bits / 8));
  bool isSingle = operands.rows.size() == 1 && !isFloat();
  int64_t bytes = target.vectorBits / 8;
  Values vectors;
  if (windows)
    vectors = loadWindows(operands, offset);
  for (int64_t i = 0; i < fields.vectors; ++i) {
    Value place = b.add(offset, i * kVectorBytes);
    if (isSingle)
      prefetch(operands.weights, place);
    place = b.add(place, b.mul(operands.slices.first, kStepColumns));
    for (int64_t s = 0; s < operands.slices.count; ++s)
      vectors.push_back(
          b.load(operands.weights, b.add(place, s * bytes), b.bytes(bytes)));
  }
  return vectors;
}

void SegmentProducts::emitAtom(const SegmentOperands &operands, Value atom,
                               int64_t inChunk, MutableArrayRef<Value> sums) {
  int64_t step = inChunk * fields.steps;
  if (operands.decoded.areThere)
    return multiplyDecoded({}, operands, atom, step, sums);
  Values vectors = loadAtom(operands, atom);
  if (isInPlace(operands))
    multiplyInPlace(vectors, operands, firstColumn(atom), step, sums);
  else
    multiplyDecoded(vectors, operands, atom, step, sums);
}

/// Byte offset of the values of step `step` after column `column`.
Value SegmentProducts::valueOffset(Value row, Value column, int64_t step,
                                   int64_t part) {
  int64_t size = isFloat() ? 4 : isWords() ? 2 : 1;
  int64_t fixed = PanelFormat::kHeaderBytes + size * step * kStepColumns +
                  part * spec.panel.paddedColumns();
  return b.add(b.add(row, b.mul(column, size)), fixed);
}

//===----------------------------------------------------------------------===//
// Codes that are decoded first
//===----------------------------------------------------------------------===//

/// Bits [firstBit, endBit) of the codes of a block as bytes: its fields,
/// shifted to their bits. What several rows share is followed by so many
/// products that only their units count, which shifts and masks don't take.
Value SegmentProducts::decode(ArrayRef<Value> vectors,
                              ArrayRef<CodeField> blockFields, int64_t slice,
                              int64_t slices, bool isShared, unsigned firstBit,
                              unsigned endBit) {
  Value codes;
  for (const CodeField &field : blockFields) {
    unsigned begin = std::max(field.codeBit, firstBit);
    unsigned end = std::min(field.codeBit + field.width, endBit);
    if (begin >= end)
      continue;
    Value vector = vectors[field.vector * slices + slice];
    unsigned shift = field.shift + begin - field.codeBit;
    Value bits =
        isShared
            ? b.extractBitsOfPairs(vector, shift, end - begin, begin - firstBit)
            : moveBits(vector, shift, end - begin, begin - firstBit);
    codes = codes ? arith::OrIOp::create(b, codes, bits).getResult() : bits;
  }
  return codes;
}

/// The codes of a block as bytes. A look-up of bytes ignores what is above the
/// index, so that a code in a single field is shifted, together with its
/// neighbour, and not masked.
Value SegmentProducts::getCodes(ArrayRef<Value> vectors,
                                ArrayRef<CodeField> blockFields, int64_t slice,
                                int64_t slices, bool isShared) {
  bool isPermuted = isTable() && !isGathered() && values() == 1;
  if (!isPermuted || blockFields.size() > 1)
    return decode(vectors, blockFields, slice, slices, isShared);
  Value codes = vectors[blockFields[0].vector * slices + slice];
  unsigned count = blockFields[0].shift;
  if (count == 0)
    return codes;
  return b.shiftPairs(codes, count);
}

/// The bytes that codes are multiplied as, in the dot product `dotIndex` of
/// their step.
SegmentProducts::Values
SegmentProducts::getDigits(Value codes, int64_t dotIndex, Value learned) {
  if (!isTable() || isGathered())
    return {codes};
  if (isLearned()) {
    bool isPerRow = encoding.element.tableOwner() == numerics::TableOwner::Row;
    return {LearnedLutOp::create(b, codes.getType(), codes, learned, isPerRow)};
  }
  Values result;
  for (const std::vector<int8_t> &table : tables.bytes)
    result.push_back(values() == 1 ? LutOp::create(b, codes.getType(), codes,
                                                   /*upper=*/Value(),
                                                   b.getDenseI8ArrayAttr(table))
                                   : gatherDigits(table, codes, dotIndex));
  return result;
}

/// The bytes of vector codes: as many codes of each lane as give four numbers,
/// or the four of a longer one, from words in memory.
Value SegmentProducts::gatherDigits(ArrayRef<int8_t> table, Value codes,
                                    int64_t dotIndex) {
  int64_t perDot = std::max<int64_t>(1, kStepColumns / values());
  int64_t number = dotIndex * kStepColumns % values();
  SmallVector<int32_t> entries;
  for (size_t first = number; first < table.size(); first += values()) {
    uint32_t word = 0;
    for (int64_t i = 0; i < kStepColumns / perDot; ++i)
      word |= uint32_t(uint8_t(table[first + i])) << (8 * i);
    entries.push_back(static_cast<int32_t>(word));
  }
  VectorType words = lanes(b.getI32Type());
  Value lane = b.bitcast(codes, words), result;
  for (int64_t i = 0; i < perDot; ++i) {
    int64_t byte = dotIndex * kStepColumns / values() + i;
    Value index = arith::AndIOp::create(
        b, arith::ShRUIOp::create(b, lane, b.splat(words, 8 * byte)),
        b.splat(words, int64_t(0xFF)));
    Value numbers = b.shift(b.gather(ArrayRef<int32_t>(entries), index),
                            static_cast<int>(8 * i * values()));
    result =
        result ? arith::OrIOp::create(b, result, numbers).getResult() : numbers;
  }
  return b.bitcast(result, cast<VectorType>(codes.getType()));
}

/// The bytes of register `at` in dot product `product` of an atom.
SegmentProducts::Values SegmentProducts::decode(ArrayRef<Value> vectors,
                                                const SegmentOperands &operands,
                                                int64_t product, int64_t at) {
  int64_t slices = operands.slices.count;
  int64_t step = product / values(), dotIndex = product % values();
  if (windows)
    return getWindowDigits(vectors, at);
  ArrayRef<CodeField> block = fields.at(step, at / slices);
  if (encoding.element.isLattice())
    return {getLatticeBytes(vectors, block, at % slices, slices, dotIndex)};
  Value codes = getCodes(vectors, block, at % slices, slices,
                         /*isShared=*/operands.rows.size() > 1 || isWords());
  return getDigits(codes, dotIndex,
                   isLearned() ? operands.tables[at] : Value());
}

void SegmentProducts::multiplyDecoded(ArrayRef<Value> vectors,
                                      const SegmentOperands &operands,
                                      Value atom, int64_t firstStep,
                                      MutableArrayRef<Value> sums) {
  int64_t registers = registerCount(operands.slices.count);
  const DecodedCodes &decoded = operands.decoded;
  for (int64_t i = 0; i < fields.steps * values(); ++i) {
    SmallVector<Values> bytes;
    for (int64_t at = 0; at < registers; ++at) {
      bytes.push_back(getBytes(vectors, operands, atom, i, at));
      multiplyBytes(bytes.back(), operands, atom, i, at,
                    firstStep * values() + i, sums);
    }
    if (decoded.memory && !decoded.areThere)
      keepBytes(bytes, operands, atom, i);
  }
}

/// Adds the products of the digits of register `at` in dot product `product` of
/// an atom, which is number `turn` of those in the loop's body.
void SegmentProducts::multiplyBytes(ArrayRef<Value> bytes,
                                    const SegmentOperands &operands, Value atom,
                                    int64_t product, int64_t at, int64_t turn,
                                    MutableArrayRef<Value> sums) {
  Value column = firstColumn(atom);
  int64_t slices = operands.slices.count, registers = registerCount(slices);
  int64_t chains = getDecodedChains(operands.rows.size(), slices);
  unsigned largest =
      isTable() ? tables.largest : (1u << encoding.element.codeBits()) - 1;
  for (auto [r, row] : llvm::enumerate(operands.rows)) {
    SmallVector<int64_t, 4> pairs(levels(), 0);
    for (auto [digit, factor] : llvm::enumerate(bytes))
      for (int64_t part = 0; part < parts(); ++part) {
        int64_t level = digit + part;
        if (level >= levels())
          continue;
        int64_t chain = (turn * pairCount(level) + pairs[level]++) % chains;
        Value x = valueOffset(row, column, product, part);
        Value &sum =
            sums[((r * registers + at) * levels() + level) * chains + chain];
        sum = isFloat()
                  ? dotFloat(sum, factor, operands.panel, x, product % values())
                  : dot(sum, factor, largest, operands.panel, x);
      }
  }
}

/// Adds the products of a block of codes with four activation bytes.
Value SegmentProducts::dot(Value sum, Value codes, unsigned largest,
                           Value panel, Value offset) {
  if (isWords())
    return dotWords(sum, splitBytes(codes), panel, offset);
  Value x = b.loadSplat(panel, offset, b.getI32Type(), target.lanes());
  auto type = cast<VectorType>(codes.getType());
  IntegerAttr bound;
  if (isSigned() && !isTable())
    codes = arith::XOrIOp::create(b, codes, b.splat(type, int64_t(-128)));
  else if (largest < (isSigned() ? 128 : 255))
    bound = b.getI32IntegerAttr(largest);
  return Dot4Op::create(b, sum.getType(), sum, codes, b.bitcast(x, type), bound,
                        isSigned());
}

/// Even and odd bytes, as words.
SegmentProducts::Values SegmentProducts::splitBytes(Value bytes) {
  VectorType words = b.vector(2 * target.lanes(), b.getI16Type());
  Value pairs = b.bitcast(bytes, words);
  return {arith::AndIOp::create(b, pairs, b.splat(words, int64_t(0xFF))),
          arith::ShRUIOp::create(b, pairs, b.splat(words, int64_t(8)))};
}

/// Adds the products of codes that are words, even and odd columns, with those
/// of four activations.
Value SegmentProducts::dotWords(Value sum, ValueRange halves, Value panel,
                                Value offset) {
  Values products;
  for (auto [half, codes] : llvm::enumerate(halves)) {
    Value x = b.loadSplat(panel, b.add(offset, 4 * half), b.getI32Type(),
                          target.lanes());
    products.push_back(
        b.dotPairs(codes, b.bitcast(x, cast<VectorType>(codes.getType()))));
  }
  return b.add(sum, b.add(products[0], products[1]));
}

/// The same with four f32 activations.
Value SegmentProducts::dotFloat(Value sum, Value codes, Value panel,
                                Value offset, int64_t dotIndex) {
  VectorType words = lanes(b.getI32Type());
  Value word = b.bitcast(codes, words), mask = b.splat(words, int64_t(0xFF));
  for (int64_t c = 0; c < kStepColumns; ++c) {
    int64_t place = dotIndex * kStepColumns + c;
    int64_t byte = isGathered() ? place / values() : c;
    Value code = word;
    if (byte != 0)
      code = arith::ShRUIOp::create(b, code, b.splat(words, 8 * byte));
    if (byte + 1 != kStepColumns)
      code = arith::AndIOp::create(b, code, mask);
    Value x = b.loadSplat(panel, b.add(offset, 4 * c), b.getF32Type(),
                          target.lanes());
    Value number =
        isGathered() ? gatherNumbers(code, place % values()) : b.toFloat(code);
    sum = b.fma(number, x, sum);
  }
  return sum;
}

/// The `index`-th numbers of codes that are 32-bit lanes.
Value SegmentProducts::gatherNumbers(Value codes, int64_t index) {
  SmallVector<float> numbers;
  const std::vector<float> &all = encoding.element.table()->values;
  for (size_t i = index; i < all.size(); i += values())
    numbers.push_back(all[i]);
  return b.gather(ArrayRef<float>(numbers), codes);
}

/// Sums of each row of activations, register of weight rows and level, the
/// format's offset in them.
SegmentProducts::Values SegmentProducts::addUp(const SegmentOperands &operands,
                                               Extent columns) {
  size_t rows = operands.rows.size();
  int64_t slices = operands.slices.count;
  Values sums = accumulate(operands, columns);
  return isInPlace(operands) ? gatherRows(sums, rows, slices)
                             : joinChains(sums, rows, slices);
}

SegmentProducts::Values
SegmentProducts::emitIntegers(const SegmentOperands &operands, Extent columns) {
  assert(levels() == 1 && leavesStep() && "one integer for each sum");
  Values sums = addUp(operands, columns);
  int64_t registers = registerCount(operands.slices.count);
  for (auto [i, sum] : llvm::enumerate(sums))
    sum = subtractOffset(sum, operands.panel, operands.rows[i / registers], 0);
  return sums;
}

SegmentProducts::Values SegmentProducts::emit(const SegmentOperands &operands,
                                              Extent columns) {
  Values sums = addUp(operands, columns);
  int64_t registers = registerCount(operands.slices.count);
  Values result;
  for (auto [r, row] : llvm::enumerate(operands.rows))
    for (int64_t i = 0; i < registers; ++i) {
      size_t at = (r * registers + i) * levels();
      result.push_back(
          finish(ArrayRef(sums).slice(at, levels()), operands.panel, row));
    }
  return result;
}
