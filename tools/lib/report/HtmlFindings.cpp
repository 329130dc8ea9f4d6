//===- HtmlFindings.cpp - what there was to choose from, as HTML ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Html.h"
#include "llvm/ADT/STLExtras.h"

using namespace lowbit;

static void begin(llvm::StringRef title, llvm::StringRef text,
                  llvm::raw_ostream &os) {
  os << "<section>\n<h2>" << escape(title) << "</h2>\n<p>" << escape(text)
     << "</p>\n";
}

static void beginScroll(llvm::StringRef label, llvm::raw_ostream &os) {
  os << "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\""
     << escape(label) << "\">";
}

/// The first cell of a row is its heading; the others are numbers.
static void printTable(llvm::ArrayRef<std::string> heads,
                       llvm::ArrayRef<std::vector<std::string>> rows,
                       llvm::raw_ostream &os) {
  os << "<table><thead><tr>";
  for (const std::string &head : heads)
    os << "<th scope=\"col\">" << escape(head) << "</th>";
  os << "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string> &row : rows) {
    os << "<tr><th scope=\"row\" class=\"name\">" << escape(row.front())
       << "</th>";
    for (const std::string &cell : llvm::drop_begin(row))
      os << "<td>" << escape(cell) << "</td>";
    os << "</tr>\n";
  }
  os << "</tbody></table>";
}

void lowbit::printParetoSection(const Report &report, llvm::raw_ostream &os) {
  if (report.pareto.empty())
    return;
  begin("Size against error",
        "Logarithmic scales; the line is the front, single points are one "
        "encoding for all layers, and the ring is what was chosen.",
        os);
  auto printChart = [&](bool isMeasured, const std::string &label) {
    os << "<h3>" << escape(label) << "</h3>\n";
    beginScroll(label, os);
    os << "<div class=\"chart\">";
    printParetoChart(report, isMeasured, os);
    os << "</div></div>\n";
  };
  if (llvm::any_of(report.pareto,
                   [](const ParetoPoint &point) { return point.error > 0.0; }))
    printChart(/*isMeasured=*/false, "Predicted: " + report.paretoError);
  if (hasTried(report)) {
    printChart(/*isMeasured=*/true, "Measured: " + report.paretoMeasure);
    beginScroll("What was tried on samples", os);
    printTable(getTriedHeads(report), getTriedRows(report), os);
    os << "</div>\n";
  }
  os << "</section>\n";
}

void lowbit::printActivationSection(const Report &report,
                                    llvm::raw_ostream &os) {
  if (report.activations.empty())
    return;
  begin("Activation ranges",
        "What layers read in calibration. The loudest column is by root mean "
        "square, relative to that of all.",
        os);
  beginScroll("Activation ranges", os);
  printTable(getActivationHeads(), getActivationRows(report), os);
  os << "</div>\n</section>\n";
}
