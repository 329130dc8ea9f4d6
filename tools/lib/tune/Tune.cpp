//===- Tune.cpp - quantize layers in order, with what came before ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Tune.h"
#include "../FloatProgram.h"
#include "FinishedGroups.h"
#include "HeldOut.h"
#include "Streams.h"
#include "lowbit/Tools/Calibration.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/WeightParts.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "lowbit/Transforms/PackedData.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/PatternNames.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include <unistd.h>

using namespace lowbit;

namespace {

/// Moments of what a group reads, over the samples that it is fit to and, if
/// some are held out, over those that it is judged by.
struct GroupMoments {
  DriftSums fit;
  std::optional<DriftSums> heldOut;
};

class Tuning {
public:
  Tuning(mlir::ModuleOp module, const CompileOptions &options)
      : module(module), options(options), compile(compileAsItIs(options)) {
    // A merged weight would be a copy that nothing replaces.
    llvm::append_range(compile.disabledPatterns, getFusePatternNames());
  }

  llvm::Error run();

private:
  llvm::Error readData();
  llvm::Error cut();
  llvm::Expected<size_t> restoreGroups();
  llvm::Error advance(std::optional<size_t> from, size_t to);
  llvm::Error fillSlots(const ForwardSegment &segment);
  llvm::Expected<GroupMoments> measure(size_t index);
  llvm::Error addSamples(size_t index, uint64_t first, uint64_t end,
                         DriftSums &sums);
  llvm::Error quantize(size_t index, const GroupMoments &moments);
  llvm::Error choose(size_t index, const DriftSums &heldOut);
  llvm::Error runPass(mlir::ModuleOp target, llvm::StringRef method,
                      llvm::ArrayRef<std::string> layers);
  llvm::Expected<std::vector<double>>
  tryOut(size_t index, llvm::StringRef method,
         llvm::ArrayRef<OutputJudge> judges);
  std::vector<std::string> getMethods() const;
  llvm::SmallVector<LinearOp> getLayers(size_t index) const;
  void showProgress(size_t group, llvm::StringRef model, uint64_t sample) const;

