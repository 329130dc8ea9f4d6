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
#include <vector>

namespace lowbit {

/// What `--quantize=<name>` asks for.
struct QuantizationMethod {
  /// The weights' encoding; null for `none`.
  EncodingAttr weights;
  /// With `f16` and `bf16`, the type in which weights stay floats; null else.
  mlir::FloatType floats;
  /// What activations are quantized to, with the suffixes `-a8` and `-afp8`;
  /// null leaves it to the target.
  ElementFormatInterface activations;
  /// Whether they have one scale for each row, and not for each group.
  bool scalesPerToken = false;
  /// With the suffix `-abf16`: layers are computed in bf16, activations and
  /// what weights stand for alike.
  bool bfloatActivations = false;
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
///   ...-b<rows>x<columns>       in place of -g: blocks of rows and columns
///   ...-afp8[-e5m2][-token]     in place of -a8: activations in E4M3 (E5M2), a
///                               scale for each group, or for each row
///   ...-abf16                   in place of -a8: activations rounded to bf16,
///                               and what weights stand for, too
///   lattice<r>[-g<group>][-a8]  codes for 8 numbers (r up to 2 bits) or 4 (up
///                               to 3.5), scales in 4 bits under an f16
///   nf4[-g<group>][-a8]         or another format by name (NamedEncodings.cpp)
///   trellis<r>[-s<L>][-a8]      codes that overlap: r bits, 1 to 6, and a
///                               state of L bits, 8 to 12 (the default); an r
///                               with a point, such as 2.5, is the average of
///                               columns
///   kmeans<b>[-tensor][-g<group>][-a8]
///                               a learned table for each row, or for all
///   cb2-auto[-tensor]...        one of the fixed 2-bit sets for each row, or
///                               all
///   <one of the above>-dq[-a8]  scales in 8 bits, an f32 for 256 of them
///   <one of the above>-dq4[-a8] in 4 bits, an f16 for 8 of them
///   #lowbit.encoding<...>[-a8]  any encoding, spelled as in IR
///   gptq-<one of the above>     rounding with error feedback
/// Scales of integers are f16, per channel without a group. The error
/// says what was required and what was found.
llvm::Expected<QuantizationMethod>
parseQuantizationMethod(llvm::StringRef name, mlir::MLIRContext *context);

/// The methods without prefixes and suffixes; of those for which any rate or
/// encoding may be asked, an example or two.
std::vector<std::string> getQuantizationMethods();

/// What the steps of the quantize phase make of a method's name.
struct MethodSteps {
  /// What weights are rounded by, for `parseQuantizationMethod`.
  std::string rounding;
  /// With the prefix `awq-`: columns are scaled before.
  bool scalesColumns = false;
  /// With the suffix `-a8-static`: activations have scales from calibration,
  /// and with `-a8-static-asymmetric` zero points, too.
  bool hasStaticInputs = false, hasZeroPoints = false;
  /// Their format: int8, or with `-afp8-static` fp8-e4m3, with
  /// `-afp8-e5m2-static` fp8-e5m2.
  llvm::StringRef inputFormat = "int8";
};
MethodSteps splitQuantizationMethod(llvm::StringRef name);

/// Whether all steps of the method can be read and go together.
llvm::Error checkQuantizationMethod(llvm::StringRef name,
                                    mlir::MLIRContext *context);

/// Whether the method needs the second moments of layers' inputs.
bool needsSecondMoments(llvm::StringRef name);

/// Whether a method of this name makes up for errors as it rounds, and so needs
/// the second moments of what layers read.
bool hasFeedback(llvm::StringRef method);

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_QUANTIZATIONMETHOD_H
