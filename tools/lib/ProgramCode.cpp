//===- ProgramCode.cpp - LLVM IR of a compiled model ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each variant is optimized for its CPU and carries that in the attributes of
// its functions. The interface around them runs on every CPU of the platform,
// so that it can say that none of the variants does.
//
//===----------------------------------------------------------------------===//

#include "ProgramCode.h"
#include "RequirementCode.h"
#include "TargetCode.h"
#include "lowbit/Runtime/Program.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Transforms/IPO/Internalize.h"

using namespace lowbit;

/// Features that the run time can ask a processor for. Others are not used by
/// compiled code, or come with one of these. On other architectures it asks
/// for none.
static constexpr llvm::StringLiteral kX86Features[] = {"sse3",
                                                       "ssse3",
                                                       "sse4.1",
                                                       "sse4.2",
                                                       "popcnt",
                                                       "avx",
                                                       "avx2",
                                                       "fma",
                                                       "f16c",
                                                       "bmi",
                                                       "bmi2",
                                                       "lzcnt",
                                                       "movbe",
                                                       "gfni",
                                                       "avxvnni",
                                                       "avx512f",
                                                       "avx512bw",
                                                       "avx512cd",
                                                       "avx512dq",
                                                       "avx512vl",
                                                       "avx512vbmi",
                                                       "avx512vbmi2",
                                                       "avx512vnni",
                                                       "avx512bitalg",
                                                       "avx512vpopcntdq",
                                                       "avx512ifma",
                                                       "avx512bf16",
                                                       "avx512fp16",
                                                       "vpclmulqdq",
                                                       "amx-tile",
                                                       "amx-int8",
                                                       "amx-bf16"};
static constexpr llvm::StringLiteral kAArch64Features[] = {
    "neon", "fullfp16", "dotprod", "lse", "i8mm", "bf16", "sve", "sve2"};

std::string lowbit::getEmbeddedSymbol(llvm::StringRef program) {
  return (program + ".weights").str();
}

/// The checkable features of a machine's CPU, separated by commas.
static std::string getFeatures(const llvm::TargetMachine &machine) {
  const llvm::MCSubtargetInfo &info = *machine.getMCSubtargetInfo();
  llvm::ArrayRef<llvm::StringLiteral> names;
  if (machine.getTargetTriple().isX86())
    names = kX86Features;
  else if (machine.getTargetTriple().isAArch64())
    names = kAArch64Features;
  std::string text;
  for (llvm::StringRef name : names)
    if (info.checkFeatures(("+" + name).str()))
      text += (text.empty() ? "" : ",") + name.str();
  return text;
}

//===----------------------------------------------------------------------===//
// Variants
//===----------------------------------------------------------------------===//

/// Makes all names but those of entries private, and the functions the CPU's.
static void isolate(llvm::Module &module, llvm::ArrayRef<EntryCode> entries,
                    const llvm::TargetMachine &machine) {
  llvm::internalizeModule(module, [&](const llvm::GlobalValue &value) {
    return llvm::any_of(entries, [&](const EntryCode &entry) {
      return entry.name == value.getName();
    });
  });
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
  }
}

