//===- Charts.cpp - a report's charts as SVG ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Html.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>

using namespace lowbit;

namespace {

/// Coordinates with one digit after the point: enough to draw, short to store.
std::string at(double value) { return formatNumber("%.1f", value); }

void printText(llvm::raw_ostream &os, double x, double y, llvm::StringRef text,
               llvm::StringRef anchor = "start", llvm::StringRef style = "") {
  os << "<text x=\"" << at(x) << "\" y=\"" << at(y) << "\"";
  if (anchor != "start")
    os << " text-anchor=\"" << anchor << "\"";
  if (!style.empty())
    os << " class=\"" << style << "\"";
  os << ">" << escape(text) << "</text>";
}

void printLine(llvm::raw_ostream &os, double x1, double y1, double x2,
               double y2, llvm::StringRef style) {
  os << "<line x1=\"" << at(x1) << "\" y1=\"" << at(y1) << "\" x2=\"" << at(x2)
     << "\" y2=\"" << at(y2) << "\" class=\"" << style << "\"/>";
}

/// A rectangle with a tooltip, if there is one.
void printBar(llvm::raw_ostream &os, double x, double y, double width,
              double height, llvm::StringRef style,
              const std::string &title = "") {
  os << "<rect x=\"" << at(x) << "\" y=\"" << at(y) << "\" width=\""
     << at(std::max(width, 0.5)) << "\" height=\"" << at(std::max(height, 0.5))
     << "\" rx=\"1\" class=\"" << style << "\">";
  if (!title.empty())
    os << "<title>" << escape(title) << "</title>";
  os << "</rect>";
}

void beginChart(llvm::raw_ostream &os, double width, double height,
                llvm::StringRef label) {
  os << "<svg viewBox=\"0 0 " << at(width) << " " << at(height)
     << "\" role=\"img\" aria-label=\"" << escape(label) << "\">";
}

/// A step between lines of a grid: 1, 2 or 5 times a power of ten, at most
/// `most` of them.
double getStep(double range, double most) {
  double step = std::pow(10.0, std::floor(std::log10(range / most)));
  for (double factor : {1.0, 2.0, 5.0, 10.0})
    if (range / (step * factor) <= most)
      return step * factor;
  return step * 10.0;
}

/// One panel of the layers' chart: a value for each layer.
struct Panel {
  std::string title;
  std::vector<std::optional<double>> values;
  const char *format;
  bool isDots = false;
  bool isWarm = false;
};

constexpr double kLeft = 44, kPanelHeight = 104, kPanelGap = 48, kTop = 32;

/// The range that a panel shows. Float layers have so many bits that beside
/// them all others would look the same, so they are drawn beyond its end.
struct Range {
  double least = 0.0, most = 0.0, step = 1.0;

  Range(const Report &report, const Panel &panel) {
    bool isFirst = true;
    for (auto [layer, value] : llvm::zip_equal(report.layers, panel.values)) {
      if (!value || !std::isfinite(*value) ||
          (!layer.isQuantized && report.hasQuantized()))
        continue;
      most = isFirst ? *value : std::max(most, *value);
      least = isFirst ? *value : std::min(least, *value);
      isFirst = false;
    }
    // Bars begin at zero; dots show differences.
    if (!panel.isDots)
      least = std::min(least, 0.0);
    if (most - least < 1e-9)
      least -= panel.isDots ? 1.0 : 0.0, most += 1.0;
    step = getStep(most - least, 4);
    least = std::floor(least / step) * step;
    most = std::ceil(most / step) * step;
  }
};

void printPanel(const Report &report, const Panel &panel, double top,
                double pitch, double width, llvm::raw_ostream &os) {
  Range range(report, panel);
  auto place = [&](double value) {
    return top +
           kPanelHeight * (range.most - value) / (range.most - range.least);
  };
  printText(os, 0, top - 18, panel.title, "start", "ink");
  for (double line = range.least; line <= range.most + range.step / 2;
       line += range.step) {
    printLine(os, kLeft, place(line), width, place(line), "grid");
    printText(os, kLeft - 6, place(line) + 4, formatNumber("%g", line), "end");
  }
  for (auto [i, value] : llvm::enumerate(panel.values)) {
    if (!value || !std::isfinite(*value))
      continue;
    const ReportLayer &layer = report.layers[i];
    double x = kLeft + pitch * double(i);
    double y = place(std::min(*value, range.most)), zero = place(range.least);
    std::string title = layer.name + ": " + formatNumber(panel.format, *value);
    llvm::StringRef style = panel.isWarm        ? "warm"
                            : layer.isQuantized ? "low"
                                                : "float";
    if (panel.isDots) {
      os << "<circle cx=\"" << at(x + pitch / 2) << "\" cy=\"" << at(y)
         << "\" r=\"" << at(std::min(4.0, pitch * 0.32)) << "\" class=\""
         << style << "\"><title>" << escape(title) << "</title></circle>";
      continue;
    }
    printBar(os, x + pitch * 0.14, y, pitch * 0.72, zero - y, style, title);
    if (*value > range.most)
      printText(os, x + pitch / 2, top - 3, formatNumber("%g", *value),
                "middle");
  }
}

/// What a chart calls a layer: the end of its name tells it apart.
std::string getShortName(const ReportLayer &layer) {
  llvm::StringRef name = layer.name;
  name.consume_back(".weight");
  return name.size() > 26 ? "\xE2\x80\xA6" + name.take_back(25).str()
                          : name.str();
}

/// Names below the panels, as many as there is room for.
void printLayerNames(const Report &report, double top, double pitch,
                     llvm::raw_ostream &os) {
  size_t every = std::max<size_t>(1, size_t(std::ceil(12.0 / pitch)));
  for (auto [i, layer] : llvm::enumerate(report.layers)) {
    if (i % every != 0)
      continue;
    double x = kLeft + pitch * (double(i) + 0.5) + 3.5;
    os << "<text transform=\"translate(" << at(x) << " " << at(top)
       << ") rotate(-90)\" text-anchor=\"end\">" << escape(getShortName(layer))
       << "</text>";
  }
}

} // namespace

