//===- TrellisBudget.cpp - bits for the columns of trellises --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/PrecisionSearch.h"
#include "lowbit/Tools/Tune.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/PrecisionAssignment.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"

using namespace lowbit;

/// From so many bits per weight on, what gradients predict is as good as what
/// is measured.
static constexpr double kMeasuredBits = 3;

/// Rates that are measured; gains beyond follow from theirs.
static constexpr unsigned kMeasuredRates = 3;

/// Whether `budget` is small enough for losses to be measured.
static bool isTight(const PrecisionBudget &budget, int64_t weights) {
  std::optional<int64_t> bytes = budget.getBytes(weights);
  return bytes && 8.0 * static_cast<double>(*bytes) <
                      kMeasuredBits * static_cast<double>(weights);
}

/// The weights that the budget is for.
static int64_t countWeights(mlir::ModuleOp raised,
                            const CompileOptions &options) {
  llvm::DenseSet<int64_t> tableRows = getTableRows(raised);
  int64_t weights = 0;
  raised.walk([&](LinearOp op) {
    auto type = llvm::cast<mlir::ShapedType>(op.getWeight().getType());
    if (options.includeEmbeddings || !isHead(op, tableRows))
      weights += type.getNumElements();
  });
  return weights;
}

/// Trellises of rates 1 to kMeasuredRates, of the state of `method`.
static std::vector<std::string> getCandidates(llvm::StringRef method) {
  llvm::StringRef state = method.substr(method.find('-'));
  if (!method.contains('-'))
    state = "";
  std::vector<std::string> candidates;
  for (unsigned rate = 1; rate <= kMeasuredRates; ++rate)
    candidates.push_back(("trellis" + llvm::Twine(rate) + state).str());
  return candidates;
}

/// Writes on each layer what it loses.
static llvm::Error measureRates(mlir::ModuleOp raised,
                                const CompileOptions &options) {
  CompileOptions measured = options;
  measured.candidates = getCandidates(options.method);
  measured.sweeps = 0;
  auto losses = measureLayerLosses(raised, measured);
  if (!losses)
    return losses.takeError();
  raised.walk([&](LinearOp op) {
    std::optional<std::string> name = getLayerName(op);
    auto found = name ? losses->find(*name) : losses->end();
    if (found != losses->end() && found->second.size() == kMeasuredRates)
      op->setAttr(kRateLossesAttrName, mlir::DenseF64ArrayAttr::get(
                                           raised.getContext(), found->second));
  });
  return llvm::Error::success();
}

llvm::Error lowbit::assignTrellisRates(mlir::ModuleOp raised,
                                       const CompileOptions &options) {
  auto budget = PrecisionBudget::parse(options.budget);
  if (!budget)
    return budget.takeError();
  // Without gradients nothing predicts what one layer's errors cost beside
  // another's.
  bool predicts = options.calibration.gradients != OutputModel::None;
  if (!predicts || isTight(*budget, countWeights(raised, options)))
    if (llvm::Error error = measureRates(raised, options))
      return error;
  AssignRatesPassOptions rates;
  rates.method = options.method;
  rates.budget = options.budget;
  rates.includeEmbeddings = options.includeEmbeddings;
  DiagnosticText errors(*raised.getContext());
  mlir::PassManager manager(raised.getContext());
  manager.addPass(createAssignRatesPass(rates));
  return llvm::failed(manager.run(raised))
             ? errors.takeError("rates cannot be assigned")
             : llvm::Error::success();
}
