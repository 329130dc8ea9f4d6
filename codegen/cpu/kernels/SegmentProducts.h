//===- SegmentProducts.h - products of one segment --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The innermost part of a linear kernel: the products of a segment of
// activations with the codes that it meets.
//
// A vector of a layout holds 16 rows, one for each 32-bit lane; a register of
// the target holds 16, 8 or 4 of them. So vectors are cut into slices of a
// register's rows. A kernel takes as many slices at a time as the target's
// registers have room for, and comes back for the others.
//
// Codes are the unsigned operand of a four-way dot product, so a format's
// offset is subtracted once, as offset * sum of the segment's activations,
// which the panel's header holds. (Targets that multiply signed bytes alone get
// a code of 8 bits less 128.)
//
// Several rows share the decoding of a block of codes to bytes (shift, mask,
// or of its fields). A single row has nothing to share it with: there, and
// where that takes several rows less too (SegmentPlaces.cpp), fields are masked
// in place and multiplied where they lie, as far as the target multiplies such
// bytes, and sums of fields that lie s bits too high are shifted right by s at
// the end of a segment, which is exact. Where every vector holds one step of
// columns, masks keep all bits from a field up and neighbouring sums are
// subtracted; the lowest field then needs no mask. Fields of one code are put
// together first where one instruction moves bits of bytes (SegmentPlaces.cpp).
//
// The codes of a table are looked up first, and are then one byte or more
// (CodeDigits.h). A product of bytes belongs to a level, by the powers of 256
// that both stand for; each level has sums of its own, and levels that are far
// below the highest are left out, as their errors would be.
//
// Numbers of a learned table are bytes as they are.
//
// Windows of codes that overlap are read from streams of bits (CodeWindows.h)
// and looked up as codes are. Codes of lattices are computed (LatticeCodes.h).
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_SEGMENTPRODUCTS_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_SEGMENTPRODUCTS_H

#include "CodeDigits.h"
#include "CodeWindows.h"
#include "FactoredTable.h"
#include "KernelBuilder.h"
#include "KernelSpec.h"

namespace lowbit::cpu {

/// A run of columns: known at compile time, or a value.
struct Extent {
  std::optional<int64_t> known;
  mlir::Value value;
};

/// Some slices of the layout's vectors: `count` of a register's lanes each,
/// from lane `first` on.
struct Slices {
  int64_t count;
  mlir::Value first;
};

/// What bytes are multiplied by as they are unpacked: 16-bit lanes of a factor,
/// and what is added to the products of two bytes.
struct ByteFactor {
  mlir::Value words, addend;
};

/// The bytes that codes are multiplied as, in memory, for many rows of
/// activations: those of each dot product of an atom one after the other, of
/// these a vector for each sub-block and digit. Slices are parts of vectors, as
/// they are of packed ones. No memory: nothing is kept.
struct DecodedCodes {
  mlir::Value memory, place;
  /// Whether they are there. Products of others write them.
  bool areThere = false;
};

/// Where a segment's operands begin, in bytes.
struct SegmentOperands {
  mlir::Value weights, codes;
  mlir::Value panel;
  Slices slices;
  /// The tables of each register of weight rows, prepared, where they have
  /// some.
  llvm::SmallVector<mlir::Value> tables;
  /// One offset for each row of activations.
  llvm::SmallVector<mlir::Value> rows;
  /// One for each register of weight rows; none where bytes aren't multiplied.
  llvm::SmallVector<ByteFactor> factors;
  /// Where their decoded codes are, or go.
  DecodedCodes decoded;
};

class SegmentProducts {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  /// With `isTiled`, for tiles, which `unpack` writes.
  SegmentProducts(KernelBuilder &builder, const LinearKernelSpec &spec,
                  bool isTiled = false);

