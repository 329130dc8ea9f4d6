//===- RecordSources.cpp - the floats of weights that will be buffers -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/FloatSource.h"

namespace lowbit {
#define GEN_PASS_DEF_GPURECORDSOURCESPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
struct GPURecordSourcesPass
    : lowbit::impl::GPURecordSourcesPassBase<GPURecordSourcesPass> {
  void runOnOperation() override {
    Builder builder(&getContext());
    SmallVector<Attribute> records;
    for (GlobalOp global : getOperation().getOps<GlobalOp>()) {
      Attribute source = global->getAttr(kFloatSourceAttrName);
      if (!source || !isa<QuantizedTensorType>(global.getType()))
        continue;
      records.push_back(builder.getDictionaryAttr(
          {builder.getNamedAttr("name", global.getSymNameAttr()),
           builder.getNamedAttr("type", TypeAttr::get(global.getType())),
           builder.getNamedAttr("components", global.getComponents()),
           builder.getNamedAttr("source", source)}));
      ++numRecorded;
    }
    if (!records.empty())
      getOperation()->setAttr(kFloatSourcesAttrName,
                              builder.getArrayAttr(records));
  }
};
} // namespace
