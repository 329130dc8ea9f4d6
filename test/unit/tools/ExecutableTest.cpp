//===- ExecutableTest.cpp - compiled code against scalar references -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small functions through the whole CPU pipeline and the JIT, over extents that
// are below, at and past the sizes of vectors and tiles, on one thread and two.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Executable.h"
#include "lowbit/CodeGen/CPU/Kernels.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/Tools/Registration.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/TargetParser/Host.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace lowbit;

namespace {

/// A compiled module and the context that owns its weights.
struct Program {
  explicit Program(llvm::StringRef text) {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    mlir::PassManager manager(&context);
    buildCPUToLLVMPipeline(manager, {});
    EXPECT_TRUE(mlir::succeeded(manager.run(*module)));
    auto created = Executable::create(*module, {});
    if (!created) {
      ADD_FAILURE() << llvm::toString(created.takeError());
      return;
    }
    executable = std::move(*created);
  }

  /// Runs on one thread and on two, and requires the same bytes.
  HostTensor run(llvm::ArrayRef<HostTensor> inputs) {
    std::vector<HostTensor> results;
    for (unsigned threads : {1u, 2u}) {
      executable->setThreads(threads);
      auto outputs = executable->run(inputs);
      if (!outputs) {
        ADD_FAILURE() << llvm::toString(outputs.takeError());
        return {};
      }
      results.push_back(outputs->front());
    }
    EXPECT_EQ(results[0].getBytes(), results[1].getBytes());
    return results[0];
  }

