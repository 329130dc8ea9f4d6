//===- Executable.cpp - a compiled module that runs here ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLJIT with JITLink: small, position-independent code reaches weights anywhere
// in memory through the global offset table.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Executable.h"
#include "LoweredModule.h"
#include "TargetCode.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/Runtime/OpenMP.h"
#include "lowbit/Runtime/Tiles.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/FatalErrors.h"
#include "lowbit/Transforms/Cache.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

using namespace lowbit;

/// Words of a memref descriptor: two pointers, offset, sizes, strides.
static size_t getDescriptorWords(const TensorSpec &spec) {
  return 3 + 2 * spec.shape.size();
}

/// A function that can be called.
struct Executable::Function {
  std::string name;
  Signature signature;
  void (*entry)(void **, const void *const *) = nullptr;
  /// What it computes in, and its descriptor.
  HostTensor workspace;

  unsigned getNumArguments() const {
    return (signature.outputs.empty() ? 0 : 1) + signature.inputs.size() +
           (signature.workspace ? 1 : 0);
  }
};

struct Executable::Impl {
  llvm::Error addFunctions(mlir::ModuleOp module);
  llvm::Error createJIT(llvm::orc::JITTargetMachineBuilder builder);
  llvm::Error addEntries(llvm::Module &code) const;
  llvm::Error findEntries();

  /// `@main` alone, or those of a model with states.
  std::vector<Function> functions;
  /// What the session below reports while it links.
  std::string reports;
  std::unique_ptr<llvm::orc::LLJIT> jit;
  void (*setThreads)(int) = nullptr;
  unsigned threads = 0;
  void (*release)(void *) = nullptr;
  WeightStorage storage;
};

/// How the names of entries begin.
static constexpr llvm::StringLiteral kEntry = "lowbit_entry_";

//===----------------------------------------------------------------------===//
// Linking
//===----------------------------------------------------------------------===//

/// Lets the code find LLVM's OpenMP library and the C library: both are in the
/// process.
static llvm::Error addProcessSymbols(const ExecutableOptions &options,
                                     llvm::orc::LLJIT &jit) {
  if (!lowbit_load_openmp(
          reinterpret_cast<const void *>(&llvm::sys::getHostCPUName)))
    return makeError(
        "LLVM's OpenMP library was not found (looked for " LOWBIT_OPENMP_NAMES
        "): install libomp-22-dev");
  auto process = llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      jit.getDataLayout().getGlobalPrefix());
  if (!process)
    return process.takeError();
  jit.getMainJITDylib().addGenerator(std::move(*process));
  auto define = [](auto *function) -> llvm::orc::ExecutorSymbolDef {
    return {llvm::orc::ExecutorAddr::fromPtr(function),
            llvm::JITSymbolFlags::Exported};
  };
  return jit.getMainJITDylib().define(llvm::orc::absoluteSymbols(
      {{jit.mangleAndIntern("malloc"), define(options.allocate)},
       {jit.mangleAndIntern("free"), define(options.release)}}));
}

/// The address of every weight that the module declares and does not define.
static llvm::Error defineWeights(mlir::ModuleOp module,
                                 const ExecutableOptions &options,
                                 llvm::orc::LLJIT &jit,
                                 WeightStorage &storage) {
  llvm::orc::SymbolMap symbols;
  for (auto global : module.getOps<mlir::LLVM::GlobalOp>()) {
    if (global.getValueAttr() || !global.getInitializerRegion().empty())
      continue;
    llvm::StringRef name = global.getSymName();
    const void *address = options.weights.lookup(name);
    if (!address) {
      llvm::Expected<SafetensorsEntry> weight =
          getBoundWeight(module, name, storage);
      if (!weight)
        return weight.takeError();
      address = weight->bytes.data();
    }
    symbols[jit.mangleAndIntern(name)] = {
        llvm::orc::ExecutorAddr::fromPtr(address),
        llvm::JITSymbolFlags::Exported};
  }
  return jit.getMainJITDylib().define(
      llvm::orc::absoluteSymbols(std::move(symbols)));
}

/// Whether code loads tiles, which processes have to ask the system for.
static bool usesTiles(const llvm::Module &code) {
  return llvm::any_of(code, [](const llvm::Function &function) {
    return function.getName().starts_with("llvm.x86.tileload");
  });
}

