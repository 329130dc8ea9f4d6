//===- Options.cpp - what --help shows, and what it hides -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "Driver.h"
#include "lowbit/Tools/CommandLine.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"

using namespace lowbit;

llvm::StringRef DriverOptions::help() {
  return "Compile low-bit neural networks\n\n"
         "  quant-opt model.onnx --quantize=int4-g32 -o model.mlir\n"
         "      quantizes the weights; writes model.mlir and "
         "model.safetensors\n"
         "  quant-opt model.onnx --quantize=int4-g32 --target=cpu --emit=asm "
         "-o model.s\n"
         "      writes the CPU code of the quantized model\n"
         "  quant-opt model.onnx --quantize=int4-g32 --target=cpu "
         "--emit=object -o llama.o\n"
         "      writes llama.o, llama.h for programs in C, and "
         "llama.safetensors\n"
         "  quant-opt module.mlir --lowbit-raise --lowbit-fuse\n"
         "      runs passes, with every facility of mlir-opt\n\n"
         "--list-passes lists every pass and pipeline, --help-hidden every "
         "option of them,\nof mlir-opt and of LLVM.\n";
}

using Categories = llvm::ArrayRef<const llvm::cl::OptionCategory *>;

static bool belongsTo(const llvm::cl::Option &option, Categories categories) {
  return llvm::any_of(option.Categories, [&](auto *category) {
    return llvm::is_contained(categories, category);
  });
}

void DriverOptions::hideForeignOptions() {
  // What people need to run passes and look at what they do.
  static const llvm::StringSet<> shown = {
      "allow-unregistered-dialect",
      "dump-pass-pipeline",
      "list-passes",
      "mlir-elide-elementsattrs-if-larger",
      "mlir-pass-statistics",
      "mlir-print-ir-after",
      "mlir-print-ir-after-all",
      "mlir-print-ir-before",
      "mlir-timing",
      "pass-pipeline",
      "show-dialects",
      "split-input-file",
  };
  for (const auto &entry : llvm::cl::getRegisteredOptions()) {
    llvm::cl::Option *option = entry.second;
    if (belongsTo(*option, {&writing, &quantizing, &calibrating, &choosing,
                            &inspecting, &measuring}) ||
        llvm::is_contained({"help", "help-hidden", "o", "version"},
                           entry.first))
      continue;
    if (shown.contains(entry.first))
      option->addCategory(running);
    else if (option->getOptionHiddenFlag() == llvm::cl::NotHidden)
      option->setHiddenFlag(llvm::cl::Hidden);
  }
}

llvm::Error DriverOptions::checkOccurrences() const {
  if (inputs.size() > 1)
    return makeError("requires one input, found '" + inputs[0] + "' and '" +
                     inputs[1] + "'");
  return checkGivenOnce([&](const llvm::cl::Option &option) {
    return option.ArgStr == "o" ||
           belongsTo(option, {&writing, &quantizing, &calibrating, &choosing,
                              &inspecting, &measuring});
  });
}

llvm::Error
DriverOptions::checkAlone(llvm::StringRef flag,
                          llvm::ArrayRef<llvm::StringRef> companions) const {
  std::string found;
  for (const auto &entry : llvm::cl::getRegisteredOptions()) {
    const llvm::cl::Option *option = entry.second;
    if (!option->getNumOccurrences() || option->ArgStr == flag ||
        llvm::is_contained(companions, option->ArgStr))
      continue;
    // Passes are one option under all their names.
    std::string name = option->ArgStr.empty() ? "a pass"
                       : option->ArgStr.size() == 1
                           ? ("-" + option->ArgStr).str()
                           : ("--" + option->ArgStr).str();
    // The options are in no order; of several, name always the same one.
    if (found.empty() || name < found)
      found = name;
  }
  if (found.empty() && !inputs.empty() &&
      !llvm::is_contained(companions, kInputName))
    found = "'" + inputs.front() + "'";
  if (found.empty())
    return llvm::Error::success();
  return makeError(found + " has no effect with --" + flag +
                   "; leave one of them out");
}

size_t DriverOptions::countCompiling() const {
  return llvm::count_if(llvm::cl::getRegisteredOptions(), [&](auto &entry) {
    return entry.second->getNumOccurrences() &&
           belongsTo(*entry.second,
                     {&writing, &quantizing, &calibrating, &choosing});
  });
}

bool DriverOptions::isUsed(llvm::StringRef input,
                           llvm::StringRef output) const {
  // Passes write IR, and never one of these.
  std::optional<EmitKind> form = findForm(output);
  bool isIR = !form || *form == EmitKind::MLIR || *form == EmitKind::Bytecode;
  return llvm::sys::path::extension(input) == ".onnx" || !isIR ||
         countCompiling();
}
