//===- CollectReport.h - what a module says of its weights ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_COLLECTREPORT_H
#define LOWBIT_TOOLS_COLLECTREPORT_H

#include "lowbit/Tools/Report.h"
#include "lowbit/Tools/Statistics.h"
#include "lowbit/Tools/WeightParts.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"

namespace lowbit {

/// Collects remarks of a context while it lives, and passes them on.
class RemarkCollector {
public:
  explicit RemarkCollector(mlir::MLIRContext &context);
  std::vector<std::string> take() { return std::move(remarks); }

private:
  std::vector<std::string> remarks;
  mlir::ScopedDiagnosticHandler handler;
};

/// Describes every weight of the layers of `module`, a model in raised form or
/// later, in its order, under the names of the model that was read. Errors are
/// those against the float weights of the same names and shapes in `reference`;
/// layers without one have none. Kernels are those of the module's target, or
/// of any CPU. One layer at a time is in memory. `remarks` explain what stayed
/// float. Fails where data are absent.
llvm::Expected<Report> collectReport(mlir::ModuleOp module,
                                     const FloatWeights &reference,
                                     std::vector<std::string> remarks);

/// The ranges that statistics have, in their order.
std::vector<ReportActivation>
describeActivations(const CalibrationStatistics &statistics);

} // namespace lowbit

#endif // LOWBIT_TOOLS_COLLECTREPORT_H