llvm::Expected<VariantCode> lowbit::compileVariant(
    const ProgramVariant &variant, const ProgramInterface &program,
    llvm::LLVMContext &context,
    llvm::function_ref<std::string(llvm::StringRef)> getName) {
  auto builder = getTargetBuilder(variant.cpu, 3, variant.triple);
  if (!builder)
    return builder.takeError();
  auto machine = createMachine(*builder);
  if (!machine)
    return machine.takeError();
  VariantCode result;
  result.cpu =
      variant.cpu == "native" ? (*machine)->getTargetCPU().str() : variant.cpu;
  result.features = getFeatures(**machine);
  auto prepare = [&](llvm::Module &module) -> llvm::Error {
    for (const std::string &function : program.functions) {
      auto signature = getLoweredSignature(variant.module.get(), function);
      if (!signature)
        return signature.takeError();
      result.entries.push_back({getName(function), signature->workspace});
      unsigned numArguments = (signature->outputs.empty() ? 0 : 1) +
                              signature->inputs.size() +
                              (signature->workspace ? 1 : 0);
      if (llvm::Error error = addEntry(module, result.entries.back().name,
                                       numArguments, function)
                                  .takeError())
        return error;
    }
    isolate(module, result.entries, **machine);
    return llvm::Error::success();
  };
  auto code =
      translateAndOptimize(variant.module.get(), context, *builder, 3, prepare);
  if (!code)
    return code.takeError();
  result.module = std::move(*code);
  result.machine = std::move(*machine);
  return result;
}

//===----------------------------------------------------------------------===//
// Interface
//===----------------------------------------------------------------------===//

namespace {
/// Writes the structures of lowbit/Runtime/Program.h and the functions that
/// pass them on.
class InterfaceBuilder {
public:
  InterfaceBuilder(const ProgramInterface &program, llvm::Module &module)
      : program(program), module(module), context(module.getContext()),
        pointer(llvm::PointerType::get(context, 0)),
        word(llvm::Type::getInt64Ty(context)),
        integer(llvm::Type::getInt32Ty(context)),
        nothing(llvm::Type::getVoidTy(context)) {}

  void build(llvm::ArrayRef<VariantCode> variants) {
    descriptor = buildDescriptor(variants);
    buildFunctions();
  }

private:
  llvm::Constant *number(int64_t value) {
    return llvm::ConstantInt::get(word, value, /*IsSigned=*/true);
  }
  llvm::Constant *null() { return llvm::ConstantPointerNull::get(pointer); }

  /// The address of a private constant.
  llvm::Constant *store(llvm::Constant *value) {
    auto *global =
        new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true,
                                 llvm::GlobalValue::PrivateLinkage, value);
    global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
    return global;
  }
  llvm::Constant *storeString(llvm::StringRef text) {
    return store(llvm::ConstantDataArray::getString(context, text));
  }
  /// An array of equal structures or pointers; null if it is empty.
  llvm::Constant *storeArray(llvm::ArrayRef<llvm::Constant *> values) {
    if (values.empty())
      return null();
    auto *type = llvm::ArrayType::get(values.front()->getType(), values.size());
    return store(llvm::ConstantArray::get(type, values));
  }
  llvm::Constant *structure(llvm::ArrayRef<llvm::Constant *> fields) {
    return llvm::ConstantStruct::getAnon(context, fields);
  }

  int64_t encodeExtent(const TensorSpec &spec, size_t axis);
  llvm::Constant *describeTensor(const TensorSpec &spec);
  llvm::Constant *describeTensors(llvm::ArrayRef<ProgramTensor> tensors);
  llvm::Constant *describeWeights();
  llvm::Constant *describeRequirements();
  llvm::Constant *describeSteps(const VariantCode &variant);
  llvm::Constant *describeVariants(llvm::ArrayRef<VariantCode> variants);
  llvm::Constant *getEmbedded();
  llvm::Constant *buildDescriptor(llvm::ArrayRef<VariantCode> variants);

  /// Lets every processor of the platform run a function.
  void setBaseline(llvm::Function &function);
  /// A public function of the program.
  llvm::Function *declare(llvm::StringRef suffix, llvm::Type *result,
                          llvm::ArrayRef<llvm::Type *> parameters);
  /// `program_suffix` passes its arguments on to `callee`, after the descriptor
  /// if `passesProgram`.
  void addFunction(llvm::StringRef suffix, llvm::StringRef callee,
                   llvm::Type *result, llvm::ArrayRef<llvm::Type *> parameters,
                   bool passesProgram);
  void buildFunctions();
  void addLoadEmbedded();

