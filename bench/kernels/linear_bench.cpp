//===- linear_bench.cpp - speed of the low-bit kernels --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One layer, compiled and called as models are: the time includes quantizing
// the activations and allocating the result, which `overhead` rows show. The
// matrix is reused from call to call, so that it comes from the last cache that
// holds it.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Executable.h"
#include "lowbit/Tools/Registration.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include <benchmark/benchmark.h>
#include <cstring>
#include <map>
#include <random>

using namespace lowbit;

namespace {

/// A compiled layer y = x Wᵀ with N x K weights.
struct Layer {
  Layer(const std::string &method, const std::string &cpu, int64_t n,
        int64_t k);

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<Executable> executable;
  std::vector<HostTensor> weights;
  int64_t packedBytes = 0;
  std::string error;
};

} // namespace

static HostTensor createNumbers(llvm::ArrayRef<int64_t> shape) {
  HostTensor tensor = HostTensor::allocate(ElementType::F32, shape);
  std::minstd_rand generator(1);
  std::normal_distribution<float> normal(0, 0.02f);
  for (float &value : tensor.getMutableAs<float>())
    value = normal(generator);
  return tensor;
}

/// The layer with float weights, which are in a resource.
static mlir::OwningOpRef<mlir::ModuleOp>
createModule(mlir::MLIRContext &context, int64_t n, int64_t k) {
  std::string in = std::to_string(k) + "xf32>",
              out = std::to_string(n) + "xf32>";
  std::string weight = "tensor<" + std::to_string(n) + "x" + in;
  std::string text =
      "lowbit.global @w : " + weight + " {data = dense<0.5> : " + weight +
      "}\nfunc.func @main(%x: tensor<?x" + in + ") -> tensor<?x" + out +
      " {\n%w = lowbit.weight @w : " + weight +
      "\n%y = lowbit.linear %x, %w : tensor<?x" + in + ", " + weight +
      " -> tensor<?x" + out + "\nreturn %y : tensor<?x" + out + "\n}\n";
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  auto global = *module->getOps<GlobalOp>().begin();
  HostTensor numbers = createNumbers({n, k});
  auto data = mlir::DenseResourceElementsAttr::get(
      mlir::cast<mlir::ShapedType>(global.getType()), "w",
      mlir::HeapAsmResourceBlob::allocateAndCopyWithAlign(
          numbers.getBytes(), 64, /*dataIsMutable=*/false));
  mlir::Builder builder(&context);
  global.setComponentsAttr(
      builder.getDictionaryAttr(builder.getNamedAttr(component::kData, data)));
  return module;
}

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

/// The layer that `method` names; the driver quantizes it, or it is already.
static mlir::OwningOpRef<mlir::ModuleOp> createLayer(mlir::MLIRContext &context,
                                                     const std::string &method,
                                                     int64_t n, int64_t k,
                                                     CompileOptions &options) {
  unsigned rate, state;
  if (std::sscanf(method.c_str(), "trellis%u-s%u", &rate, &state) == 2)
    return createTrellis(context, rate, state, n, k);
  options.method = method;
  return createModule(context, n, k);
}

Layer::Layer(const std::string &method, const std::string &cpu, int64_t n,
             int64_t k) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  CompileOptions options;
  module = createLayer(context, method, n, k, options);
  options.cpu = cpu;
  options.scaleSearch = "absmax";
  if (llvm::Error failure = compileModule(*module, Phase::Lower, options)) {
    error = llvm::toString(std::move(failure));
    return;
  }
  // Weights that come from files are aligned to cache lines.
  ExecutableOptions execution;
  execution.cpu = cpu;
  auto data = (*module)->getAttrOfType<mlir::DictionaryAttr>(kWeightsAttrName);
  for (mlir::NamedAttribute weight : data)
    if (auto resource = mlir::dyn_cast<mlir::DenseResourceElementsAttr>(
            weight.getValue())) {
      llvm::ArrayRef<char> bytes = resource.getRawHandle().getBlob()->getData();
      packedBytes += bytes.size();
      HostTensor &copy = weights.emplace_back(
          HostTensor::allocate(ElementType::I8, {int64_t(bytes.size())}));
      std::memcpy(copy.getMutableBytes().data(), bytes.data(), bytes.size());
      execution.weights[weight.getName()] = copy.getBytes().data();
    }
  auto created = Executable::create(*module, execution);
  if (created)
    executable = std::move(*created);
  else
    error = llvm::toString(created.takeError());
}

