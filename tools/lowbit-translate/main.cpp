//===- main.cpp - lowbit-translate ----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From IR to the text of other languages, as mlir-translate does it.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/WGSL/Printer.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"

int main(int argc, char **argv) {
  lowbit::registerWGSLTranslation();
  return failed(mlir::mlirTranslateMain(argc, argv, "Lowbit translation tool"));
}
