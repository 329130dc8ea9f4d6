//===- WebFigures.cpp - what a browser measured, as text and JSON ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/PrintableText.h"
#include "lowbit/Tools/TextTable.h"
#include "lowbit/Tools/WebRunner.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <numeric>

using namespace lowbit;

namespace {
/// A figure as JSON, and as text; one of the two may be empty.
struct WebFigure {
  std::string key;
  llvm::json::Value value;
  std::string label, text;
};

/// Figures in the order in which they are printed.
class FigureList {
public:
  void add(llvm::StringRef key, llvm::json::Value value, llvm::StringRef label,
           const llvm::Twine &text) {
    figures.push_back(
        {key.str(), std::move(value), label.str(), makePrintable(text.str())});
  }
  void addBytes(llvm::StringRef key, std::optional<double> bytes,
                llvm::StringRef label) {
    if (bytes && *bytes > 0)
      add(key, int64_t(*bytes), label, formatBytes(uint64_t(*bytes)));
  }
  void addTime(llvm::StringRef key, std::optional<double> milliseconds,
               llvm::StringRef label) {
    if (milliseconds)
      add(key, *milliseconds, label,
          formatNumber("%.3f", *milliseconds) + " ms");
  }
  void print(llvm::raw_ostream &os, bool json) const;

private:
  std::vector<WebFigure> figures;
};
} // namespace

void FigureList::print(llvm::raw_ostream &os, bool json) const {
  if (json) {
    llvm::json::OStream stream(os, 2);
    stream.object([&] {
      for (const WebFigure &figure : figures)
        stream.attribute(figure.key, figure.value);
    });
    os << "\n";
    return;
  }
  for (const WebFigure &figure : figures)
    if (!figure.label.empty())
      os << llvm::left_justify(figure.label, 32) << figure.text << "\n";
}

/// The number below which `share` of the sorted `values` lie.
static std::optional<double> getPercentile(llvm::ArrayRef<double> values,
                                           double share) {
  if (values.empty())
    return std::nullopt;
  size_t index = size_t(share * double(values.size()));
  return values[std::min(values.size() - 1, index)];
}

static std::string getText(const llvm::json::Object *object,
                           llvm::StringRef key) {
  return object ? object->getString(key).value_or("").str() : "";
}

static std::optional<double> getNumber(const llvm::json::Object *object,
                                       llvm::StringRef key) {
  return object ? object->getNumber(key) : std::nullopt;
}

/// "Chrome 147.0.0.0", "Firefox 151.0", "Edg 147.0.0.0": what names a browser
/// most precisely among the many names that each gives itself.
static std::string shortenAgent(llvm::StringRef agent) {
  for (llvm::StringRef product :
       {"Edg/", "Firefox/", "HeadlessChrome/", "Chrome/", "Version/"}) {
    size_t at = agent.find(product);
    if (at == llvm::StringRef::npos)
      continue;
    llvm::StringRef version =
        agent.drop_front(at + product.size()).split(' ').first;
    llvm::StringRef name = product == "Version/" ? "Safari"
                           : product == "Edg/"   ? "Edge"
                                                 : product.drop_back();
    return (name + " " + version).str();
  }
  return agent.str();
}

/// "64 (57 dispatches), 8 x 8 (3)": sizes of workgroups, as the report has
/// them.
static std::string describeWorkgroups(const llvm::json::Array &workgroups) {
  std::string text;
  for (const llvm::json::Value &value : workgroups) {
    const llvm::json::Object *object = value.getAsObject();
    const llvm::json::Array *size = object ? object->getArray("size") : nullptr;
    if (!size)
      continue;
    llvm::SmallVector<std::string> extents;
    for (const llvm::json::Value &extent : *size)
      extents.push_back(llvm::formatv("{0}", extent).str());
    while (extents.size() > 1 && extents.back() == "1")
      extents.pop_back();
    text += llvm::formatv("{0}{1} ({2}{3})", text.empty() ? "" : ", ",
                          llvm::join(extents, " x "),
                          int64_t(getNumber(object, "dispatches").value_or(0)),
                          text.empty() ? " dispatches" : "")
                .str();
  }
  return text;
}

/// "28 of 28 products", and why it isn't all of them, where there are kernels
/// in f16.
static void addHalves(const WebRunResult &result, FigureList &list) {
  const llvm::json::Object *halves = result.report.getObject("f16");
  if (!halves)
    return;
  std::string text = llvm::formatv(
      "{0} of {1} products", int64_t(getNumber(halves, "taken").value_or(0)),
      int64_t(getNumber(halves, "offered").value_or(0)));
  if (std::string reason = getText(halves, "reason"); !reason.empty())
    text += "; f32 for the others: " + reason;
  list.add("f16", llvm::json::Object(*halves), "computed in f16", text);
}

