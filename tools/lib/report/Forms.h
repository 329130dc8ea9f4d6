//===- Forms.h - the forms of a report --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_REPORT_FORMS_H
#define LOWBIT_TOOLS_LIB_REPORT_FORMS_H

#include "lowbit/Tools/Report.h"
#include "lowbit/Tools/TextTable.h"

namespace lowbit {

void printTextReport(const Report &report, llvm::raw_ostream &os);
void printJsonReport(const Report &report, llvm::raw_ostream &os);
void printHtmlReport(const Report &report, llvm::raw_ostream &os);

/// `encoding` without what every encoding has: `int<4>, group = 32, scale =
/// f16`.
std::string shortenEncoding(llvm::StringRef encoding);

/// The share of the summed divergence of all layers that is `layer`'s own.
double getDivergenceShare(const Report &report, const ReportLayer &layer);

/// Layers for which one more bit was estimated, the best use of a byte first:
/// by divergence if measured, else by squared error of the whole layer.
std::vector<const ReportLayer *> rankOneMoreBit(const Report &report);

/// Whether anything of the front was tried on samples.
bool hasTried(const Report &report);
/// What was, as rows of cells, and heads for them.
std::vector<std::string> getTriedHeads(const Report &report);
std::vector<std::vector<std::string>> getTriedRows(const Report &report);
/// Activation ranges in the same way.
std::vector<std::string> getActivationHeads();
std::vector<std::vector<std::string>> getActivationRows(const Report &report);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_REPORT_FORMS_H