  mlir::ModuleOp module;
  const CompileOptions &options;
  CompileOptions compile;
  /// The float model, which stays as it is, and its layers in `module`.
  mlir::OwningOpRef<mlir::ModuleOp> source;
  llvm::DenseMap<LinearOp, LinearOp> quantized;
  ForwardCuts cuts;
  CalibrationData data;
  /// Samples that layers are fit to; those after them are held out.
  uint64_t fitSamples = 0;
  FinishedGroups finished;
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

llvm::SmallVector<LinearOp> Tuning::getLayers(size_t index) const {
  llvm::SmallVector<LinearOp> layers;
  for (const TunedLayer &layer : cuts.getGroups()[index].layers)
    layers.push_back(quantized.lookup(layer.op));
  return layers;
}

static std::vector<std::string> getNames(const TunedGroup &group) {
  std::vector<std::string> names;
  for (const TunedLayer &layer : group.layers)
    names.push_back(layer.matrix.name());
  return names;
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

/// Takes both streams to the cut before group `to`.
llvm::Error Tuning::advance(std::optional<size_t> from, size_t to) {
  llvm::Expected<ForwardSegment> segment = cuts.makeSegment(from, to);
  if (!segment)
    return segment.takeError();
  auto program = linkRaised(*segment->module, compile);
  if (!program)
    return program.takeError();
  const llvm::SetVector<mlir::Value> &live = cuts.getGroups()[to].live;
  uint64_t memory = options.calibration.memory / 2;
  if (llvm::Error error =
          x.advance(data, *segment, **program, live, memory,
                    [&](uint64_t i) { showProgress(to, "float", i); }))
    return error;
  if (llvm::Error error = fillSlots(*segment))
    return error;
  return y.advance(data, *segment, **program, live, memory,
                   [&](uint64_t i) { showProgress(to, "low-bit", i); });
}

/// Layers of a group that write to a residual stream.
static llvm::SmallVector<const TunedLayer *>
getWriters(const TunedGroup &group) {
  llvm::SmallVector<const TunedLayer *> writers;
  for (const TunedLayer &layer : group.layers)
    if (layer.residual)
      writers.push_back(&layer);
  return writers;
}

llvm::Error Tuning::addSamples(size_t index, uint64_t first, uint64_t end,
                               DriftSums &sums) {
  const TunedGroup &group = cuts.getGroups()[index];
  for (uint64_t sample = first; sample < end; ++sample) {
    llvm::SmallVector<HostTensor> held;
    auto read = [&](const Stream &stream, mlir::Value value) {
      held.push_back(widen(stream.get(sample, value)));
      return held.back().getAs<float>();
    };
    DriftSums::Rows rows{read(x, group.input), read(y, group.input), {}, {}};
    for (const TunedLayer *layer : getWriters(group)) {
      rows.r.push_back(read(x, layer->residual));
      rows.s.push_back(read(y, layer->residual));
    }
    if (llvm::Error error = sums.add(rows, module.getContext()))
      return makeError("sample " + llvm::Twine(sample) + ", layer '" +
                       group.layers.front().matrix.name() +
                       "': " + llvm::toString(std::move(error)));
  }
  return llvm::Error::success();
}

/// The moments of what group `index` reads.
llvm::Expected<GroupMoments> Tuning::measure(size_t index) {
  const TunedGroup &group = cuts.getGroups()[index];
  int64_t columns = group.layers.front().matrix.columns;
  llvm::SmallVector<int64_t> widths;
  for (const TunedLayer *layer : getWriters(group))
    widths.push_back(layer->matrix.rows);
  bool judges = fitSamples < data.size();
  if (uint64_t bytes = DriftSums::getBytes(columns, widths) * (1 + judges);
      bytes > options.calibration.memory)
    return makeError("the moments of '" + group.layers.front().matrix.name() +
                     "' require " + llvm::Twine(bytes) +
                     " bytes of memory, found a limit of " +
                     llvm::Twine(options.calibration.memory));
  GroupMoments moments{DriftSums(columns, widths), std::nullopt};
  if (llvm::Error error = addSamples(index, 0, fitSamples, moments.fit))
    return std::move(error);
  if (!judges)
    return std::move(moments);
  moments.heldOut.emplace(columns, widths);
  if (llvm::Error error =
          addSamples(index, fitSamples, data.size(), *moments.heldOut))
    return std::move(error);
  return std::move(moments);
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

llvm::Error Tuning::readData() {
  llvm::Expected<CalibrationData> samples =
      readSamples(module, options.calibration);
  if (!samples)
    return samples.takeError();
  data = std::move(*samples);
  if (options.heldOut >= data.size())
    return makeFileError(options.calibration.data,
                         "requires more samples than are held out, found " +
                             llvm::Twine(data.size()) + " of which " +
                             llvm::Twine(options.heldOut) + " are held out");
  fitSamples = data.size() - options.heldOut;
  if (!options.tuneMethods.empty() && !options.heldOut)
    return makeError("a choice of methods for each layer requires samples that "
                     "are held out, found none");
  return llvm::Error::success();
}

/// Takes what an earlier run has finished; returns how many groups that is.
llvm::Expected<size_t> Tuning::restoreGroups() {
  size_t count = 0;
  for (; count < cuts.getGroups().size(); ++count) {
    llvm::SmallVector<LinearOp> layers = getLayers(count);
    llvm::Expected<bool> restored = finished.restore(count, module, layers);
    if (!restored)
      return restored.takeError();
    if (!*restored)
      break;
    // Weights are there; the pass does the rest.
    QuantizeWeightsPassOptions pass;
    pass.method = options.method;
    llvm::append_range(pass.layers, getNames(cuts.getGroups()[count]));
    DiagnosticText errors(*module.getContext());
    mlir::PassManager manager(module.getContext());
    manager.addPass(createQuantizeWeightsPass(pass));
    if (mlir::failed(manager.run(module)))
      return errors.takeError("a group cannot be restored");
  }
  return count;
}

llvm::Error Tuning::run() {
  if (llvm::Error error = readData())
    return error;
  auto opened = FinishedGroups::open(options.resume, module, options);
  if (!opened)
    return opened.takeError();
  finished = std::move(*opened);
  if (llvm::Error error = cut())
    return error;
  llvm::Expected<size_t> first = restoreGroups();
  if (!first)
    return first.takeError();
  std::optional<size_t> from;
  for (size_t i = *first; i < cuts.getGroups().size(); from = i++) {
    if (llvm::Error error = advance(from, i))
      return error;
    llvm::Expected<GroupMoments> moments = measure(i);
    if (!moments)
      return moments.takeError();
    if (llvm::Error error = quantize(i, *moments))
      return error;
    if (llvm::Error error = finished.save(i, getLayers(i)))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error lowbit::tuneLayers(mlir::ModuleOp module,
                               const CompileOptions &options) {
  return Tuning(module, options).run();
}
