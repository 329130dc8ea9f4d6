//===- Tune.cpp - quantize layers in order, with what came before ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Tune.h"
#include "../FloatProgram.h"
#include "DriftSums.h"
#include "Streams.h"
#include "lowbit/Tools/Calibration.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/WeightParts.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/PatternNames.h"
#include <unistd.h>

using namespace lowbit;

namespace {

class Tuning {
public:
  Tuning(mlir::ModuleOp module, const CompileOptions &options)
      : module(module), options(options), compile(compileAsItIs(options)) {
    // A merged weight would be a copy that nothing replaces.
    llvm::append_range(compile.disabledPatterns, getFusePatternNames());
  }

  llvm::Error run();

private:
  llvm::Error cut();
  llvm::Error advance(size_t index);
  llvm::Error fillSlots(const ForwardSegment &segment);
  llvm::Expected<CalibrationStatistics> measure(size_t index);
  llvm::Error quantize(size_t index, const CalibrationStatistics &moments);
  void showProgress(size_t group, llvm::StringRef model, uint64_t sample) const;

  mlir::ModuleOp module;
  const CompileOptions &options;
  CompileOptions compile;
  /// The float model, which stays as it is, and its layers in `module`.
  mlir::OwningOpRef<mlir::ModuleOp> source;
  llvm::DenseMap<LinearOp, LinearOp> quantized;
  ForwardCuts cuts;
  CalibrationData data;
  /// The values of the float model, and of the one that is quantized so far.
  Stream x, y;
};

} // namespace

llvm::Error Tuning::cut() {
  mlir::IRMapping mapping;
  source = mlir::cast<mlir::ModuleOp>(module->clone(mapping));
  module.walk([&](LinearOp op) {
    quantized[mlir::cast<LinearOp>(mapping.lookup(op.getOperation()))] = op;
  });
  llvm::DenseSet<int64_t> tableRows = getTableRows(*source);
  auto isTuned = [&](LinearOp op) {
    auto input =
        mlir::dyn_cast<mlir::RankedTensorType>(op.getInput().getType());
    if (!input || input.isDynamicDim(input.getRank() - 1) ||
        op->hasAttr(kKeepFloatAttrName))
      return false;
    return options.includeEmbeddings || op->hasAttr(kEncodingAttrName) ||
           !isHead(op, tableRows);
  };
  auto made = ForwardCuts::create(*source, isTuned);
  if (!made)
    return made.takeError();
  cuts = std::move(*made);
  if (cuts.getGroups().empty())
    return makeError("sequential calibration requires layers to quantize in "
                     "'@main', found none");
  return llvm::Error::success();
}

/// Gives the program the numbers that layers have in the module by now.
llvm::Error Tuning::fillSlots(const ForwardSegment &segment) {
  for (const WeightSlot &slot : segment.slots) {
    LinearOp layer = quantized.lookup(slot.layer);
    auto weight = layer.getWeight().getDefiningOp<WeightOp>();
    if (!weight || !mlir::isa<QuantizedTensorType>(weight.getType()))
      continue;
    DiagnosticText errors(*module.getContext());
    llvm::FailureOr<QuantizedWeight> numbers =
        QuantizedWeight::read(weight.getGlobalOp());
    if (llvm::failed(numbers))
      return errors.takeError("a weight cannot be read");
    int64_t columns = slot.resource.getType().getDimSize(1);
    for (int64_t row = 0; row < slot.resource.getType().getDimSize(0); ++row)
      numbers->readRow(row, slot.numbers.data() + row * columns);
  }
  return llvm::Error::success();
}

void Tuning::showProgress(size_t group, llvm::StringRef model,
                          uint64_t sample) const {
  if (!options.calibration.progress || !::isatty(STDERR_FILENO))
    return;
  size_t groups = cuts.getGroups().size();
  llvm::errs() << "\rtuning: group " << group + 1 << " of " << groups << ", "
               << model << " model, sample " << sample + 1 << " of "
               << data.size() << "\x1b[K";
  if (group + 1 == groups && sample + 1 == data.size())
    llvm::errs() << "\r\x1b[K";
}

/// Takes both streams to the cut before group `index`.
llvm::Error Tuning::advance(size_t index) {
  llvm::Expected<ForwardSegment> segment = cuts.makeSegment(index);
  if (!segment)
    return segment.takeError();
  auto program = linkRaised(*segment->module, compile);
  if (!program)
    return program.takeError();
  const llvm::SetVector<mlir::Value> &live = cuts.getGroups()[index].live;
  uint64_t memory = options.calibration.memory / 2;
  if (llvm::Error error =
          x.advance(data, *segment, **program, live, memory,
                    [&](uint64_t i) { showProgress(index, "float", i); }))
    return error;
  if (llvm::Error error = fillSlots(*segment))
    return error;
  return y.advance(data, *segment, **program, live, memory,
                   [&](uint64_t i) { showProgress(index, "low-bit", i); });
}