static void addDevice(const WebRunResult &result, FigureList &list) {
  const llvm::json::Object *adapter = result.report.getObject("adapter");
  bool isSoftware =
      adapter && adapter->getBoolean("isSoftware").value_or(false);
  std::string name;
  for (llvm::StringRef key : {"vendor", "architecture", "description"})
    if (std::string part = getText(adapter, key); !part.empty())
      name += (name.empty() ? "" : " ") + part;
  std::string browser = shortenAgent(result.agent);
  list.add("model", getText(&result.report, "model"), "model",
           getText(&result.report, "model"));
  list.add("browser", browser, "browser",
           browser + (result.browser.empty() ? "" : ", " + result.browser));
  list.add("user_agent", llvm::json::fixUTF8(result.agent), "", "");
  std::string backend = getText(&result.report, "backend");
  list.add("backend", backend, "back end", backend);
  if (const llvm::json::Object *reason = result.report.getObject("fallback"))
    list.add("fallback", getText(reason, "message"), "instead of a GPU",
             getText(reason, "message"));
  list.add("adapter", llvm::json::fixUTF8(name), "adapter",
           name.empty() ? "unknown" : name);
  list.add("is_software", isSoftware, "computes on",
           isSoftware ? "software: times are not a GPU's" : "hardware");
  if (std::string precision = getText(&result.report, "precision");
      !precision.empty())
    list.add("precision", precision, "precision", precision);
  std::string variant = getText(&result.report, "variant");
  list.add("variant", variant, "variant", variant);
  addHalves(result, list);
  if (const llvm::json::Array *sizes = result.report.getArray("workgroups");
      sizes && !sizes->empty())
    list.add("workgroups", llvm::json::Array(*sizes), "workgroup size",
             describeWorkgroups(*sizes));
}

static void addMemory(const WebRunResult &result, FigureList &list) {
  const llvm::json::Object *memory = result.report.getObject("memory");
  list.addBytes("float_bytes", getNumber(memory, "floatWeights"),
                "weights before, float");
  list.addBytes("packed_bytes", getNumber(memory, "packedWeights"),
                "weights after, packed");
  double reduction = getNumber(memory, "reduction").value_or(0);
  list.add("reduction", reduction, "reduction",
           formatNumber("%.1f", 100 * reduction) + " %");
  if (auto bits = getNumber(&result.report, "bitsPerWeight"))
    list.add("bits_per_weight", *bits, "bits per weight",
             formatNumber("%.4f", *bits));
  list.addBytes("scratch_bytes", getNumber(memory, "scratch"), "scratch");
  list.addBytes("cache_bytes", getNumber(memory, "cache"), "KV cache");
  list.addBytes("total_bytes", getNumber(memory, "total"), "all buffers");
  list.addBytes("heap_before_bytes", result.heapBefore,
                "page's heap before loading");
  list.addBytes("heap_after_bytes", result.heapAfter,
                "page's heap after loading");
}

static void addTimes(const WebRunResult &result, FigureList &list) {
  const llvm::json::Object *load = result.report.getObject("load");
  list.addTime("load_weights_ms", getNumber(load, "weights"),
               "load, weights there");
  list.addTime("load_pipelines_ms", getNumber(load, "pipelines"),
               "load, shaders there");
  if (const llvm::json::Object *rounded =
          result.report.getObject("quantizedInPage")) {
    list.addBytes("page_float_bytes", getNumber(rounded, "floatBytes"),
                  "rounded in the page, floats");
    list.addTime("page_rounding_ms", getNumber(rounded, "milliseconds"),
                 "rounded in the page in");
  }
  list.addTime("load_ms", getNumber(load, "total"), "load");
  if (result.promptMilliseconds) {
    list.add("prompt_tokens", result.promptTokens, "", "");
    list.addTime("first_token_ms", result.promptMilliseconds,
                 "first token, of " + std::to_string(result.promptTokens));
  }
  std::vector<double> times = result.milliseconds;
  llvm::sort(times);
  list.add("runs", int64_t(times.size()),
           result.promptMilliseconds ? "tokens timed" : "runs timed",
           llvm::Twine(times.size()) + " after " + llvm::Twine(result.warmUp) +
               " to warm up");
  list.addTime("min_ms", getPercentile(times, 0), "latency, least");
  list.addTime("p50_ms", getPercentile(times, 0.5), "latency, 50th percentile");
  list.addTime("p90_ms", getPercentile(times, 0.9), "latency, 90th percentile");
  list.addTime("p99_ms", getPercentile(times, 0.99),
               "latency, 99th percentile");
  if (times.empty())
    return;
  double mean =
      std::accumulate(times.begin(), times.end(), 0.0) / double(times.size());
  list.addTime("mean_ms", mean, "latency, mean");
  if (result.promptMilliseconds && mean > 0)
    list.add("new_tokens_per_second", 1000 / mean, "tokens per second",
             formatNumber("%.1f", 1000 / mean));
}

void WebRunResult::print(llvm::raw_ostream &os, bool json,
                         llvm::StringRef text) const {
  FigureList list;
  addDevice(*this, list);
  addMemory(*this, list);
  addTimes(*this, list);
  list.add("kernels", int64_t(getNumber(&report, "kernels").value_or(0)), "",
           "");
  list.add("dispatches", int64_t(getNumber(&report, "dispatches").value_or(0)),
           "", "");
  list.add("milliseconds", llvm::json::Array(milliseconds), "", "");
  if (!tokens.empty())
    list.add("tokens", llvm::json::Array(tokens), "", "");
  if (!text.empty())
    list.add("text", llvm::json::fixUTF8(text), "", "");
  list.print(os, json);
}
