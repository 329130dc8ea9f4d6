//===- acme-opt.cpp - passes by name --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Acme.h"
#include <lowbit/Tools/Registration.h>
#include <mlir/Tools/mlir-opt/MlirOptMain.h>

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  lowbit::registerDialects(registry);
  lowbit::registerPasses();
  acme::registerDialect(registry);
  acme::registerPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Lowbit and Acme\n", registry));
}