  /// Rows of activations that are computed together where there are many, of
  /// codes that are decoded first or that are there as bytes.
  int64_t rowTile(bool areDecoded = false) const;
  /// Slices that are computed together with `rows` rows of activations.
  int64_t sliceCount(int64_t rows) const;
  /// Registers of weight rows in `slices` slices: sub-blocks, and within them
  /// slices.
  int64_t registerCount(int64_t slices) const {
    return fields.subBlocks * slices;
  }
  /// Whether a row's scale is one factor of all its sums, which is left to the
  /// end of the row. (Tiles apply it to runs of segments.)
  bool leavesScale() const {
    return spec.panel.hasOneScale() && !isFloat() && !isTiled;
  }
  /// What is left of the row whose first header is at `row`.
  Value leftScale(Value panel, Value row);
  /// Products of `columns` columns, one f32 register for each row of
  /// activations and register of weight rows (row-major), the table's step and
  /// activation scales applied unless they are left, the format's offset
  /// subtracted. Weight rows are in the order that `sortRows` undoes.
  Values emit(const SegmentOperands &operands, Extent columns);
  /// The same as integers, where scale and step are left and there is one
  /// level.
  Values emitIntegers(const SegmentOperands &operands, Extent columns);
  /// Puts the weight rows of such registers, or of sums of them, in order.
  void sortRows(llvm::MutableArrayRef<Value> registers);
  /// Learned numbers as bytes that are multiplied.
  Value prepareTable(Value table);
  /// Sum of the segment's activations in every lane, as f32, scaled unless that
  /// is left.
  Value activationSum(Value panel, Value offset);

  //===--- Many rows ------------------------------------------------------===//
  // All of them may share what is decoded.

  /// Whether decoding takes so long that many rows keep what it yields.
  bool keepsDecoded() const;
  /// Bytes of `columns` columns of decoded codes.
  int64_t decodedBytes(int64_t columns) const {
    return atomCount(columns) * decodedAtomBytes();
  }

  //===--- Tiles ----------------------------------------------------------===//
  // Tiles multiply bytes that are the digits themselves, without an offset:
  // signed ones, or codes of 8 bits without a sign.

  /// Bytes of each number, sums that their products with the parts of an
  /// activation go to, and which of them those of a digit and a part do: there
  /// are none from `levels()` on.
  int64_t digits() const { return isTable() ? tables.bytes.size() : 1; }
  int64_t parts() const {
    return spec.panel.kind == PanelKind::Int16 && !isWords() ? 2 : 1;
  }
  int64_t levels() const {
    if (isFloat())
      return 1;
    return std::min(digits() + parts() - 1, std::max<int64_t>(digits(), 2));
  }
  static int64_t levelOf(int64_t digit, int64_t part) { return digit + part; }
  bool hasUnsignedBytes() const;
  /// What the lowest digit stands for.
  double step() const { return isTable() ? tables.step : 1; }
  /// Makes a factor of integers that are 32-bit lanes.
  ByteFactor prepareFactor(Value integers);
  /// Decodes an atom of the segment at `operands` and hands the bytes of each
  /// step of four columns, register of weight rows and digit to `store`. Rows
  /// are in order.
  void unpack(const SegmentOperands &operands, Value atom,
              llvm::function_ref<void(int64_t step, int64_t index,
                                      int64_t digit, Value bytes)>
                  store);
  /// The levels of one sum as f32, scaled unless that is left; the segment's
  /// header is at `row`.
  Value finish(llvm::ArrayRef<Value> sums, Value panel, Value row);

private:
  /// What the in-place form multiplies at once: one field of a code or, where
  /// bits can be moved next to others, all of them.
  using Term = llvm::ArrayRef<CodeField>;
  /// Where it multiplies a term: `shift` bits higher than the code's bits that
  /// the term is. One accumulator for each place, slice, part and chain.
  struct Place {
    int64_t subBlock;
    int shift;
    bool operator==(const Place &other) const {
      return subBlock == other.subBlock && shift == other.shift;
    }
  };
  /// A term of an atom's codes, and the sums that its products go to.
  struct TermPlace {
    int64_t step, subBlock;
    Term term;
    int64_t slice, chain;
  };

