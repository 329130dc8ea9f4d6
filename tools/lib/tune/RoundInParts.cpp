//===- RoundInParts.cpp - layers a few at a time, each part kept ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Without errors to make up for, layers have nothing to do with each other: a
// few of them are the same bytes as all at once. So a run that is killed has
// lost the part at hand, and no more.
//
//===----------------------------------------------------------------------===//

#include "FinishedGroups.h"
#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Tune.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include <unistd.h>

using namespace lowbit;

/// Path searches give each weight a thread, so that a part is worth several;
/// but not so much that losing one hurts.
static constexpr size_t kPartWeights = 8;
static constexpr int64_t kPartParameters = int64_t(1) << 26;

namespace {

/// Layers that read the same data.
struct Sharers {
  llvm::SmallVector<LinearOp> layers;
  llvm::SetVector<mlir::StringAttr> names;
  int64_t parameters = 0;
  bool hasEmbedding = false;

  bool isPlain() const { return !hasEmbedding && names.size() == 1; }
};

/// Layers that are rounded together.
struct Part {
  llvm::SmallVector<LinearOp> layers;
  std::vector<std::string> names;
  int64_t parameters = 0;
};

} // namespace

/// The layers of `module` by their data, in its order.
static llvm::MapVector<mlir::Attribute, Sharers>
collectSharers(mlir::ModuleOp module) {
  llvm::MapVector<mlir::Attribute, Sharers> byData;
  auto find = [&](mlir::Value weight) -> Sharers * {
    std::optional<ConstantMatrix> matrix = matchConstantMatrix(weight);
    if (!matrix)
      return nullptr;
    Sharers &sharers = byData[matrix->data];
    sharers.names.insert(
        mlir::StringAttr::get(module.getContext(), matrix->name()));
    sharers.parameters = matrix->rows * matrix->columns;
    return &sharers;
  };
  module.walk([&](LinearOp op) {
    if (Sharers *sharers = find(op.getWeight()))
      sharers->layers.push_back(op);
  });
  module.walk([&](EmbeddingOp op) {
    if (Sharers *sharers = find(op.getWeight()))
      sharers->hasEmbedding = true;
  });
  return byData;
}

/// The layers that are asked for, in parts. They don't depend on the machine:
/// another one may go on.
static std::vector<Part> divide(mlir::ModuleOp module,
                                const CompileOptions &options) {
  std::vector<Part> parts;
  llvm::DenseSet<int64_t> tableRows = getTableRows(module);
  auto isWanted = [&](LinearOp op) {
    return !op->hasAttr(kKeepFloatAttrName) &&
           (options.includeEmbeddings || op->hasAttr(kEncodingAttrName) ||
            !isHead(op, tableRows));
  };
  for (auto &[data, sharers] : collectSharers(module)) {
    if (!sharers.isPlain() || !llvm::all_of(sharers.layers, isWanted))
      continue;
    if (parts.empty() || parts.back().names.size() == kPartWeights ||
        parts.back().parameters + sharers.parameters > kPartParameters)
      parts.emplace_back();
    Part &part = parts.back();
    llvm::append_range(part.layers, sharers.layers);
    part.names.push_back(sharers.names.front().str());
    part.parameters += sharers.parameters;
  }
  return parts;
}

/// Rounds the weights of `part`; of those that are low-bit already, the rest of
/// what the pass does.
static llvm::Error roundPart(const Part &part, mlir::ModuleOp module,
                             const CompileOptions &options) {
  QuantizeWeightsPassOptions pass;
  pass.method = splitQuantizationMethod(options.method).rounding;
  pass.scaleSearch = getScaleSearch(options);
  pass.sweeps = options.sweeps;
  pass.includeEmbeddings = options.includeEmbeddings;
  pass.releaseData = options.releaseData;
  llvm::append_range(pass.layers, part.names);
  DiagnosticText errors(*module.getContext());
  mlir::PassManager manager(module.getContext());
  manager.addPass(createQuantizeWeightsPass(pass));
  return mlir::failed(manager.run(module))
             ? errors.takeError("layers cannot be quantized")
             : llvm::Error::success();
}

static void showProgress(size_t part, size_t parts,
                         const CompileOptions &options) {
  if (!options.calibration.progress || !::isatty(STDERR_FILENO))
    return;
  if (part < parts)
    llvm::errs() << "\rquantizing: part " << part + 1 << " of " << parts;
  llvm::errs() << (part < parts ? "\x1b[K" : "\r\x1b[K");
}

llvm::Error lowbit::roundInParts(mlir::ModuleOp module,
                                 const CompileOptions &options) {
  auto opened = FinishedGroups::open(options.resume, module, options);
  if (!opened)
    return opened.takeError();
  UniqueRemarks unique(*module.getContext());
  std::vector<Part> parts = divide(module, options);
  for (auto [i, part] : llvm::enumerate(parts)) {
    showProgress(i, parts.size(), options);
    llvm::Expected<bool> restored = opened->restore(i, module, part.layers);
    if (!restored)
      return restored.takeError();
    if (llvm::Error error = roundPart(part, module, options))
      return error;
    if (!*restored)
      if (llvm::Error error = opened->save(i, part.layers))
        return error;
  }
  showProgress(parts.size(), parts.size(), options);
  return llvm::Error::success();
}
