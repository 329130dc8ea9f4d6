//===- WasmCode.cpp - LLVM IR of a model for WebAssembly ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An engine refuses a module with an instruction that it doesn't know, so that
// each variant is a module of its own. What around the code checks arguments
// and binds weights is the host's part: it is written in its language, and
// reads safetensors, shapes and names without any help.
//
//===----------------------------------------------------------------------===//

#include "ProgramCode.h"
#include "RequirementCode.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/Tools/Errors.h"

using namespace lowbit;

/// What is known of a module's memory must fit into it.
static llvm::Error checkMemory(const ProgramInterface &program,
                               llvm::ArrayRef<EntryCode> entries) {
  constexpr uint64_t most = uint64_t(1) << 32;
  uint64_t cache = 0, workspace = 0;
  if (program.isDecoder())
    for (const ProgramTensor &state : llvm::drop_begin(program.inputs, 2))
      cache += *getByteSize(state.spec.type, state.spec.shape);
  for (const EntryCode &entry : entries)
    workspace += entry.workspace.value_or(0);
  if (program.weightsBytes + cache + workspace <= most)
    return llvm::Error::success();
  return makeError(
      "a module of WebAssembly has 4294967296 bytes of memory, the model "
      "requires " +
      llvm::Twine(program.weightsBytes) + " for weights, " +
      llvm::Twine(cache) + " for its cache and " + llvm::Twine(workspace) +
      " to compute in: quantize to fewer bits, or shorten --max-length");
}

llvm::Expected<ProgramCode>
lowbit::generateWasmCode(ProgramInterface &program,
                         const ProgramVariant &variant,
                         std::vector<EntryCode> &entries) {
  ProgramCode result;
  result.context = std::make_unique<llvm::LLVMContext>();
  auto code = compileVariant(
      variant, program, *result.context, [&](llvm::StringRef function) {
        return program.name + "_" +
               (function == kMainFunction ? "run" : function).str();
      });
  if (!code)
    return code.takeError();
  entries = code->entries;
  result.machine = std::move(code->machine);
  result.module = std::move(code->module);
  result.module->setModuleIdentifier(program.name);
  result.module->setSourceFileName(program.name);
  redirectAllocation(*result.module);
  ProcessorName processor =
      getProcessorName(variant.cpu, result.machine->getTargetTriple());
  for (auto [i, requirement] : llvm::enumerate(program.requirements)) {
    llvm::Function *holds =
        addRequirement(*result.module, requirement,
                       program.name + "_holds_" + std::to_string(i));
    holds->setLinkage(llvm::GlobalValue::ExternalLinkage);
    holds->addFnAttr("target-cpu", processor.cpu);
    holds->addFnAttr("target-features", processor.features);
  }
  if (llvm::Error error = checkMemory(program, entries))
    return std::move(error);
  program.triple = result.machine->getTargetTriple().str();
  program.cpus.push_back(code->cpu);
  return std::move(result);
}
