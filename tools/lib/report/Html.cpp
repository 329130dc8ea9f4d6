//===- Html.cpp - a report as a page --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything is inside the page: style, charts, a script of twenty lines. What
// a chart shows is in a table, too, for readers who cannot see it.
//
//===----------------------------------------------------------------------===//

#include "Html.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace lowbit;

std::string lowbit::escape(llvm::StringRef text) {
  std::string result;
  llvm::raw_string_ostream os(result);
  llvm::printHTMLEscaped(
      llvm::json::isUTF8(text) ? text.str() : llvm::json::fixUTF8(text), os);
  return result;
}

namespace {

/// Writes the sections in order.
class Page {
public:
  Page(const Report &report, llvm::raw_ostream &os) : report(report), os(os) {}
  void print();

private:
  void printHead();
  void printFigures();
  void printFigure(llvm::StringRef label, llvm::StringRef value,
                   llvm::StringRef note);
  void printChecks();
  void printSizes();
  void printLayers();
  void printLayerTable();
  void printLayerRow(const ReportLayer &layer);
  void printGallery();
  void printOneMoreBit();
  void printMeasurement();
  void printRemarks();
  void printProvenance();

  /// A section's heading and a sentence about it.
  void begin(llvm::StringRef title, llvm::StringRef text) {
    os << "<section>\n<h2>" << escape(title) << "</h2>\n";
    if (!text.empty())
      os << "<p>" << escape(text) << "</p>\n";
  }
  void end() { os << "</section>\n"; }
  /// A region that scrolls by itself, with the keyboard, too.
  void beginScroll(llvm::StringRef label) {
    os << "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\""
       << escape(label) << "\">";
  }
  void printHeads(llvm::ArrayRef<llvm::StringRef> heads,
                  llvm::StringRef style = "") {
    os << "<table" << (style.empty() ? "" : " class=\"") << style
       << (style.empty() ? "" : "\"") << "><thead><tr>";
    for (llvm::StringRef head : heads)
      os << "<th scope=\"col\""
         << (head.consume_front("|") ? " class=\"text\"" : "") << ">"
         << escape(head) << "</th>";
    os << "</tr></thead>\n<tbody>\n";
  }
  void printCell(const std::optional<double> &value, const char *format,
                 double barShare = -1.0, llvm::StringRef bar = "") {
    os << "<td data-v=\"";
    if (value)
      os << formatNumber("%.9g", *value);
    os << "\">" << (value ? formatNumber(format, *value) : "\xE2\x80\x93");
    // Bars begin at one place in all rows, so that they can be compared.
    if (barShare >= 0.0)
      os << "<span class=\"track\"><span class=\"bar " << bar
         << "\" style=\"width:"
         << formatNumber("%.0f", value ? std::max(1.0, 60 * barShare) : 0.0)
         << "px\"></span></span>";
    os << "</td>";
  }
  void printText(llvm::StringRef text) {
    os << "<td class=\"text\">" << escape(text) << "</td>";
  }

  bool isMeasured() const {
    return llvm::any_of(report.layers, [](const ReportLayer &layer) {
      return bool(layer.divergence);
    });
  }
  bool hasErrors() const {
    return llvm::any_of(report.layers, [](const ReportLayer &layer) {
      return bool(layer.error);
    });
  }

  const Report &report;
  llvm::raw_ostream &os;
};

} // namespace

void Page::print() {
  os << "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta "
        "charset=\"utf-8\">\n"
     << "<meta name=\"viewport\" content=\"width=device-width, "
        "initial-scale=1\">\n<title>"
     << escape(report.model) << " \xC2\xB7 Lowbit</title>\n<style>"
     << kReportStyle << "</style>\n</head>\n<body>\n<main>\n";
  printHead();
  printSizes();
  printLayers();
  printMeasurement();
  printOneMoreBit();
  printParetoSection(report, os);
  printActivationSection(report, os);
  printGallery();
  printRemarks();
  printProvenance();
  os << "</main>\n<script>" << kReportScript << "</script>\n</body>\n</html>\n";
}

//===----------------------------------------------------------------------===//
// Summary
//===----------------------------------------------------------------------===//

void Page::printHead() {
  os << "<header>\n<h1>" << escape(report.model) << "</h1>\n";
  if (auto recipe = report.provenance.getString("recipe");
      recipe && !recipe->empty())
    os << "<p><code>" << escape(*recipe) << "</code></p>\n";
  printFigures();
  printChecks();
  os << "</header>\n";
}