/// The moments of what group `index` reads.
llvm::Expected<CalibrationStatistics> Tuning::measure(size_t index) {
  const TunedGroup &group = cuts.getGroups()[index];
  int64_t columns = group.layers.front().matrix.columns;
  llvm::SmallVector<const TunedLayer *> writers;
  llvm::SmallVector<int64_t> widths;
  for (const TunedLayer &layer : group.layers)
    if (layer.residual) {
      writers.push_back(&layer);
      widths.push_back(layer.matrix.rows);
    }
  std::string name = group.layers.front().matrix.name();
  if (uint64_t bytes = DriftSums::getBytes(columns, widths);
      bytes > options.calibration.memory)
    return makeError("the moments of '" + name + "' require " +
                     llvm::Twine(bytes) +
                     " bytes of memory, found a limit of " +
                     llvm::Twine(options.calibration.memory));
  DriftSums sums(columns, widths);
  for (uint64_t sample = 0; sample < data.size(); ++sample) {
    llvm::SmallVector<HostTensor> held;
    auto read = [&](const Stream &stream, mlir::Value value) {
      held.push_back(widen(stream.get(sample, value)));
      return held.back().getAs<float>();
    };
    DriftSums::Rows rows{read(x, group.input), read(y, group.input), {}, {}};
    for (const TunedLayer *layer : writers) {
      rows.r.push_back(read(x, layer->residual));
      rows.s.push_back(read(y, layer->residual));
    }
    if (llvm::Error error = sums.add(rows, module.getContext()))
      return makeError("sample " + llvm::Twine(sample) + ", layer '" + name +
                       "': " + llvm::toString(std::move(error)));
  }
  CalibrationStatistics result;
  StatisticsRecord &shared = result.records.emplace_back();
  shared.name = name;
  for (const TunedLayer &layer : group.layers)
    shared.layers.push_back(layer.matrix.name());
  shared.rows = sums.getRows();
  shared.columns = columns;
  shared.components = {{statistic::kMeanSquare.str(), sums.getMeanSquare()},
                       {statistic::kSecondMoment.str(), sums.getSecondMoment()},
                       {statistic::kCrossMoment.str(), sums.getCrossMoment()}};
  for (auto [i, layer] : llvm::enumerate(writers)) {
    StatisticsRecord &own = result.records.emplace_back();
    own.name = layer->matrix.name() + ".residual";
    own.layers = {layer->matrix.name()};
    own.rows = sums.getRows();
    own.columns = columns;
    own.components = {
        {statistic::kResidualMoment.str(), sums.getResidualMoment(i)}};
  }
  return std::move(result);
}

/// Lets the pass quantize the layers of group `index`.
llvm::Error Tuning::quantize(size_t index,
                             const CalibrationStatistics &moments) {
  llvm::SmallVector<StatisticsOp> attached = attachStatistics(module, moments);
  QuantizeWeightsPassOptions pass;
  pass.method = options.method;
  pass.sweeps = options.sweeps;
  pass.scaleSearch =
      options.scaleSearch.empty() ? "importance" : options.scaleSearch;
  pass.includeEmbeddings = options.includeEmbeddings;
  for (const TunedLayer &layer : cuts.getGroups()[index].layers)
    pass.layers.push_back(layer.matrix.name());
  DiagnosticText errors(*module.getContext());
  mlir::PassManager manager(module.getContext());
  manager.addPass(createQuantizeWeightsPass(pass));
  bool failed = mlir::failed(manager.run(module));
  eraseStatistics(attached);
  return failed ? errors.takeError("a group cannot be quantized")
                : llvm::Error::success();
}

llvm::Error Tuning::run() {
  llvm::Expected<CalibrationData> samples =
      readSamples(module, options.calibration);
  if (!samples)
    return samples.takeError();
  data = std::move(*samples);
  if (llvm::Error error = cut())
    return error;
  for (size_t i = 0; i < cuts.getGroups().size(); ++i) {
    if (llvm::Error error = advance(i))
      return error;
    llvm::Expected<CalibrationStatistics> moments = measure(i);
    if (!moments)
      return moments.takeError();
    if (llvm::Error error = quantize(i, *moments))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error lowbit::tuneLayers(mlir::ModuleOp module,
                               const CompileOptions &options) {
  return Tuning(module, options).run();
}