/// Compiles and adds the code of `module`.
static llvm::Error
addCode(mlir::ModuleOp module,
        const llvm::orc::JITTargetMachineBuilder &builder, unsigned optLevel,
        llvm::function_ref<llvm::Error(llvm::Module &)> addEntries,
        llvm::orc::LLJIT &jit) {
  auto prepare = [&](llvm::Module &code) -> llvm::Error {
    if (usesTiles(code) && !lowbit_request_tiles())
      return makeError(
          "the code requires tiles (AMX), which this system refuses; "
          "compile for another CPU, such as x86-64-v4");
    return addEntries(code);
  };
  auto objects = translateToObjects(module, builder, optLevel, prepare);
  if (!objects)
    return objects.takeError();
  for (std::unique_ptr<llvm::MemoryBuffer> &object : *objects)
    if (llvm::Error error = jit.addObjectFile(std::move(object)))
      return error;
  return llvm::Error::success();
}

/// Takes what the module says of its functions, and allocates what they compute
/// in.
llvm::Error Executable::Impl::addFunctions(mlir::ModuleOp module) {
  for (llvm::StringRef name :
       {llvm::StringRef(kPrefillFunction), llvm::StringRef(kDecodeFunction),
        llvm::StringRef(kMainFunction)}) {
    // An error about `@main` is for modules that have none of the others.
    if (!module->hasAttr(getSignatureAttrName(name)) &&
        (name != kMainFunction || !functions.empty()))
      continue;
    llvm::Expected<Signature> signature = getLoweredSignature(module, name);
    if (!signature)
      return signature.takeError();
    Function function;
    function.name = name.str();
    if (signature->workspace)
      function.workspace = HostTensor::allocate(
          ElementType::I8, {static_cast<int64_t>(*signature->workspace)});
    function.signature = std::move(*signature);
    functions.push_back(std::move(function));
  }
  return llvm::Error::success();
}

llvm::Error
Executable::Impl::createJIT(llvm::orc::JITTargetMachineBuilder builder) {
  auto created = llvm::orc::LLJITBuilder()
                     .setJITTargetMachineBuilder(std::move(builder))
                     .create();
  if (!created)
    return created.takeError();
  jit = std::move(*created);
  jit->getExecutionSession().setErrorReporter([&reports =
                                                   reports](llvm::Error error) {
    reports += (reports.empty() ? "" : "; ") + llvm::toString(std::move(error));
  });
  return llvm::Error::success();
}

llvm::Error Executable::Impl::addEntries(llvm::Module &code) const {
  for (const Function &function : functions)
    if (llvm::Error error = addEntry(code, (kEntry + function.name).str(),
                                     function.getNumArguments(), function.name)
                                .takeError())
      return error;
  return llvm::Error::success();
}

/// Links the code, and finds what is called.
llvm::Error Executable::Impl::findEntries() {
  for (Function &function : functions) {
    auto entry = jit->lookup((kEntry + function.name).str());
    if (!entry) {
      // The session's own reports say what this error only hints at.
      std::string failure = llvm::toString(entry.takeError());
      return makeError("the code cannot be linked: " +
                       (reports.empty() ? failure : reports));
    }
    function.entry = entry->toPtr<void (*)(void **, const void *const *)>();
  }
  auto found = jit->lookup("omp_set_num_threads");
  if (!found)
    return found.takeError();
  setThreads = found->toPtr<void (*)(int)>();
  return llvm::Error::success();
}