void Page::printFigure(llvm::StringRef label, llvm::StringRef value,
                       llvm::StringRef note) {
  os << "<div><dt>" << escape(label) << "</dt><dd>" << escape(value)
     << "<small>" << escape(note) << "</small></dd></div>\n";
}

void Page::printFigures() {
  os << "<dl class=\"figures\">\n";
  double full = 4.0 * double(report.getNumbers());
  printFigure("Size", formatBytes(report.getBytes()),
              formatNumber("%.1f", 100.0 * double(report.getBytes()) /
                                       std::max(full, 1.0)) +
                  " % of " + formatBytes(uint64_t(full)) + " in f32");
  printFigure("Bits per weight",
              formatNumber("%.3f", report.getBitsPerWeight()),
              "scales and other parameters counted");
  size_t quantized =
      llvm::count_if(report.layers, [](const ReportLayer &layer) {
        return layer.isQuantized;
      });
  printFigure("Low-bit weights",
              std::to_string(quantized) + " of " +
                  std::to_string(report.layers.size()),
              quantized == report.layers.size() ? "of the layers' weights"
                                                : "the others stay float");
  if (report.measurement) {
    const ReportMeasurement &measured = *report.measurement;
    std::string note = measured.tokens;
    if (measured.referencePerplexity)
      note =
          formatNumber(
              "%+.2f",
              100 * (measured.perplexity / *measured.referencePerplexity - 1)) +
          " % on " + formatNumber("%.3f", *measured.referencePerplexity);
    printFigure("Perplexity", formatNumber("%.3f", measured.perplexity), note);
    if (measured.divergence)
      printFigure("KL divergence", formatNumber("%.5f", *measured.divergence),
                  "nats per token");
    if (measured.top1)
      printFigure("Same first choice",
                  formatNumber("%.2f", 100 * *measured.top1) + " %",
                  "of all tokens");
    if (measured.secondsPerRun)
      printFigure("Latency",
                  formatNumber("%.2f", 1e3 * *measured.secondsPerRun) + " ms",
                  measured.referenceSecondsPerRun
                      ? formatNumber("%.2f", *measured.referenceSecondsPerRun /
                                                 *measured.secondsPerRun) +
                            " x the speed of the float model"
                      : "median of a run");
  }
  os << "</dl>\n";
}

void Page::printChecks() {
  if (report.checks.empty())
    return;
  os << "<ul class=\"checks\">\n";
  for (const ReportCheck &check : report.checks)
    os << "<li class=\"" << (check.passed ? "passed" : "failed") << "\"><b>"
       << (check.passed ? "passed" : "failed") << "</b> <code>"
       << escape(check.text) << "</code> at "
       << formatNumber("%.6g", check.value) << "</li>\n";
  os << "</ul>\n";
}

