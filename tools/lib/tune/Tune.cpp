//===- Tune.cpp - quantize layers in order, with what came before ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Tune.h"
#include "Tuning.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/WeightParts.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include <unistd.h>

using namespace lowbit;

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

/// The rows of all samples that group `index` reads.
uint64_t Tuning::countRows(size_t index) const {
  const TunedGroup &group = cuts.getGroups()[index];
  uint64_t numbers = 0;
  for (uint64_t sample = 0; sample < data.size(); ++sample)
    numbers += x.get(sample, group.input).getNumElements();
  return numbers / group.layers.front().matrix.columns;
}

/// Adds samples [first, end); their rows take as many of `weights`, if there
/// are any.
llvm::Error Tuning::addSamples(size_t index, uint64_t first, uint64_t end,
                               llvm::ArrayRef<float> &weights,
                               DriftSums &sums) {
  bool isWeighted = !weights.empty();
  const TunedGroup &group = cuts.getGroups()[index];
  for (uint64_t sample = first; sample < end; ++sample) {
    llvm::SmallVector<HostTensor> held;
    auto read = [&](const Stream &stream, mlir::Value value) {
      held.push_back(widen(stream.get(sample, value)));
      return held.back().getAs<float>();
    };
    DriftSums::Rows rows{
        read(x, group.input), read(y, group.input), {}, {}, {}};
    if (isWeighted) {
      size_t count = rows.x.size() / group.layers.front().matrix.columns;
      rows.weights = weights.take_front(count);
      weights = weights.drop_front(count);
    }
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
  std::vector<float> all = weighRows(group, LayerStatistics(module));
  // A layer that the model runs several times has gradients of all of them.
  if (!all.empty() && all.size() != countRows(index)) {
    quantized.lookup(group.layers.front().op).emitRemark()
        << "weight '" << group.layers.front().matrix.name() << "' has "
        << all.size() << " gradients of rows for " << countRows(index)
        << " rows: errors of all rows count the same";
    all.clear();
  }
  llvm::ArrayRef<float> weights = all;
  if (llvm::Error error =
          addSamples(index, 0, fitSamples, weights, moments.fit))
    return std::move(error);
  if (!judges)
    return std::move(moments);
  moments.heldOut.emplace(columns, widths);
  if (llvm::Error error =
          addSamples(index, fitSamples, data.size(), weights, *moments.heldOut))
    return std::move(error);
  return std::move(moments);
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
  UniqueRemarks unique(*module.getContext());
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
  MethodSteps steps = splitQuantizationMethod(options.method);
  if (steps.scalesColumns || steps.hasStaticInputs)
    return makeError("sequential calibration requires a method that rounds "
                     "weights and nothing else, found '" +
                     options.method + "'");
  return Tuning(module, options).run();
}
