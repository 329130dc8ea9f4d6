//===- CodeDigits.cpp - the numbers of a table as bytes -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodeDigits.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace lowbit;
using namespace lowbit::cpu;

using Numbers = std::vector<float>;

/// The largest multiple of a step that digits of -128 to 127 write, both signs.
static double getLargestMultiple(size_t digits) {
  return 127 * (std::ldexp(1.0, 8 * digits) - 1) / 255;
}

/// Whether all numbers are multiples of `step` but for their rounding to f32.
static bool areMultiples(const Numbers &numbers, double step) {
  return llvm::all_of(numbers, [&](float number) {
    double multiple = number / step;
    double error = std::fabs(multiple - std::nearbyint(multiple));
    return error <= std::fabs(multiple) * 0x1p-23;
  });
}

/// The largest power of two that all numbers are multiples of.
static double findBinaryStep(const Numbers &numbers) {
  int least = 1024;
  for (float number : numbers)
    if (number != 0) {
      int exponent;
      float fraction = std::frexp(number, &exponent);
      auto bits = static_cast<uint32_t>(std::ldexp(std::fabs(fraction), 24));
      least = std::min(least, exponent - 24 + llvm::countr_zero(bits));
    }
  return std::ldexp(1.0, least);
}

namespace {
struct Step {
  double size;
  size_t digits;
  bool isExact;
};
} // namespace

static Step findStep(const Numbers &numbers, size_t mostDigits) {
  double largest = 0;
  for (float number : numbers)
    largest = std::max<double>(largest, std::fabs(number));
  if (largest == 0)
    return {1, 1, true};
  for (int n = 1; n <= getLargestMultiple(1); ++n)
    if (areMultiples(numbers, largest / n))
      return {largest / n, 1, true};
  double binary = findBinaryStep(numbers);
  // As large as the digits hold, so that the lowest ones weigh as little as
  // kernels take them to.
  for (size_t digits = 2; digits <= mostDigits; ++digits)
    if (double times =
            std::floor(getLargestMultiple(digits) / (largest / binary));
        times >= 1)
      return {binary / times, digits, true};
  return {largest / getLargestMultiple(mostDigits), mostDigits, false};
}

/// The bytes of a lattice are computed (LatticeCodes.cpp).
static CodeDigits findLatticeDigits(const numerics::ElementFormat &element) {
  CodeDigits result;
  result.offset = getLatticeOffset(numerics::latticeOf(element));
  result.largest = 2 * result.offset - 1;
  result.bytes.emplace_back();
  return result;
}

int cpu::getLatticeOffset(numerics::LatticeFormat format) {
  int largest = 0;
  for (int number : numerics::latticeMagnitudes(format))
    largest = std::max(largest, std::abs(number));
  return static_cast<int>(llvm::PowerOf2Ceil(largest));
}

CodeDigits cpu::findCodeDigits(const numerics::Encoding &encoding,
                               bool isSigned) {
  if (encoding.element.isLattice())
    return findLatticeDigits(encoding.element);
  Numbers numbers = encoding.element.table()->values;
  for (float &number : numbers)
    if (!std::isfinite(number))
      number = 0;
  bool isTensor = encoding.granularity == numerics::Granularity::Tensor;
  Step step = findStep(numbers, isTensor ? 3 : 2);
  std::vector<std::vector<int>> digits(step.digits);
  int least = 0, greatest = 0;
  for (float number : numbers) {
    auto rest = std::lround(number / step.size);
    for (auto &place : llvm::reverse(digits)) {
      int digit = int((rest + 128) & 255) - 128;
      rest = (rest - digit) / 256;
      place.push_back(digit);
      least = std::min(least, digit);
      greatest = std::max(greatest, digit);
    }
  }
  CodeDigits result;
  result.step = static_cast<float>(step.size);
  result.isExact = step.isExact;
  // A power of two, for it becomes a shift.
  if (!isSigned && least < 0)
    result.offset = static_cast<int>(llvm::PowerOf2Ceil(-least));
  result.largest =
      std::max({greatest + result.offset, -least * (result.offset == 0), 1});
  for (const auto &place : digits)
    result.bytes.emplace_back(place.begin(), place.end());
  for (auto &bytes : result.bytes)
    for (int8_t &byte : bytes)
      byte = static_cast<int8_t>(byte + result.offset);
  return result;
}

CodeDigits cpu::getLearnedDigits(bool isSigned) {
  CodeDigits digits;
  digits.bytes.resize(1);
  digits.offset = isSigned ? 0 : kLearnedOffset;
  digits.largest = isSigned ? 128 : 255;
  return digits;
}
