//===- TrellisWeights.cpp - rates and codes of trellises ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TrellisWeights.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/PackedData.h"

using namespace mlir;
using namespace lowbit;

EncodingAttr lowbit::getWantedEncoding(Operation *layer,
                                       const QuantizationMethod &method) {
  if (layer->hasAttr(kKeepFloatAttrName))
    return {};
  if (auto assigned = layer->getAttrOfType<EncodingAttr>(kEncodingAttrName))
    return assigned;
  return method.weights;
}

/// Lets the encoding of a layer be what its rates say.
LogicalResult TrellisWeights::readRates(Operation *layer) {
  Attribute attribute = layer->getAttr(kRatesAttrName);
  if (!attribute)
    return success();
  auto rates = dyn_cast<DenseI8ArrayAttr>(attribute);
  EncodingAttr encoding = getWantedEncoding(layer, method);
  int64_t columns =
      isa<LinearOp>(layer)
          ? cast<ShapedType>(layer->getOperand(1).getType()).getShape().back()
          : 0;
  auto isRate = [](int8_t rate) {
    return rate >= 1 && rate <= int(numerics::maxTrellisRate);
  };
  if (!rates || rates.size() != columns ||
      !llvm::all_of(rates.asArrayRef(), isRate))
    return layer->emitOpError()
           << "requires as " << kRatesAttrName << " an array of i8 of "
           << columns << " rates of 1 to 6 bits, one for each column, found "
           << attribute;
  if (!encoding || !getTrellis(encoding)) {
    InFlightDiagnostic diagnostic = layer->emitOpError();
    diagnostic << "requires a trellis beside " << kRatesAttrName
               << ", such as the method trellis2, found ";
    if (encoding)
      return diagnostic << encoding;
    return diagnostic << "no encoding";
  }
  layer->setAttr(kEncodingAttrName, withRates(encoding, rates.asArrayRef()));
  return success();
}

LogicalResult TrellisWeights::chooseRates(ArrayRef<WeightUse> uses) {
  std::vector<TrellisJob> jobs;
  for (const WeightUse &use : uses) {
    if (failed(readRates(use.op)))
      return failure();
    bool isOpen = method.averageRate && isa<LinearOp>(use.op) &&
                  !use.op->hasAttr(kEncodingAttrName);
    if (std::optional<TrellisJob> job =
            isOpen ? makeJob(use) : std::optional<TrellisJob>())
      jobs.push_back(std::move(*job));
  }
  if (jobs.empty())
    return success();
  if (failed(rounding.assignRates(jobs, method.averageRate)))
    return failure();
  for (const TrellisJob &job : jobs) {
    job.layer->setAttr(kRatesAttrName, DenseI8ArrayAttr::get(
                                           job.layer->getContext(), job.rates));
    if (failed(readRates(job.layer)))
      return failure();
  }
  return success();
}

/// What a path search needs; nothing where the weight is not one for it.
std::optional<TrellisJob> TrellisWeights::makeJob(const WeightUse &use) {
  EncodingAttr encoding = getWantedEncoding(use.op, method);
  std::optional<ConstantMatrix> matrix =
      matchConstantMatrix(use.operand->get());
  if (!encoding || !isTrellis(encoding) || !matrix || isHugeSplat(matrix->data))
    return std::nullopt;
  TrellisJob job;
  job.layer = use.op;
  job.matrix = *matrix;
  job.encoding = encoding;
  if (auto rates = use.op->getAttrOfType<DenseI8ArrayAttr>(kRatesAttrName))
    job.rates = rates.asArrayRef();
  return job;
}

LogicalResult TrellisWeights::codeAhead(ArrayRef<WeightUse> uses,
                                        CorrectedTarget &targets) {
  if (uses.empty() || coded.contains(uses.front().op))
    return success();
  MLIRContext *context = uses.front().op->getContext();
  size_t most =
      context->isMultithreadingEnabled() ? context->getNumThreads() : 1;
  std::vector<TrellisJob> jobs;
  for (const WeightUse &use : uses) {
    std::optional<TrellisJob> job;
    if (!isa<QuantizedTensorType>(use.operand->get().getType()) &&
        !coded.contains(use.op))
      job = makeJob(use);
    if (job)
      jobs.push_back(std::move(*job));
    if (jobs.empty() || jobs.size() == most)
      break;
  }
  if (failed(rounding.run(jobs, targets)))
    return failure();
  for (TrellisJob &job : jobs)
    coded[job.layer] = std::move(job.result);
  return success();
}
