//===- Layer.cpp - one compiled layer -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Layer.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/Registration.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Parser/Parser.h"
#include <random>

using namespace lowbit;
using namespace lowbit::bench;

static mlir::Attribute createResource(mlir::MLIRContext &context,
                                      llvm::StringRef name, mlir::Type element,
                                      llvm::ArrayRef<int64_t> shape,
                                      llvm::ArrayRef<char> bytes) {
  return mlir::DenseResourceElementsAttr::get(
      mlir::RankedTensorType::get(shape, element), name,
      mlir::HeapAsmResourceBlob::allocateAndCopyWithAlign(
          bytes, 64, /*dataIsMutable=*/false));
}

/// A layer whose codes overlap, at random: their search takes minutes.
static mlir::OwningOpRef<mlir::ModuleOp>
createTrellis(mlir::MLIRContext &context, unsigned rate, unsigned state,
              int64_t n, int64_t k) {
  std::string in = std::to_string(k) + "xf32", out = std::to_string(n) + "xf32";
  std::string weight =
      "!lowbit.tensor<" + std::to_string(n) + "x" + in +
      ", #lowbit.encoding<trellis<state = " + std::to_string(state) +
      ", rate = " + std::to_string(rate) + ">>>";
  std::string text =
      "lowbit.global @w : " + weight + " {codes = dense<0> : tensor<" +
      std::to_string((n * k * rate + 7) / 8) +
      "xi8>, scale = dense<1.0> : tensor<" + std::to_string(n) +
      "x1xf16>}\nfunc.func @main(%x: tensor<?x" + in + ">) -> tensor<?x" + out +
      "> {\n%w = lowbit.weight @w : " + weight +
      "\n%y = lowbit.linear %x, %w : tensor<?x" + in + ">, " + weight +
      " -> tensor<?x" + out + ">\nreturn %y : tensor<?x" + out + ">\n}\n";
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  auto global = *module->getOps<GlobalOp>().begin();
  std::minstd_rand generator(1);
  std::vector<char> codes((n * k * rate + 7) / 8), scales(2 * n, 0x20);
  for (char &byte : codes)
    byte = static_cast<char>(generator() >> 8);
  mlir::Builder b(&context);
  global.setComponentsAttr(b.getDictionaryAttr(
      {b.getNamedAttr(component::kCodes,
                      createResource(context, "codes", b.getI8Type(),
                                     {int64_t(codes.size())}, codes)),
       b.getNamedAttr(
           component::kScale,
           createResource(context, "scale", b.getF16Type(), {n, 1}, scales))}));
  return module;
}

/// Whether `method` is a trellis whose codes are drawn, and nothing else.
static bool readTrellis(const std::string &method, unsigned &rate,
                        unsigned &state) {
  int end = 0;
  return std::sscanf(method.c_str(), "trellis%u-s%u%n", &rate, &state, &end) ==
             2 &&
         size_t(end) == method.size();
}

std::string bench::checkMethod(const std::string &method) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  if (llvm::Error error = checkQuantizationMethod(method, &context))
    return llvm::toString(std::move(error));
  unsigned rate, state;
  if (readTrellis(method, rate, state))
    return "";
  if (needsSecondMoments(method) ||
      splitQuantizationMethod(method).hasStaticInputs)
    return "requires a method that needs no samples of a model (of trellises, "
           "one such as trellis2-s12), found '" +
           method + "'";
  return "";
}

/// What a diagnostic says, without the place in a module that has no file.
static std::string getMessage(llvm::Error error) {
  std::string text = llvm::toString(std::move(error));
  llvm::StringRef message = text;
  if (message.starts_with("-:"))
    message = message.split(": ").second;
  return message.str();
}

/// The layer that `method` names; the driver quantizes it, or it is already.
static mlir::OwningOpRef<mlir::ModuleOp> makeLayer(mlir::MLIRContext &context,
                                                   const std::string &method,
                                                   int64_t n, int64_t k,
                                                   CompileOptions &options) {
  unsigned rate, state;
  if (readTrellis(method, rate, state))
    return createTrellis(context, rate, state, n, k);
  options.method = method;
  return createLayer(context, n, k);
}

Layer::Layer(const std::string &method, const std::string &cpu,
             const std::string &tuning, int64_t n, int64_t k) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  context.printOpOnDiagnostic(false);
  CompileOptions options;
  auto module = makeLayer(context, method, n, k, options);
  options.cpu = cpu;
  options.scaleSearch = "absmax";
  if (!tuning.empty()) {
    auto read = readTuning(tuning);
    if (!read) {
      error = llvm::toString(read.takeError());
      return;
    }
    options.machine = std::move(*read);
  }
  auto created = TimedProgram::create(std::move(module), Phase::Raise, options);
  if (created)
    program = std::move(*created);
  else
    error = getMessage(created.takeError());
}
