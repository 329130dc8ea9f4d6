//===- ArchitectureTest.cpp - exported architectures against PyTorch ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each model of test/models/architectures runs on all its sets of inputs, which
// differ in batch and length, as floats and with 8-bit weights. The largest
// absolute differences from torch are printed. Reductions are summed in another
// order than torch's: that is all that floats may differ by.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Frontends/ONNX.h"
#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Executable.h"
#include "lowbit/Tools/Registration.h"
#include "lowbit/Tools/Safetensors.h"
#include "lowbit/Tools/Signature.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace lowbit;

namespace {

constexpr llvm::StringLiteral folder = LOWBIT_ARCHITECTURES;

/// A compiled model; the context outlives what was compiled in it.
struct Compiled {
  explicit Compiled(const mlir::DialectRegistry &registry)
      : context(registry, mlir::MLIRContext::Threading::DISABLED) {}

  mlir::MLIRContext context;
  Signature signature;
  std::unique_ptr<Executable> executable;
};

llvm::Error compile(Compiled &result, const std::string &path,
                    const std::string &method,
                    const ONNXImportOptions &shapes) {
  auto module = importONNX(path, result.context, shapes);
  if (!module)
    return module.takeError();
  auto signature = getSignature(**module);
  if (!signature)
    return signature.takeError();
  result.signature = std::move(*signature);
  CompileOptions options;
  options.method = method;
  if (llvm::Error failed = compileModule(**module, Phase::Lower, options))
    return failed;
  ExecutableOptions executableOptions;
  executableOptions.threads = 1;
  executableOptions.optLevel = 1;
  auto executable = Executable::create(**module, executableOptions);
  if (!executable)
    return executable.takeError();
  result.executable = std::move(*executable);
  return llvm::Error::success();
}

HostTensor tensorOf(const SafetensorsEntry &entry) {
  HostTensor tensor = HostTensor::allocate(entry.type, entry.shape);
  llvm::copy(entry.bytes, tensor.getMutableBytes().begin());
  return tensor;
}

/// What a model got wrong on one set of inputs.
struct Difference {
  double largest = 0, squares = 0;
  uint64_t count = 0;
  /// Root mean square of the expected outputs.
  double size() const { return std::sqrt(squares / double(count)); }
};

llvm::Expected<Difference> runSet(Compiled &model, const SafetensorsFile &data,
                                  const std::string &set) {
  std::vector<HostTensor> inputs;
  for (const TensorSpec &spec : model.signature.inputs) {
    const SafetensorsEntry *entry = data.lookup(set + "/in/" + spec.name);
    EXPECT_TRUE(entry) << spec.name;
    inputs.push_back(tensorOf(*entry));
  }
  if (llvm::Error failed = checkRequirements(model.signature, inputs))
    return std::move(failed);
  auto outputs = model.executable->run(inputs);
  if (!outputs)
    return outputs.takeError();
  Difference difference;
  for (auto [spec, actual] :
       llvm::zip_equal(model.signature.outputs, *outputs)) {
    const SafetensorsEntry *entry = data.lookup(set + "/out/" + spec.name);
    EXPECT_TRUE(entry) << spec.name;
    HostTensor expected = tensorOf(*entry);
    auto largest = getMaxError(actual, expected);
    if (!largest)
      return largest.takeError();
    difference.largest = std::max(difference.largest, *largest);
    for (uint64_t i = 0; i < expected.getNumElements(); ++i)
      difference.squares += expected.getElement(i) * expected.getElement(i);
    difference.count += expected.getNumElements();
  }
  return difference;
}

class ArchitectureTest : public ::testing::TestWithParam<const char *> {
protected:
  ArchitectureTest() { registerDialects(registry); }

  /// Runs all sets. Outputs of more than unit size may differ by more.
  void run(const std::string &method, double tolerance,
           const ONNXImportOptions &shapes = {}) {
    std::string path = (folder + "/" + GetParam()).str();
    auto data = SafetensorsFile::open(path + ".safetensors");
    ASSERT_TRUE(bool(data)) << llvm::toString(data.takeError());
    Compiled model(registry);
    if (llvm::Error failed = compile(model, path + ".onnx", method, shapes))
      FAIL() << llvm::toString(std::move(failed));
    for (int set = 0; data->lookup(llvm::itostr(set) + "/in/" +
                                   model.signature.inputs.front().name);
         ++set) {
      auto difference = runSet(model, *data, llvm::itostr(set));
      ASSERT_TRUE(bool(difference)) << llvm::toString(difference.takeError());
      llvm::outs() << llvm::format(
          "%-14s %-5s set %d  largest difference %.1e  outputs %.2f\n",
          GetParam(), method.c_str(), set, difference->largest,
          difference->size());
      EXPECT_LE(difference->largest,
                tolerance * std::max(1.0, difference->size()));
    }
  }

  mlir::DialectRegistry registry;
};

TEST_P(ArchitectureTest, Float) { run("none", 1e-3); }

// A weight is off by up to 1/254 of its channel's largest, about 0.4 % of what
// a typical one is; a few layers of random weights add that up.
TEST_P(ArchitectureTest, EightBits) { run("int8", 0.05); }

INSTANTIATE_TEST_SUITE_P(All, ArchitectureTest,
                         ::testing::Values("bert", "gpt2", "gpt2-past", "llama",
                                           "llama-past", "vit", "whisper", "t5",
                                           "clip", "wav2vec2", "mlp", "convnet",
                                           "local", "xlnet", "unet"));

} // namespace