  const ProgramInterface &program;
  llvm::Module &module;
  llvm::LLVMContext &context;
  llvm::PointerType *pointer;
  llvm::Type *word, *integer, *nothing;
  llvm::Constant *descriptor = nullptr;
};
} // namespace

int64_t InterfaceBuilder::encodeExtent(const TensorSpec &spec, size_t axis) {
  if (spec.shape[axis] >= 0)
    return spec.shape[axis];
  if (axis < spec.dimensions.size())
    if (auto symbol = program.findSymbol(spec.dimensions[axis]))
      return LOWBIT_SYMBOL - static_cast<int64_t>(*symbol);
  return LOWBIT_UNKNOWN;
}

llvm::Constant *InterfaceBuilder::describeTensor(const TensorSpec &spec) {
  llvm::SmallVector<llvm::Constant *> extents;
  for (size_t i = 0; i < spec.shape.size(); ++i)
    extents.push_back(number(encodeExtent(spec, i)));
  return structure({storeString(spec.name),
                    storeString(getSafetensorsName(spec.type)),
                    number(getByteSize(spec.type)), number(spec.shape.size()),
                    storeArray(extents), number(spec.tableRows)});
}

llvm::Constant *
InterfaceBuilder::describeTensors(llvm::ArrayRef<ProgramTensor> tensors) {
  llvm::SmallVector<llvm::Constant *> values;
  for (const ProgramTensor &tensor : tensors)
    values.push_back(describeTensor(tensor.spec));
  return storeArray(values);
}

llvm::Constant *InterfaceBuilder::describeWeights() {
  llvm::SmallVector<llvm::Constant *> values;
  for (const SafetensorsEntry &weight : program.weights) {
    TensorSpec spec;
    spec.name = weight.name;
    spec.type = weight.type;
    spec.shape = weight.shape;
    values.push_back(describeTensor(spec));
  }
  return storeArray(values);
}

llvm::Constant *InterfaceBuilder::describeRequirements() {
  llvm::SmallVector<llvm::Constant *> values;
  for (auto [i, requirement] : llvm::enumerate(program.requirements)) {
    llvm::SmallVector<llvm::Constant *> places;
    for (int64_t place : requirement.dims)
      places.push_back(number(place));
    llvm::Function *holds = addRequirement(
        module, requirement, (program.name + ".holds." + llvm::Twine(i)).str());
    setBaseline(*holds);
    values.push_back(
        structure({storeString(requirement.text), number(places.size() / 2),
                   storeArray(places), holds}));
  }
  return storeArray(values);
}

/// The functions of a decoder with a cache; null for other programs.
llvm::Constant *InterfaceBuilder::describeSteps(const VariantCode &variant) {
  if (!program.isDecoder())
    return null();
  llvm::SmallVector<llvm::Constant *> steps;
  for (const EntryCode &entry : variant.entries) {
    int64_t workspace = LOWBIT_UNKNOWN;
    if (entry.workspace)
      workspace = *entry.workspace;
    steps.push_back(
        structure({module.getFunction(entry.name), number(workspace)}));
  }
  return storeArray(steps);
}

llvm::Constant *
InterfaceBuilder::describeVariants(llvm::ArrayRef<VariantCode> variants) {
  llvm::SmallVector<llvm::Constant *> values;
  for (auto [variant, table] : llvm::zip_equal(variants, program.tables)) {
    llvm::SmallVector<llvm::Constant *> indices;
    for (int64_t index : table)
      indices.push_back(number(index));
    llvm::Constant *run = null();
    if (!program.isDecoder())
      run = module.getFunction(variant.entries.front().name);
    values.push_back(
        structure({storeString(variant.cpu), storeString(variant.features),
                   number(indices.size()), storeArray(indices), run,
                   describeSteps(variant)}));
  }
  return storeArray(values);
}