static void linearBench(benchmark::State &state, const std::string &method,
                        const std::string &cpu, int64_t n, int64_t k, int64_t m,
                        unsigned threads) {
  // The last layer only: benchmarks of one layer follow one another.
  static std::string key;
  static std::unique_ptr<Layer> layer;
  std::string wanted =
      method + "/" + cpu + std::to_string(n) + "/" + std::to_string(k);
  if (key != wanted) {
    layer = std::make_unique<Layer>(method, cpu, n, k);
    key = wanted;
  }
  if (!layer->executable) {
    state.SkipWithError(layer->error.c_str());
    return;
  }
  layer->executable->setThreads(threads);
  HostTensor x = createNumbers({m, k});
  for (auto _ : state) {
    auto y = layer->executable->run(x);
    if (!y) {
      state.SkipWithError(llvm::toString(y.takeError()).c_str());
      return;
    }
    benchmark::DoNotOptimize(y->front().getBytes().data());
  }
  using benchmark::Counter;
  state.counters["GFLOP/s"] =
      Counter(2e-9 * n * k * m, Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] =
      Counter(1e-9 * layer->packedBytes, Counter::kIsIterationInvariantRate);
}

static const int registered = [] {
  struct Shape {
    int64_t n, k, m;
  };
  auto add = [](const std::string &method, Shape shape, unsigned threads,
                const std::string &cpu = "native") {
    auto [n, k, m] = shape;
    std::string name =
        "linear/" + method + (cpu == "native" ? "" : "/cpu:" + cpu) +
        "/N:" + std::to_string(n) + "/K:" + std::to_string(k) +
        "/M:" + std::to_string(m) + "/threads:" + std::to_string(threads);
    benchmark::RegisterBenchmark(name.c_str(), linearBench, method, cpu, n, k,
                                 m, threads)
        ->Unit(benchmark::kMicrosecond)
        ->UseRealTime();
  };
  for (const char *method : {"int8", "int4-g32", "int4-g32-a8", "uint4-g32",
                             "int3-g32", "int2-g32", "int1-g32"}) {
    for (int64_t m : {1, 8, 128})
      for (unsigned threads : {1, 2})
        add(method, {4096, 4096, m}, threads);
    add(method, {768, 768, 1}, 1);
  }
  // Codes that are looked up.
  for (const char *method :
       {"nf4", "fp4-g32", "mxfp4", "mxfp6-e2m3", "mxfp6-e3m2", "mxfp8-e4m3",
        "fp8-e4m3", "fp8-e5m2", "mxint8", "nvfp4", "ternary", "cb2-g32"})
    add(method, {4096, 4096, 1}, 1);
  // Tables and scales that are data; groups of other sizes.
  for (const char *method :
       {"kmeans2",   "kmeans3",        "kmeans4",      "kmeans5",
        "kmeans6",   "kmeans4-tensor", "cb2-auto",     "q2_k",
        "q3_k",      "q4_k",           "q5_k",         "q6_k",
        "nf4-dq",    "int4-g32-dq",    "uint4-g16",    "uint4-g32",
        "int6-g16",  "int3-g16",       "uint2-g16",    "int8-g32",
        "int8-g128", "int4-g128",      "int3-g128",    "int2-g128",
        "int1-g128", "nf4-g128",       "ternary-g128", "mxfp4-g128"})
    add(method, {4096, 4096, 1}, 1);
  add("mxfp4-a8", {4096, 4096, 1}, 1);
  for (int64_t m : {8, 128})
    for (const char *method : {"nf4", "mxfp4", "fp8-e4m3"})
      add(method, {4096, 4096, m}, 1);
  // Codes that overlap.
  for (const char *method : {"trellis1-s8", "trellis2-s8", "trellis3-s8",
                             "trellis4-s8", "trellis2-s10", "trellis2-s12"})
    for (int64_t m : {1, 8, 128})
      add(method, {4096, 4096, m}, 1);
  // Every other row of the table of CPUs that this machine can run.
  const CPUDescription *native = *findCPUDescription("native", "");
  for (const CPUDescription &description : getCPUDescriptions())
    if (&description != native && isSupportedHere(description))
      for (const char *method : {"int8", "int4-g32", "int4-g32-a8", "int3-g32",
                                 "int2-g32", "int1-g32"})
        for (int64_t m : {1, 8, 128})
          add(method, {4096, 4096, m}, 1, description.exampleCPU.str());
  // What a call costs besides its products.
  add("int4-g32", {32, 32, 1}, 1);
  return 0;
}();