  bool isFloat() const { return spec.panel.kind == PanelKind::Float; }
  bool isWords() const { return spec.panel.isWords; }
  /// Words have room for a code anywhere in its byte.
  unsigned inPlaceLimit() const {
    return isWords() ? 255 : target.inPlaceLimit;
  }
  bool isTable() const { return encoding.element.table(); }
  /// Whether the table's numbers are data.
  bool isLearned() const {
    return encoding.element.tableOwner() != numerics::TableOwner::Format;
  }
  bool isInPlace(size_t rows) const {
    if (isFloat() || isTable() || (isWords() && hasScatteredCodes()))
      return false;
    return rows == 1 || sharesInPlace();
  }
  /// What is in memory was decoded.
  bool isInPlace(const SegmentOperands &operands) const {
    return isInPlace(operands.rows.size()) && !operands.decoded.memory;
  }
  bool sharesInPlace() const;
  /// Whether codes lie in several fields. Words take two masks and two products
  /// for each, and sums for each place, more than putting them together does.
  bool hasScatteredCodes() const {
    return llvm::any_of(fields.fields,
                        [](const auto &code) { return code.size() > 1; });
  }
  /// Whether bytes are multiplied as signed ones: codes of 8 bits 128 less.
  bool isSigned() const {
    return target.signedBytes && !isFloat() &&
           (isTable() || encoding.element.codeBits() == 8);
  }
  /// Whether f32 activations meet numbers from a table in memory, which bytes
  /// would not give exactly.
  bool isGathered() const { return isFloat() && isTable() && digits() > 1; }
  /// Columns that a code stands for: a step of codes is as many dot products.
  int64_t values() const { return encoding.element.valuesPerCode(); }
  /// Pairs of a digit and a part at `level`.
  int64_t pairCount(int64_t level) const;
  /// Whether a field must be shifted down before it is multiplied.
  bool isShifted(const CodeField &field) const {
    return field.shift > 0 && field.mask() > inPlaceLimit();
  }
  llvm::SmallVector<Term> getTerms(llvm::ArrayRef<CodeField> code) const;
  int getPlaceShift(int64_t subBlock, Term term) const;
  void findPlaces(unsigned period);
  unsigned choosePeriod();
  size_t placeOf(int64_t subBlock, Term term) const;
  int64_t getChains(size_t rows, int64_t slices) const;
  /// The in-place form's accumulators of each row of activations.
  size_t placeCount(size_t rows, int64_t slices) const {
    return getChains(rows, slices) * parts() * places.size() * slices;
  }
  int64_t getDecodedChains(size_t rows, int64_t slices) const;
  size_t accumulatorCount(size_t rows, int64_t slices) const;
  size_t accumulator(int64_t chain, int64_t part, size_t place, int64_t slice,
                     int64_t slices) const {
    return ((chain * parts() + part) * places.size() + place) * slices + slice;
  }

