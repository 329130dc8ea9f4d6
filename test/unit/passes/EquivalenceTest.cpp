//===- EquivalenceTest.cpp - the passes leave the numbers alone -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles a function as it is and after the passes, and compares what both
// compute: for contractions with their dimensions in many orders, and for a
// layer with everything that can follow it.
//
//===----------------------------------------------------------------------===//

#include "../dialect/ReferenceJit.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"
#include <numeric>
#include <random>

using namespace mlir;
using namespace lowbit;
using namespace lowbit::test;

namespace {

std::vector<float> createNumbers(int64_t count, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<float> numbers(count);
  for (float &number : numbers)
    number = static_cast<float>(random() % 2001) / 1000 - 1;
  return numbers;
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

/// Loops 0 and 1 are leading ones, 2 and 3 rows, 4 and 5 columns.
constexpr int64_t kExtents[] = {2, 3, 4, 5, 2, 7};

struct Operand {
  std::vector<int64_t> loops;

  llvm::SmallVector<int64_t> getShape() const {
    llvm::SmallVector<int64_t> shape;
    for (int64_t loop : loops)
      shape.push_back(kExtents[loop]);
    return shape;
  }
  std::string getType() const {
    return "tensor<" +
           llvm::join(llvm::map_range(getShape(),
                                      [](int64_t extent) {
                                        return std::to_string(extent);
                                      }),
                      "x") +
           "xf32>";
  }
  std::string getMap() const {
    return "affine_map<(d0, d1, d2, d3, d4, d5) -> (" +
           llvm::join(llvm::map_range(loops,
                                      [](int64_t loop) {
                                        return "d" + std::to_string(loop);
                                      }),
                      ", ") +
           ")>";
  }
};

std::string hexData(llvm::ArrayRef<float> numbers) {
  return llvm::toHex(llvm::ArrayRef<uint8_t>(
      reinterpret_cast<const uint8_t *>(numbers.data()), 4 * numbers.size()));
}

/// The sums go to a new buffer, since the caller frees the result.
constexpr llvm::StringLiteral kContraction = R"mlir(
lowbit.global @w : W {data = dense<"0xDATA"> : W}
func.func @f(%x: X, %start: Y) -> Y attributes {llvm.emit_c_interface} {
  %w = lowbit.weight @w : W
  %e = tensor.empty() : Y
  %init = linalg.abs ins(%start : Y) outs(%e : Y) -> Y
  %0 = linalg.generic {
      indexing_maps = [MAPS],
      iterator_types = ["parallel", "parallel", "parallel", "parallel",
                        "reduction", "reduction"]}
      ins(%x, %w : X, W) outs(%init : Y) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> Y
  return %0 : Y
})mlir";

std::string contractionText(const Operand &x, const Operand &w,
                            const Operand &y,
                            const std::vector<float> &weight) {
  std::string result;
  llvm::StringRef rest = kContraction;
  while (!rest.empty()) {
    size_t length = rest.find_first_of("XWYDM");
    result += rest.substr(0, length);
    rest = rest.drop_front(std::min(length, rest.size()));
    if (rest.consume_front("DATA"))
      result += hexData(weight);
    else if (rest.consume_front("MAPS"))
      result += x.getMap() + ", " + w.getMap() + ", " + y.getMap();
    else if (rest.consume_front("X"))
      result += x.getType();
    else if (rest.consume_front("W"))
      result += w.getType();
    else if (rest.consume_front("Y"))
      result += y.getType();
  }
  return result;
}

int64_t countOps(ModuleOp module, llvm::StringRef name) {
  int64_t count = 0;
  module.walk(
      [&](Operation *op) { count += op->getName().getStringRef() == name; });
  return count;
}

/// `text` after the passes; null where it doesn't parse or one fails.
OwningOpRef<ModuleOp>
runPasses(MLIRContext &context, llvm::StringRef text,
          llvm::function_ref<void(PassManager &)> addPasses) {
  context.loadAllAvailableDialects();
  auto module = parseSourceString<ModuleOp>(text, &context);
  PassManager manager(&context);
  addPasses(manager);
  if (!module || failed(manager.run(*module)))
    return {};
  return module;
}

TEST(Equivalence, ContractionsInAnyOrder) {
  auto context = createContext();
  std::minstd_rand random(7);
  for (int round = 0; round < 24; ++round) {
    Operand x{{0, 1, 4, 5}}, w{{2, 3, 4, 5}}, y{{0, 1, 2, 3}};
    for (Operand *operand : {&x, &w, &y})
      std::shuffle(operand->loops.begin(), operand->loops.end(), random);
    std::string text = contractionText(x, w, y, createNumbers(4 * 5 * 14, 1));
    SCOPED_TRACE(text.substr(text.find("func.func")));

    auto raised = runPasses(*context, text, [](PassManager &manager) {
      manager.addPass(createRaiseLinearPass());
    });
    ASSERT_TRUE(raised);
    EXPECT_EQ(countOps(*raised, "lowbit.linear"), 1);
    EXPECT_EQ(countOps(*raised, "linalg.generic"), 0);

    std::vector<float> input = createNumbers(6 * 14, 2);
    auto run = [&](std::unique_ptr<ReferenceJit> jit) {
      std::vector<float> init = createNumbers(6 * 20, 3);
      return jit->call(
          "f", {{input.data(), x.getShape()}, {init.data(), y.getShape()}}, 4);
    };
    std::vector<float> expected = run(compile(*context, text));
    std::vector<float> found = run(std::make_unique<ReferenceJit>(*raised));
    ASSERT_EQ(expected.size(), 120u);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_NEAR(found[i], expected[i], 1e-5) << "element " << i;
  }
}

//===----------------------------------------------------------------------===//
// Epilogues
//===----------------------------------------------------------------------===//

/// A bias, a silu, a product with another branch, a second layer with a gelu,
/// and a residual; loops of extent 1 and several operations in one op.
constexpr llvm::StringLiteral kBlock = R"mlir(
#id = affine_map<(i, j) -> (i, j)>
#last = affine_map<(i, j) -> (j)>
#rows = affine_map<(b, i, j) -> (i, j)>
#all = affine_map<(b, i, j) -> (b, i, j)>
func.func @f(%x: tensor<1x?x4xf32>, %gate: tensor<8x4xf32>, %down: tensor<4x8xf32>,
             %bias: tensor<8xf32>, %up: tensor<?x8xf32>) -> tensor<1x?x4xf32>
    attributes {llvm.emit_c_interface} {
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  %half = arith.constant 0.5 : f32
  %root = arith.constant 1.41421354 : f32
  %flat = tensor.collapse_shape %x [[0, 1], [2]] : tensor<1x?x4xf32> into tensor<?x4xf32>
  %0 = lowbit.linear %flat, %gate : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %c0 = arith.constant 0 : index
  %n = tensor.dim %0, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#last, #id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%bias, %0, %up : tensor<8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%b: f32, %in: f32, %u: f32, %out: f32):
    %sum = arith.addf %b, %in : f32
    %negated = arith.negf %sum : f32
    %exp = math.exp %negated : f32
    %denominator = arith.addf %exp, %one : f32
    %silu = arith.divf %sum, %denominator : f32
    %p = arith.mulf %silu, %u : f32
    linalg.yield %p : f32
  } -> tensor<?x8xf32>
  %2 = lowbit.linear %1, %down : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %e2 = tensor.empty(%n) : tensor<1x?x4xf32>
  %3 = linalg.generic {indexing_maps = [#rows, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%2, %x : tensor<?x4xf32>, tensor<1x?x4xf32>) outs(%e2 : tensor<1x?x4xf32>) {
  ^bb0(%in: f32, %residual: f32, %out: f32):
    %scaled = arith.divf %in, %root : f32
    %erf = math.erf %scaled : f32
    %shifted = arith.addf %erf, %one : f32
    %h = arith.mulf %in, %half : f32
    %gelu = arith.mulf %h, %shifted : f32
    %sum = arith.addf %gelu, %residual : f32
    linalg.yield %sum : f32
  } -> tensor<1x?x4xf32>
  return %3 : tensor<1x?x4xf32>
})mlir";