  mlir::MLIRContext context;
  std::unique_ptr<Executable> executable;
};

HostTensor makeRandom(llvm::ArrayRef<int64_t> shape, unsigned seed,
                      float scale = 1.0f) {
  HostTensor tensor = HostTensor::allocate(ElementType::F32, shape);
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution(0.0f, scale);
  for (float &value : tensor.getMutableAs<float>())
    value = distribution(generator);
  return tensor;
}

void expectNear(const HostTensor &found, llvm::ArrayRef<double> wanted,
                double tolerance) {
  llvm::ArrayRef<float> values = found.getAs<float>();
  ASSERT_EQ(values.size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i)
    ASSERT_NEAR(values[i], wanted[i],
                tolerance * std::max(1.0, std::abs(wanted[i])))
        << "element " << i;
}

class ExecutableTest : public testing::TestWithParam<int64_t> {};

INSTANTIATE_TEST_SUITE_P(Extents, ExecutableTest,
                         testing::Values(1, 7, 8, 16, 33, 64, 100, 256));

TEST_P(ExecutableTest, Softmax) {
  Program program(R"mlir(
    func.func @main(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
      %c0 = arith.constant 0 : index
      %n = tensor.dim %x, %c0 : tensor<?x?xf32>
      %e = tensor.empty(%n, %n) : tensor<?x?xf32>
      %y = linalg.softmax dimension(1) ins(%x : tensor<?x?xf32>)
          outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
      return %y : tensor<?x?xf32>
    })mlir");
  int64_t n = GetParam();
  HostTensor x = makeRandom({n, n}, 1, 3.0f);
  std::vector<double> wanted(n * n);
  for (int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (int64_t j = 0; j < n; ++j)
      sum += wanted[i * n + j] = std::exp(double(x.getAs<float>()[i * n + j]));
    for (int64_t j = 0; j < n; ++j)
      wanted[i * n + j] /= sum;
  }
  expectNear(program.run({x}), wanted, 1e-6);
}

TEST_P(ExecutableTest, RootMeanSquareNorm) {
  Program program(R"mlir(
    #id = affine_map<(i, j) -> (i, j)>
    #row = affine_map<(i, j) -> (i)>
    #col = affine_map<(i, j) -> (j)>
    #one = affine_map<(i) -> (i)>
    func.func @main(%x: tensor<?x100xf32>, %g: tensor<100xf32>) -> tensor<?x100xf32> {
      %c0 = arith.constant 0 : index
      %zero = arith.constant 0.0 : f32
      %eps = arith.constant 1.0e-5 : f32
      %hundred = arith.constant 100.0 : f32
      %n = tensor.dim %x, %c0 : tensor<?x100xf32>
      %e = tensor.empty(%n) : tensor<?xf32>
      %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
      %s = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
          ins(%x : tensor<?x100xf32>) outs(%f : tensor<?xf32>) {
      ^bb0(%a: f32, %o: f32):
        %0 = arith.mulf %a, %a : f32
        %1 = arith.addf %o, %0 : f32
        linalg.yield %1 : f32
      } -> tensor<?xf32>
      %r = linalg.generic {indexing_maps = [#one, #one], iterator_types = ["parallel"]}
          ins(%s : tensor<?xf32>) outs(%e : tensor<?xf32>) {
      ^bb0(%a: f32, %o: f32):
        %0 = arith.divf %a, %hundred : f32
        %1 = arith.addf %0, %eps : f32
        %2 = math.rsqrt %1 : f32
        linalg.yield %2 : f32
      } -> tensor<?xf32>
      %e2 = tensor.empty(%n) : tensor<?x100xf32>
      %y = linalg.generic {indexing_maps = [#id, #row, #col, #id], iterator_types = ["parallel", "parallel"]}
          ins(%x, %r, %g : tensor<?x100xf32>, tensor<?xf32>, tensor<100xf32>) outs(%e2 : tensor<?x100xf32>) {
      ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
        %0 = arith.mulf %a, %b : f32
        %1 = arith.mulf %0, %c : f32
        linalg.yield %1 : f32
      } -> tensor<?x100xf32>
      return %y : tensor<?x100xf32>
    })mlir");
  int64_t n = GetParam(), d = 100;
  HostTensor x = makeRandom({n, d}, 2), g = makeRandom({d}, 3);
  std::vector<double> wanted(n * d);
  for (int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (int64_t j = 0; j < d; ++j)
      sum += std::pow(double(x.getAs<float>()[i * d + j]), 2);
    for (int64_t j = 0; j < d; ++j)
      wanted[i * d + j] = x.getAs<float>()[i * d + j] * g.getAs<float>()[j] /
                          std::sqrt(sum / d + 1e-5);
  }
  expectNear(program.run({x, g}), wanted, 1e-6);
}

TEST_P(ExecutableTest, MatmulOfWeight) {
  Program program(R"mlir(
    lowbit.global @w : tensor<33x100xf32> {data = dense<0.5> : tensor<33x100xf32>}
    func.func @main(%x: tensor<?x33xf32>) -> tensor<?x100xf32> {
      %c0 = arith.constant 0 : index
      %zero = arith.constant 0.0 : f32
      %w = lowbit.weight @w : tensor<33x100xf32>
      %n = tensor.dim %x, %c0 : tensor<?x33xf32>
      %e = tensor.empty(%n) : tensor<?x100xf32>
      %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x100xf32>) -> tensor<?x100xf32>
      %y = linalg.matmul ins(%x, %w : tensor<?x33xf32>, tensor<33x100xf32>)
          outs(%f : tensor<?x100xf32>) -> tensor<?x100xf32>
      return %y : tensor<?x100xf32>
    })mlir");
  int64_t n = GetParam();
  HostTensor x = makeRandom({n, 33}, 4);
  std::vector<double> wanted(n * 100);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < 100; ++j)
      for (int64_t k = 0; k < 33; ++k)
        wanted[i * 100 + j] += 0.5 * x.getAs<float>()[i * 33 + k];
  expectNear(program.run({x}), wanted, 1e-5);
}

/// Scores of attention: both operands have the reduction last.
TEST_P(ExecutableTest, BatchMatmulOfTransposed) {
  Program program(R"mlir(
    func.func @main(%q: tensor<3x?x64xf32>, %k: tensor<3x?x64xf32>) -> tensor<3x?x?xf32> {
      %c1 = arith.constant 1 : index
      %zero = arith.constant 0.0 : f32
      %n = tensor.dim %q, %c1 : tensor<3x?x64xf32>
      %et = tensor.empty(%n) : tensor<3x64x?xf32>
      %kt = linalg.transpose ins(%k : tensor<3x?x64xf32>) outs(%et : tensor<3x64x?xf32>)
          permutation = [0, 2, 1]
      %e = tensor.empty(%n, %n) : tensor<3x?x?xf32>
      %f = linalg.fill ins(%zero : f32) outs(%e : tensor<3x?x?xf32>) -> tensor<3x?x?xf32>
      %y = linalg.batch_matmul ins(%q, %kt : tensor<3x?x64xf32>, tensor<3x64x?xf32>)
          outs(%f : tensor<3x?x?xf32>) -> tensor<3x?x?xf32>
      return %y : tensor<3x?x?xf32>
    })mlir");
  int64_t n = GetParam();
  HostTensor q = makeRandom({3, n, 64}, 5), k = makeRandom({3, n, 64}, 6);
  std::vector<double> wanted(3 * n * n);
  for (int64_t b = 0; b < 3; ++b)
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j)
        for (int64_t d = 0; d < 64; ++d)
          wanted[(b * n + i) * n + j] +=
              double(q.getAs<float>()[(b * n + i) * 64 + d]) *
              k.getAs<float>()[(b * n + j) * 64 + d];
  expectNear(program.run({q, k}), wanted, 2e-5);
}

TEST_P(ExecutableTest, GatherOfRows) {
  Program program(R"mlir(
    func.func @main(%table: tensor<50x20xf32>, %ids: tensor<?xi64>) -> tensor<?x20xf32> {
      %c0 = arith.constant 0 : index
      %n = tensor.dim %ids, %c0 : tensor<?xi64>
      %e = tensor.empty(%n) : tensor<?x20xf32>
      %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
          iterator_types = ["parallel", "parallel"]} ins(%ids : tensor<?xi64>) outs(%e : tensor<?x20xf32>) {
      ^bb0(%id: i64, %o: f32):
        %i = arith.index_cast %id : i64 to index
        %j = linalg.index 1 : index
        %v = tensor.extract %table[%i, %j] : tensor<50x20xf32>
        linalg.yield %v : f32
      } -> tensor<?x20xf32>
      return %y : tensor<?x20xf32>
    })mlir");
  int64_t n = GetParam();
  HostTensor table = makeRandom({50, 20}, 7);
  HostTensor ids = HostTensor::allocate(ElementType::I64, {n});
  std::vector<double> wanted;
  for (int64_t i = 0; i < n; ++i) {
    int64_t row = ids.getMutableAs<int64_t>()[i] = (i * 37) % 50;
    for (int64_t j = 0; j < 20; ++j)
      wanted.push_back(table.getAs<float>()[row * 20 + j]);
  }
  expectNear(program.run({table, ids}), wanted, 0.0);
}

/// One elementwise function of a vector, with its scalar reference.
void checkFunction(llvm::StringRef name, double (*reference)(double),
                   double low, double high, double tolerance) {
  Program program((R"mlir(
    #map = affine_map<(i) -> (i)>
    func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
      %c0 = arith.constant 0 : index
      %n = tensor.dim %x, %c0 : tensor<?xf32>
      %e = tensor.empty(%n) : tensor<?xf32>
      %y = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]}
          ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
      ^bb0(%a: f32, %o: f32):
        %0 = math.)mlir" +
                   name + R"mlir( %a : f32
        linalg.yield %0 : f32
      } -> tensor<?xf32>
      return %y : tensor<?xf32>
    })mlir")
                      .str());
  constexpr int64_t kPoints = 100003;
  HostTensor x = HostTensor::allocate(ElementType::F32, {kPoints});
  std::vector<double> wanted;
  for (int64_t i = 0; i < kPoints; ++i) {
    float value = low + (high - low) * i / (kPoints - 1);
    x.getMutableAs<float>()[i] = value;
    wanted.push_back(reference(value));
  }
  expectNear(program.run({x}), wanted, tolerance);
}

