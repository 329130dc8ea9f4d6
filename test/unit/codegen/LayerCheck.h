//===- LayerCheck.h - layers compared with their truth ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the tests of all kinds of weights do with the layers that they make.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_CODEGEN_LAYERCHECK_H
#define LOWBIT_TEST_UNIT_CODEGEN_LAYERCHECK_H

#include "LayerProgram.h"

namespace lowbit::test {

/// `layers` with inputs that are quantized to 8 bits.
std::vector<LayerSpec> quantizeInputs(std::vector<LayerSpec> layers);

/// Compiles `layers` as one program and compares it with their truth where
/// dynamic dimensions are each of `extents`.
void checkLayers(std::vector<LayerSpec> layers, const CompileOptions &options,
                 double tolerance,
                 llvm::ArrayRef<int64_t> extents = {0, 1, 3, 5});

/// Of the largest result, for weights whose numbers come from tables:
/// activations of 16 bits, of 8 bits, and floats.
constexpr double kTolerance16 = 1e-4, kTolerance8 = 3e-5,
                 kToleranceFloat = 2e-5;

/// Integers of full range, and what is added to or subtracted from them.
struct IntegerForm {
  numerics::IntegerKind integer;
  numerics::ZeroPointKind zeroPoint;
  bool hasMinimum;
};
constexpr IntegerForm kIntegerForms[] = {
    {numerics::IntegerKind::Signed, numerics::ZeroPointKind::None, false},
    {numerics::IntegerKind::Unsigned, numerics::ZeroPointKind::None, true},
    {numerics::IntegerKind::Unsigned, numerics::ZeroPointKind::Integer, false},
    {numerics::IntegerKind::Unsigned, numerics::ZeroPointKind::Fractional,
     false},
};

/// Integers of `width` bits in groups of `group` columns, those of a row where
/// that is 0; `turn` deals out the forms.
numerics::Encoding getIntegers(unsigned width, int64_t group, unsigned turn,
                               numerics::ScaleFormat scale);

/// `count` layers of integers whose scales are integers, too, under a scale
/// that groups share, as `turn` deals them out, and of activations with one
/// scale: products of both integers are bytes up to 4 bits of codes, not for 5
/// and more.
std::vector<LayerSpec> createScaledIntegers(unsigned width, unsigned turn,
                                            unsigned count);

/// The same with given scales such that no sum is rounded.
std::vector<LayerSpec> createExactIntegers(unsigned width, unsigned turn,
                                           unsigned count);

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_CODEGEN_LAYERCHECK_H
