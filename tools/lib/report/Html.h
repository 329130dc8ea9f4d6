//===- Html.h - pieces of the page ------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_REPORT_HTML_H
#define LOWBIT_TOOLS_LIB_REPORT_HTML_H

#include "Forms.h"

namespace lowbit {

/// The style sheet and the script of the page; the page works without the
/// script, which sorts tables.
extern const llvm::StringLiteral kReportStyle, kReportScript;

/// `text` with the characters escaped that HTML has for itself.
std::string escape(llvm::StringRef text);

// Charts, each an `svg` element with a text alternative. Colours come from the
// style sheet, so that charts follow the reader's light or dark scheme.

/// Bars of the parts that the model consists of, beside its f32 and f16 sizes.
void printSizeChart(const Report &report, llvm::raw_ostream &os);
/// Bits, error and, where measured, share of the divergence of each layer, in
/// the model's order.
void printLayerChart(const Report &report, llvm::raw_ostream &os);
/// Where a layer's weights lie, and the numbers of its codes below.
void printHistogramChart(const ReportLayer &layer, llvm::raw_ostream &os);
/// Size against error, with the point that was chosen.
void printParetoChart(const Report &report, bool isMeasured,
                      llvm::raw_ostream &os);

/// Sections of the page, if there is anything to say: what there was to choose
/// from, and what layers read.
void printParetoSection(const Report &report, llvm::raw_ostream &os);
void printActivationSection(const Report &report, llvm::raw_ostream &os);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_REPORT_HTML_H