TEST(ExecutableMathTest, Exp) { checkFunction("exp", std::exp, -80, 80, 1e-6); }
TEST(ExecutableMathTest, Tanh) {
  checkFunction("tanh", std::tanh, -20, 20, 1e-6);
}
TEST(ExecutableMathTest, Erf) { checkFunction("erf", std::erf, -6, 6, 1e-6); }
TEST(ExecutableMathTest, Sin) {
  checkFunction("sin", std::sin, -300, 300, 1e-6);
}
TEST(ExecutableMathTest, Cos) {
  checkFunction("cos", std::cos, -300, 300, 1e-6);
}
TEST(ExecutableMathTest, CosOfLongContext) {
  checkFunction("cos", std::cos, 0, 65536, 1e-6);
}

TEST(ExecutableErrorTest, WrongInputIsNamed) {
  Program program(R"mlir(
    func.func @main(%x: tensor<?x4xf32> {lowbit.name = "hidden"}) -> tensor<?x4xf32> {
      return %x : tensor<?x4xf32>
    })mlir");
  auto outputs = program.executable->run({makeRandom({2, 5}, 8)});
  ASSERT_FALSE(outputs);
  EXPECT_EQ(llvm::toString(outputs.takeError()),
            "input 'hidden': requires ?x4xf32, found 2x5xf32");
  auto none = program.executable->run({});
  ASSERT_FALSE(none);
  EXPECT_EQ(llvm::toString(none.takeError()), "requires 1 inputs, found 0");
}

TEST(ExecutableErrorTest, CodeThatCannotBeEmitted) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      "func.func @main() { return }", &context);
  ASSERT_TRUE(module);
  EXPECT_EQ(llvm::toString(emitLLVMIR(*module, llvm::nulls(), "z80")),
            "unknown CPU 'z80' for " + llvm::sys::getProcessTriple());
  std::string text = llvm::toString(emitLLVMIR(*module, llvm::nulls()));
  EXPECT_EQ(text.rfind("the module cannot be translated to LLVM IR: ", 0), 0u);
  EXPECT_NE(text.find("cannot be converted"), std::string::npos) << text;
}

TEST(ExecutableErrorTest, ModuleWithoutSignature) {
  mlir::MLIRContext context;
  auto module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  auto executable = Executable::create(module, {});
  ASSERT_FALSE(executable);
  EXPECT_NE(llvm::toString(executable.takeError()).find("lowbit.signature"),
            std::string::npos);
  module->erase();
}

} // namespace
