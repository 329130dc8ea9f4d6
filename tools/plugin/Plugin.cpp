//===- Plugin.cpp - Lowbit inside another mlir-opt ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The entry points that `mlir-opt` looks for in
//
//   mlir-opt --load-dialect-plugin=LowbitPlugin.so
//            --load-pass-plugin=LowbitPlugin.so --pass-pipeline=...
//
// The host registers upstream's dialects and passes, so only Lowbit's own are
// registered here.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Registration.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"

static void registerDialect(mlir::DialectRegistry *registry) {
  lowbit::registerLowbitDialect(*registry);
}

extern "C" mlir::DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Lowbit", LLVM_VERSION_STRING,
          registerDialect};
}

extern "C" mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Lowbit", LLVM_VERSION_STRING,
          lowbit::registerAllLowbitPasses};
}
