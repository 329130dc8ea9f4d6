//===- AssignRates.cpp - bits for each column of every layer --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TrellisRounding.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/PrecisionAssignment.h"
#include "lowbit/Transforms/QuantizationMethod.h"

using namespace mlir;
using namespace lowbit;

namespace lowbit {
#define GEN_PASS_DEF_ASSIGNRATESPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

namespace {
struct AssignRatesPass : lowbit::impl::AssignRatesPassBase<AssignRatesPass> {
  using AssignRatesPassBase::AssignRatesPassBase;

  void runOnOperation() override {
    auto parsed = parseQuantizationMethod(method, &getContext());
    Location loc = getOperation().getLoc();
    if (!parsed) {
      emitError(loc) << llvm::toString(parsed.takeError());
      return signalPassFailure();
    }
    std::vector<TrellisJob> jobs;
    if (failed(checkMethod(*parsed)))
      return signalPassFailure();
    jobs = collectJobs(parsed->weights);
    TrellisRounding trellis(LayerStatistics(getOperation()), /*sweeps=*/0,
                            damping);
    if (failed(budget.empty() ? trellis.assignRates(jobs, parsed->averageRate)
                              : spendBudget(trellis, jobs)))
      return signalPassFailure();
    for (const TrellisJob &job : jobs) {
      job.layer->setAttr(kRatesAttrName,
                         DenseI8ArrayAttr::get(&getContext(), job.rates));
      job.layer->removeAttr(kRateLossesAttrName);
    }
    numAssigned += jobs.size();
  }

private:
  LogicalResult checkMethod(const QuantizationMethod &parsed) {
    bool isWhole = parsed.weights && isTrellis(parsed.weights);
    if (budget.empty() ? parsed.averageRate != 0
                       : isWhole && parsed.averageRate == 0)
      return success();
    return emitError(getOperation().getLoc())
           << "rates: requires a trellis with "
           << (budget.empty()
                   ? "an average, such as trellis2.5"
                   : "a whole rate beside a budget, such as trellis2")
           << ", found '" << method << "'";
  }

  LogicalResult spendBudget(TrellisRounding &trellis,
                            MutableArrayRef<TrellisJob> jobs) {
    Location loc = getOperation().getLoc();
    auto wanted = PrecisionBudget::parse(budget);
    if (!wanted)
      return emitError(loc) << "rates: " << llvm::toString(wanted.takeError());
    int64_t weights = 0;
    for (const TrellisJob &job : jobs)
      weights += job.matrix.rows * job.matrix.columns;
    std::optional<int64_t> bytes = wanted->getBytes(weights);
    if (!bytes || wanted->hasFloor())
      return emitError(loc)
             << "rates: requires a budget of bpw=N, bytes=N or reduction=N%, "
                "and no floor, found '"
             << budget << "'";
    return trellis.spendBytes(jobs, *bytes);
  }

  std::vector<TrellisJob> collectJobs(EncodingAttr encoding) {
    std::vector<TrellisJob> jobs;
    llvm::DenseSet<int64_t> tableRows = getTableRows(getOperation());
    getOperation().walk([&](LinearOp op) {
      std::optional<ConstantMatrix> matrix =
          matchConstantMatrix(op.getWeight());
      if (!matrix || isHugeSplat(matrix->data) ||
          op->hasAttr(kKeepFloatAttrName) || op->hasAttr(kEncodingAttrName) ||
          op->hasAttr(kRatesAttrName) ||
          (!includeEmbeddings && isHead(op, tableRows)))
        return;
      TrellisJob &job = jobs.emplace_back();
      job.layer = op;
      job.matrix = *matrix;
      job.encoding = encoding;
    });
    return jobs;
  }
};
} // namespace
