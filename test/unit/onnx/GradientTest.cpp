//===- GradientTest.cpp - gradients of whole models -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exported models run forward, with something added to the output of one layer
// after another, and backward; what the result changes by must be what the
// layer's gradient says.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Frontends/ONNX.h"
#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Executable.h"
#include "lowbit/Tools/Registration.h"
#include "lowbit/Tools/Safetensors.h"
#include "lowbit/Tools/Signature.h"
#include "lowbit/Tools/TokenFile.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace lowbit;

namespace {

/// A model, the output that is differentiated, and how exactly differences say
/// what a gradient is: kinks are where they don't.
struct GradientCase {
  const char *model, *output;
  double tolerance = 0.02;
};

void PrintTo(const GradientCase &test, std::ostream *os) { *os << test.model; }

HostTensor drawTensor(llvm::ArrayRef<int64_t> shape, unsigned number) {
  std::minstd_rand random(number + 1);
  HostTensor tensor = HostTensor::allocate(ElementType::F32, shape);
  for (float &value : tensor.getMutableAs<float>())
    value = random() % 2 ? 1.0f : -1.0f;
  return tensor;
}

double multiply(const HostTensor &a, const HostTensor &b) {
  double sum = 0;
  for (auto [x, y] : llvm::zip_equal(a.getAs<float>(), b.getAs<float>()))
    sum += double(x) * y;
  return sum;
}

class GradientTest : public ::testing::TestWithParam<GradientCase> {
protected:
  GradientTest() {
    registerDialects(registry);
    context = std::make_unique<mlir::MLIRContext>(
        registry, mlir::MLIRContext::Threading::DISABLED);
  }

  std::unique_ptr<Executable> link(mlir::ModuleOp module) {
    CompileOptions options;
    if (llvm::Error failed =
            compileModule(module, Phase::Lower, options, Phase::Fuse)) {
      ADD_FAILURE() << llvm::toString(std::move(failed));
      return nullptr;
    }
    ExecutableOptions executableOptions;
    executableOptions.threads = 1;
    executableOptions.optLevel = 1;
    auto executable = Executable::create(module, executableOptions);
    if (executable)
      return std::move(*executable);
    ADD_FAILURE() << llvm::toString(executable.takeError());
    return nullptr;
  }

  /// Names of the layers whose gradients the differentiated model returns.
  std::vector<std::string> differentiate(mlir::ModuleOp module,
                                         const std::string &output) {
    mlir::PassManager manager(context.get());
    DifferentiatePassOptions gradients;
    gradients.result = output;
    manager.addPass(createDifferentiatePass(gradients));
    ReturnObservedPassOptions back;
    back.dropsResults = true;
    manager.addPass(createReturnObservedPass(back));
    EXPECT_TRUE(mlir::succeeded(manager.run(module)));
    auto main = module.lookupSymbol<mlir::func::FuncOp>(kMainFunction);
    std::vector<std::string> layers;
    for (unsigned i = 0; i < main.getNumResults(); ++i)
      layers.push_back(
          main.getResultAttrOfType<mlir::StringAttr>(i, kNameAttrName).str());
    return layers;
  }

  /// Returns `output` alone, and adds an argument to what each layer yields.
  void addMoves(mlir::ModuleOp module, const std::string &output,
                llvm::ArrayRef<std::string> layers) {
    auto main = module.lookupSymbol<mlir::func::FuncOp>(kMainFunction);
    mlir::Operation *end = main.getBody().front().getTerminator();
    for (unsigned i = main.getNumResults(); i-- > 0;)
      if (main.getResultAttrOfType<mlir::StringAttr>(i, kNameAttrName)
                  .getValue() != output &&
          mlir::succeeded(main.eraseResult(i)))
        end->eraseOperand(i);
    for (auto layer : main.getOps<LinearOp>()) {
      if (layers.empty() || *getLayerName(layer) + ".gradient" != layers[0])
        continue;
      layers = layers.drop_front();
      unsigned number = main.getNumArguments();
      ASSERT_TRUE(mlir::succeeded(
          main.insertArgument(number, layer.getType(), {}, layer.getLoc())));
      layer.getResidualMutable().assign(main.getArgument(number));
    }
    EXPECT_TRUE(layers.empty());
  }

  void check(mlir::ModuleOp raised, std::vector<HostTensor> inputs,
             llvm::ArrayRef<int64_t> outputShape);

