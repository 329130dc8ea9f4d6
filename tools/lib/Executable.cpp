//===- Executable.cpp - a compiled module that runs here ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLJIT with JITLink: small, position-independent code reaches weights anywhere
// in memory through the global offset table.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Executable.h"
#include "TargetCode.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/Runtime/OpenMP.h"
#include "lowbit/Tools/ElementTypes.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/FatalErrors.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

using namespace lowbit;

/// What `@main` takes or gives.
namespace {
struct Parameter {
  std::string name;
  ElementType type;
  llvm::SmallVector<int64_t, 4> shape;

  /// Words of a memref descriptor: two pointers, offset, sizes, strides.
  size_t getDescriptorWords() const { return 3 + 2 * shape.size(); }
};
} // namespace

struct Executable::Impl {
  std::vector<Parameter> inputs, outputs;
  /// What the session below reports while it links.
  std::string reports;
  std::unique_ptr<llvm::orc::LLJIT> jit;
  void (*entry)(void **) = nullptr;
  void (*setThreads)(int) = nullptr;
  unsigned threads = 0;
  /// Weights that the module keeps as one repeated element.
  std::vector<std::vector<char>> splats;
};

static constexpr llvm::StringLiteral kEntry = "lowbit_entry";

//===----------------------------------------------------------------------===//
// Signature and weights
//===----------------------------------------------------------------------===//

static llvm::Error readParameters(mlir::TypeRange types, mlir::ArrayAttr names,
                                  std::vector<Parameter> &parameters) {
  for (auto [type, name] : llvm::zip_equal(types, names)) {
    auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type);
    std::optional<ElementType> element;
    if (tensor)
      element = getElementType(tensor.getElementType());
    std::string text = mlir::cast<mlir::StringAttr>(name).str();
    if (!element)
      return makeError("'" + text + "' must be a tensor of whole bytes");
    parameters.push_back(
        {text, *element, llvm::SmallVector<int64_t, 4>(tensor.getShape())});
  }
  return llvm::Error::success();
}

static llvm::Error readSignature(mlir::ModuleOp module,
                                 std::vector<Parameter> &inputs,
                                 std::vector<Parameter> &outputs) {
  auto signature =
      module->getAttrOfType<mlir::DictionaryAttr>(kSignatureAttrName);
  if (!signature)
    return makeError("the module has no attribute '" + kSignatureAttrName +
                     "': it must come from lowbit-cpu-to-llvm and have a "
                     "function @main");
  auto type = mlir::cast<mlir::FunctionType>(
      signature.getAs<mlir::TypeAttr>("type").getValue());
  if (llvm::Error error = readParameters(
          type.getInputs(), signature.getAs<mlir::ArrayAttr>("inputs"), inputs))
    return error;
  return readParameters(type.getResults(),
                        signature.getAs<mlir::ArrayAttr>("outputs"), outputs);
}

/// The bytes of a weight, or null.
static const void *getData(mlir::Attribute attr) {
  if (auto resource = mlir::dyn_cast<mlir::DenseResourceElementsAttr>(attr)) {
    mlir::AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    return blob ? blob->getData().data() : nullptr;
  }
  if (auto dense = mlir::dyn_cast<mlir::DenseElementsAttr>(attr))
    if (!dense.isSplat() || dense.getNumElements() == 1)
      return dense.getRawData().data();
  return nullptr;
}

/// A splat written out: the attribute keeps one element only. Null for what is
/// no splat.
static llvm::Expected<const void *>
expandSplat(mlir::Attribute attr, std::vector<std::vector<char>> &storage) {
  // A line of text must not ask for any amount of memory.
  constexpr double kMaxBytes = 0x1p31;
  auto dense = mlir::dyn_cast<mlir::DenseElementsAttr>(attr);
  if (!dense || !dense.isSplat())
    return nullptr;
  llvm::ArrayRef<char> element = dense.getRawData();
  double size = element.size();
  for (int64_t extent : dense.getType().getShape())
    size *= extent;
  if (size > kMaxBytes)
    return makeError("requires a splat of at most 2^31 bytes when written out, "
                     "found " +
                     llvm::formatv("{0:f0}", size).str());
  std::vector<char> &bytes = storage.emplace_back();
  bytes.reserve(size);
  for (int64_t i = 0, e = dense.getNumElements(); i < e; ++i)
    bytes.insert(bytes.end(), element.begin(), element.end());
  return bytes.data();
}