llvm::Constant *InterfaceBuilder::getEmbedded() {
  if (!program.embedsWeights)
    return null();
  auto *global = new llvm::GlobalVariable(
      module, llvm::Type::getInt8Ty(context), /*isConstant=*/true,
      llvm::GlobalValue::ExternalLinkage, nullptr,
      getEmbeddedSymbol(program.name));
  global->setVisibility(llvm::GlobalValue::HiddenVisibility);
  return global;
}

llvm::Constant *
InterfaceBuilder::buildDescriptor(llvm::ArrayRef<VariantCode> variants) {
  llvm::SmallVector<llvm::Constant *> symbols;
  for (const std::string &symbol : program.symbols)
    symbols.push_back(storeString(symbol));
  return store(structure(
      {number(LOWBIT_ABI), storeString(program.name),
       storeString(program.structure), number(program.inputs.size()),
       describeTensors(program.inputs), number(program.outputs.size()),
       describeTensors(program.outputs), number(program.weights.size()),
       describeWeights(), number(symbols.size()), storeArray(symbols),
       number(program.requirements.size()), describeRequirements(),
       number(variants.size()), describeVariants(variants), getEmbedded(),
       number(program.embedsWeights ? program.weightsBytes : 0),
       number(program.isDecoder() ? program.inputs.size() - 2 : 0),
       number(program.maxLength)}));
}

void InterfaceBuilder::setBaseline(llvm::Function &function) {
  bool isX86 = module.getTargetTriple().isX86();
  function.addFnAttr("target-cpu", isX86 ? "x86-64" : "generic");
  function.addFnAttr("target-features", "");
}

llvm::Function *
InterfaceBuilder::declare(llvm::StringRef suffix, llvm::Type *result,
                          llvm::ArrayRef<llvm::Type *> parameters) {
  auto *function = llvm::Function::Create(
      llvm::FunctionType::get(result, parameters, false),
      llvm::GlobalValue::ExternalLinkage, program.name + "_" + suffix, module);
  setBaseline(*function);
  return function;
}

void InterfaceBuilder::addFunction(llvm::StringRef suffix,
                                   llvm::StringRef callee, llvm::Type *result,
                                   llvm::ArrayRef<llvm::Type *> parameters,
                                   bool passesProgram) {
  llvm::Function *function = declare(suffix, result, parameters);
  llvm::SmallVector<llvm::Type *> types(parameters);
  llvm::SmallVector<llvm::Value *> arguments;
  for (llvm::Argument &argument : function->args())
    arguments.push_back(&argument);
  if (passesProgram) {
    types.insert(types.begin(), pointer);
    arguments.insert(arguments.begin(), descriptor);
  }
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", function));
  llvm::CallInst *call = builder.CreateCall(
      module.getOrInsertFunction(callee,
                                 llvm::FunctionType::get(result, types, false)),
      arguments);
  if (result->isVoidTy())
    builder.CreateRetVoid();
  else
    builder.CreateRet(call);
}

void InterfaceBuilder::addLoadEmbedded() {
  llvm::Function *function = declare("load_embedded", integer, {pointer});
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", function));
  builder.CreateRet(
      builder.CreateCall(module.getFunction("lowbit_load_memory"),
                         {descriptor, null(), number(0), function->getArg(0)}));
}