Executable::Executable(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
Executable::~Executable() = default;

llvm::Expected<std::unique_ptr<Executable>>
Executable::create(mlir::ModuleOp module, const ExecutableOptions &options) {
  auto impl = std::make_unique<Impl>();
  impl->threads = options.threads;
  impl->release = options.release;
  if (llvm::Error error = impl->addFunctions(module))
    return std::move(error);
  auto builder = getTargetBuilder(options.cpu, options.optLevel);
  if (!builder)
    return builder.takeError();
  if (llvm::Error error = impl->createJIT(*builder))
    return std::move(error);
  if (llvm::Error error = addProcessSymbols(options, *impl->jit))
    return std::move(error);
  if (llvm::Error error =
          defineWeights(module, options, *impl->jit, impl->storage))
    return std::move(error);
  auto addEntries = [&](llvm::Module &code) { return impl->addEntries(code); };
  if (llvm::Error error =
          addCode(module, *builder, options.optLevel, addEntries, *impl->jit))
    return std::move(error);
  if (llvm::Error error = impl->findEntries())
    return std::move(error);
  return std::unique_ptr<Executable>(new Executable(std::move(impl)));
}

void Executable::setThreads(unsigned threads) {
  impl->threads = std::max(threads, 1u);
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

static llvm::Error checkInput(const TensorSpec &wanted,
                              const HostTensor &found) {
  bool fits = wanted.type == found.getType() &&
              wanted.shape.size() == found.getShape().size();
  for (size_t i = 0; fits && i < wanted.shape.size(); ++i)
    fits = wanted.shape[i] < 0 || wanted.shape[i] == found.getShape()[i];
  if (fits)
    return llvm::Error::success();
  return makeError("input '" + wanted.name + "': requires " +
                   describe(wanted.type, wanted.shape) + ", found " +
                   found.describe());
}

/// A memref descriptor of row-major data.
static std::vector<int64_t> describeBuffer(const HostTensor &tensor) {
  auto address = reinterpret_cast<int64_t>(tensor.getBytes().data());
  std::vector<int64_t> words = {address, address, 0};
  llvm::ArrayRef<int64_t> shape = tensor.getShape();
  words.insert(words.end(), shape.begin(), shape.end());
  words.resize(3 + 2 * shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0; stride *= shape[i])
    words[3 + shape.size() + i] = stride;
  return words;
}

/// Takes over the buffer of a result, which is row-major: functions return
/// buffers of identity layout.
static HostTensor takeResult(const TensorSpec &parameter, const int64_t *words,
                             void (*release)(void *)) {
  size_t rank = parameter.shape.size();
  llvm::ArrayRef<int64_t> shape(words + 3, rank);
  std::shared_ptr<const void> owner(
      reinterpret_cast<void *>(words[0]),
      [release](const void *data) { release(const_cast<void *>(data)); });
  uint64_t bytes = *getByteSize(parameter.type, shape);
  char *data = reinterpret_cast<char *>(words[1]) +
               words[2] * getByteSize(parameter.type);
  return HostTensor::view(parameter.type, shape,
                          llvm::MutableArrayRef<char>(data, bytes),
                          std::move(owner));
}

const Signature *Executable::getFunction(llvm::StringRef name) const {
  for (const Function &function : impl->functions)
    if (function.name == name)
      return &function.signature;
  return nullptr;
}

llvm::Expected<Executable::Call>
Executable::prepare(llvm::StringRef name, llvm::ArrayRef<HostTensor> inputs) {
  auto *function = llvm::find_if(
      llvm::MutableArrayRef(impl->functions),
      [&](const Function &function) { return function.name == name; });
  if (function == impl->functions.data() + impl->functions.size())
    return makeError("the model has no function @" + name);
  const Signature &signature = function->signature;
  if (inputs.size() != signature.inputs.size())
    return makeError("requires " + llvm::Twine(signature.inputs.size()) +
                     " inputs, found " + llvm::Twine(inputs.size()));
  Call call;
  call.executable = this;
  call.entry = function->entry;
  call.signature = &function->signature;
  call.inputs.assign(inputs.begin(), inputs.end());
  for (auto [wanted, found] : llvm::zip_equal(signature.inputs, inputs)) {
    if (llvm::Error error = checkInput(wanted, found))
      return std::move(error);
    call.descriptors.push_back(describeBuffer(found));
  }
  if (signature.workspace)
    call.descriptors.push_back(describeBuffer(function->workspace));
  size_t resultWords = 0;
  for (const TensorSpec &output : signature.outputs)
    resultWords += getDescriptorWords(output);
  call.results.resize(resultWords);
  if (!signature.outputs.empty())
    call.arguments.push_back(call.results.data());
  for (std::vector<int64_t> &descriptor : call.descriptors)
    call.arguments.push_back(descriptor.data());
  return std::move(call);
}

void Executable::Call::operator()(const void *const *weights) {
  Impl &impl = *executable->impl;
  if (impl.threads)
    impl.setThreads(impl.threads);
  entry(arguments.data(), weights);
}

llvm::Expected<std::vector<HostTensor>>
Executable::run(llvm::ArrayRef<HostTensor> inputs) {
  return run(kMainFunction, inputs);
}

llvm::Expected<std::vector<HostTensor>>
Executable::run(llvm::StringRef function, llvm::ArrayRef<HostTensor> inputs) {
  llvm::Expected<Call> call = prepare(function, inputs);
  if (!call)
    return call.takeError();
  (*call)();
  return call->getOutputs();
}

std::vector<HostTensor> Executable::Call::getOutputs() const {
  // What lies in a workspace stays there.
  auto release =
      signature->workspace ? [](void *) {} : executable->impl->release;
  std::vector<HostTensor> outputs;
  const int64_t *words = results.data();
  for (const TensorSpec &output : signature->outputs) {
    outputs.push_back(takeResult(output, words, release));
    words += getDescriptorWords(output);
  }
  return outputs;
}