TEST(Equivalence, Epilogues) {
  auto context = createContext();
  auto fused = runPasses(*context, kBlock, [](PassManager &manager) {
    manager.addPass(createFuseEpiloguePass());
  });
  ASSERT_TRUE(fused);
  int64_t biases = 0, activations = 0, residuals = 0;
  fused->walk([&](LinearOp op) {
    biases += op.getBias() != nullptr;
    activations += op.getActivation().has_value();
    residuals += op.getResidual() != nullptr;
  });
  EXPECT_EQ(biases, 1);
  EXPECT_EQ(activations, 2);
  EXPECT_EQ(residuals, 1);

  std::vector<float> x = createNumbers(12, 1), gate = createNumbers(32, 2),
                     down = createNumbers(32, 3), bias = createNumbers(8, 4),
                     up = createNumbers(24, 5);
  auto run = [&](std::unique_ptr<ReferenceJit> jit) {
    return jit->call("f",
                     {{x.data(), {1, 3, 4}},
                      {gate.data(), {8, 4}},
                      {down.data(), {4, 8}},
                      {bias.data(), {8}},
                      {up.data(), {3, 8}}},
                     3);
  };
  std::vector<float> expected = run(compile(*context, kBlock));
  std::vector<float> found = run(std::make_unique<ReferenceJit>(*fused));
  ASSERT_EQ(expected.size(), 12u);
  ASSERT_EQ(found.size(), 12u);
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], 1e-6) << "element " << i;
}

} // namespace
