//===- QuantizationMethod.h - methods by name -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_QUANTIZATIONMETHOD_H
#define LOWBIT_TRANSFORMS_QUANTIZATIONMETHOD_H

#include "lowbit/IR/Lowbit.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace lowbit {

/// What `--quantize=<name>` asks for.
struct QuantizationMethod {
  /// The weights' encoding; null for `none`.
  EncodingAttr weights;
  /// With `f16` and `bf16`, the type in which weights stay floats; null else.
  mlir::FloatType floats;
  /// 8 with the suffix `-a8`; 0 leaves activations to the target.
  unsigned activationBits = 0;
  /// With the prefix `gptq-`: columns make up for the errors of those before.
  bool feedback = false;
  /// Bits per weight that the columns of all layers have on average, where
  /// `weights` is a trellis and its rate only a middle one; 0: the rate is that
  /// of all columns.
  double averageRate = 0;
  /// Tables of learned formats are chosen among the fixed sets of 2 bits.
  bool fixedSets = false;
};

/// Reads a method's name:
///   none                        weights stay float
///   f16, bf16                   weights are rounded to that
///   int<b>[-g<group>][-a8]      symmetric, full range, b = 1 to 8
///   uint<b>[-g<group>][-a8]     asymmetric: an f16 minimum beside the scale
///   nf4[-g<group>][-a8]         or another format by name (NamedEncodings.cpp)
///   trellis<r>[-s<L>][-a8]      codes that overlap: r bits, 1 to 6, and a
///   state
///                               of L bits, 8 to 12 (the default); an r with a
///                               point, such as 2.5, is the average of columns
///   kmeans<b>[-tensor][-g<group>][-a8]
///                               a learned table for each row, or for all
///   cb2-auto[-tensor]...        one of the fixed 2-bit sets for each row, or
///   all <one of the above>-dq       scales in 8 bits, an f32 for 256 of them
///   #lowbit.encoding<...>       any encoding, spelled as in IR
///   gptq-<one of the above>     rounding with error feedback
/// Scales of integers are f16, per channel without a group. The error
/// says what was required and what was found.
llvm::Expected<QuantizationMethod>
parseQuantizationMethod(llvm::StringRef name, mlir::MLIRContext *context);

/// What the steps of the quantize phase make of a method's name.
struct MethodSteps {
  /// What weights are rounded by, for `parseQuantizationMethod`.
  std::string rounding;
  /// With the prefix `awq-`: columns are scaled before.
  bool scalesColumns = false;
  /// With the suffix `-a8-static`: activations have scales from calibration,
  /// and with `-a8-static-asymmetric` zero points, too.
  bool hasStaticInputs = false, hasZeroPoints = false;
};
MethodSteps splitQuantizationMethod(llvm::StringRef name);

/// Whether the method needs the second moments of layers' inputs.
bool needsSecondMoments(llvm::StringRef name);

/// Whether a method of this name makes up for errors as it rounds, and so needs
/// the second moments of what layers read.
bool hasFeedback(llvm::StringRef method);

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_QUANTIZATIONMETHOD_H
