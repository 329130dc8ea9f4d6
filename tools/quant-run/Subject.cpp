//===- Subject.cpp - the models of a run, and reports on them -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Subject.h"
#include "lowbit/Compiler.h"
#include "lowbit/Tools/CollectReport.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Provenance.h"
#include "lowbit/Tools/TokenFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <numeric>

using namespace lowbit;

/// Windows that the report names as the worst.
static constexpr size_t kWorstWindows = 8;

llvm::Expected<Subject> lowbit::loadSubject(llvm::StringRef path,
                                            llvm::StringRef method,
                                            const RunOptions &options) {
  Subject subject;
  subject.path = path.str();
  subject.method = method.str();
  LoadOptions load = options.load;
  load.recordsSources = !options.report.empty();
  if (options.defaultBounds || !options.report.empty())
    load.visit = [&](mlir::ModuleOp module) {
      // Data are shared with the original; only the IR is copied.
      subject.module = module.clone();
      if (std::optional<Provenance> provenance = getProvenance(module))
        subject.recipe = provenance->recipe;
      if (!subject.method.empty())
        subject.recipe = "quantize=" + subject.method;
      return llvm::Error::success();
    };
  CompileOptions compile;
  compile.method = method.empty() ? "none" : method.str();
  compile.reference = load.reference;
  compile.floatActivations = load.floatActivations;
  compile.machine = options.machine;
  compile.disabledPatterns = load.disabledPatterns;
  compile.countsRanges = options.countsRanges;
  llvm::Expected<std::unique_ptr<Model>> model =
      compileToModel(path, compile, load);
  if (!model)
    return model.takeError();
  subject.model = std::move(*model);
  if (options.countsRanges && subject.model->getRangeCounts().empty())
    return makeFileError(path, "--count-ranges requires activations with "
                               "static scales (-a8-static), found none");
  return std::move(subject);
}

std::vector<ReportLayer> lowbit::describeEncodings(Subject &subject) {
  std::vector<ReportLayer> layers;
  for (GlobalOp global : subject.module->getOps<GlobalOp>()) {
    auto type = llvm::dyn_cast<QuantizedTensorType>(global.getType());
    if (!type)
      continue;
    ReportLayer layer;
    layer.name = global.getSymName().str();
    layer.isQuantized = true;
    layer.codeBits = type.getEncoding().getCodeBits();
    layer.isInteger = bool(type.getEncoding().getElement().getIntegerFormat());
    layers.push_back(std::move(layer));
  }
  return layers;
}

llvm::Expected<Model *> Reference::get() {
  if (model || options.against.empty())
    return model.get();
  LoadOptions load = options.load;
  if (!options.report.empty())
    load.visit = [&](mlir::ModuleOp module) {
      if (options.layerWindows)
        weights.prepare(module);
      else
        weights.read(module);
      return llvm::Error::success();
    };
  llvm::Expected<std::unique_ptr<Model>> loaded =
      loadModel(options.against, load);
  if (!loaded)
    return loaded.takeError();
  model = std::move(*loaded);
  sizeBytes = double(model->getWeightSize().allBytes);
  return model.get();
}

/// Quantiles that show the tail, by the nearest rank.
static std::vector<std::pair<double, double>>
getQuantiles(std::vector<double> values) {
  std::vector<std::pair<double, double>> quantiles;
  if (values.empty())
    return quantiles;
  llvm::sort(values);
  for (double q : {0.5, 0.9, 0.99, 0.999, 1.0}) {
    size_t rank = size_t(std::ceil(q * double(values.size())));
    quantiles.push_back({q, values[std::max<size_t>(rank, 1) - 1]});
  }
  return quantiles;
}

static std::vector<ReportWindow> getWorst(const Evaluation &evaluation,
                                          size_t window) {
  std::vector<size_t> order(evaluation.windows.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::stable_sort(order, [&](size_t a, size_t b) {
    return evaluation.windows[a].divergence > evaluation.windows[b].divergence;
  });
  std::vector<ReportWindow> worst;
  for (size_t index : llvm::ArrayRef(order).take_front(kWorstWindows)) {
    const WindowScore &score = evaluation.windows[index];
    worst.push_back({index, index * window, score.divergence,
                     std::exp(score.loss), std::exp(score.referenceLoss)});
  }
  return worst;
}

static ReportMeasurement makeMeasurement(const RunOptions &options,
                                         const Reference &reference,
                                         const RunFigures &figures,
                                         const Evaluation &evaluation) {
  ReportMeasurement measured;
  measured.tokens = llvm::sys::path::filename(options.tokens).str();
  measured.window = options.window;
  measured.windows = evaluation.windows.size();
  measured.perplexity = evaluation.perplexity;
  measured.secondsPerRun = figures.secondsPerRun;
  if (options.against.empty())
    return measured;
  measured.reference = llvm::sys::path::filename(options.against).str();
  measured.referencePerplexity = evaluation.referencePerplexity;
  measured.divergence = evaluation.divergence;
  measured.top1 = evaluation.top1Agreement;
  measured.quantiles = getQuantiles(evaluation.divergences);
  measured.worst = getWorst(evaluation, options.window);
  measured.referenceSecondsPerRun = reference.secondsPerRun;
  return measured;
}

/// Adds what each layer costs, and what one more bit of it would save: the
/// divergence of a layer falls about as its squared error does.
static llvm::Error addLayerDivergences(const RunOptions &options,
                                       Subject &subject, Reference &reference,
                                       Report &report) {
  llvm::Expected<std::vector<uint16_t>> tokens = readTokens(options.tokens);
  if (!tokens)
    return tokens.takeError();
  llvm::Expected<Model *> model = reference.get();
  if (!model)
    return model.takeError();
  llvm::Expected<LayerDivergences> divergences =
      measureLayers(*subject.module, **model, reference.weights, *tokens,
                    options.window, options.layerWindows);
  if (!divergences)
    return divergences.takeError();
  for (ReportLayer &layer : report.layers) {
    auto found = divergences->find(layer.name);
    if (found == divergences->end())
      continue;
    layer.divergence = found->second;
    if (layer.oneMoreBit && layer.error && layer.error->mse > 0.0)
      layer.oneMoreBit->divergence =
          found->second * (1.0 - layer.oneMoreBit->mse / layer.error->mse);
  }
  report.measurement->layerWindows = options.layerWindows;
  return llvm::Error::success();
}

llvm::Expected<Report> lowbit::makeReport(const RunOptions &options,
                                          Subject &subject,
                                          Reference &reference,
                                          const RunFigures &figures,
                                          const Evaluation *evaluation) {
  if (llvm::Error error = reference.get().takeError())
    return std::move(error);
  llvm::Expected<Report> report = collectReport(
      *subject.module, reference.weights.getWeights(), /*remarks=*/{});
  if (!report)
    return makeFileError(subject.path, llvm::toString(report.takeError()));
  if (evaluation)
    report->measurement =
        makeMeasurement(options, reference, figures, *evaluation);
  if (options.layerWindows)
    if (llvm::Error error =
            addLayerDivergences(options, subject, reference, *report))
      return std::move(error);
  report->checks = figures.checks;
  return report;
}
