//===- PatternNames.cpp - patterns that can be switched off ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/PatternNames.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace lowbit;

ArrayRef<StringRef> lowbit::getRaisePatternNames() {
  static constexpr StringRef names[] = {pattern::kLinear, pattern::kEmbedding,
                                        pattern::kConvolution,
                                        pattern::kAttention};
  return names;
}

ArrayRef<StringRef> lowbit::getFusePatternNames() {
  static constexpr StringRef names[] = {pattern::kBias, pattern::kActivation,
                                        pattern::kResidual, pattern::kGated,
                                        pattern::kQKV};
  return names;
}

LogicalResult lowbit::checkPatternNames(MLIRContext *context, StringRef pass,
                                        ArrayRef<std::string> names,
                                        ArrayRef<StringRef> known) {
  for (StringRef name : names)
    if (!llvm::is_contained(known, name))
      return emitError(UnknownLoc::get(context))
             << "'" << pass << "' knows the patterns "
             << llvm::join(known, ", ") << ", found '" << name << "'";
  return success();
}

LogicalResult
lowbit::freezeRaisePatterns(MLIRContext *context, StringRef pass,
                            ArrayRef<std::string> disabled,
                            function_ref<void(RewritePatternSet &)> populate,
                            FrozenRewritePatternSet &patterns) {
  if (failed(
          checkPatternNames(context, pass, disabled, getRaisePatternNames())))
    return failure();
  RewritePatternSet set(context);
  populate(set);
  patterns = FrozenRewritePatternSet(std::move(set), disabled);
  return success();
}
