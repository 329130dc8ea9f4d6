//===- TargetCode.cpp - LLVM IR for one processor -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TargetCode.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Executable.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

using namespace lowbit;

static void initializeTarget() {
  static const bool initialized = [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers();
    return true;
  }();
  (void)initialized;
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
lowbit::createMachine(llvm::orc::JITTargetMachineBuilder &builder) {
  const llvm::Triple &triple = builder.getTargetTriple();
  if (!triple.isWasm())
    return builder.createTargetMachine();
  // The builder makes machines alone whose code can run at once.
  std::string problem;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, problem);
  if (!target)
    return makeError(problem);
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, builder.getCPU(), builder.getFeatures().getString(),
      builder.getOptions(), builder.getRelocationModel(),
      builder.getCodeModel(), llvm::CodeGenOptLevel::Aggressive));
}

llvm::Expected<llvm::orc::JITTargetMachineBuilder>
lowbit::getTargetBuilder(llvm::StringRef cpu, unsigned optLevel,
                         llvm::StringRef triple) {
  initializeTarget();
  llvm::Expected<llvm::orc::JITTargetMachineBuilder> builder =
      llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!builder)
    return builder.takeError();
  if (!triple.empty() || (cpu != "native" && !cpu.empty())) {
    // The features of the host are those of another processor.
    llvm::Triple wanted = triple.empty()
                              ? builder->getTargetTriple()
                              : llvm::Triple(llvm::Triple::normalize(triple));
    llvm::orc::JITTargetMachineBuilder other(wanted);
    ProcessorName name = getProcessorName(cpu, wanted);
    other.setCPU(name.cpu);
    other.addFeatures(llvm::SubtargetFeatures(name.features).getFeatures());
    *builder = other;
  }
  // A module of WebAssembly has its memory for itself.
  builder->setRelocationModel(builder->getTargetTriple().isWasm()
                                  ? llvm::Reloc::Static
                                  : llvm::Reloc::PIC_);
  builder->setCodeModel(llvm::CodeModel::Small);
  builder->setCodeGenOptLevel(llvm::CodeGenOpt::getLevel(optLevel).value_or(
      llvm::CodeGenOptLevel::Aggressive));
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine =
      createMachine(*builder);
  if (!machine)
    return machine.takeError();
  if (!(*machine)->getMCSubtargetInfo()->isCPUStringValid(builder->getCPU()))
    return makeError("unknown CPU '" + builder->getCPU() + "' for " +
                     builder->getTargetTriple().str());
  return builder;
}

llvm::Expected<llvm::Function *> lowbit::addEntry(llvm::Module &module,
                                                  llvm::StringRef name,
                                                  unsigned numArguments,
                                                  llvm::StringRef function) {
  llvm::Function *main = module.getFunction(("_mlir_ciface_" + function).str());
  if (!main)
    return makeError("the module has no public function @" + function);
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::get(context, 0);
  auto *type = llvm::FunctionType::get(llvm::Type::getVoidTy(context),
                                       {pointer, pointer}, false);
  auto *entry = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage,
                                       name, module);
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", entry));
  llvm::SmallVector<llvm::Value *> arguments;
  for (unsigned i = 0; i < numArguments; ++i)
    arguments.push_back(builder.CreateLoad(
        pointer, builder.CreateConstGEP1_64(pointer, entry->getArg(0), i)));
  if (main->arg_size() > numArguments)
    arguments.push_back(entry->getArg(1));
  builder.CreateCall(main, arguments);
  builder.CreateRetVoid();
  return entry;
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine,
                     unsigned optLevel) {
  if (optLevel == 0)
    return;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  // Loops are vectorized and unrolled already; what is left is scalar code
  // around them.
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  llvm::PassBuilder builder(&machine, tuning);
  // Memory comes from the allocator that the code is linked with: that of a
  // buffer filled with zeros must not become the C library's calloc.
  llvm::TargetLibraryInfoImpl library(machine.getTargetTriple());
  library.setUnavailable(llvm::LibFunc_calloc);
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  llvm::OptimizationLevel level = optLevel == 1   ? llvm::OptimizationLevel::O1
                                  : optLevel == 2 ? llvm::OptimizationLevel::O2
                                                  : llvm::OptimizationLevel::O3;
  builder.buildPerModuleDefaultPipeline(level).run(module, modules);
}

llvm::Expected<std::unique_ptr<llvm::Module>> lowbit::translateAndOptimize(
    mlir::ModuleOp module, llvm::LLVMContext &context,
    llvm::TargetMachine &machine, unsigned optLevel,
    llvm::function_ref<llvm::Error(llvm::Module &)> prepare) {
  DiagnosticText errors(*module.getContext());
  std::unique_ptr<llvm::Module> result =
      mlir::translateModuleToLLVMIR(module, context, "lowbit");
  if (!result)
    return makeError("the module cannot be translated to LLVM IR: " +
                     llvm::toString(errors.takeError("no reason was given")));
  result->setDataLayout(machine.createDataLayout());
  result->setTargetTriple(machine.getTargetTriple());
  if (llvm::Error error = prepare(*result))
    return std::move(error);
  optimize(*result, machine, optLevel);
  return result;
}

/// Compiles for `cpu` and hands module and machine to `print`.
static llvm::Error
emit(mlir::ModuleOp module, llvm::StringRef cpu, llvm::StringRef triple,
     llvm::function_ref<llvm::Error(llvm::Module &, llvm::TargetMachine &)>
         print) {
  auto builder = getTargetBuilder(cpu, 3, triple);
  if (!builder)
    return builder.takeError();
  auto machine = createMachine(*builder);
  if (!machine)
    return machine.takeError();
  llvm::LLVMContext context;
  auto translated =
      translateAndOptimize(module, context, **machine, 3, [](llvm::Module &) {
        return llvm::Error::success();
      });
  if (!translated)
    return translated.takeError();
  return print(**translated, **machine);
}

llvm::Error lowbit::emitLLVMIR(mlir::ModuleOp module, llvm::raw_ostream &os,
                               llvm::StringRef cpu, llvm::StringRef triple) {
  return emit(module, cpu, triple,
              [&](llvm::Module &code, llvm::TargetMachine &) {
                code.print(os, nullptr);
                return llvm::Error::success();
              });
}

llvm::Error lowbit::emitAssembly(mlir::ModuleOp module, llvm::raw_ostream &os,
                                 llvm::StringRef cpu, llvm::StringRef triple) {
  return emit(
      module, cpu, triple,
      [&](llvm::Module &code, llvm::TargetMachine &machine) -> llvm::Error {
        llvm::SmallVector<char, 0> text;
        llvm::raw_svector_ostream stream(text);
        llvm::legacy::PassManager passes;
        if (machine.addPassesToEmitFile(passes, stream, nullptr,
                                        llvm::CodeGenFileType::AssemblyFile))
          return makeError("this target emits no assembly");
        passes.run(code);
        os << llvm::StringRef(text.data(), text.size());
        return llvm::Error::success();
      });
}