//===----------------------------------------------------------------------===//
// Linking
//===----------------------------------------------------------------------===//

/// `void lowbit_entry(void **arguments)`: unpacks pointers for the C interface
/// of `@main`.
static llvm::Error addEntry(llvm::Module &module) {
  llvm::Function *main = module.getFunction("_mlir_ciface_main");
  if (!main)
    return makeError("the module has no public function @main");
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::get(context, 0);
  auto *type =
      llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer}, false);
  auto *entry = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage,
                                       kEntry, module);
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", entry));
  llvm::SmallVector<llvm::Value *> arguments;
  for (unsigned i = 0; i < main->arg_size(); ++i)
    arguments.push_back(builder.CreateLoad(
        pointer, builder.CreateConstGEP1_64(pointer, entry->getArg(0), i)));
  builder.CreateCall(main, arguments);
  builder.CreateRetVoid();
  return llvm::Error::success();
}

/// Lets the code find LLVM's OpenMP library and the C library: both are in the
/// process.
static llvm::Error addProcessSymbols(llvm::orc::LLJIT &jit) {
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
  return jit.getMainJITDylib().define(llvm::orc::absoluteSymbols(
      {{jit.mangleAndIntern("malloc"),
        {llvm::orc::ExecutorAddr::fromPtr(&allocateForModel),
         llvm::JITSymbolFlags::Exported}}}));
}

/// The name that people gave to the weight behind a symbol.
static llvm::StringRef getWeightName(llvm::StringRef symbol) {
  symbol.consume_front(kWeightSymbolPrefix);
  return symbol;
}

/// The address of every weight that the module declares and does not define.
static llvm::Error defineWeights(mlir::ModuleOp module,
                                 const ExecutableOptions &options,
                                 llvm::orc::LLJIT &jit,
                                 std::vector<std::vector<char>> &splats) {
  auto data = module->getAttrOfType<mlir::DictionaryAttr>(kWeightsAttrName);
  llvm::orc::SymbolMap symbols;
  for (auto global : module.getOps<mlir::LLVM::GlobalOp>()) {
    if (global.getValueAttr() || !global.getInitializerRegion().empty())
      continue;
    llvm::StringRef name = global.getSymName();
    const void *address = options.weights.lookup(name);
    if (mlir::Attribute attr = data ? data.get(name) : nullptr;
        attr && !address) {
      address = getData(attr);
      if (!address) {
        llvm::Expected<const void *> splat = expandSplat(attr, splats);
        if (!splat)
          return makeError("weight '" + getWeightName(name) +
                           "': " + llvm::toString(splat.takeError()));
        address = *splat;
      }
    }
    if (!address)
      return makeError("weight '" + getWeightName(name) + "' has no data");
    symbols[jit.mangleAndIntern(name)] = {
        llvm::orc::ExecutorAddr::fromPtr(address),
        llvm::JITSymbolFlags::Exported};
  }
  return jit.getMainJITDylib().define(
      llvm::orc::absoluteSymbols(std::move(symbols)));
}

/// Compiles and adds the code of `module`.
static llvm::Error addCode(mlir::ModuleOp module,
                           llvm::orc::JITTargetMachineBuilder builder,
                           unsigned optLevel, llvm::orc::LLJIT &jit) {
  auto machine = builder.createTargetMachine();
  if (!machine)
    return machine.takeError();
  auto context = std::make_unique<llvm::LLVMContext>();
  auto code =
      translateAndOptimize(module, *context, **machine, optLevel, addEntry);
  if (!code)
    return code.takeError();
  return jit.addIRModule(
      llvm::orc::ThreadSafeModule(std::move(*code), std::move(context)));
}

