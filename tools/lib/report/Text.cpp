//===- Text.cpp - a report for terminals ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Forms.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace lowbit;

//===----------------------------------------------------------------------===//
// Shared with the other forms
//===----------------------------------------------------------------------===//

std::string lowbit::shortenEncoding(llvm::StringRef encoding) {
  if (!encoding.consume_front("#lowbit.encoding<"))
    return encoding.str();
  encoding.consume_back(">");
  // A table of many numbers would be the widest thing on the page.
  size_t dense = encoding.find("codebook<dense<");
  size_t type = encoding.find("> : tensor<", dense);
  if (dense == llvm::StringRef::npos || type == llvm::StringRef::npos)
    return encoding.str();
  llvm::StringRef shape = encoding.drop_front(type + 11);
  return (encoding.take_front(dense) + "codebook<" +
          shape.take_until([](char c) { return c == '>'; }) + ">" +
          shape.drop_until([](char c) { return c == ','; }))
      .str();
}

double lowbit::getDivergenceShare(const Report &report,
                                  const ReportLayer &layer) {
  double sum = 0.0;
  for (const ReportLayer &other : report.layers)
    sum += std::max(0.0, other.divergence.value_or(0.0));
  return sum > 0.0 ? std::max(0.0, layer.divergence.value_or(0.0)) / sum : 0.0;
}

