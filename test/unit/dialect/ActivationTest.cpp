//===- ActivationTest.cpp - activations against their definitions ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each activation runs behind a linear of one weight 1, over numbers small,
// large and beyond what exp can hold.
//
//===----------------------------------------------------------------------===//

#include "ReferenceJit.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace lowbit::test;

namespace {

struct Function {
  const char *name;
  double (*definition)(double);
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double hardSigmoid(double x, double slope, double offset) {
  return std::fmin(std::fmax(slope * x + offset, 0), 1);
}

const Function functions[] = {
    {"relu", [](double x) { return std::fmax(x, 0); }},
    {"gelu", [](double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2))); }},
    {"gelu_tanh",
     [](double x) {
       double inner = std::sqrt(2 / std::acos(-1)) * (x + 0.044715 * x * x * x);
       return x / 2 * (1 + std::tanh(inner));
     }},
    {"silu", [](double x) { return x * sigmoid(x); }},
    {"sigmoid", sigmoid},
    {"tanh", [](double x) { return std::tanh(x); }},
    {"hardswish", [](double x) { return x * hardSigmoid(x, 1.0 / 6, 0.5); }},
    {"hardsigmoid(0.2, 0.5)",
     [](double x) { return hardSigmoid(x, 0.2, 0.5); }},
    {"leaky_relu(0.01)", [](double x) { return x > 0 ? x : 0.01 * x; }},
};

std::string moduleText() {
  std::string text = "lowbit.global @one : tensor<1x1xf32>"
                     " {data = dense<1.0> : tensor<1x1xf32>}\n";
  for (auto [index, function] : llvm::enumerate(functions))
    text += "func.func @f" + std::to_string(index) +
            "(%x: tensor<?x1xf32>) -> tensor<?x1xf32>"
            " attributes {llvm.emit_c_interface} {\n"
            "  %w = lowbit.weight @one : tensor<1x1xf32>\n"
            "  %y = lowbit.linear %x, %w activation " +
            function.name +
            " : tensor<?x1xf32>, tensor<1x1xf32> -> tensor<?x1xf32>\n"
            "  return %y : tensor<?x1xf32>\n}\n";
  return text;
}

TEST(Activation, FollowsDefinition) {
  std::vector<float> inputs{0,   -0.f, 1,    -1,    0.3f,  -0.3f,
                            3,   -3,   5.5f, -5.5f, 20,    -20,
                            100, -100, 1e4,  -1e4f, 1e30f, -1e30f};
  std::unique_ptr<mlir::MLIRContext> context = createContext();
  std::unique_ptr<ReferenceJit> jit = compile(*context, moduleText());
  ASSERT_TRUE(jit);
  int64_t count = inputs.size();
  for (auto [index, function] : llvm::enumerate(functions)) {
    std::vector<float> found = jit->call("f" + std::to_string(index),
                                         {{inputs.data(), {count, 1}}}, 2);
    ASSERT_EQ(found.size(), inputs.size());
    for (auto [input, output] : llvm::zip(inputs, found)) {
      double expected = function.definition(input);
      EXPECT_NEAR(output, expected, 1e-6 + 1e-6 * std::fabs(expected))
          << function.name << " of " << input;
    }
  }
}

} // namespace
