//===- AssignPrecision.cpp - give each layer an encoding ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/PrecisionAssignment.h"

namespace lowbit {
#define GEN_PASS_DEF_ASSIGNPRECISIONPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
struct AssignPrecisionPass
    : lowbit::impl::AssignPrecisionPassBase<AssignPrecisionPass> {
  using AssignPrecisionPassBase::AssignPrecisionPassBase;

  void runOnOperation() override {
    SmallVector<std::string> names(candidates.begin(), candidates.end());
    FailureOr<PrecisionProblem> problem = PrecisionProblem::create(
        getOperation(), rules, config, names, !budget.empty());
    if (failed(problem))
      return signalPassFailure();
    numAssigned += problem->getNumRuled();
    if (!budget.empty() && failed(spendBudget(*problem)))
      signalPassFailure();
  }

private:
  InFlightDiagnostic error() {
    return emitError(getOperation().getLoc()) << "precision: ";
  }

  LogicalResult spendBudget(PrecisionProblem &problem) {
    auto wanted = PrecisionBudget::parse(budget);
    if (!wanted)
      return error() << llvm::toString(wanted.takeError());
    if (!wanted->hasSize() || wanted->hasFloor())
      return error() << "'" << budget
                     << "' requires running or timing the model, which "
                        "quant-opt --budget does; a pass takes bpw=N, bytes=N "
                        "or reduction=N%";
    auto created = createPrecisionStrategy(strategy, getOperation());
    if (!created)
      return error() << llvm::toString(created.takeError());
    if (failed(problem.setLosses(**created)))
      return failure();
    FailureOr<PrecisionChoice> choice =
        problem.solve(*wanted->getBytes(problem.getWeights()));
    if (failed(choice))
      return failure();
    problem.assign(*choice);
    numAssigned += problem.getLayers().size();
    numBytes += choice->cost;
    return success();
  }
};
} // namespace