  int64_t atomCount(int64_t columns) const;
  int64_t decodedAtomBytes() const {
    return fields.steps * values() * fields.subBlocks * digits() * kVectorBytes;
  }
  bool movesManyFields() const;
  bool hasRoomBesideSums() const;
  /// Whether codes are integers that are joined of several fields.
  bool isJoined() const;
  Value decodedPlace(const SegmentOperands &operands, Value atom,
                     int64_t product, int64_t at);
  Values getBytes(llvm::ArrayRef<Value> vectors,
                  const SegmentOperands &operands, Value atom, int64_t product,
                  int64_t at);
  Values accumulate(const SegmentOperands &operands, Extent columns);
  Values addUp(const SegmentOperands &operands, Extent columns);
  Values loadAtom(const SegmentOperands &operands, Value atom);
  void emitAtom(const SegmentOperands &operands, Value atom, int64_t inChunk,
                llvm::MutableArrayRef<Value> sums);
  void prefetch(Value weights, Value offset);
  void multiplyInPlace(llvm::ArrayRef<Value> vectors,
                       const SegmentOperands &operands, Value column,
                       int64_t firstStep, llvm::MutableArrayRef<Value> sums);
  void multiplyTerm(llvm::ArrayRef<Value> vectors,
                    const SegmentOperands &operands, Value column,
                    const TermPlace &at, llvm::MutableArrayRef<Value> sums);
  void multiplyDecoded(llvm::ArrayRef<Value> vectors,
                       const SegmentOperands &operands, Value atom,
                       int64_t firstStep, llvm::MutableArrayRef<Value> sums);
  Values loadWindows(const SegmentOperands &operands, Value offset);
  Values loadAligned(Value weights, Value offset);
  Values getHashedDigits(Value ends, Value middle, int64_t index);
  int64_t countAligned() const;
  int64_t sharedBlocks() const;
  void sortShared(llvm::MutableArrayRef<Value> registers);
  Values getWindowDigits(llvm::ArrayRef<Value> vectors, int64_t at);
  void keepBytes(llvm::ArrayRef<Values> bytes, const SegmentOperands &operands,
                 Value atom, int64_t product);
  void multiplyBytes(llvm::ArrayRef<Value> bytes,
                     const SegmentOperands &operands, Value atom,
                     int64_t product, int64_t at, int64_t turn,
                     llvm::MutableArrayRef<Value> sums);
  Values decode(llvm::ArrayRef<Value> vectors, const SegmentOperands &operands,
                int64_t product, int64_t at);
  Values getDigits(Value codes, int64_t dotIndex, Value learned);
  Value getCodes(llvm::ArrayRef<Value> vectors,
                 llvm::ArrayRef<CodeField> fields, int64_t slice,
                 int64_t slices, bool isShared);
  Value getLatticeBytes(llvm::ArrayRef<Value> vectors,
                        llvm::ArrayRef<CodeField> fields, int64_t slice,
                        int64_t slices, int64_t dotIndex);
  Value gatherDigits(llvm::ArrayRef<int8_t> table, Value codes,
                     int64_t dotIndex);
  Values joinChains(mlir::ValueRange sums, size_t rows, int64_t slices);
  Value decode(llvm::ArrayRef<Value> vectors, llvm::ArrayRef<CodeField> fields,
               int64_t slice, int64_t slices, bool isShared,
               unsigned firstBit = 0, unsigned endBit = 8);
  Value moveBits(Value vector, unsigned shift, unsigned width, unsigned to);
  Value placeField(Value vector, const CodeField &field);
  Value placeTerm(llvm::ArrayRef<Value> vectors, int64_t subBlock, Term term,
                  int64_t slice, int64_t slices, bool isShared);
  Value placeHalf(Value vector, const CodeField &field, int64_t half);
  unsigned getLargest(int64_t subBlock, Term term) const;
  Value dot(Value sum, Value codes, unsigned largest, Value panel,
            Value offset);
  Value dotWords(Value sum, mlir::ValueRange halves, Value panel, Value offset);
  Values splitBytes(Value bytes);
  Value dotFloat(Value sum, Value codes, Value panel, Value offset,
                 int64_t dotIndex);
  Value valueOffset(Value row, Value column, int64_t step, int64_t part);
  Values gatherPlaces(mlir::ValueRange sums, int64_t chains, int64_t slices);
  Values gatherRows(mlir::ValueRange sums, size_t rows, int64_t slices);
  bool joinsLevels() const;
  Value joinLevels(llvm::ArrayRef<Value> sums, Value panel, Value row);
  /// Whether the table's step is left, too: nothing without it is added.
  bool leavesStep() const {
    return leavesScale() && !encoding.hasMinimum &&
           encoding.zeroPoint == numerics::ZeroPointKind::None;
  }
  double levelStep() const;
  Value loadScale(Value panel, Value row, double step = 1);
  Value subtractOffset(Value sum, Value panel, Value row, int64_t level);
  Value gatherNumbers(Value codes, int64_t index);
  Value toNumbers(Value bytes);
  Value scaleBytes(Value bytes, const ByteFactor &factor);
  Value firstColumn(Value atom) {
    return b.mul(atom, layout.atom.columns * values());
  }
  mlir::VectorType lanes(mlir::Type element) {
    return b.vector(target.lanes(), element);
  }

  KernelBuilder &b;
  const LinearKernelSpec &spec;
  const CPUDescription &target;
  numerics::Encoding encoding;
  numerics::Layout layout;
  /// Where codes overlap; `fields` then has sizes alone.
  std::optional<CodeWindows> windows;
  CodeFields fields;
  CodeDigits tables;
  /// The same of long windows, where each table has a short factor.
  std::vector<FactoredTable> factored;
  llvm::SmallVector<Place> places;
  bool isTiled, isDifferential = false;
  /// Fields that lie this many bits higher are brought down, a vector at once,
  /// to share a place.
  unsigned period = 8;
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_SEGMENTPRODUCTS_H
