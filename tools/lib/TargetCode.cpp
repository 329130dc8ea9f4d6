//===- TargetCode.cpp - LLVM IR for one processor -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TargetCode.h"
#include "CodeParts.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Executable.h"

#include "mlir/IR/Threading.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/ExecutionEngine/Orc/CompileUtils.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/IPO/DeadArgumentElimination.h"
#include "llvm/Transforms/IPO/GlobalOpt.h"
#include "llvm/Transforms/IPO/SCCP.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

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
lowbit::createMachine(const llvm::orc::JITTargetMachineBuilder &builder) {
  const llvm::Triple &triple = builder.getTargetTriple();
  if (!triple.isWasm())
    return llvm::orc::JITTargetMachineBuilder(builder).createTargetMachine();
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

namespace {
/// LLVM's passes for a machine.
class Optimizer {
public:
  explicit Optimizer(llvm::TargetMachine &machine)
      : builder(&machine, getTuning()), library(machine.getTargetTriple()) {
    // Memory comes from the allocator that the code is linked with: that of a
    // buffer filled with zeros must not become the C library's calloc.
    library.setUnavailable(llvm::LibFunc_calloc);
    functions.registerPass(
        [&] { return llvm::TargetLibraryAnalysis(library); });
    builder.registerModuleAnalyses(modules);
    builder.registerCGSCCAnalyses(callGraph);
    builder.registerFunctionAnalyses(functions);
    builder.registerLoopAnalyses(loops);
    builder.crossRegisterProxies(loops, functions, callGraph, modules);
  }

  /// What has to see a whole module: arguments that are the same in all calls
  /// of a kernel become constants in it.
  void propagate(llvm::Module &module) {
    llvm::FunctionPassManager simplify;
    simplify.addPass(llvm::SimplifyCFGPass());
    simplify.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
    simplify.addPass(llvm::EarlyCSEPass());
    llvm::ModulePassManager passes;
    passes.addPass(
        llvm::createModuleToFunctionPassAdaptor(std::move(simplify)));
    passes.addPass(llvm::IPSCCPPass());
    passes.addPass(llvm::GlobalOptPass());
    passes.addPass(llvm::DeadArgumentEliminationPass());
    passes.run(module, modules);
  }

  void optimize(llvm::Module &module, unsigned optLevel) {
    llvm::OptimizationLevel level = optLevel == 1 ? llvm::OptimizationLevel::O1
                                    : optLevel == 2
                                        ? llvm::OptimizationLevel::O2
                                        : llvm::OptimizationLevel::O3;
    builder.buildPerModuleDefaultPipeline(level).run(module, modules);
  }

private:
  static llvm::PipelineTuningOptions getTuning() {
    llvm::PipelineTuningOptions tuning;
    // Loops are vectorized and unrolled already; what is left is scalar code
    // around them.
    tuning.LoopVectorization = false;
    tuning.SLPVectorization = false;
    return tuning;
  }

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder;
  llvm::TargetLibraryInfoImpl library;
};
} // namespace

/// The first type of at most 8 bits among the floats of `types`; null if there
/// is none. Such floats are data of weights and scales, which kernels decode;
/// code that computes with others has no form in LLVM.
static mlir::FloatType findByteFloat(mlir::TypeRange types) {
  for (mlir::Type type : types) {
    auto number = llvm::dyn_cast<mlir::FloatType>(getElementTypeOrSelf(type));
    if (number && number.getWidth() <= 8)
      return number;
  }
  return nullptr;
}

static mlir::LogicalResult checkFloats(mlir::ModuleOp module) {
  auto visit = [](mlir::Operation *op) {
    mlir::FloatType found = findByteFloat(op->getOperandTypes());
    if (!found)
      found = findByteFloat(op->getResultTypes());
    if (!found)
      return mlir::WalkResult::advance();
    op->emitError("compiled code computes with floats of 16 to 64 bits, found ")
        << found << "; hand over what it stands for, as f32 or f16";
    return mlir::WalkResult::interrupt();
  };
  return mlir::failure(module.walk(visit).wasInterrupted());
}

/// A module in the LLVM dialect, taken apart.
static llvm::Expected<CodeParts>
translate(mlir::ModuleOp module,
          const llvm::orc::JITTargetMachineBuilder &builder, unsigned optLevel,
          llvm::function_ref<llvm::Error(llvm::Module &)> prepare) {
  auto machine = createMachine(builder);
  if (!machine)
    return machine.takeError();
  DiagnosticText errors(*module.getContext());
  if (failed(checkFloats(module)))
    return errors.takeError(
        "the module computes with floats of at most 8 bits");
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code =
      mlir::translateModuleToLLVMIR(module, context, "lowbit");
  if (!code)
    return makeError("the module cannot be translated to LLVM IR: " +
                     llvm::toString(errors.takeError("no reason was given")));
  code->setDataLayout((*machine)->createDataLayout());
  code->setTargetTriple((*machine)->getTargetTriple());
  if (llvm::Error error = prepare(*code))
    return std::move(error);
  if (optLevel != 0)
    Optimizer(**machine).propagate(*code);
  return CodeParts(*code);
}

/// Optimizes each part in a thread of its own, and calls `finish` with its
/// number there.
static llvm::Error
optimizeParts(mlir::MLIRContext *context, const CodeParts &parts,
              const llvm::orc::JITTargetMachineBuilder &builder,
              unsigned optLevel,
              llvm::function_ref<llvm::Error(size_t, llvm::Module &,
                                             llvm::TargetMachine &)>
                  finish) {
  auto optimizePart = [&](size_t part) -> llvm::Error {
    auto machine = createMachine(builder);
    if (!machine)
      return machine.takeError();
    llvm::LLVMContext own;
    auto code = parts.load(part, own);
    if (!code)
      return code.takeError();
    if (optLevel != 0)
      Optimizer(**machine).optimize(**code, optLevel);
    return finish(part, **code, **machine);
  };
  std::vector<std::string> problems(parts.size());
  mlir::parallelFor(context, 0, parts.size(), [&](size_t part) {
    problems[part] = llvm::toString(optimizePart(part));
  });
  for (const std::string &problem : problems)
    if (!problem.empty())
      return makeError(problem);
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<llvm::Module>> lowbit::translateAndOptimize(
    mlir::ModuleOp module, llvm::LLVMContext &context,
    const llvm::orc::JITTargetMachineBuilder &builder, unsigned optLevel,
    llvm::function_ref<llvm::Error(llvm::Module &)> prepare) {
  auto parts = translate(module, builder, optLevel, prepare);
  if (!parts)
    return parts.takeError();
  std::vector<llvm::SmallVector<char, 0>> bitcode(parts->size());
  llvm::Error error = optimizeParts(
      module.getContext(), *parts, builder, optLevel,
      [&](size_t part, llvm::Module &code, llvm::TargetMachine &) {
        bitcode[part] = writeBitcode(code);
        return llvm::Error::success();
      });
  if (error)
    return std::move(error);
  return parts->join(bitcode, context);
}

llvm::Expected<std::vector<std::unique_ptr<llvm::MemoryBuffer>>>
lowbit::translateToObjects(
    mlir::ModuleOp module, const llvm::orc::JITTargetMachineBuilder &builder,
    unsigned optLevel,
    llvm::function_ref<llvm::Error(llvm::Module &)> prepare) {
  auto parts = translate(module, builder, optLevel, prepare);
  if (!parts)
    return parts.takeError();
  std::vector<std::unique_ptr<llvm::MemoryBuffer>> objects(parts->size());
  llvm::Error error =
      optimizeParts(module.getContext(), *parts, builder, optLevel,
                    [&](size_t part, llvm::Module &code,
                        llvm::TargetMachine &machine) -> llvm::Error {
                      llvm::orc::SimpleCompiler compile(machine);
                      auto object = compile(code);
                      if (!object)
                        return object.takeError();
                      objects[part] = std::move(*object);
                      return llvm::Error::success();
                    });
  if (error)
    return std::move(error);
  return objects;
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
      translateAndOptimize(module, context, *builder, 3, [](llvm::Module &) {
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
