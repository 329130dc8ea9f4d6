//===- WebQuantizer.cpp - the numerics that pages round with --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A file of its own, so that a program can have others, or none.
//
//===----------------------------------------------------------------------===//

#include "ModuleFiles.h"
#include "Quantizer.inc"

llvm::StringRef lowbit::getWebQuantizer() {
  // One byte stands for none.
  if (sizeof(kQuantizer) == 1)
    return {};
  return {reinterpret_cast<const char *>(kQuantizer), sizeof(kQuantizer)};
}
