//===- acme-opt.cpp - a compiler with Lowbit in it ------------------------===//
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
  acme::registerAcme(registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "A compiler with Lowbit in it\n", registry));
}
