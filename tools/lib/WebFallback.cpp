//===- WebFallback.cpp - a web module's model for WebAssembly -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// It is the model that shaders compute: the same functions, layers and codes.
// Weights of layers move to the layout of the CPU's kernels, which tells how
// the page moves them.
//
//===----------------------------------------------------------------------===//

#include "WebFallback.h"
#include "Linker.h"
#include "StackNeed.h"
#include "WasmModule.h"
#include "WidenBoundary.h"
#include "lowbit/CodeGen/CPU/Kernels.h"
#include "lowbit/CodeGen/CPU/Passes.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Object/Wasm.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace lowbit;

namespace json = llvm::json;

/// How the functions' names begin: they are nobody's but the page's.
static constexpr llvm::StringLiteral kName = "model";

/// Names of the run time and of the linker.
static constexpr llvm::StringLiteral kAllocate = "lowbit_allocate";
static constexpr llvm::StringLiteral kHeapBase = "__heap_base";

/// What engines may have, those that have more first.
static constexpr llvm::StringLiteral kProcessors[] = {"relaxed-simd",
                                                      "simd128"};

FallbackCompiler::FallbackCompiler(llvm::StringRef output,
                                   const CompileOptions &given)
    : output(output), options(given) {
  options.target = "cpu";
  options.triple = "wasm32-unknown-unknown";
  options.parallel = false;
  // The shaders' module shares the data.
  options.releaseData = false;
}

llvm::Expected<WebFallback> FallbackCompiler::compile(mlir::ModuleOp packed) {
  llvm::Expected<std::string> foundLinker = findWasmLinker("");
  if (!foundLinker)
    return foundLinker.takeError();
  linker = std::move(*foundLinker);
  llvm::Expected<std::string> foundRuntime = findWasmRuntime("");
  if (!foundRuntime)
    return foundRuntime.takeError();
  runtime = std::move(*foundRuntime);
  WebFallback fallback;
  model = packed.clone();
  // As the schedules of the shaders have it, which the page goes by.
  widenBoundary(*model);
  if (llvm::Error error = repack(packed, fallback))
    return std::move(error);
  if (llvm::Error error = lower())
    return std::move(error);
  auto created = createInterface(kName, *model, variants);
  if (!created)
    return created.takeError();
  program = std::move(*created);
  if (llvm::Error error = describeFunctions(fallback))
    return std::move(error);
  if (llvm::Error error = generate(fallback))
    return std::move(error);
  if (llvm::Error error = listWeights(fallback))
    return std::move(error);
  return std::move(fallback);
}

/// Packs the model for the CPU's kernels, and notes what weights are packed
/// how.
llvm::Error FallbackCompiler::repack(mlir::ModuleOp packed,
                                     WebFallback &fallback) {
  DiagnosticText errors(*packed.getContext());
  mlir::PassManager manager(packed.getContext());
  SetCPUTargetPassOptions target;
  target.cpu = kProcessors[0].str();
  target.triple = options.triple;
  manager.addPass(createSetCPUTargetPass(target));
  PackWeightsPassOptions pack;
  pack.repack = true;
  manager.addPass(createPackWeightsPass(pack));
  if (failed(manager.run(*model)))
    return errors.takeError("a pass failed without a reason");
  mlir::SymbolTable shaders(packed);
  for (auto global : model->getOps<GlobalOp>()) {
    auto own = shaders.lookup<GlobalOp>(global.getSymName());
    auto from = own ? llvm::dyn_cast<QuantizedTensorType>(own.getType())
                    : QuantizedTensorType();
    auto to = llvm::dyn_cast<QuantizedTensorType>(global.getType());
    if (from && to)
      fallback.types[global.getSymName()] = {from, to};
  }
  return llvm::Error::success();
}

/// Lowers the model for each processor.
llvm::Error FallbackCompiler::lower() {
  for (llvm::StringRef processor : kProcessors) {
    options.cpu = processor.str();
    variants.push_back({options.cpu, options.triple, model->clone()});
    mlir::ModuleOp module = *variants.back().module;
    // A page runs one function at a time, and says beforehand what they take.
    module->setAttr(kWorkspacesAttrName,
                    mlir::UnitAttr::get(module.getContext()));
    if (llvm::Error error =
            compileModule(module, Phase::Lower, options, Phase::Lower))
      return error;
    DiagnosticText errors(*module.getContext());
    mlir::PassManager manager(module.getContext());
    manager.addPass(createCPUWeightTablePass());
    if (failed(manager.run(module)))
      return errors.takeError("a pass failed without a reason");
  }
  return llvm::Error::success();
}

static std::vector<WebFallback::Tensor>
describeTensors(llvm::ArrayRef<TensorSpec> specs) {
  std::vector<WebFallback::Tensor> tensors;
  for (const TensorSpec &spec : specs)
    tensors.push_back(
        {getScriptTypeName(spec.type),
         std::vector<int64_t>(spec.shape.begin(), spec.shape.end())});
  return tensors;
}

/// What the lowered functions take and give.
llvm::Error FallbackCompiler::describeFunctions(WebFallback &fallback) {
  for (const std::string &name : program->functions) {
    auto signature = getLoweredSignature(*variants.front().module, name);
    if (!signature)
      return signature.takeError();
    fallback.functions[name] = {describeTensors(signature->inputs),
                                describeTensors(signature->outputs)};
  }
  return llvm::Error::success();
}

