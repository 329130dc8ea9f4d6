//===- FeedbackRounding.cpp - plans of rounding with feedback -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FeedbackRounding.h"

using namespace mlir;
using namespace lowbit;

FailureOr<std::vector<float>>
lowbit::readSecondMoment(Operation *user, const ConstantMatrix &matrix,
                         const LayerStatistics &statistics) {
  std::vector<float> moment =
      statistics.read(matrix.name(), statistic::kSecondMoment);
  if (moment.empty())
    return user->emitOpError()
           << "weight '" << matrix.name()
           << "': requires the second moment of the layer's input, found none; "
              "calibrate with second moments";
  if (static_cast<int64_t>(moment.size()) != matrix.columns * matrix.columns)
    return user->emitOpError()
           << "weight '" << matrix.name() << "': requires a second moment of "
           << matrix.columns << " columns, found " << moment.size()
           << " numbers";
  return moment;
}

FailureOr<const numerics::FeedbackPlan *>
FeedbackRounding::getPlan(Operation *user, const ConstantMatrix &matrix,
                          EncodingAttr encoding) {
  StatisticsOp wanted = statistics.lookup(matrix.name());
  if (wanted && wanted == record && encoding == planned)
    return &plan;
  FailureOr<std::vector<float>> moment =
      readSecondMoment(user, matrix, statistics);
  if (failed(moment))
    return failure();
  numerics::FeedbackOptions options;
  options.sweeps = sweeps;
  options.damping = damping;
  if (encoding.getPermuted())
    options.order = numerics::ColumnOrder::Permuted;
  numerics::Status status = numerics::FeedbackPlan::make(
      moment->data(), matrix.columns, encoding.getNumerics(), options, plan);
  if (!status.ok())
    return user->emitOpError()
           << "weight '" << matrix.name() << "': " << status.message;
  record = wanted;
  planned = encoding;
  return &plan;
}
