//===- SegmentPlaces.cpp - codes that are multiplied where they lie -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The form of a single row of activations, and of several where codes lie in
// several fields: what to multiply, and which sums belong together.
//
// A sum whose bytes were s bits too high is shifted at the end of a segment. In
// short segments these ends cost as much as the products; there, vectors are
// shifted by half of a byte or a quarter as well, so that fewer places remain.
//
// Codes whose bits lie in several vectors would take a product for each of
// these. One instruction that moves chosen bits of a byte to another place, and
// another one that joins them with the first vector's, cost half of what
// products do, where each product comes twice, for both bytes of an activation.
//
//===----------------------------------------------------------------------===//

#include "ByteLookup.h"
#include "SegmentProducts.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

SmallVector<SegmentProducts::Term>
SegmentProducts::getTerms(ArrayRef<CodeField> code) const {
  if (target.lookup().movesBits())
    return {code};
  SmallVector<Term> each;
  for (size_t i = 0; i < code.size(); ++i)
    each.push_back(code.slice(i, 1));
  return each;
}

/// How much higher a term is than the code's bits that it is. Fields that are
/// put together stand where codes of a single one do, or else above the first
/// one, if the byte has room there.
int SegmentProducts::getPlaceShift(int64_t subBlock, Term term) const {
  auto hasRoom = [&](int shift) {
    return shift >= 0 && shift + encoding.element.codeBits() <= 8;
  };
  auto getShift = [&](const CodeField &field) {
    int shift = isShifted(field) ? 0 : field.shift % period;
    return shift - int(field.codeBit);
  };
  const CodeField &field = term.front();
  if (term.size() == 1)
    return getShift(field);
  for (int64_t step = 0; step < fields.steps; ++step) {
    Term other = fields.at(step, subBlock);
    if (other.size() == 1 && hasRoom(getShift(other.front())))
      return getShift(other.front());
  }
  return hasRoom(field.shift) ? field.shift : 0;
}

/// All places, where fields are brought down to the lowest `bits` bits.
void SegmentProducts::findPlaces(unsigned bits) {
  period = bits;
  places.clear();
  for (int64_t step = 0; step < fields.steps; ++step)
    for (int64_t block = 0; block < fields.subBlocks; ++block)
      for (Term term : getTerms(fields.at(step, block))) {
        Place place{block, getPlaceShift(block, term)};
        if (!llvm::is_contained(places, place))
          places.push_back(place);
      }
  // Ascending shifts, so that differences are between neighbours.
  llvm::sort(places, [](const Place &a, const Place &c) {
    return std::tie(a.shift, a.subBlock) < std::tie(c.shift, c.subBlock);
  });
}

/// Whether no field, of codes that are one each, lies across a multiple of
/// `bits` bits.
static bool fitPeriod(const CodeFields &fields, unsigned bits) {
  return llvm::all_of(fields.fields, [&](ArrayRef<CodeField> code) {
    return code.size() == 1 && code[0].shift % bits + code[0].width <= bits;
  });
}

/// The period that takes the fewest instructions: a shift for each vector and
/// part of a byte, against a shift and an addition for each place.
unsigned SegmentProducts::choosePeriod() {
  if (isDifferential || inPlaceLimit() != 255)
    return 8;
  int64_t atoms =
      llvm::divideCeil(spec.panel.columns, layout.atom.columns * values());
  auto getCost = [&](unsigned bits) -> int64_t {
    findPlaces(bits);
    int64_t shifts =
        atoms * fields.vectors * (8 / bits - 1) * (isWords() ? 2 : 1);
    return shifts + 2 * parts() * places.size();
  };
  unsigned best = 8;
  int64_t least = getCost(best);
  for (unsigned bits = 4; bits && fitPeriod(fields, bits); bits /= 2)
    if (int64_t cost = getCost(bits); cost < least) {
      least = cost;
      best = bits;
    }
  return best;
}

size_t SegmentProducts::placeOf(int64_t subBlock, Term term) const {
  Place place{subBlock, getPlaceShift(subBlock, term)};
  return llvm::find(places, place) - places.begin();
}

//===----------------------------------------------------------------------===//
// Bits
//===----------------------------------------------------------------------===//

/// Bits [shift, shift + width) of each byte at bit `to`, zeros around them.
Value SegmentProducts::moveBits(Value vector, unsigned shift, unsigned width,
                                unsigned to) {
  if (shift == to || !target.lookup().movesBits())
    return b.extractBits(vector, shift, width, to);
  SmallVector<int8_t> images(8);
  for (unsigned bit = 0; bit < width; ++bit)
    images[shift + bit] = static_cast<int8_t>(1u << (to + bit));
  return HashOp::create(b, vector.getType(), vector, /*upper=*/Value(),
                        b.getDenseI8ArrayAttr(images));
}

/// The bits of a field, masked, where they are multiplied.
Value SegmentProducts::placeField(Value vector, const CodeField &field) {
  if (isShifted(field))
    return moveBits(vector, field.shift, field.width, 0);
  if (isDifferential)
    return b.maskBytes(vector, 0xFF << field.shift & 0xFF);
  unsigned down = field.shift / period * period;
  if (down)
    vector = b.shiftPairs(vector, down);
  return b.maskBytes(vector, field.mask() >> down);
}

