//===- GradientTest.cpp - adjoints against finite differences -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each case is what comes after a layer, whose output can be moved by an
// argument. The gradient that `lowbit-differentiate` computes is compared with
// what the result changes by.
//
//===----------------------------------------------------------------------===//

#include "../dialect/ReferenceJit.h"
#include "lowbit/Transforms/Adjoints.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Verifier.h"
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

/// `%z` is the layer's output, of type Z; the body defines `%y`, of type Y.
constexpr llvm::StringLiteral kFunction = R"mlir(
#id = affine_map<(i, j, k) -> (i, j, k)>
#last = affine_map<(i, j, k) -> (k)>
#rows = affine_map<(i, j, k) -> (i, j)>
#first = affine_map<(i, j, k) -> (0, j, k)>
#turned = affine_map<(i, j, k) -> (k, i, j)>
func.func @main(%x: tensor<2x4x3xf32>, %w: tensor<6x3xf32>, %move: Z) -> Y
    attributes {llvm.emit_c_interface} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %third = arith.constant 0.3 : f32
  %global = lowbit.weight @fc : tensor<6x3xf32>
  %z = lowbit.linear %x, %global residual %move : tensor<2x4x3xf32>, tensor<6x3xf32> -> Z
  %other = lowbit.weight @other : tensor<6x3xf32>
  BODY
  return %y : Y
}
lowbit.global @other : tensor<6x3xf32> {data = dense<[[0.2, 0.3, -0.9], [0.8, -0.1, 0.6], [-0.7, 0.5, 0.4], [0.9, 0.1, -0.2], [-0.3, 0.6, 0.7], [0.4, -0.8, 0.1]]> : tensor<6x3xf32>}
lowbit.global @fc : tensor<6x3xf32> {data = dense<[[0.5, -0.2, 0.9], [-0.4, 0.7, 0.1], [0.3, 0.8, -0.6], [-0.9, 0.2, 0.4], [0.6, -0.5, -0.3], [0.1, 0.4, 0.7]]> : tensor<6x3xf32>}
)mlir";

struct Case {
  llvm::StringRef name;
  llvm::SmallVector<int64_t> shape;
  std::string body;
};

std::string replaceAll(std::string text, llvm::StringRef from,
                       llvm::StringRef to) {
  for (size_t at = 0; (at = text.find(from.str(), at)) != std::string::npos;
       at += to.size())
    text.replace(at, from.size(), to.str());
  return text;
}

std::string printType(llvm::ArrayRef<int64_t> shape) {
  std::string text = "tensor<";
  for (int64_t extent : shape)
    text += std::to_string(extent) + "x";
  return text + "f32>";
}

std::string makeText(const Case &test) {
  std::string text = replaceAll(kFunction.str(), "BODY", test.body);
  text = replaceAll(text, "Y", printType(test.shape));
  return replaceAll(text, "Z", "tensor<2x4x6xf32>");
}

int64_t count(llvm::ArrayRef<int64_t> shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1),
                         std::multiplies<>());
}

std::vector<float> createNumbers(int64_t count, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<float> numbers(count);
  for (float &number : numbers)
    number = static_cast<float>(random() % 2001) / 1000 - 1;
  return numbers;
}

/// The module of a case, differentiated if asked for.
OwningOpRef<ModuleOp> parse(MLIRContext &context, const std::string &text,
                            bool isGradient) {
  auto module = parseSourceString<ModuleOp>(text, &context);
  if (!module || !isGradient)
    return module;
  PassManager manager(&context);
  DifferentiatePassOptions options;
  options.selected.push_back("fc");
  manager.addPass(createDifferentiatePass(options));
  ReturnObservedPassOptions back;
  back.dropsResults = true;
  manager.addPass(createReturnObservedPass(back));
  if (failed(manager.run(*module)))
    return {};
  return module;
}

