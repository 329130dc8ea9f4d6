//===- IR.cpp - hostile IR ------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text as the tools read it, with the dialects that models are made of. What is
// accepted has the same text after it is printed, or written as bytecode, and
// read again. Bytecode from elsewhere has no digest and is refused, so none is
// made here but what the product itself writes.
//
// MLIR's own parser has faults, which `parseModule` turns into an error of the
// file (see there). They are no finding, but a fault in a function of this
// project is, and one in what such a function calls other than the parser.
//
//===----------------------------------------------------------------------===//

#include "Fuzz.h"
#include "IRMutator.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/Artefact.h"
#include "lowbit/Tools/IRText.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include <csignal>
#include <dlfcn.h>
#include <execinfo.h>
#include <memory>
#include <mutex>
#include <ucontext.h>

using namespace lowbit;

//===----------------------------------------------------------------------===//
// Faults of MLIR's parser
//===----------------------------------------------------------------------===//

namespace {

constexpr int kSignals[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};
/// What crash recovery does about each of them.
struct sigaction recoveryActions[std::size(kSignals)];
/// Whether the parse in progress has ended in a fault of MLIR's.
bool isAbandoned = false;

/// The file that the code at `address` was loaded from.
llvm::StringRef getFile(void *address) {
  Dl_info info;
  return dladdr(address, &info) && info.dli_fname ? info.dli_fname : "";
}

/// The caller of a null function pointer, from which nothing can be unwound; or
/// null for other faults.
void *getNullCaller([[maybe_unused]] const ucontext_t *context) {
#ifdef __x86_64__
  const greg_t *registers = context->uc_mcontext.gregs;
  if (!registers[REG_RIP])
    return *reinterpret_cast<void **>(registers[REG_RSP]);
#endif
  return nullptr;
}

/// Whether `frame` is of MLIR's parser: of its class, or its entry.
bool isParser(void *frame) {
  Dl_info info;
  if (!dladdr(frame, &info) || !info.dli_sname)
    return false;
  llvm::StringRef symbol = info.dli_sname;
  return symbol.contains("4mlir6detail6Parser") ||
         symbol.contains("parseAsmSourceFile");
}

/// Whether the fault is in MLIR's parser: from the fault outwards, the parser
/// is met before a frame of this program, be it one that calls the parser for a
/// part of its operation.
bool isUpstreamFault(void *nullCaller) {
  llvm::StringRef own = getFile(reinterpret_cast<void *>(&isUpstreamFault));
  auto isOwn = [&](void *frame) { return getFile(frame) == own; };
  if (nullCaller)
    return !isOwn(nullCaller);
  void *frames[512];
  void **end = frames + backtrace(frames, std::size(frames));
  // The handler's own frames are the first.
  void **fault = std::find_if_not(frames, end, isOwn);
  void **caller = std::find_if(fault, end, isOwn);
  return std::any_of(fault, caller, isParser);
}

void handleSignal(int signal, siginfo_t *info, void *context) {
  const int *found =
      std::find(std::begin(kSignals), std::end(kSignals), signal);
  void *nullCaller = getNullCaller(static_cast<ucontext_t *>(context));
  if (!llvm::CrashRecoveryContext::GetCurrent() ||
      !isUpstreamFault(nullCaller)) {
    // libFuzzer's handler follows as soon as this one returns.
    llvm::CrashRecoveryContext::Disable();
    raise(signal);
    return;
  }
  isAbandoned = true;
  recoveryActions[found - kSignals].sa_handler(signal);
}

/// After libFuzzer has put its own handlers in place.
void installHandlers() {
  void *frame;
  backtrace(&frame, 1); // Loads the unwinder.
  llvm::CrashRecoveryContext::Enable();
  struct sigaction action = {};
  action.sa_sigaction = handleSignal;
  action.sa_flags = SA_SIGINFO;
  for (auto [i, signal] : llvm::enumerate(kSignals))
    sigaction(signal, &action, &recoveryActions[i]);
}

/// MLIR 22's parser of linalg.generic takes whatever is in `iterator_types` for
/// strings: `[f32]` asks for as many bytes as a pointer's value, and mlir-opt
/// ends with "out of memory". The tools do, too, by an error; AddressSanitizer
/// lets nobody go on. Only lists of strings are tested.
bool hasForeignIterators(llvm::StringRef text) {
  constexpr llvm::StringLiteral kName("iterator_types");
  for (size_t at = text.find(kName); at != llvm::StringRef::npos;
       at = text.find(kName)) {
    text = text.drop_front(at + kName.size()).ltrim(" \"");
    bool isList = text.consume_front("= [") || text.consume_front("=[");
    llvm::StringRef list = text.take_until([](char c) { return c == ']'; });
    llvm::SmallVector<llvm::StringRef> elements;
    list.split(elements, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
    auto isString = [](llvm::StringRef element) {
      element = element.trim();
      return element.size() > 1 && element.front() == '"' &&
             element.find('"', 1) == element.size() - 1;
    };
    if (!isList || !llvm::all_of(elements, isString))
      return true;
  }
  return false;
}

//===----------------------------------------------------------------------===//
// The context
//===----------------------------------------------------------------------===//

/// A context is expensive to make, and keeps every attribute it has ever seen.
class Contexts {
public:
  mlir::MLIRContext &get() {
    constexpr unsigned kInputs = 2000;
    if (!context || ++used == kInputs) {
      context = std::make_unique<mlir::MLIRContext>(
          registry, mlir::MLIRContext::Threading::DISABLED);
      used = 0;
    }
    return *context;
  }

  /// A fault has left the context in any state: it is never touched again.
  void abandon() { (void)context.release(); }

  Contexts() {
    registry.insert<
        LowbitDialect, mlir::affine::AffineDialect, mlir::arith::ArithDialect,
        mlir::bufferization::BufferizationDialect, mlir::func::FuncDialect,
        mlir::linalg::LinalgDialect, mlir::math::MathDialect,
        mlir::memref::MemRefDialect, mlir::ml_program::MLProgramDialect,
        mlir::quant::QuantDialect, mlir::scf::SCFDialect,
        mlir::tensor::TensorDialect, mlir::tosa::TosaDialect,
        mlir::vector::VectorDialect>();
  }

private:
  mlir::DialectRegistry registry;
  std::unique_ptr<mlir::MLIRContext> context;
  unsigned used = 0;
};

using Module = mlir::OwningOpRef<mlir::ModuleOp>;

std::string print(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printModule(module, os);
  return text;
}

} // namespace

//===----------------------------------------------------------------------===//
// The test
//===----------------------------------------------------------------------===//

static void testWriting(mlir::ModuleOp module) {
  std::string text = print(module);
  // Names of resources belong to the context, and a second reader gets others.
  if (llvm::StringRef(text).contains("dense_resource"))
    return;
  Module again =
      fuzz::expect(parseModule(text, fuzz::kSource, *module.getContext()),
                   "what is printed can be read");
  fuzz::require(print(*again) == text,
                "a module that is printed and read is the same", text);
  std::string bytes;
  llvm::raw_string_ostream os(bytes);
  if (llvm::Error error = writeBytecode(module, os)) {
    fuzz::refuse(std::move(error));
    abort(); // Bytecode can hold everything that text can.
  }
  Module fromBytes =
      fuzz::expect(parseModule(bytes, fuzz::kSource, *module.getContext()),
                   "bytecode can be read");
  fuzz::require(print(*fromBytes) == text, "a module in bytecode is the same",
                text);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (hasForeignIterators(fuzz::toText(data, size)))
    return -1; // No input to make others of.
  static std::once_flag flag;
  std::call_once(flag, installHandlers);
  static Contexts contexts;
  isAbandoned = false;
  mlir::MLIRContext &context = contexts.get();
  llvm::Expected<Module> module =
      parseModule(fuzz::toText(data, size), fuzz::kSource, context);
  if (isAbandoned) {
    if (!module)
      llvm::consumeError(module.takeError());
    contexts.abandon();
    return -1;
  }
  if (!module) {
    fuzz::refuse(module.takeError());
    return 0;
  }
  if (llvm::Error error = checkResources(**module))
    llvm::consumeError(std::move(error));
  testWriting(**module);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  return fuzz::mutateIR(data, size, maxSize, seed);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *first,
                                            size_t firstSize,
                                            const uint8_t *second,
                                            size_t secondSize, uint8_t *out,
                                            size_t maxSize, unsigned seed) {
  return fuzz::mixIR(fuzz::toText(first, firstSize),
                     fuzz::toText(second, secondSize), out, maxSize, seed);
}
