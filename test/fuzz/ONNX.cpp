//===- ONNX.cpp - hostile ONNX models -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model is refused with one error that names the file, or imported as a
// module that verifies.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Frontends/ONNX.h"
#include "Fuzz.h"
#include "ModelMutator.h"
#include "mlir/IR/MLIRContext.h"

using namespace lowbit;

/// A context is expensive to make, and keeps every attribute it has ever seen.
static mlir::MLIRContext &getContext() {
  constexpr unsigned kInputs = 1000;
  static std::unique_ptr<mlir::MLIRContext> context;
  static unsigned used = 0;
  if (!context || ++used == kInputs) {
    context = std::make_unique<mlir::MLIRContext>(
        mlir::MLIRContext::Threading::DISABLED);
    used = 0;
  }
  return *context;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::shared_ptr<const llvm::MemoryBuffer> bytes =
      llvm::MemoryBuffer::getMemBufferCopy(fuzz::toText(data, size));
  auto module = importONNX(bytes, fuzz::kSource, getContext());
  if (module)
    return 0;
  // The verifier's error is one, too: it names the node.
  fuzz::refuse(module.takeError());
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  return fuzz::mutateModel(data, size, maxSize, seed);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *first,
                                            size_t firstSize,
                                            const uint8_t *second,
                                            size_t secondSize, uint8_t *out,
                                            size_t maxSize, unsigned seed) {
  return fuzz::mixModels(fuzz::toText(first, firstSize),
                         fuzz::toText(second, secondSize), out, maxSize, seed);
}