void InterfaceBuilder::buildFunctions() {
  addFunction("load", "lowbit_load_file", integer, {pointer, pointer}, true);
  addFunction("load_resident", "lowbit_load_resident", integer,
              {pointer, pointer}, true);
  addFunction("load_memory", "lowbit_load_memory", integer,
              {pointer, word, pointer}, true);
  if (program.embedsWeights)
    addLoadEmbedded();
  addFunction("free", "lowbit_free", nothing, {pointer}, false);
  addFunction("set_threads", "lowbit_set_threads", nothing, {pointer, integer},
              false);
  addFunction("cpu", "lowbit_get_cpu", pointer, {pointer}, false);
  addFunction("error", "lowbit_describe", pointer, {integer}, false);
  addFunction("message", "lowbit_message", pointer, {}, false);
  if (program.isDecoder()) {
    addFunction("create_text", "lowbit_create_text", integer,
                {pointer, pointer}, false);
    addFunction("free_text", "lowbit_free_text", nothing, {pointer}, false);
    addFunction("prefill", "lowbit_prefill", integer,
                {pointer, pointer, word, word, pointer}, false);
    addFunction("decode", "lowbit_decode", integer,
                {pointer, word, word, pointer}, false);
    addFunction("cache_bytes", "lowbit_get_cache_bytes", word, {}, true);
    return;
  }
  addFunction("run", "lowbit_run", integer, {pointer, pointer, pointer}, false);
  addFunction("infer_shapes", "lowbit_infer", integer, {pointer, pointer},
              true);
  addFunction("release", "lowbit_release", nothing, {pointer}, true);
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

void lowbit::redirectAllocation(llvm::Module &module) {
  static constexpr std::pair<llvm::StringLiteral, llvm::StringLiteral>
      kNames[] = {{"malloc", "lowbit_allocate"}, {"free", "lowbit_deallocate"}};
  for (auto [from, to] : kNames)
    if (llvm::Function *function = module.getFunction(from))
      function->setName(to);
}

/// Compilers name themselves in `.comment`, which `readelf -p` prints and
/// linkers keep.
static void addComment(const ProgramInterface &program, llvm::Module &module) {
  if (program.provenance.empty())
    return;
  llvm::LLVMContext &context = module.getContext();
  module.getOrInsertNamedMetadata("llvm.ident")
      ->addOperand(llvm::MDNode::get(
          context,
          llvm::MDString::get(context, "Lowbit " + program.provenance)));
}

llvm::Expected<ProgramCode>
lowbit::generateCode(ProgramInterface &program,
                     llvm::ArrayRef<ProgramVariant> variants) {
  ProgramCode result;
  result.context = std::make_unique<llvm::LLVMContext>();
  std::vector<VariantCode> codes;
  for (const ProgramVariant &variant : variants) {
    std::string suffix = "." + std::to_string(codes.size());
    auto code = compileVariant(
        variant, program, *result.context, [&](llvm::StringRef function) {
          return (program.name + "." + function + suffix).str();
        });
    if (!code)
      return code.takeError();
    codes.push_back(std::move(*code));
  }
  result.machine = std::move(codes.front().machine);
  result.module = std::move(codes.front().module);
  result.module->setModuleIdentifier(program.name);
  result.module->setSourceFileName(program.name);
  for (VariantCode &code : llvm::drop_begin(codes))
    if (llvm::Linker::linkModules(*result.module, std::move(code.module)))
      return makeError("the variants for " + codes.front().cpu + " and " +
                       code.cpu + " cannot be linked");
  redirectAllocation(*result.module);
  program.usesThreads =
      llvm::any_of(*result.module, [](const llvm::Function &function) {
        return function.getName().starts_with("__kmpc_");
      });
  program.triple = result.machine->getTargetTriple().str();
  for (VariantCode &code : codes) {
    for (const EntryCode &entry : code.entries)
      result.module->getFunction(entry.name)
          ->setLinkage(llvm::GlobalValue::InternalLinkage);
    program.cpus.push_back(code.cpu);
  }
  InterfaceBuilder(program, *result.module).build(codes);
  addComment(program, *result.module);
  return result;
}

llvm::Error lowbit::assemble(ProgramCode &code, llvm::CodeGenFileType type,
                             llvm::SmallVectorImpl<char> &output) {
  llvm::raw_svector_ostream stream(output);
  llvm::legacy::PassManager passes;
  if (code.machine->addPassesToEmitFile(passes, stream, nullptr, type))
    return makeError("this target emits no such file");
  passes.run(*code.module);
  return llvm::Error::success();
}
