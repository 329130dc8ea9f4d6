//===- QuantizeGroup.cpp - what becomes of the layers of a group ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tuning.h"
#include "lowbit/Tools/Calibration.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/WeightParts.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "lowbit/Transforms/PackedData.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include <cmath>
#include <limits>
#include <numeric>

using namespace lowbit;

/// Rows count by this power of their mean squared gradients: as they are they
/// would be exact, but a draw is noisy, and few rows would count for all. On
/// text that was held out, 1/2 gains four times what 1 does.
static constexpr double kRowExponent = 0.5;

std::vector<std::string> lowbit::getNames(const TunedGroup &group) {
  std::vector<std::string> names;
  for (const TunedLayer &layer : group.layers)
    names.push_back(layer.matrix.name());
  return names;
}

llvm::SmallVector<const TunedLayer *>
lowbit::getWriters(const TunedGroup &group) {
  llvm::SmallVector<const TunedLayer *> writers;
  for (const TunedLayer &layer : group.layers)
    if (layer.residual)
      writers.push_back(&layer);
  return writers;
}

std::vector<float> lowbit::weighRows(const TunedGroup &group,
                                     const LayerStatistics &statistics) {
  std::vector<float> weights;
  for (const TunedLayer &layer : group.layers) {
    std::vector<float> squares =
        statistics.read(layer.matrix.name(), statistic::kGradientRows);
    double mean = std::accumulate(squares.begin(), squares.end(), 0.0) /
                  std::max<size_t>(1, squares.size());
    if (!(mean > 0) || (!weights.empty() && weights.size() != squares.size()))
      return {};
    weights.resize(squares.size());
    for (auto [weight, square] : llvm::zip_equal(weights, squares))
      weight += static_cast<float>(std::pow(square / mean, kRowExponent));
  }
  return weights;
}

/// Moments as the pass finds them: a record that the layers share, and one for
/// each that writes to a residual stream.
static CalibrationStatistics makeRecords(const TunedGroup &group,
                                         const DriftSums &sums) {
  CalibrationStatistics result;
  auto add = [&](std::string name, std::vector<std::string> layers) {
    StatisticsRecord &record = result.records.emplace_back();
    record.name = std::move(name);
    record.layers = std::move(layers);
    record.rows = sums.getRows();
    record.columns = group.layers.front().matrix.columns;
    return &record.components;
  };
  *add(group.layers.front().matrix.name(), getNames(group)) = {
      {statistic::kMeanSquare.str(), sums.getMeanSquare()},
      {statistic::kSecondMoment.str(), sums.getSecondMoment()},
      {statistic::kCrossMoment.str(), sums.getCrossMoment()}};
  for (auto [i, layer] : llvm::enumerate(getWriters(group))) {
    std::string name = layer->matrix.name();
    *add(name + ".residual", {name}) = {
        {statistic::kResidualMoment.str(), sums.getResidualMoment(i)}};
  }
  return result;
}

/// Lets the pass quantize `layers` of `target`.
llvm::Error Tuning::runPass(mlir::ModuleOp target, llvm::StringRef method,
                            llvm::ArrayRef<std::string> layers) {
  QuantizeWeightsPassOptions pass;
  pass.method = method.str();
  bool feedback = hasFeedback(method);
  pass.sweeps = feedback ? options.sweeps : 0;
  pass.scaleSearch =
      options.scaleSearch.empty() ? "importance" : options.scaleSearch;
  pass.includeEmbeddings = options.includeEmbeddings;
  pass.residualShare = options.residualShare;
  llvm::append_range(pass.layers, layers);
  DiagnosticText errors(*module.getContext());
  mlir::PassManager manager(module.getContext());
  manager.addPass(createQuantizeWeightsPass(pass));
  return mlir::failed(manager.run(target))
             ? errors.takeError("a group cannot be quantized")
             : llvm::Error::success();
}

/// What is tried for each layer, the first of equal ones being taken.
std::vector<std::string> Tuning::getMethods() const {
  std::vector<std::string> methods = options.tuneMethods;
  if (methods.empty())
    methods.push_back(options.method);
  // Where samples are held out, feedback must beat plain rounding on them.
  std::vector<std::string> plain;
  for (llvm::StringRef method : methods)
    if (method.consume_front("gptq-"))
      plain.push_back(method.str());
  if (fitSamples < data.size())
    for (std::string &method : plain)
      if (!llvm::is_contained(methods, method))
        methods.push_back(std::move(method));
  return methods;
}

