//===- AttachStatistics.cpp - statistics in a module ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Calibration.h"
#include "lowbit/Tools/FloatProgram.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace lowbit;
using llvm::StringRef;

/// A component as an attribute: large ones stay where they are.
static mlir::Attribute makeAttribute(mlir::MLIRContext *context, StringRef name,
                                     const HostTensor &tensor) {
  auto type = mlir::RankedTensorType::get(tensor.getShape(),
                                          mlir::Float32Type::get(context));
  HostTensor numbers = widen(tensor);
  if (numbers.getShape().size() < 2)
    return mlir::DenseElementsAttr::get(type, numbers.getAs<float>());
  auto owner = std::make_shared<HostTensor>(numbers);
  return mlir::DenseResourceElementsAttr::get(
      type, name,
      mlir::AsmResourceBlob(
          numbers.getBytes(), alignof(float),
          [owner](void *, size_t, size_t) mutable { owner.reset(); },
          /*dataIsMutable=*/false));
}

llvm::SmallVector<StatisticsOp>
lowbit::attachStatistics(mlir::ModuleOp module,
                         const CalibrationStatistics &statistics) {
  llvm::SmallVector<StatisticsOp> attached;
  auto builder = mlir::OpBuilder::atBlockBegin(module.getBody());
  for (const StatisticsRecord &record : statistics.records) {
    llvm::SmallVector<mlir::NamedAttribute> components;
    for (const auto &[name, tensor] : record.components)
      if (name == statistic::kMinimum || name == statistic::kMaximum ||
          name == statistic::kMean || name == statistic::kMeanSquare ||
          name == statistic::kMovingRange || name == statistic::kHistogram ||
          name == statistic::kHistogramLimit ||
          name == statistic::kColumnHistogram ||
          name == statistic::kColumnHistogramLimit ||
          name == statistic::kColumnMovingRange ||
          name == statistic::kSecondMoment || name == statistic::kCrossMoment ||
          name == statistic::kResidualMoment ||
          name == statistic::kGradientMeanSquare ||
          name == statistic::kGradientRows)
        components.push_back(builder.getNamedAttr(
            name, makeAttribute(module.getContext(), record.name + "." + name,
                                tensor)));
    llvm::SmallVector<StringRef> layers(record.layers.begin(),
                                        record.layers.end());
    attached.push_back(StatisticsOp::create(
        builder, module.getLoc(), record.name, builder.getStrArrayAttr(layers),
        record.rows, builder.getDictionaryAttr(components)));
  }
  return attached;
}

void lowbit::eraseStatistics(llvm::ArrayRef<StatisticsOp> records) {
  for (StatisticsOp record : records) {
    // A resource belongs to the context, which lives on.
    for (mlir::NamedAttribute named : record.getComponents())
      if (auto data =
              llvm::dyn_cast<mlir::DenseResourceElementsAttr>(named.getValue()))
        data.getRawHandle().getResource()->setBlob(mlir::AsmResourceBlob());
    record.erase();
  }
}

void lowbit::detachStatistics(mlir::ModuleOp module) {
  // Copies of the module may share the data.
  for (StatisticsOp op : llvm::to_vector(module.getOps<StatisticsOp>()))
    op.erase();
}