void lowbit::printLayerChart(const Report &report, llvm::raw_ostream &os) {
  Panel bits{"bits per weight, parameters included", {}, "%.3f bits"};
  Panel error{"error of the weights: signal to noise, dB (higher is better)",
              {},
              "%.2f dB",
              /*isDots=*/true};
  Panel share{"share of the divergence, %", {}, "%.1f %%", false, true};
  bool hasErrors = false, hasShares = false;
  for (const ReportLayer &layer : report.layers) {
    bits.values.push_back(layer.getBits());
    error.values.push_back(layer.error ? layer.error->snr : std::nullopt);
    hasErrors |= bool(error.values.back());
    share.values.push_back(
        layer.divergence
            ? std::optional(100 * getDivergenceShare(report, layer))
            : std::nullopt);
    hasShares |= bool(layer.divergence);
  }
  llvm::SmallVector<Panel *> panels = {&bits};
  if (hasErrors)
    panels.push_back(&error);
  if (hasShares)
    panels.push_back(&share);
  double count = double(std::max<size_t>(1, report.layers.size()));
  double pitch = std::clamp((1050 - kLeft) / count, 5.0, 44.0);
  double width = std::max(640.0, kLeft + pitch * count);
  double bottom = kTop + double(panels.size()) * (kPanelHeight + kPanelGap);
  size_t longest = 0;
  for (const ReportLayer &layer : report.layers)
    longest = std::max(longest, getShortName(layer).size());
  double height = bottom - kPanelGap + 20 + 5.8 * double(longest);
  beginChart(os, width, height,
             "Bits and error of each layer in the model's order; the table "
             "below has the numbers");
  for (auto [i, panel] : llvm::enumerate(panels))
    printPanel(report, *panel, kTop + double(i) * (kPanelHeight + kPanelGap),
               pitch, width, os);
  printLayerNames(report, bottom - kPanelGap + 12, pitch, os);
  os << "</svg>\n";
}

void lowbit::printSizeChart(const Report &report, llvm::raw_ostream &os) {
  double total = 4.0 * double(std::max<uint64_t>(1, report.getNumbers()));
  constexpr double left = 60, width = 850, row = 34;
  beginChart(os, left + width + 140, 3 * row + 4,
             "Sizes in f32, in f16 and as stored");
  llvm::StringRef styles[] = {"low", "float", "other"};
  struct {
    llvm::StringRef name;
    unsigned bytes;
  } rows[] = {{"f32", 4}, {"f16", 2}, {"stored", 0}};
  for (auto [i, entry] : llvm::enumerate(rows)) {
    double y = double(i) * row + 4, x = left;
    printText(os, left - 10, y + 17, entry.name, "end", "ink");
    uint64_t sum = 0;
    for (auto [part, size] : llvm::enumerate(report.sizes)) {
      uint64_t bytes = entry.bytes ? entry.bytes * size.numbers : size.bytes;
      if (bytes == 0)
        continue;
      double extent = width * double(bytes) / total;
      printBar(os, x, y, std::max(extent - 1.0, 0.5), 24, styles[part % 3],
               size.part + ": " + formatBytes(bytes));
      x += extent;
      sum += bytes;
    }
    printText(os, x + 8, y + 17,
              formatBytes(sum) + " (" +
                  formatNumber("%.1f", 100.0 * double(sum) / total) + " %)");
  }
  os << "</svg>\n";
}

