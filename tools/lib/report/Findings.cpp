//===- Findings.cpp - what there was to choose from, as rows --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Forms.h"
#include "llvm/ADT/STLExtras.h"

using namespace lowbit;

bool lowbit::hasTried(const Report &report) {
  return llvm::any_of(report.pareto, [](const ParetoPoint &point) {
    return point.measured.has_value();
  });
}

static bool hasMemory(const Report &report) {
  return llvm::any_of(report.pareto, [](const ParetoPoint &point) {
    return point.memory.has_value();
  });
}

std::vector<std::string> lowbit::getTriedHeads(const Report &report) {
  std::vector<std::string> heads = {"weights", "bits", "bytes"};
  if (hasMemory(report))
    heads.push_back("in memory");
  llvm::append_values(heads, report.paretoMeasure, "accuracy",
                      "us per row, predicted", "chosen");
  return heads;
}

std::vector<std::vector<std::string>>
lowbit::getTriedRows(const Report &report) {
  std::vector<std::vector<std::string>> rows;
  for (const ParetoPoint &point : report.pareto) {
    if (!point.measured)
      continue;
    std::vector<std::string> row = {
        point.uniform.empty() ? "mixed" : point.uniform,
        formatNumber("%.3f", point.bits), formatBytes(point.bytes)};
    if (hasMemory(report))
      row.push_back(formatBytes(point.memory.value_or(0)));
    llvm::append_values(row, formatNumber("%.6f", *point.measured),
                        formatNumber("%.4f", point.accuracy.value_or(0.0)),
                        formatNumber("%.1f", 1e6 * point.seconds.value_or(0.0)),
                        std::string(point.isChosen ? "chosen" : ""));
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<std::string> lowbit::getActivationHeads() {
  return {"read by",          "columns",        "minimum",
          "maximum",          "average lowest", "average highest",
          "root mean square", "loudest column"};
}

std::vector<std::vector<std::string>>
lowbit::getActivationRows(const Report &report) {
  std::vector<std::vector<std::string>> rows;
  for (const ReportActivation &entry : report.activations) {
    std::string names = entry.layers.empty() ? "" : entry.layers.front();
    if (entry.layers.size() > 1)
      names += " and " + std::to_string(entry.layers.size() - 1) + " more";
    auto orDash = [&](double value) {
      return entry.moving ? formatNumber("%.4g", value) : std::string("-");
    };
    rows.push_back({std::move(names), std::to_string(entry.columns),
                    formatNumber("%.4g", entry.minimum),
                    formatNumber("%.4g", entry.maximum),
                    orDash(entry.moving ? entry.moving->first : 0.0),
                    orDash(entry.moving ? entry.moving->second : 0.0),
                    formatNumber("%.4g", entry.rms),
                    formatNumber("%.1f", entry.loudest)});
  }
  return rows;
}