void Page::printSizes() {
  begin("Size", "");
  os << "<div class=\"legend\"><span><i style=\"background:var(--accent)\"></i>"
        "low-bit weights</span><span><i style=\"background:var(--float)\"></i>"
        "float weights</span><span><i style=\"background:var(--quiet)\"></i>"
        "other tensors</span></div>\n";
  beginScroll("Sizes as a chart");
  os << "<div class=\"chart\">";
  printSizeChart(report, os);
  os << "</div></div>\n<br>\n";
  beginScroll("Sizes as a table");
  printHeads({"part", "tensors", "numbers", "f32", "f16", "stored"});
  auto row = [&](const ReportSize &size, llvm::StringRef style) {
    os << "<tr" << style << "><th scope=\"row\">" << escape(size.part)
       << "</th><td>" << size.tensors << "</td><td>" << size.numbers
       << "</td><td>" << formatBytes(4 * size.numbers) << "</td><td>"
       << formatBytes(2 * size.numbers) << "</td><td>"
       << formatBytes(size.bytes) << "</td></tr>\n";
  };
  ReportSize total{"all", 0, report.getNumbers(), report.getBytes()};
  for (const ReportSize &size : report.sizes) {
    row(size, "");
    total.tensors += size.tensors;
  }
  row(total, " class=\"total\"");
  os << "</tbody></table></div>\n";
  end();
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

void Page::printLayers() {
  begin("Layers", isMeasured()
                      ? "The share of a layer is its part of the sum of all "
                        "layers' own divergence, each measured with this layer "
                        "low-bit and everything else float."
                      : "In the order of the model.");
  beginScroll("Layers as a chart");
  os << "<div class=\"chart\">";
  printLayerChart(report, os);
  os << "</div></div>\n<br>\n";
  printLayerTable();
  end();
}

void Page::printLayerTable() {
  beginScroll("Layers as a table");
  llvm::SmallVector<llvm::StringRef> heads = {"layer", "shape", "bits",
                                              "bytes"};
  if (isMeasured())
    llvm::append_values(heads, "KL", "share %");
  if (hasErrors())
    llvm::append_values(heads, "SNR dB", "cosine", "MSE", "max error");
  llvm::append_values(heads, "|encoding", "|kernel, or why none");
  printHeads(heads, "sortable");
  for (const ReportLayer &layer : report.layers)
    printLayerRow(layer);
  os << "</tbody></table></div>\n";
}

void Page::printLayerRow(const ReportLayer &layer) {
  os << "<tr><th scope=\"row\" class=\"name\" title=\"" << escape(layer.name)
     << "\">" << escape(layer.name) << "</th><td data-v=\""
     << layer.getWeights() << "\">" << layer.rows << " \xC3\x97 "
     << layer.columns << "</td>";
  printCell(layer.getBits(), "%.3f", layer.getBits() / 32.0,
            layer.isQuantized ? "" : "float");
  os << "<td data-v=\"" << layer.bytes << "\">" << formatBytes(layer.bytes)
     << "</td>";
  if (isMeasured()) {
    double share = getDivergenceShare(report, layer);
    printCell(layer.divergence, "%.6f");
    printCell(layer.divergence ? std::optional(100 * share) : std::nullopt,
              "%.1f", share, "warm");
  }
  if (hasErrors()) {
    std::optional<double> cosine, mse, largest;
    if (layer.error) {
      cosine = layer.error->cosine;
      mse = layer.error->mse;
      largest = layer.error->maxError;
    }
    printCell(layer.error ? layer.error->snr : std::nullopt, "%.2f");
    printCell(cosine, "%.6f");
    printCell(mse, "%.3g");
    printCell(largest, "%.3g");
  }
  printText(shortenEncoding(layer.encoding));
  printText(layer.kernel.empty() ? layer.reason : layer.kernel);
  os << "</tr>\n";
}

void Page::printGallery() {
  size_t count = llvm::count_if(report.layers, [](const ReportLayer &layer) {
    return bool(layer.histogram);
  });
  if (!count)
    return;
  begin("Weights and codes",
        "Where the weights of each layer lie, in units of their group's scale; "
        "ticks are the numbers of the codes. Float weights are shown as they "
        "are.");
  // A reader who wants them all can have them; the page stays short.
  os << "<details" << (count <= 60 ? " open" : "") << "><summary>" << count
     << " layers</summary>\n<div class=\"gallery\">\n";
  for (const ReportLayer &layer : report.layers) {
    if (!layer.histogram)
      continue;
    os << "<figure><figcaption><span class=\"name\" title=\""
       << escape(layer.name) << "\">" << escape(layer.name) << "</span><span>";
    if (layer.isQuantized)
      os << formatNumber("%.2f", layer.getBits()) << " bits, "
         << formatNumber("%.2g", 100 * layer.histogram->clipped)
         << " % beyond the codes";
    else
      os << escape(layer.encoding);
    os << "</span></figcaption>";
    printHistogramChart(layer, os);
    os << "</figure>\n";
  }
  os << "</div></details>\n";
  end();
}

void Page::printOneMoreBit() {
  std::vector<const ReportLayer *> layers = rankOneMoreBit(report);
  if (layers.empty())
    return;
  bool isMeasured = bool(layers.front()->oneMoreBit->divergence);
  begin("What one more bit would gain",
        std::string("An estimate from rounding the same weights with one bit "
                    "more, the best use of a byte first. ") +
            (isMeasured
                 ? "The divergence is taken to fall as the squared error "
                   "does."
                 : "Measured shares of the divergence would weigh "
                   "layers by what they matter."));
  beginScroll("Gains of one more bit");
  printHeads({"layer", "bytes", "MSE now", "MSE then",
              isMeasured ? "KL less" : "squared error less"},
             "sortable");
  double best = 0.0;
  auto getGain = [&](const ReportLayer *layer) {
    return isMeasured ? layer->oneMoreBit->divergence.value_or(0.0)
                      : (layer->error->mse - layer->oneMoreBit->mse) *
                            double(layer->getWeights());
  };
  constexpr size_t kShown = 24;
  for (const ReportLayer *layer : llvm::ArrayRef(layers).take_front(kShown))
    best = std::max(best, getGain(layer));
  for (const ReportLayer *layer : llvm::ArrayRef(layers).take_front(kShown)) {
    os << "<tr><th scope=\"row\" class=\"name\">" << escape(layer->name)
       << "</th><td data-v=\"" << layer->oneMoreBit->bytes << "\">+"
       << formatBytes(layer->oneMoreBit->bytes) << "</td>";
    printCell(layer->error->mse, "%.3g");
    printCell(layer->oneMoreBit->mse, "%.3g");
    printCell(getGain(layer), isMeasured ? "%.6f" : "%.4g",
              best > 0.0 ? getGain(layer) / best : 0.0);
    os << "</tr>\n";
  }
  os << "</tbody></table></div>\n";
  end();
}

//===----------------------------------------------------------------------===//
// Measured
//===----------------------------------------------------------------------===//

void Page::printMeasurement() {
  if (!report.measurement || !report.measurement->divergence)
    return;
  const ReportMeasurement &measured = *report.measurement;
  begin("Divergence", "Against " + measured.reference + " on " +
                          measured.tokens + ": " +
                          std::to_string(measured.windows) + " windows of " +
                          std::to_string(measured.window) +
                          " tokens. The mean hides the tail; here it is.");
  beginScroll("Quantiles of the divergence of a token");
  printHeads({"share of tokens", "KL divergence below, nats"});
  double most = 0.0;
  for (auto [q, value] : measured.quantiles)
    most = std::max(most, value);
  for (auto [q, value] : measured.quantiles) {
    os << "<tr><th scope=\"row\">"
       << (q < 1.0 ? formatNumber("%g", 100 * q) + " %" : std::string("all"))
       << "</th>";
    printCell(value, "%.6f", most > 0.0 ? std::max(0.0, value) / most : 0.0,
              "warm");
    os << "</tr>\n";
  }
  os << "</tbody></table></div>\n";
  if (!measured.worst.empty()) {
    os << "<h2>Worst windows</h2>\n";
    beginScroll("Windows of largest divergence");
    printHeads({"window", "first token", "KL", "perplexity", "float model's"});
    for (const ReportWindow &window : measured.worst) {
      os << "<tr><th scope=\"row\">" << window.index << "</th><td>"
         << window.firstToken << "</td>";
      printCell(window.divergence, "%.6f");
      printCell(window.perplexity, "%.3f");
      printCell(window.referencePerplexity, "%.3f");
      os << "</tr>\n";
    }
    os << "</tbody></table></div>\n";
  }
  end();
}

//===----------------------------------------------------------------------===//
// Remarks and provenance
//===----------------------------------------------------------------------===//

void Page::printRemarks() {
  if (report.remarks.empty())
    return;
  begin("What could not be done as asked", "");
  os << "<ul class=\"remarks\">\n";
  for (const std::string &remark : report.remarks)
    os << "<li>" << escape(remark) << "</li>\n";
  os << "</ul>\n";
  end();
}

void Page::printProvenance() {
  if (report.provenance.empty())
    return;
  begin("Provenance", "");
  os << "<dl class=\"facts\">\n";
  auto fact = [&](llvm::StringRef label, llvm::StringRef text) {
    if (!text.empty())
      os << "<dt>" << escape(label) << "</dt><dd><code>" << escape(text)
         << "</code></dd>\n";
  };
  fact("Lowbit", report.provenance.getString("lowbit").value_or(""));
  fact("recipe", report.provenance.getString("recipe").value_or(""));
  for (llvm::StringRef key : {"sources", "data"})
    if (const llvm::json::Array *files = report.provenance.getArray(key))
      for (const llvm::json::Value &entry : *files)
        if (const llvm::json::Object *file = entry.getAsObject())
          fact(file->getString("file").value_or(""),
               "blake3 " + file->getString("blake3").value_or("").str());
  os << "</dl>\n";
  end();
}

void lowbit::printHtmlReport(const Report &report, llvm::raw_ostream &os) {
  Page(report, os).print();
}