  mlir::DialectRegistry registry;
  std::unique_ptr<mlir::MLIRContext> context;
};

void GradientTest::check(mlir::ModuleOp raised, std::vector<HostTensor> inputs,
                         llvm::ArrayRef<int64_t> outputShape) {
  mlir::OwningOpRef<mlir::ModuleOp> backward = raised.clone();
  std::vector<std::string> layers = differentiate(*backward, GetParam().output);
  ASSERT_FALSE(layers.empty());
  addMoves(raised, GetParam().output, layers);
  auto gradient = link(*backward), run = link(raised);
  ASSERT_TRUE(gradient && run);

  HostTensor seed = drawTensor(outputShape, 0);
  inputs.push_back(seed);
  auto gradients = gradient->run(inputs);
  ASSERT_TRUE(bool(gradients)) << llvm::toString(gradients.takeError());
  inputs.pop_back();
  for (const HostTensor &one : *gradients)
    inputs.push_back(HostTensor::allocate(ElementType::F32, one.getShape()));
  auto move = [&](size_t layer, const HostTensor &direction, float step) {
    HostTensor &to = inputs[inputs.size() - layers.size() + layer];
    for (auto [value, sign] :
         llvm::zip_equal(to.getMutableAs<float>(), direction.getAs<float>()))
      value = step * sign;
    auto outputs = run->run(inputs);
    EXPECT_TRUE(bool(outputs));
    return outputs ? multiply(outputs->front(), seed) : 0;
  };
  double worst = 0;
  for (auto [i, found] : llvm::enumerate(*gradients)) {
    constexpr float kStep = 2e-3f;
    HostTensor direction = drawTensor(found.getShape(), i + 1);
    double up = move(i, direction, kStep), down = move(i, direction, -kStep);
    move(i, direction, 0);
    double error =
        std::fabs(multiply(found, direction) - (up - down) / (2 * kStep)) /
        std::sqrt(multiply(found, found));
    worst = std::max(worst, error);
    EXPECT_LE(error, GetParam().tolerance) << layers[i];
  }
  llvm::outs() << llvm::format("%-14s %3zu layers, largest difference %.1e\n",
                               GetParam().model, layers.size(), worst);
}

mlir::OwningOpRef<mlir::ModuleOp> raise(mlir::MLIRContext &context,
                                        const std::string &path) {
  auto module = importONNX(path, context, {});
  if (!module) {
    ADD_FAILURE() << llvm::toString(module.takeError());
    return {};
  }
  if (llvm::Error failed = compileModule(**module, Phase::Raise, {})) {
    ADD_FAILURE() << llvm::toString(std::move(failed));
    return {};
  }
  return std::move(*module);
}

TEST_P(GradientTest, AgreesWithDifferences) {
  std::string path =
      (llvm::StringRef(LOWBIT_ARCHITECTURES "/") + GetParam().model).str();
  auto module = raise(*context, path + ".onnx");
  auto data = SafetensorsFile::open(path + ".safetensors");
  ASSERT_TRUE(module && bool(data));
  std::vector<HostTensor> inputs;
  auto signature = getSignature(*module);
  ASSERT_TRUE(bool(signature));
  for (const TensorSpec &spec : signature->inputs) {
    const SafetensorsEntry *entry = data->lookup("0/in/" + spec.name);
    ASSERT_TRUE(entry) << spec.name;
    inputs.push_back(HostTensor::allocate(entry->type, entry->shape));
    llvm::copy(entry->bytes, inputs.back().getMutableBytes().begin());
  }
  const SafetensorsEntry *output =
      data->lookup(std::string("0/out/") + GetParam().output);
  ASSERT_TRUE(output);
  check(*module, std::move(inputs), output->shape);
}

INSTANTIATE_TEST_SUITE_P(
    All, GradientTest,
    ::testing::Values(GradientCase{"bert", "last_hidden_state"},
                      GradientCase{"gpt2", "logits"},
                      GradientCase{"vit", "logits"},
                      GradientCase{"whisper", "logits"},
                      GradientCase{"clip", "logits_per_text"},
                      GradientCase{"convnet", "logits", 0.1}),
    [](const auto &info) { return std::string(info.param.model); });

using TrainedGradientTest = GradientTest;

TEST_P(TrainedGradientTest, AgreesWithDifferences) {
  std::string folder =
      std::string(LOWBIT_ARCHITECTURES "/../") + GetParam().model;
  auto module = raise(*context, folder + "/model.onnx");
  auto tokens = readTokens(folder + "/tokens_calib.bin");
  ASSERT_TRUE(module && bool(tokens));
  constexpr int64_t kTokens = 40;
  HostTensor ids = HostTensor::allocate(ElementType::I64, {1, kTokens});
  std::copy_n(tokens->begin(), kTokens, ids.getMutableAs<int64_t>().begin());
  check(*module, {ids}, {1, kTokens, 1024});
}

INSTANTIATE_TEST_SUITE_P(All, TrainedGradientTest,
                         ::testing::Values(GradientCase{"llama-5m", "logits"}),
                         [](const auto &) { return "llama_5m"; });

} // namespace