/// The same of every second byte, as words.
Value SegmentProducts::placeHalf(Value vector, const CodeField &field,
                                 int64_t half) {
  VectorType type = b.vector(2 * target.lanes(), b.getI16Type());
  Value words = b.bitcast(vector, type);
  auto shiftDown = [&](unsigned count) {
    return count
               ? arith::ShRUIOp::create(b, words, b.splat(type, int64_t(count)))
                     .getResult()
               : words;
  };
  unsigned down = isDifferential ? 0 : field.shift / period * period;
  unsigned mask =
      isDifferential ? 0xFF << field.shift & 0xFF : field.mask() >> down;
  Value shifted = shiftDown(8 * half + down);
  // Nothing is above an odd byte.
  if (half && mask == 0xFF >> down)
    return shifted;
  return arith::AndIOp::create(b, shifted, b.splat(type, int64_t(mask)));
}

/// The bytes of a term that are multiplied. One of the fields that are put
/// together needs no instruction that units of products wait for: where none
/// is in place, the first is shifted, and the ternary operation masks it. What
/// several rows share needs none in any, as when codes are decoded.
Value SegmentProducts::placeTerm(ArrayRef<Value> vectors, int64_t subBlock,
                                 Term term, int64_t slice, int64_t slices,
                                 bool isShared) {
  auto vectorOf = [&](const CodeField &field) {
    return vectors[field.vector * slices + slice];
  };
  if (term.size() == 1)
    return placeField(vectorOf(term.front()), term.front());
  int shift = getPlaceShift(subBlock, term);
  bool isMoved = llvm::all_of(term, [&](const CodeField &field) {
    return field.shift != shift + field.codeBit;
  });
  Value codes;
  for (const CodeField &field : term) {
    unsigned to = shift + field.codeBit;
    Value bits = isShared || (isMoved && !codes)
                     ? b.extractBitsOfPairs(vectorOf(field), field.shift,
                                            field.width, to)
                     : moveBits(vectorOf(field), field.shift, field.width, to);
    codes = codes ? arith::OrIOp::create(b, codes, bits).getResult() : bits;
  }
  return codes;
}

/// The largest number of those bytes.
unsigned SegmentProducts::getLargest(int64_t subBlock, Term term) const {
  if (isDifferential)
    return 255;
  unsigned width =
      term.back().codeBit + term.back().width - term.front().codeBit;
  return ((1u << width) - 1)
         << (getPlaceShift(subBlock, term) + int(term.front().codeBit));
}

/// Whether several rows of activations, too, multiply codes where they lie:
/// those of several fields, which are put together there, if that takes no more
/// sums. Fewer fields are shifted then.
bool SegmentProducts::sharesInPlace() const {
  return hasScatteredCodes() && !isJoined() && parts() == 1 && !isTiled &&
         !isWords() && inPlaceLimit() == 255 && target.lookup().movesBits() &&
         int64_t(places.size()) == fields.subBlocks;
}

/// Adds the products of a term in all rows of activations.
void SegmentProducts::multiplyTerm(ArrayRef<Value> vectors,
                                   const SegmentOperands &operands,
                                   Value column, const TermPlace &at,
                                   MutableArrayRef<Value> sums) {
  int64_t slices = operands.slices.count;
  size_t rows = operands.rows.size(), each = placeCount(rows, slices);
  size_t place = placeOf(at.subBlock, at.term);
  Values halves;
  Value codes;
  if (isWords()) {
    Value vector = vectors[at.term.front().vector * slices + at.slice];
    halves = {placeHalf(vector, at.term.front(), 0),
              placeHalf(vector, at.term.front(), 1)};
  } else {
    codes = placeTerm(vectors, at.subBlock, at.term, at.slice, slices,
                      /*isShared=*/rows > 1);
  }
  for (auto [r, row] : llvm::enumerate(operands.rows))
    for (int64_t part = 0; part < (isWords() ? 1 : parts()); ++part) {
      Value x = valueOffset(row, column, at.step, part);
      Value &sum =
          sums[r * each + accumulator(at.chain, part, place, at.slice, slices)];
      sum = isWords() ? dotWords(sum, halves, operands.panel, x)
                      : dot(sum, codes, getLargest(at.subBlock, at.term),
                            operands.panel, x);
    }
}

void SegmentProducts::multiplyInPlace(ArrayRef<Value> vectors,
                                      const SegmentOperands &operands,
                                      Value column, int64_t firstStep,
                                      MutableArrayRef<Value> sums) {
  int64_t slices = operands.slices.count;
  int64_t chains = getChains(operands.rows.size(), slices);
  for (int64_t step = 0; step < fields.steps; ++step)
    for (int64_t block = 0; block < fields.subBlocks; ++block)
      for (Term term : getTerms(fields.at(step, block)))
        for (int64_t s = 0; s < slices; ++s)
          multiplyTerm(vectors, operands, column,
                       {step, block, term, s, (firstStep + step) % chains},
                       sums);
}
