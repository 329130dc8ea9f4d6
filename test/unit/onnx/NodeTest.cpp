//===- NodeTest.cpp - ONNX's node tests for every operator in the table ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Debian's libonnx-testdata has the tests that the ONNX project generates for
// its operators. Those whose operators are all in the importer's table must
// pass. LOWBIT_NODE_TESTS=<substring> runs the ones whose names contain it, one
// by one.
//
//===----------------------------------------------------------------------===//

#include "NodeCase.h"

#include "../frontends/ModelText.h"
#include "OperatorTable.h"

#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Executable.h"
#include "lowbit/Tools/Registration.h"
#include "lowbit/Tools/Signature.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Process.h"

#include <gtest/gtest.h>

#include <map>

using namespace lowbit;
using namespace lowbit::testing;

namespace {

constexpr llvm::StringLiteral testData = LOWBIT_ONNX_TESTDATA;

/// Transforms: zeros in them are sums of terms that cancel each other, to 1e-16
/// of these in the sums in 64 bits that made the tests.
constexpr llvm::StringLiteral sumsThatCancel[] = {
    "test_dft", "test_dft_axis", "test_dft_inverse", "test_stft",
    "test_stft_with_window"};

/// Tests of operators in the table that are none of what the table promises,
/// and why. In these versions of the tests:
const std::map<std::string, std::string> excluded = {
    {"test_training_dropout", "expects numbers of numpy's generator"},
    {"test_training_dropout_default", "expects numbers of numpy's generator"},
    {"test_training_dropout_default_mask",
     "expects numbers of numpy's generator"},
    {"test_training_dropout_mask", "expects numbers of numpy's generator"},
    {"test_cast_FLOAT_to_BFLOAT16",
     "expects rounding towards zero; the specification rounds to nearest"},
    {"test_scan_sum", "is of version 8, when Scan had a batch of its own"},
    {"test_castlike_BFLOAT16_to_FLOAT", "declares another shape than its data"},
    {"test_castlike_BFLOAT16_to_FLOAT_expanded",
     "declares another shape than its data"},
    {"test_castlike_FLOAT_to_BFLOAT16", "declares another shape than its data"},
    {"test_castlike_FLOAT_to_BFLOAT16_expanded",
     "declares another shape than its data"},
};

class NodeTests : public ::testing::Test {
protected:
  NodeTests() { registerDialects(registry); }

  /// Imports `model`; null and `error` if that fails.
  mlir::OwningOpRef<mlir::ModuleOp> import(mlir::MLIRContext &context,
                                           const onnx::ModelProto &model,
                                           std::string &error) {
    std::string path = folder.write("case.onnx", model.SerializeAsString());
    auto module = importONNX(path, context);
    if (module)
      return std::move(*module);
    error = llvm::toString(module.takeError());
    return nullptr;
  }

  std::string importAlone(const NodeCase &nodeCase) {
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    std::string error;
    import(context, nodeCase.model, error);
    return error;
  }

  /// Runs the cases as one model. Returns for each of them what is wrong, or
  /// nothing if they don't compile together.
  llvm::Expected<std::vector<std::string>>
  run(llvm::ArrayRef<const NodeCase *> cases) {
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    std::string error;
    auto module = import(context, mergeCases(cases), error);
    if (!module)
      return makeError(error);
    CompileOptions options;
    options.reference = true;
    if (llvm::Error failed = compileModule(*module, Phase::Lower, options))
      return std::move(failed);
    ExecutableOptions executableOptions;
    executableOptions.threads = 1;
    executableOptions.optLevel = 0;
    auto executable = Executable::create(*module, executableOptions);
    if (!executable)
      return executable.takeError();
    std::vector<HostTensor> inputs;
    for (const NodeCase *nodeCase : cases)
      for (const onnx::TensorProto &input : nodeCase->inputs)
        inputs.push_back(llvm::cantFail(toHostTensor(input)));
    auto outputs = (*executable)->run(inputs);
    if (!outputs)
      return outputs.takeError();
    std::vector<std::string> results;
    auto output = outputs->begin();
    for (const NodeCase *nodeCase : cases) {
      results.emplace_back();
      bool cancels = llvm::is_contained(sumsThatCancel, nodeCase->name);
      for (const onnx::TensorProto &expected : nodeCase->outputs)
        results.back() +=
            compareTensors(*output++, llvm::cantFail(toHostTensor(expected)),
                           cancels ? 1e-6 : 0);
    }
    return results;
  }