/// Whether an object calls the run time for memory.
static llvm::Expected<bool> findAllocation(llvm::StringRef object) {
  auto read = llvm::object::ObjectFile::createWasmObjectFile({object, "code"});
  if (!read)
    return read.takeError();
  return llvm::any_of((*read)->symbols(), [](llvm::object::SymbolRef symbol) {
    llvm::Expected<llvm::StringRef> name = symbol.getName();
    if (!name)
      llvm::consumeError(name.takeError());
    return name && *name == kAllocate;
  });
}

/// What a linked module says of the end of its data.
static llvm::Expected<uint64_t> findHeapBase(llvm::StringRef module) {
  auto read = llvm::object::ObjectFile::createWasmObjectFile({module, "code"});
  if (!read)
    return read.takeError();
  for (const llvm::wasm::WasmExport &exported : (*read)->exports())
    if (exported.Name == kHeapBase)
      for (const llvm::wasm::WasmGlobal &global : (*read)->globals())
        if (global.Index == exported.Index)
          return uint32_t(global.InitExpr.Inst.Value.Int32);
  return makeError("the linked module requires the export " + kHeapBase +
                   ", found none");
}

/// A linked module, and what it takes of memory.
llvm::Expected<WebFallback::Code>
FallbackCompiler::link(ProgramCode &code, llvm::ArrayRef<EntryCode> entries,
                       llvm::StringRef variant) {
  llvm::Expected<AtomicOutput> object = AtomicOutput::create(output + ".o");
  if (!object)
    return object.takeError();
  llvm::Expected<AtomicOutput> module = AtomicOutput::create(output + ".wasm");
  if (!module)
    return module.takeError();
  llvm::SmallVector<char, 0> bytes;
  StackNeed stack(*code.module);
  if (llvm::Error error =
          assemble(code, llvm::CodeGenFileType::ObjectFile, bytes))
    return std::move(error);
  llvm::StringRef text(bytes.data(), bytes.size());
  auto allocates = findAllocation(text);
  if (!allocates)
    return allocates.takeError();
  object->os() << text;
  if (llvm::Error error = object->finish())
    return std::move(error);
  std::vector<std::string> functions = {kHeapBase.str()};
  for (const EntryCode &entry : entries)
    functions.push_back(entry.name);
  LinkJob job{linker, runtime, object->getTemporaryPath().str(),
              module->getTemporaryPath().str(), /*soname=*/""};
  job.stackBytes = stack.getBytes();
  if (llvm::Error error = linkWasm(job, functions))
    return std::move(error);
  auto linked = llvm::MemoryBuffer::getFile(job.output);
  if (!linked)
    return makeFileError(job.output,
                         "cannot be read: " + linked.getError().message());
  auto heapBase = findHeapBase((*linked)->getBuffer());
  if (!heapBase)
    return heapBase.takeError();
  return WebFallback::Code{variant.str(), (*linked)->getBuffer().str(),
                           *heapBase, *allocates};
}

/// Compiles the variants, and says what they offer.
llvm::Error FallbackCompiler::generate(WebFallback &fallback) {
  json::Array described, tableRows;
  for (auto [variant, table] : llvm::zip_equal(variants, program->tables)) {
    std::vector<EntryCode> entries;
    auto code = generateWasmCode(*program, variant, entries);
    if (!code)
      return code.takeError();
    auto linked = link(*code, entries, variant.cpu);
    if (!linked)
      return linked.takeError();
    fallback.codes.push_back(std::move(*linked));
    json::Object functions;
    for (auto [name, entry] : llvm::zip_equal(program->functions, entries)) {
      json::Object function{{"export", entry.name}};
      if (entry.workspace)
        function["workspace"] = int64_t(*entry.workspace);
      functions[name] = std::move(function);
    }
    json::Object fields{{"name", variant.cpu},
                        {"functions", std::move(functions)},
                        {"weights", json::Array(table)}};
    auto temporaries =
        (*variant.module)
            ->getAttrOfType<mlir::IntegerAttr>(kTemporariesAttrName);
    if (temporaries && temporaries.getInt() > 0)
      fields["temporaries"] = temporaries.getInt();
    described.push_back(std::move(fields));
  }
  for (const ProgramTensor &input : program->inputs)
    tableRows.push_back(int64_t(input.spec.tableRows));
  fallback.program = json::Object{{"variants", std::move(described)},
                                  {"tableRows", std::move(tableRows)}};
  return llvm::Error::success();
}

/// In the order of the program, whose functions number them.
llvm::Error FallbackCompiler::listWeights(WebFallback &fallback) {
  for (const SafetensorsEntry &weight : program->weights) {
    mlir::ElementsAttr elements;
    for (ProgramVariant &variant : variants)
      if (auto data =
              (*variant.module)
                  ->getAttrOfType<mlir::DictionaryAttr>(kWeightsAttrName);
          data && !elements)
        elements = data.getAs<mlir::ElementsAttr>(
            (kWeightSymbolPrefix + weight.name).str());
    if (!elements)
      return makeError("weight '" + weight.name +
                       "' of the WebAssembly has no data");
    fallback.weights.push_back({weight.name, elements});
  }
  return llvm::Error::success();
}
