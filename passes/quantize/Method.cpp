//===- Method.cpp - methods and their steps -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MethodErrors.h"
#include "lowbit/Transforms/QuantizationMethod.h"

using namespace lowbit;

bool lowbit::hasFeedback(llvm::StringRef method) {
  return method.starts_with("gptq-") || method.starts_with("trellis") ||
         method.contains("trellis<");
}

MethodSteps lowbit::splitQuantizationMethod(llvm::StringRef name) {
  MethodSteps steps;
  steps.scalesColumns = name.consume_front("awq-");
  steps.hasZeroPoints = name.consume_back("-a8-static-asymmetric");
  steps.hasStaticInputs =
      steps.hasZeroPoints || name.consume_back("-a8-static");
  for (auto [suffix, format] : {std::pair("-afp8-static", "fp8-e4m3"),
                                std::pair("-afp8-e5m2-static", "fp8-e5m2")})
    if (name.consume_back(suffix)) {
      steps.hasStaticInputs = true;
      steps.inputFormat = format;
    }
  steps.rounding = name.str();
  return steps;
}

bool lowbit::needsSecondMoments(llvm::StringRef name) {
  MethodSteps steps = splitQuantizationMethod(name);
  return steps.scalesColumns || hasFeedback(steps.rounding);
}

llvm::Error lowbit::checkQuantizationMethod(llvm::StringRef name,
                                            mlir::MLIRContext *context) {
  MethodSteps steps = splitQuantizationMethod(name);
  auto method = parseQuantizationMethod(steps.rounding, context);
  if (!method)
    return method.takeError();
  bool isLowBit = bool(method->weights);
  if (steps.scalesColumns && (!isLowBit || method->weights.getColumnScale()))
    return methodError(name,
                       "awq- before low-bit weights whose scales are of rows "
                       "or groups",
                       "'" + steps.rounding + "'");
  if (steps.hasStaticInputs && !isLowBit)
    return methodError(name, "low-bit weights for static activations",
                       "'" + steps.rounding + "'");
  if (steps.hasStaticInputs &&
      (method->activations || method->bfloatActivations))
    return methodError(name, "one form of activations",
                       "another in front of static ones, '" + steps.rounding +
                           "'");
  return llvm::Error::success();
}