std::vector<const ReportLayer *> lowbit::rankOneMoreBit(const Report &report) {
  std::vector<const ReportLayer *> layers;
  for (const ReportLayer &layer : report.layers)
    if (layer.oneMoreBit && layer.error && layer.oneMoreBit->bytes)
      layers.push_back(&layer);
  bool isMeasured = llvm::any_of(
      layers, [](auto *layer) { return bool(layer->oneMoreBit->divergence); });
  auto getGain = [&](const ReportLayer *layer) {
    double gain = isMeasured ? layer->oneMoreBit->divergence.value_or(0.0)
                             : (layer->error->mse - layer->oneMoreBit->mse) *
                                   double(layer->getWeights());
    return gain / double(layer->oneMoreBit->bytes);
  };
  llvm::stable_sort(layers,
                    [&](auto *a, auto *b) { return getGain(a) > getGain(b); });
  return layers;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

static std::string orDash(const std::optional<double> &value,
                          const char *format) {
  return value ? formatNumber(format, *value) : "-";
}

static void printSizes(const Report &report, llvm::raw_ostream &os) {
  TextTable table({"size", "tensors", "numbers", "f32", "f16", "stored"});
  ReportSize total{"all"};
  for (const ReportSize &size : report.sizes) {
    table.add({size.part, std::to_string(size.tensors),
               std::to_string(size.numbers), formatBytes(4 * size.numbers),
               formatBytes(2 * size.numbers), formatBytes(size.bytes)});
    total.tensors += size.tensors;
  }
  table.add({total.part, std::to_string(total.tensors),
             std::to_string(report.getNumbers()),
             formatBytes(4 * report.getNumbers()),
             formatBytes(2 * report.getNumbers()),
             formatBytes(report.getBytes())});
  table.print(os);
}

static void printLayers(const Report &report, llvm::raw_ostream &os) {
  bool isMeasured = llvm::any_of(report.layers, [](const ReportLayer &layer) {
    return bool(layer.divergence);
  });
  std::vector<std::string> head = {"layer",  "shape",  "bits",     "bytes",
                                   "SNR dB", "cosine", "max error"};
  if (isMeasured)
    llvm::append_values(head, "KL", "share %");
  llvm::append_values(head, "encoding", "kernel");
  TextTable table(std::move(head), /*lastTexts=*/2);
  for (const ReportLayer &layer : report.layers) {
    std::optional<double> cosine, largest;
    if (layer.error) {
      cosine = layer.error->cosine;
      largest = layer.error->maxError;
    }
    std::vector<std::string> row = {
        layer.name,
        std::to_string(layer.rows) + " x " + std::to_string(layer.columns),
        formatNumber("%.3f", layer.getBits()),
        formatBytes(layer.bytes),
        layer.error ? orDash(layer.error->snr, "%.2f") : "-",
        orDash(cosine, "%.6f"),
        orDash(largest, "%.3g")};
    if (isMeasured)
      llvm::append_values(
          row, orDash(layer.divergence, "%.6f"),
          layer.divergence
              ? formatNumber("%.1f", 100 * getDivergenceShare(report, layer))
              : "-");
    llvm::append_values(row, shortenEncoding(layer.encoding),
                        layer.kernel.empty() ? layer.reason : layer.kernel);
    table.add(std::move(row));
  }
  table.print(os);
}

static void printOneMoreBit(const Report &report, llvm::raw_ostream &os) {
  std::vector<const ReportLayer *> layers = rankOneMoreBit(report);
  if (layers.empty())
    return;
  bool isMeasured = bool(layers.front()->oneMoreBit->divergence);
  constexpr size_t kShown = 10;
  os << "\none more bit, the best use of a byte first\n";
  TextTable table({"layer", "bytes", "MSE now", "MSE then",
                   isMeasured ? "KL less" : "squared error less"});
  for (const ReportLayer *layer : llvm::ArrayRef(layers).take_front(kShown)) {
    const OneMoreBit &more = *layer->oneMoreBit;
    double less = (layer->error->mse - more.mse) * double(layer->getWeights());
    table.add({layer->name, "+" + formatBytes(more.bytes),
               formatNumber("%.3g", layer->error->mse),
               formatNumber("%.3g", more.mse),
               isMeasured ? orDash(more.divergence, "%.6f")
                          : formatNumber("%.3g", less)});
  }
  table.print(os);
}

static void printMeasurement(const ReportMeasurement &measured,
                             llvm::raw_ostream &os) {
  os << "\nmeasured on " << measured.tokens << ": " << measured.windows
     << " windows of " << measured.window << " tokens\n";
  TextTable table({"", "value"});
  table.add({"perplexity", formatNumber("%.5f", measured.perplexity)});
  if (measured.divergence) {
    table.add({"perplexity of " + measured.reference,
               orDash(measured.referencePerplexity, "%.5f")});
    table.add({"KL divergence, nats per token",
               formatNumber("%.7f", *measured.divergence)});
    table.add({"same first choice", orDash(measured.top1, "%.5f")});
    for (auto [q, value] : measured.quantiles)
      table.add({"KL of a token, quantile " + formatNumber("%g", q),
                 formatNumber("%.6f", value)});
  }
  if (measured.secondsPerRun)
    table.add({"seconds per run", orDash(measured.secondsPerRun, "%.6f")});
  if (measured.referenceSecondsPerRun)
    table.add({"seconds per run of " + measured.reference,
               orDash(measured.referenceSecondsPerRun, "%.6f")});
  table.print(os);
  if (measured.worst.empty())
    return;
  os << "\nworst windows\n";
  TextTable worst({"window", "first token", "KL", "perplexity", "reference"});
  for (const ReportWindow &window : measured.worst)
    worst.add({std::to_string(window.index), std::to_string(window.firstToken),
               formatNumber("%.6f", window.divergence),
               formatNumber("%.4f", window.perplexity),
               formatNumber("%.4f", window.referencePerplexity)});
  worst.print(os);
}

/// Tables whose rows other forms share.
static void printRows(llvm::StringRef title, std::vector<std::string> heads,
                      std::vector<std::vector<std::string>> rows,
                      size_t lastTexts, llvm::raw_ostream &os) {
  if (rows.empty())
    return;
  os << "\n" << title << "\n";
  TextTable table(std::move(heads), lastTexts);
  for (std::vector<std::string> &row : rows)
    table.add(std::move(row));
  table.print(os);
}

static void printFront(const Report &report, llvm::raw_ostream &os) {
  if (report.pareto.empty())
    return;
  os << "\nwhat there was to choose from: " << report.paretoError << "\n";
  TextTable table({"weights", "bits", "bytes", "predicted", ""},
                  /*lastTexts=*/1);
  for (const ParetoPoint &point : report.pareto)
    table.add({point.uniform.empty() ? "mixed" : point.uniform,
               formatNumber("%.3f", point.bits), formatBytes(point.bytes),
               formatNumber("%.6g", point.error),
               point.isChosen ? "chosen" : ""});
  table.print(os);
  printRows("tried", getTriedHeads(report), getTriedRows(report),
            /*lastTexts=*/1, os);
}

void lowbit::printTextReport(const Report &report, llvm::raw_ostream &os) {
  os << report.model << "\n";
  if (auto recipe = report.provenance.getString("recipe");
      recipe && !recipe->empty())
    os << *recipe << "\n";
  os << formatNumber("%.4f", report.getBitsPerWeight())
     << " bits per weight, parameters included\n\n";
  printSizes(report, os);
  os << "\n";
  printLayers(report, os);
  printOneMoreBit(report, os);
  if (report.measurement)
    printMeasurement(*report.measurement, os);
  printFront(report, os);
  if (!report.activations.empty())
    printRows("activation ranges", getActivationHeads(),
              getActivationRows(report), /*lastTexts=*/0, os);
  if (!report.checks.empty())
    os << "\n";
  for (const ReportCheck &check : report.checks)
    os << (check.passed ? "passed  " : "failed  ") << check.text << ": "
       << formatNumber("%.6g", check.value) << " against a limit of "
       << formatNumber("%.6g", check.limit) << "\n";
  if (!report.remarks.empty())
    os << "\n";
  for (const std::string &remark : report.remarks)
    os << "remark: " << remark << "\n";
}