void lowbit::printHistogramChart(const ReportLayer &layer,
                                 llvm::raw_ostream &os) {
  const WeightHistogram &histogram = *layer.histogram;
  constexpr double width = 240, height = 72, base = 58;
  beginChart(os, width, height, "Histogram of the weights of " + layer.name);
  uint64_t most = 1;
  for (uint64_t count : histogram.counts)
    most = std::max(most, count);
  double bin = width / double(std::max<size_t>(1, histogram.counts.size()));
  // One path for all bins: a gallery has many charts.
  os << "<path class=\"" << (layer.isQuantized ? "low" : "float")
     << "\" fill-opacity=\"0.55\" d=\"M0 " << at(base);
  for (auto [i, count] : llvm::enumerate(histogram.counts)) {
    double y = base - (base - 4) * double(count) / double(most);
    os << "V" << at(y) << "H" << at(bin * double(i + 1));
  }
  os << "V" << at(base) << "Z\"/>";
  printLine(os, 0, base, width, base, "grid");
  double range = histogram.last - histogram.first;
  for (double code : histogram.codes) {
    double x = width * (code - histogram.first) / range;
    printLine(os, x, base + 1, x, base + 8, "tick");
  }
  if (histogram.codes.empty()) {
    printText(os, 0, height - 3, formatNumber("%.3g", histogram.first));
    printText(os, width, height - 3, formatNumber("%.3g", histogram.last),
              "end");
  }
  os << "</svg>\n";
}

namespace {
/// Errors on a logarithmic axis against bits per weight.
class ParetoChart {
public:
  ParetoChart(const Report &report, bool isMeasured, llvm::raw_ostream &os);
  void print();

private:
  double getError(const ParetoPoint &point) const {
    return isMeasured ? point.measured.value_or(0.0) : point.error;
  }
  double placeX(double bits) const;
  double placeY(double error) const;
  void printAxes();
  void printFront();
  void printPoint(const ParetoPoint &point);

  static constexpr double width = 900, height = 300, left = 64, bottom = 264;
  const Report &report;
  bool isMeasured;
  llvm::raw_ostream &os;
  std::vector<const ParetoPoint *> points;
  double leastBits = 1e9, mostBits = 0;
  /// Powers of ten at the ends of the axis of errors.
  double low = 0, high = 0;
};
} // namespace

ParetoChart::ParetoChart(const Report &report, bool isMeasured,
                         llvm::raw_ostream &os)
    : report(report), isMeasured(isMeasured), os(os) {
  double leastError = 1e300, mostError = 0;
  for (const ParetoPoint &point : report.pareto) {
    if (isMeasured && !point.measured)
      continue;
    points.push_back(&point);
    leastBits = std::min(leastBits, point.bits);
    mostBits = std::max(mostBits, point.bits);
    if (getError(point) > 0.0) {
      leastError = std::min(leastError, getError(point));
      mostError = std::max(mostError, getError(point));
    }
  }
  if (mostBits <= leastBits)
    mostBits = leastBits + 1.0;
  low = std::floor(std::log10(std::min(leastError, mostError)));
  high = std::max(low + 1, std::ceil(std::log10(mostError)));
}

double ParetoChart::placeX(double bits) const {
  return left +
         (width - left - 20) * (bits - leastBits) / (mostBits - leastBits);
}

double ParetoChart::placeY(double error) const {
  double level = std::log10(std::max(error, std::pow(10.0, low)));
  return 20 + (bottom - 20) * (high - level) / (high - low);
}

void ParetoChart::printAxes() {
  for (double level = low; level <= high; ++level) {
    double y = placeY(std::pow(10.0, level));
    printLine(os, left, y, width, y, "grid");
    printText(os, left - 6, y + 4, formatNumber("%g", std::pow(10.0, level)),
              "end");
  }
  double step = getStep(mostBits - leastBits, 8);
  for (double bits = std::ceil(leastBits / step) * step; bits <= mostBits;
       bits += step)
    printText(os, placeX(bits), bottom + 18, formatNumber("%g", bits),
              "middle");
  printText(os, width, height - 2, "bits per weight", "end");
}

void ParetoChart::printFront() {
  // One encoding for all layers is no point of the front.
  os << "<polyline class=\"front\" points=\"";
  for (const ParetoPoint *point : points)
    if (point->uniform.empty() || report.pareto.size() == 1)
      os << at(placeX(point->bits)) << "," << at(placeY(getError(*point)))
         << " ";
  os << "\"/>";
}

void ParetoChart::printPoint(const ParetoPoint &point) {
  double x = placeX(point.bits), y = placeY(getError(point));
  std::string title = (point.uniform.empty() ? "" : point.uniform + ": ") +
                      formatNumber("%.3f", point.bits) + " bits, " +
                      formatNumber("%.4g", getError(point));
  if (point.isChosen)
    os << "<circle class=\"ring\" cx=\"" << at(x) << "\" cy=\"" << at(y)
       << "\" r=\"7\"/>";
  os << "<circle class=\"" << (point.uniform.empty() ? "low" : "uniform")
     << "\" cx=\"" << at(x) << "\" cy=\"" << at(y) << "\" r=\"3\"><title>"
     << escape(title) << "</title></circle>";
}

void ParetoChart::print() {
  beginChart(os, width, height,
             (isMeasured ? "Measured: " + report.paretoMeasure
                         : "Error by " + report.paretoError) +
                 " against bits per weight");
  printAxes();
  printFront();
  for (const ParetoPoint *point : points)
    printPoint(*point);
  os << "</svg>\n";
}

void lowbit::printParetoChart(const Report &report, bool isMeasured,
                              llvm::raw_ostream &os) {
  ParetoChart(report, isMeasured, os).print();
}