Executable::Executable(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
Executable::~Executable() = default;

llvm::Expected<std::unique_ptr<Executable>>
Executable::create(mlir::ModuleOp module, const ExecutableOptions &options) {
  auto impl = std::make_unique<Impl>();
  if (llvm::Error error = readSignature(module, impl->inputs, impl->outputs))
    return std::move(error);
  auto builder = getTargetBuilder(options.cpu, options.optLevel);
  if (!builder)
    return builder.takeError();
  auto jit =
      llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(*builder).create();
  if (!jit)
    return jit.takeError();
  impl->jit = std::move(*jit);
  impl->jit->getExecutionSession().setErrorReporter([&reports = impl->reports](
                                                        llvm::Error error) {
    reports += (reports.empty() ? "" : "; ") + llvm::toString(std::move(error));
  });
  if (llvm::Error error = addProcessSymbols(*impl->jit))
    return std::move(error);
  if (llvm::Error error =
          defineWeights(module, options, *impl->jit, impl->splats))
    return std::move(error);
  if (llvm::Error error =
          addCode(module, *builder, options.optLevel, *impl->jit))
    return std::move(error);
  auto entry = impl->jit->lookup(kEntry);
  if (!entry) {
    // The session's own reports say what this error only hints at.
    std::string failure = llvm::toString(entry.takeError());
    return makeError("the code cannot be linked: " +
                     (impl->reports.empty() ? failure : impl->reports));
  }
  impl->entry = entry->toPtr<void (*)(void **)>();
  auto setThreads = impl->jit->lookup("omp_set_num_threads");
  if (!setThreads)
    return setThreads.takeError();
  impl->setThreads = setThreads->toPtr<void (*)(int)>();
  impl->threads = options.threads;
  return std::unique_ptr<Executable>(new Executable(std::move(impl)));
}

void Executable::setThreads(unsigned threads) {
  impl->threads = std::max(threads, 1u);
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

static llvm::Error checkInput(const Parameter &wanted,
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
static HostTensor takeResult(const Parameter &parameter, const int64_t *words) {
  size_t rank = parameter.shape.size();
  llvm::ArrayRef<int64_t> shape(words + 3, rank);
  std::shared_ptr<const void> owner(
      reinterpret_cast<void *>(words[0]),
      [](const void *data) { free(const_cast<void *>(data)); });
  uint64_t bytes = *getByteSize(parameter.type, shape);
  char *data = reinterpret_cast<char *>(words[1]) +
               words[2] * getByteSize(parameter.type);
  return HostTensor::view(parameter.type, shape,
                          llvm::MutableArrayRef<char>(data, bytes),
                          std::move(owner));
}

llvm::Expected<std::vector<HostTensor>>
Executable::run(llvm::ArrayRef<HostTensor> inputs) {
  if (inputs.size() != impl->inputs.size())
    return makeError("requires " + llvm::Twine(impl->inputs.size()) +
                     " inputs, found " + llvm::Twine(inputs.size()));
  std::vector<std::vector<int64_t>> descriptors;
  for (auto [wanted, found] : llvm::zip_equal(impl->inputs, inputs)) {
    if (llvm::Error error = checkInput(wanted, found))
      return std::move(error);
    descriptors.push_back(describeBuffer(found));
  }
  size_t resultWords = 0;
  for (const Parameter &output : impl->outputs)
    resultWords += output.getDescriptorWords();
  std::vector<int64_t> results(resultWords);
  std::vector<void *> arguments;
  if (!impl->outputs.empty())
    arguments.push_back(results.data());
  for (std::vector<int64_t> &descriptor : descriptors)
    arguments.push_back(descriptor.data());

  if (impl->threads)
    impl->setThreads(impl->threads);
  impl->entry(arguments.data());

  std::vector<HostTensor> outputs;
  const int64_t *words = results.data();
  for (const Parameter &output : impl->outputs) {
    outputs.push_back(takeResult(output, words));
    words += output.getDescriptorWords();
  }
  return outputs;
}
