//===- Figures.cpp - what was found, as text and JSON ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Run.h"
#include "lowbit/Tools/TextTable.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include <cmath>

using namespace lowbit;

namespace {
struct Figure {
  llvm::StringRef key, label;
  std::optional<double> value;
  const char *format;
};
} // namespace

static std::vector<Figure> getFigures(const RunFigures &run) {
  return {
      {"perplexity", "perplexity", run.perplexity, "%.5f"},
      {"reference_perplexity", "perplexity of the float model",
       run.referencePerplexity, "%.5f"},
      {"kl", "KL divergence, nats per token", run.kl, "%.7f"},
      {"top1", "same first choice", run.top1, "%.5f"},
      {"relative_error", "relative squared error of outputs", run.relativeError,
       "%.7g"},
      {"accuracy", "right first choices", run.accuracy, "%.5f"},
      {"reference_accuracy", "right first choices, float model",
       run.referenceAccuracy, "%.5f"},
      {"bits_per_weight", "bits per weight", run.bitsPerWeight, "%.4f"},
      {"size_bytes", "size of all tensors, bytes", double(run.sizeBytes),
       "%.0f"},
      {"tokens_per_second", "tokens per second", run.tokensPerSecond, "%.1f"},
      {"prompt_tokens_per_second", "prompt, tokens per second",
       run.promptTokensPerSecond, "%.1f"},
      {"new_tokens_per_second", "new text, tokens per second",
       run.newTokensPerSecond, "%.1f"},
      {"cache_bytes", "KV cache, bytes", run.cacheBytes, "%.0f"},
      {"prompt_bytes", "buffers of the prompt, bytes", run.promptBytes, "%.0f"},
      {"workspace_bytes", "workspace of a token, bytes", run.workspaceBytes,
       "%.0f"},
      {"seconds_per_run", "seconds per run", run.secondsPerRun, "%.6f"},
      {"speedup", "times the float model's speed", run.speedup, "%.3f"},
      {"max_error", "largest difference", run.maxError, "%.6g"},
  };
}

/// JSON has no infinity, which a comparison with NaN yields.
static llvm::json::Value toNumber(double value) {
  return std::isfinite(value) ? llvm::json::Value(value)
                              : llvm::json::Value(nullptr);
}

void RunFigures::printMembers(llvm::json::OStream &stream) const {
  for (const Figure &figure : getFigures(*this))
    if (figure.key == "size_bytes")
      stream.attribute(figure.key, int64_t(sizeBytes));
    else if (figure.value)
      stream.attribute(figure.key, toNumber(*figure.value));
  stream.attribute("peak_bytes", int64_t(peakBytes));
  if (text)
    stream.attribute("text", llvm::json::fixUTF8(*text));
  if (!ranges.empty()) {
    stream.attributeBegin("activation_ranges");
    printRangeCounts(ranges, stream);
    stream.attributeEnd();
  }
  if (checks.empty())
    return;
  stream.attributeArray("checks", [&] {
    for (const ReportCheck &check : checks)
      stream.object([&] {
        stream.attribute("require", llvm::json::fixUTF8(check.text));
        stream.attribute("value", toNumber(check.value));
        stream.attribute("limit", toNumber(check.limit));
        stream.attribute("passed", check.passed);
      });
  });
}

void RunFigures::print(llvm::raw_ostream &os, bool json) const {
  if (json) {
    llvm::json::OStream stream(os, 2);
    stream.object([&] { printMembers(stream); });
    os << "\n";
    return;
  }
  for (const Figure &figure : getFigures(*this))
    if (figure.value)
      os << llvm::left_justify(figure.label, 32)
         << llvm::format(figure.format, *figure.value) << "\n";
  os << llvm::left_justify("peak memory, bytes", 32) << peakBytes << "\n";
  for (const ReportCheck &check : checks)
    os << llvm::left_justify(check.passed ? "passed" : "failed", 32)
       << check.text << "\n";
  if (!ranges.empty())
    printRangeCounts(ranges, os << "\n");
}

static std::string getVerdict(const RunFigures &run) {
  std::string failed;
  for (const ReportCheck &check : run.checks)
    if (!check.passed)
      failed += (failed.empty() ? "failed " : ", ") + check.text;
  return failed.empty() ? "passed" : failed;
}

void lowbit::printTable(llvm::ArrayRef<RunFigures> models,
                        llvm::raw_ostream &os, bool json) {
  if (json) {
    llvm::json::OStream stream(os, 2);
    stream.object([&] {
      stream.attributeArray("models", [&] {
        for (const RunFigures &run : models)
          stream.object([&] {
            stream.attribute("model", llvm::json::fixUTF8(run.model));
            run.printMembers(stream);
          });
      });
    });
    os << "\n";
    return;
  }
  struct Column {
    llvm::StringRef head;
    std::optional<double> RunFigures::*value;
    const char *format;
  } columns[] = {{"perplexity", &RunFigures::perplexity, "%.4f"},
                 {"KL", &RunFigures::kl, "%.6f"},
                 {"top-1", &RunFigures::top1, "%.4f"},
                 {"rel. error", &RunFigures::relativeError, "%.6f"},
                 {"accuracy", &RunFigures::accuracy, "%.4f"},
                 {"tokens/s", &RunFigures::tokensPerSecond, "%.0f"},
                 {"s/run", &RunFigures::secondsPerRun, "%.5f"},
                 {"speed-up", &RunFigures::speedup, "%.2f"}};
  // Columns that nobody asked for are left out.
  llvm::SmallVector<Column *> shown;
  for (Column &column : columns)
    if (llvm::any_of(models, [&](const RunFigures &run) {
          return bool(run.*column.value);
        }))
      shown.push_back(&column);
  bool isChecked = llvm::any_of(
      models, [](const RunFigures &run) { return !run.checks.empty(); });
  std::vector<std::string> head = {"model", "size", "bits"};
  for (Column *column : shown)
    head.push_back(column->head.str());
  if (isChecked)
    head.push_back("bounds");
  TextTable table(std::move(head), /*lastTexts=*/isChecked);
  for (const RunFigures &run : models) {
    std::vector<std::string> row = {run.model, formatBytes(run.sizeBytes),
                                    formatNumber("%.3f", run.bitsPerWeight)};
    for (Column *column : shown) {
      const std::optional<double> &value = run.*column->value;
      row.push_back(value ? formatNumber(column->format, *value) : "-");
    }
    if (isChecked)
      row.push_back(run.checks.empty() ? "" : getVerdict(run));
    table.add(std::move(row));
  }
  table.print(os);
}