/// The errors on held-out samples that each layer of group `index` has with
/// `method`, tried on a copy of the module.
llvm::Expected<std::vector<double>>
Tuning::tryOut(size_t index, llvm::StringRef method,
               llvm::ArrayRef<OutputJudge> judges) {
  mlir::IRMapping mapping;
  mlir::OwningOpRef<mlir::ModuleOp> copy =
      mlir::cast<mlir::ModuleOp>(module->clone(mapping));
  {
    // What remains to be said is said of what is taken.
    mlir::ScopedDiagnosticHandler silence(
        module.getContext(), [](mlir::Diagnostic &diagnostic) {
          return llvm::success(diagnostic.getSeverity() !=
                               mlir::DiagnosticSeverity::Error);
        });
    if (llvm::Error error =
            runPass(*copy, method, getNames(cuts.getGroups()[index])))
      return std::move(error);
  }
  std::vector<double> errors;
  llvm::SetVector<GlobalOp> globals;
  for (auto [layer, judge] : llvm::zip_equal(getLayers(index), judges)) {
    auto op = mlir::cast<LinearOp>(mapping.lookup(layer.getOperation()));
    GlobalOp global = op.getWeight().getDefiningOp<WeightOp>().getGlobalOp();
    globals.insert(global);
    llvm::FailureOr<QuantizedWeight> weight = QuantizedWeight::read(global);
    if (llvm::failed(weight))
      return makeError("a weight that was tried cannot be read");
    auto type = mlir::cast<mlir::ShapedType>(global.getType());
    std::vector<float> numbers(type.getNumElements());
    for (int64_t row = 0; row < type.getDimSize(0); ++row)
      weight->readRow(row, numbers.data() + row * type.getDimSize(1));
    errors.push_back(judge.getError(numbers));
  }
  copy->walk([](WeightOp op) { op->dropAllUses(), op.erase(); });
  GlobalEraser eraser(*copy, /*releasesData=*/true);
  for (GlobalOp global : globals)
    eraser.erase(global);
  return errors;
}

/// Quantizes each layer of group `index` by the method with the least error on
/// held-out samples.
llvm::Error Tuning::choose(size_t index, const DriftSums &heldOut) {
  const TunedGroup &group = cuts.getGroups()[index];
  std::vector<std::string> methods = getMethods();
  std::vector<OutputJudge> judges;
  size_t writers = 0;
  for (const TunedLayer &layer : group.layers) {
    std::optional<size_t> residual;
    if (layer.residual)
      residual = writers++;
    judges.emplace_back(layer.matrix, heldOut, residual, options.residualShare,
                        module.getContext());
  }
  std::vector<std::pair<double, size_t>> best(
      judges.size(), {std::numeric_limits<double>::infinity(), 0});
  for (auto [i, method] : llvm::enumerate(methods)) {
    auto errors = tryOut(index, method, judges);
    if (!errors)
      return errors.takeError();
    for (auto [kept, error] : llvm::zip_equal(best, *errors))
      kept = std::min(kept, {error, i});
  }
  for (auto [i, method] : llvm::enumerate(methods)) {
    std::vector<std::string> layers;
    for (auto [layer, kept] : llvm::zip_equal(getLayers(index), best)) {
      if (kept.second != i)
        continue;
      layers.push_back(*getLayerName(layer));
      if (i > 0)
        layer.emitRemark() << "weight '" << layers.back()
                           << "' is quantized by " << method
                           << ": its error on held-out samples is "
                           << "less than with " << methods.front();
    }
    if (!layers.empty())
      if (llvm::Error error = runPass(module, method, layers))
        return error;
  }
  return llvm::Error::success();
}

/// Quantizes the layers of group `index`.
llvm::Error Tuning::quantize(size_t index, const GroupMoments &moments) {
  const TunedGroup &group = cuts.getGroups()[index];
  llvm::SmallVector<StatisticsOp> attached =
      attachStatistics(module, makeRecords(group, moments.fit));
  llvm::Error error = moments.heldOut
                          ? choose(index, *moments.heldOut)
                          : runPass(module, options.method, getNames(group));
  eraseStatistics(attached);
  return error;
}