void checkGradient(const Case &test) {
  SCOPED_TRACE(test.name.str());
  auto context = createContext();
  context->loadAllAvailableDialects();
  std::string text = makeText(test);
  auto forward = parse(*context, text, /*isGradient=*/false);
  auto backward = parse(*context, text, /*isGradient=*/true);
  ASSERT_TRUE(forward && backward);
  ReferenceJit run(*forward), differentiate(*backward);

  std::vector<float> x = createNumbers(24, 1), w(18),
                     seed = createNumbers(count(test.shape), 2), move(48, 0);
  llvm::SmallVector<Array> inputs = {
      {x.data(), {2, 4, 3}}, {w.data(), {6, 3}}, {move.data(), {2, 4, 6}}};
  auto evaluate = [&] {
    std::vector<float> y = run.call("main", inputs, test.shape.size());
    return std::inner_product(y.begin(), y.end(), seed.begin(), 0.0);
  };
  llvm::SmallVector<Array> seeded = inputs;
  seeded.push_back({seed.data(), test.shape});
  std::vector<float> gradient = differentiate.call("main", seeded, 3);
  ASSERT_EQ(gradient.size(), move.size());
  double size = 0;
  for (size_t i = 0; i < move.size(); ++i) {
    constexpr float kStep = 1e-3f;
    move[i] = kStep;
    double up = evaluate();
    move[i] = -kStep;
    double down = evaluate();
    move[i] = 0;
    EXPECT_NEAR(gradient[i], (up - down) / (2 * kStep), 4e-3)
        << "element " << i;
    size += std::fabs(gradient[i]);
  }
  EXPECT_GT(size, 0.1) << "there is something to compare";
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

/// A generic over all elements, `text` computing %r from %a.
std::string elementwise(llvm::StringRef text) {
  return ("%e = tensor.empty() : Z\n"
          "%y = linalg.generic {indexing_maps = [#id, #id], iterator_types = "
          "[\"parallel\", \"parallel\", \"parallel\"]} ins(%z : Z) outs(%e : "
          "Z) {\n^bb0(%a: f32, %out: f32):\n" +
          text + "\nlinalg.yield %r : f32\n} -> Z")
      .str();
}

TEST(Gradient, FunctionsOfOneNumber) {
  // Of 0.3 + a^2, where all of them are defined.
  for (llvm::StringRef function :
       {"math.exp", "math.exp2", "math.expm1", "math.log", "math.log2",
        "math.log10", "math.log1p", "math.sqrt", "math.rsqrt", "math.tanh",
        "math.erf", "math.sin", "math.cos", "math.tan", "math.sinh",
        "math.cosh", "math.atan", "arith.negf"})
    checkGradient({function,
                   {2, 4, 6},
                   elementwise(("%s = arith.mulf %a, %a : f32\n"
                                "%small = arith.mulf %s, %third : f32\n"
                                "%p = arith.addf %small, %third : f32\n%r = " +
                                function + " %p : f32")
                                   .str())});
}

TEST(Gradient, FunctionsOfTwoNumbers) {
  // Of a and e^-a.
  for (llvm::StringRef function :
       {"arith.addf %a, %b", "arith.subf %b, %a", "arith.mulf %a, %b",
        "arith.divf %a, %b", "arith.divf %b, %b2", "arith.maximumf %a, %b",
        "arith.minimumf %a, %b", "arith.maxnumf %b, %a", "arith.minnumf %b, %a",
        "math.powf %b, %a", "math.fma %a, %b, %b2", "arith.maximumf %third, %b",
        "arith.minnumf %b, %one"})
    checkGradient({function,
                   {2, 4, 6},
                   elementwise(("%n = arith.negf %a : f32\n"
                                "%b = math.exp %n : f32\n"
                                "%b2 = arith.addf %b, %one : f32\n%r = " +
                                function + " : f32")
                                   .str())});
}

TEST(Gradient, Choices) {
  checkGradient({"select",
                 {2, 4, 6},
                 elementwise("%c = arith.cmpf ogt, %a, %one : f32\n"
                             "%s = arith.mulf %a, %a : f32\n"
                             "%r = arith.select %c, %s, %a : f32")});
  checkGradient({"abs",
                 {2, 4, 6},
                 elementwise("%s = arith.addf %a, %third : f32\n"
                             "%r = math.absf %s : f32")});
  // Steps are flat: what is left is 2a.
  checkGradient({"floor and integers",
                 {2, 4, 6},
                 elementwise("%s = arith.mulf %a, %a : f32\n"
                             "%i = arith.fptosi %one : f32 to i32\n"
                             "%f = arith.sitofp %i : i32 to f32\n"
                             "%r = arith.addf %s, %f : f32")});
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

TEST(Gradient, Maps) {
  checkGradient({"operands in other orders", {6, 2, 4}, R"mlir(
  %e = tensor.empty() : tensor<6x2x4xf32>
  %y = linalg.generic {indexing_maps = [#id, #id, #turned], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%z, %z : Z, Z) outs(%e : tensor<6x2x4xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %r = arith.mulf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<6x2x4xf32>)mlir"});
  checkGradient({"broadcasts", {2, 4, 6}, R"mlir(
  %slice = tensor.extract_slice %z[1, 0, 0] [1, 4, 6] [1, 1, 1] : Z to tensor<1x4x6xf32>
  %row = tensor.extract_slice %z[0, 2, 0] [1, 1, 6] [1, 1, 1] : Z to tensor<6xf32>
  %e = tensor.empty() : Z
  %y = linalg.generic {indexing_maps = [#id, #first, #last, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%z, %slice, %row : Z, tensor<1x4x6xf32>, tensor<6xf32>) outs(%e : Z) {
  ^bb0(%a: f32, %b: f32, %c: f32, %out: f32):
    %p = arith.mulf %a, %b : f32
    %r = arith.mulf %p, %c : f32
    linalg.yield %r : f32
  } -> Z)mlir"});
  checkGradient({"windows", {2, 2, 4}, R"mlir(
  %e = tensor.empty() : tensor<2x3x2x4xf32>
  %windows = linalg.generic {
      indexing_maps = [affine_map<(i, k, o, j) -> (i, k + o, j + o * 2)>, affine_map<(i, k, o, j) -> (i, k, o, j)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%z : Z) outs(%e : tensor<2x3x2x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %s = arith.mulf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<2x3x2x4xf32>
  %y = tensor.extract_slice %windows[0, 1, 0, 0] [2, 1, 2, 4] [1, 1, 1, 1] : tensor<2x3x2x4xf32> to tensor<2x2x4xf32>)mlir"});
}

TEST(Gradient, Reductions) {
  for (auto [name, start, combine] :
       {std::tuple("sum", "0.0", "arith.addf %out, %s"),
        std::tuple("maximum", "-1.0e+30", "arith.maximumf %out, %s"),
        std::tuple("minimum", "1.0e+30", "arith.minnumf %s, %out")})
    checkGradient({name,
                   {2, 4},
                   replaceAll(replaceAll(R"mlir(
  %start = arith.constant START : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %init = linalg.fill ins(%start : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%z : Z) outs(%init : tensor<2x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %s = math.exp %a : f32
    %r = COMBINE : f32
    linalg.yield %r : f32
  } -> tensor<2x4xf32>)mlir",
                                         "START", start),
                              "COMBINE", combine)});
}

/// Terms that are equal share the gradient: here they move together.
TEST(Gradient, EqualMaxima) {
  checkGradient({"maxima", {2, 4}, R"mlir(
  %twice = tensor.concat dim(2) %z, %z : (Z, Z) -> tensor<2x4x12xf32>
  %start = arith.constant -1.0e+30 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %init = linalg.fill ins(%start : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.reduce { arith.maximumf } ins(%twice : tensor<2x4x12xf32>) outs(%init : tensor<2x4xf32>) dimensions = [2])mlir"});
}

TEST(Gradient, NamedOperations) {
  checkGradient({"product of two, and accumulation", {2, 4, 4}, R"mlir(
  %et = tensor.empty() : tensor<2x6x4xf32>
  %t = linalg.transpose ins(%z : Z) outs(%et : tensor<2x6x4xf32>) permutation = [0, 2, 1]
  %init = tensor.extract_slice %z[0, 0, 1] [2, 4, 4] [1, 1, 1] : Z to tensor<2x4x4xf32>
  %y = linalg.batch_matmul ins(%z, %t : Z, tensor<2x6x4xf32>) outs(%init : tensor<2x4x4xf32>) -> tensor<2x4x4xf32>)mlir"});
  checkGradient({"map and broadcast", {4, 6, 3}, R"mlir(
  %plane = tensor.extract_slice %z[1, 0, 0] [1, 4, 6] [1, 1, 1] : Z to tensor<4x6xf32>
  %e = tensor.empty() : tensor<4x6xf32>
  %m = linalg.map { math.exp } ins(%plane : tensor<4x6xf32>) outs(%e : tensor<4x6xf32>)
  %e3 = tensor.empty() : tensor<4x6x3xf32>
  %y = linalg.broadcast ins(%m : tensor<4x6xf32>) outs(%e3 : tensor<4x6x3xf32>) dimensions = [2])mlir"});
}

TEST(Gradient, Gathers) {
  checkGradient({"rows by index, one twice", {3, 6}, R"mlir(
  %rows = tensor.collapse_shape %z [[0, 1], [2]] : Z into tensor<8x6xf32>
  %indices = arith.constant dense<[5, 1, 5]> : tensor<3xi64>
  %e = tensor.empty() : tensor<3x6xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%indices : tensor<3xi64>) outs(%e : tensor<3x6xf32>) {
  ^bb0(%i: i64, %out: f32):
    %row = arith.index_cast %i : i64 to index
    %column = linalg.index 1 : index
    %a = tensor.extract %rows[%row, %column] : tensor<8x6xf32>
    %r = arith.mulf %a, %a : f32
    linalg.yield %r : f32
  } -> tensor<3x6xf32>)mlir"});
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// A gradient that is the seed's own memory is not to be freed.
constexpr llvm::StringLiteral kPowers = R"mlir(
  %empty = tensor.empty() : Z
  %p = linalg.map { math.exp } ins(%z : Z) outs(%empty : Z))mlir";

TEST(Gradient, Tensors) {
  for (auto [name, shape, body] :
       {std::tuple<llvm::StringRef, llvm::SmallVector<int64_t>,
                   llvm::StringRef>("reshapes", {4, 12}, R"mlir(
  %c = tensor.collapse_shape %z [[0, 1], [2]] : Z into tensor<8x6xf32>
  %d = tensor.cast %c : tensor<8x6xf32> to tensor<?x6xf32>
  %c4 = arith.constant 4 : index
  %x3 = tensor.expand_shape %d [[0, 1], [2]] output_shape [%c4, 2, 6] : tensor<?x6xf32> into tensor<?x2x6xf32>
  %shape = arith.constant dense<[4, 12]> : tensor<2xi64>
  %y = tensor.reshape %x3(%shape) : (tensor<?x2x6xf32>, tensor<2xi64>) -> tensor<4x12xf32>)mlir"),
        {"slices", {2, 4, 3}, R"mlir(
  %y = tensor.extract_slice %z[0, 0, 1] [2, 4, 3] [1, 1, 2] : Z to tensor<2x4x3xf32>)mlir"},
        {"concatenation", {2, 8, 6}, R"mlir(
  %y = tensor.concat dim(1) %z, %z : (Z, Z) -> tensor<2x8x6xf32>)mlir"},
        {"padding", {2, 7, 8}, R"mlir(
  %y = tensor.pad %z low[0, 2, 1] high[0, 1, 1] {
  ^bb0(%i: index, %j: index, %k: index):
    tensor.yield %one : f32
  } : Z to tensor<2x7x8xf32>)mlir"},
        {"elements", {2}, R"mlir(
  %c2 = arith.constant 2 : index
  %a = tensor.extract %z[%c1, %c2, %c0] : Z
  %s = arith.mulf %a, %a : f32
  %y = tensor.from_elements %s, %a : tensor<2xf32>)mlir"}})
    checkGradient(
        {name, shape, kPowers.str() + replaceAll(body.str(), "%z", "%p")});
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

TEST(Gradient, Layers) {
  checkGradient({"a layer after it, stored as [K, N]", {2, 4, 3}, R"mlir(
  %et = tensor.empty() : tensor<3x6xf32>
  %t = linalg.transpose ins(%other : tensor<6x3xf32>) outs(%et : tensor<3x6xf32>) permutation = [1, 0]
  %h = tensor.extract_slice %z[0, 0, 0] [2, 4, 3] [1, 1, 1] : Z to tensor<2x4x3xf32>
  %bias = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %y = lowbit.linear %z, %t bias %bias residual %h : Z, tensor<3x6xf32> -> tensor<2x4x3xf32>)mlir"});
  checkGradient({"a layer after it, stored as [N, K]", {2, 4, 6}, R"mlir(
  %h = tensor.extract_slice %z[0, 0, 2] [2, 4, 3] [1, 1, 1] : Z to tensor<2x4x3xf32>
  %y = lowbit.linear %h, %other : tensor<2x4x3xf32>, tensor<6x3xf32> -> Z)mlir"});
}

/// Two heads that share keys, which are shorter than values.
constexpr llvm::StringLiteral kAttention = R"mlir(
  %split = tensor.expand_shape %z [[0], [1], [2, 3]] output_shape [2, 4, 2, 3] : Z into tensor<2x4x2x3xf32>
  %eq = tensor.empty() : tensor<2x2x4x3xf32>
  %q = linalg.transpose ins(%split : tensor<2x4x2x3xf32>) outs(%eq : tensor<2x2x4x3xf32>) permutation = [0, 2, 1, 3]
  %kflat = tensor.extract_slice %z[0, 0, 0] [2, 4, 3] [1, 1, 1] : Z to tensor<2x4x3xf32>
  %k = tensor.expand_shape %kflat [[0], [1, 2], [3]] output_shape [2, 1, 4, 3] : tensor<2x4x3xf32> into tensor<2x1x4x3xf32>
  %v = tensor.expand_shape %z [[0], [1, 2], [3]] output_shape [2, 1, 4, 6] : Z into tensor<2x1x4x6xf32>
  %maskflat = tensor.extract_slice %z[0, 0, 0] [1, 4, 4] [1, 1, 1] : Z to tensor<4x4xf32>
  %y = lowbit.attention %q, %k, %v MASK scale 0.7 CAUSAL : tensor<2x2x4x3xf32>, tensor<2x1x4x3xf32>, tensor<2x1x4x6xf32> MASKTYPE -> tensor<2x2x4x6xf32>)mlir";

TEST(Gradient, Attention) {
  for (bool isCausal : {false, true})
    for (bool isMasked : {false, true}) {
      std::string body = kAttention.str();
      body = replaceAll(body, "MASKTYPE",
                        isMasked ? ", mask tensor<4x4xf32>" : "");
      body = replaceAll(body, "MASK", isMasked ? "mask %maskflat" : "");
      body = replaceAll(body, "CAUSAL", isCausal ? "causal" : "");
      checkGradient({isCausal ? "causal" : "to all keys", {2, 2, 4, 6}, body});
    }
}

//===----------------------------------------------------------------------===//
// Adjoints of others
//===----------------------------------------------------------------------===//

/// Who has operations of their own registers adjoints for them; here it is the
/// cube root, which has none.
TEST(Gradient, RegisteredAdjoints) {
  auto context = createContext();
  context->loadAllAvailableDialects();
  ScopedDiagnosticHandler quiet(context.get(),
                                [](Diagnostic &) { return success(); });
  auto module = parse(
      *context,
      makeText(
          {"cube root", {2, 4, 6}, elementwise("%r = math.cbrt %a : f32")}),
      /*isGradient=*/false);
  ASSERT_TRUE(module);
  auto main = module->lookupSymbol<func::FuncOp>("main");
  Value layer = (*main.getOps<LinearOp>().begin()).getResult();
  AdjointRegistry registry;
  populateScalarAdjoints(registry);
  populateLinalgAdjoints(registry);
  EXPECT_TRUE(failed(buildBackwardPass(main, 0, layer, registry)));
  EXPECT_EQ(main.getNumArguments(), 3u) << "a failure changes no signature";

  registry.add<math::CbrtOp>([](math::CbrtOp op, Gradients &gradients) {
    OpBuilder &b = gradients.builder;
    Location loc = op.getLoc();
    Value y = op.getResult(), square = arith::MulFOp::create(b, loc, y, y);
    Value three = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(3));
    Value scale = arith::MulFOp::create(b, loc, square, three);
    gradients.add(op.getOperand(),
                  arith::DivFOp::create(b, loc, gradients.get(y), scale));
  });
  auto pass = buildBackwardPass(main, 0, layer, registry);
  ASSERT_TRUE(succeeded(pass));
  EXPECT_EQ(pass->seed, main.getArguments().back());
  ASSERT_EQ(pass->gradients.size(), 1u);
  EXPECT_EQ(pass->gradients[0].getType(), layer.getType());
  EXPECT_TRUE(succeeded(verify(*module)));
}

} // namespace
