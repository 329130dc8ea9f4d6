//===- AssignRates.cpp - bits for each column of every layer --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TrellisRounding.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
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
    if (!parsed->averageRate) {
      emitError(loc) << "rates: requires a trellis with an average, such as "
                        "trellis2.5, found '"
                     << method << "'";
      return signalPassFailure();
    }
    std::vector<TrellisJob> jobs = collectJobs(parsed->weights);
    TrellisRounding trellis(LayerStatistics(getOperation()), /*sweeps=*/0,
                            damping);
    if (failed(trellis.assignRates(jobs, parsed->averageRate)))
      return signalPassFailure();
    for (const TrellisJob &job : jobs)
      job.layer->setAttr(kRatesAttrName,
                         DenseI8ArrayAttr::get(&getContext(), job.rates));
    numAssigned += jobs.size();
  }

private:
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
