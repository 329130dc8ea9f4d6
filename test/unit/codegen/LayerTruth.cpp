//===- LayerTruth.cpp - what layers are to compute ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In double precision, from the numbers that the weights stand for.
//
//===----------------------------------------------------------------------===//

#include "LayerProgram.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Numerics/Float16.h"
#include "llvm/ADT/APFloat.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace lowbit;
using namespace lowbit::test;

static double clamp01(double x) { return std::fmin(std::fmax(x, 0), 1); }

static double activate(llvm::StringRef name, double x) {
  if (name == "relu")
    return std::fmax(x, 0);
  if (name == "gelu")
    return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
  if (name == "gelu_tanh")
    return x / 2 *
           (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  if (name == "silu")
    return x / (1 + std::exp(-x));
  if (name == "sigmoid")
    return 1 / (1 + std::exp(-x));
  if (name == "tanh")
    return std::tanh(x);
  if (name == "hardsigmoid(0.2, 0.5)")
    return clamp01(0.2 * x + 0.5);
  if (name == "hardswish")
    return x * clamp01(x / 6 + 0.5);
  if (name == "leaky_relu(0.1)")
    return x > 0 ? x : 0.1 * x;
  EXPECT_EQ(name, "");
  return x;
}

/// An input as a layer of this element type sees it. (Results are compared with
/// a tolerance that allows for their rounding.)
static float roundTo(llvm::StringRef element, float x) {
  if (element == "f16")
    return numerics::roundToHalf(x);
  if (element == "bf16") {
    llvm::APFloat value(x);
    bool losesInfo;
    value.convert(llvm::APFloat::BFloat(), llvm::APFloat::rmNearestTiesToEven,
                  &losesInfo);
    return value.convertToFloat();
  }
  return x;
}

/// lowbit.quantize to integers of a row, by its definition; `given` is the
/// scale unless 0.
static void quantizeRow(llvm::MutableArrayRef<double> row, int64_t group,
                        unsigned bits, float given) {
  numerics::IntegerFormat format{bits};
  float least = format.decode(0), most = format.largestRuntimeValue();
  for (size_t begin = 0; begin < row.size(); begin += group) {
    auto part = row.slice(begin, std::min<size_t>(group, row.size() - begin));
    float largest = 0;
    for (double x : part)
      largest = std::fmax(largest, std::fabs(static_cast<float>(x)));
    float scale = given ? given : largest / most;
    for (double &x : part) {
      float code = scale ? std::nearbyint(static_cast<float>(x) / scale) : 0;
      x = double(std::fmin(std::fmax(code, least), most)) * scale;
    }
  }
}

/// The same to a floating-point type.
static void quantizeRow(llvm::MutableArrayRef<double> row, int64_t group,
                        llvm::StringRef name) {
  const llvm::fltSemantics &type = name == "f8E5M2"
                                       ? llvm::APFloat::Float8E5M2()
                                       : llvm::APFloat::Float8E4M3FN();
  float most = llvm::APFloat::getLargest(type).convertToFloat();
  for (size_t begin = 0; begin < row.size(); begin += group) {
    auto part = row.slice(begin, std::min<size_t>(group, row.size() - begin));
    float largest = 0;
    for (double x : part)
      largest = std::fmax(largest, std::fabs(static_cast<float>(x)));
    float scale = largest / most;
    for (double &x : part) {
      float level = scale ? static_cast<float>(x) / scale : 0;
      llvm::APFloat number(std::fmax(std::fmin(level, most), -most));
      bool losesInfo;
      number.convert(type, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
      number.convert(llvm::APFloat::IEEEsingle(),
                     llvm::APFloat::rmNearestTiesToEven, &losesInfo);
      x = double(number.convertToFloat()) * scale;
    }
  }
}

LayerProgram::Truth
LayerProgram::computeTruth(const Layer &layer, const HostTensor &input,
                           const HostTensor *bias,
                           const HostTensor *residual) const {
  const LayerSpec &spec = layer.spec;
  int64_t group = EncodingAttr::get(const_cast<mlir::MLIRContext *>(&context),
                                    spec.encoding)
                      .getActivationEncoding(8)
                      .getGranularity()
                      .getGroupSize();
  Truth truth;
  llvm::ArrayRef<float> x = input.getAs<float>();
  for (; !x.empty(); x = x.drop_front(spec.columns)) {
    std::vector<double> row(spec.columns);
    for (int64_t k = 0; k < spec.columns; ++k)
      row[k] = roundTo(spec.computesInBFloat ? "bf16" : spec.element, x[k]);
    int64_t shared = spec.scalesPerToken ? spec.columns : group;
    if (spec.quantizesInput && spec.float8.empty())
      quantizeRow(row, shared, spec.inputBits, spec.inputScale);
    else if (spec.quantizesInput)
      quantizeRow(row, shared, spec.float8);
    for (int64_t n = 0; n < spec.rows; ++n) {
      double sum = bias ? bias->getAs<float>()[n] : 0, squares = 0;
      for (int64_t k = 0; k < spec.columns; ++k) {
        int64_t stored = spec.isPermuted ? getStoredColumn(k, spec.columns) : k;
        float value = layer.values[n * spec.columns + stored];
        if (spec.computesInBFloat)
          value = roundTo("bf16", value);
        double product = row[k] * value;
        sum += product;
        squares += product * product;
      }
      sum = activate(spec.activation, sum);
      if (residual)
        sum += roundTo(spec.element,
                       residual->getAs<float>()[truth.results.size()]);
      truth.results.push_back(sum);
      truth.magnitude =
          std::max({truth.magnitude, std::abs(sum), std::sqrt(squares)});
    }
  }
  return truth;
}