  /// As above; what does not compile together is divided until it does.
  void runAll(llvm::ArrayRef<const NodeCase *> cases,
              std::vector<std::string> &failures) {
    auto results = run(cases);
    if (results) {
      for (auto [nodeCase, result] : llvm::zip_equal(cases, *results))
        if (!result.empty())
          failures.push_back(nodeCase->name + ": " + result);
      return;
    }
    std::string error = llvm::toString(results.takeError());
    if (cases.size() == 1)
      return failures.push_back(cases.front()->name + ": " + error);
    runAll(cases.take_front(cases.size() / 2), failures);
    runAll(cases.drop_front(cases.size() / 2), failures);
  }

  mlir::DialectRegistry registry;
  Folder folder;
};

/// Whether every operator of the case is in the table, whatever its version.
bool isCovered(const NodeCase &nodeCase) {
  return llvm::all_of(nodeCase.model.graph().node(),
                      [](const onnx::NodeProto &node) {
                        return frontend::OperatorTable::get().find(node);
                      });
}

TEST_F(NodeTests, OfEveryOperatorInTheTable) {
  std::string filter =
      llvm::sys::Process::GetEnv("LOWBIT_NODE_TESTS").value_or("");
  std::vector<std::string> folders;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator at(testData, error), end;
       at != end && !error; at.increment(error))
    folders.push_back(at->path());
  ASSERT_FALSE(error) << testData.str() << ": " << error.message();
  llvm::sort(folders);

  std::map<int64_t, std::vector<NodeCase>> byOpset;
  std::vector<std::string> failures;
  llvm::StringSet<> operators;
  unsigned count = 0, apart = 0;
  for (const std::string &path : folders) {
    llvm::StringRef name = llvm::sys::path::filename(path);
    if (!filter.empty() && !name.contains(filter))
      continue;
    auto nodeCase = readNodeCase(path);
    if (!nodeCase) {
      ++apart;
      llvm::consumeError(nodeCase.takeError());
      continue;
    }
    if (!isCovered(*nodeCase))
      continue;
    auto reason = excluded.find(nodeCase->name);
    if (reason != excluded.end()) {
      std::cout << "not run: " << nodeCase->name << ": " << reason->second
                << "\n";
      continue;
    }
    for (const onnx::NodeProto &node : nodeCase->model.graph().node())
      operators.insert(node.op_type());
    ++count;
    // What decides shapes is an input in these tests.
    std::string problem = importAlone(*nodeCase);
    for (bool onlyIntegers : {true, false})
      if (!problem.empty()) {
        bindInputs(*nodeCase, onlyIntegers);
        problem = importAlone(*nodeCase);
      }
    if (problem.empty())
      byOpset[nodeCase->opset()].push_back(std::move(*nodeCase));
    else
      failures.push_back(nodeCase->name + ": " + problem);
  }
  size_t batch = filter.empty() ? 24 : 1;
  for (auto &[opset, cases] : byOpset) {
    std::vector<const NodeCase *> all;
    for (const NodeCase &nodeCase : cases)
      all.push_back(&nodeCase);
    for (size_t at = 0; at < all.size(); at += batch)
      runAll(llvm::ArrayRef(all).slice(at, std::min(batch, all.size() - at)),
             failures);
  }
  for (const std::string &failure : failures)
    ADD_FAILURE() << failure;
  std::cout << count - failures.size() << " node tests passed of " << count
            << " for " << operators.size() << " operators (" << apart
            << " others have strings, sequences or optional values)\n";
  EXPECT_GT(count, 0u);
}

} // namespace
