//===- WriteWebModule.cpp - a lowered model as a module for pages ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"
#include "Runtime.inc"
#include "lowbit/CodeGen/WGSL/Passes.h"
#include "lowbit/CodeGen/WGSL/Printer.h"
#include "lowbit/CodeGen/Web/Passes.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

namespace lowbit {
#define GEN_PASS_DEF_WRITEWEBMODULEPASS
#include "lowbit/CodeGen/Web/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

static std::string hashBytes(StringRef bytes) {
  std::array<uint8_t, 32> hash =
      llvm::SHA256::hash(llvm::arrayRefFromStringRef(bytes));
  return llvm::toHex(hash, /*LowerCase=*/true);
}

/// Kernels must know the size of the workgroups that the host launches.
static LogicalResult setBlockSizes(ModuleOp module,
                                   ArrayRef<GPUSchedule> schedules) {
  llvm::StringMap<std::array<int64_t, 3>> sizes;
  for (const GPUSchedule &schedule : schedules)
    for (const GPUDispatch &dispatch : schedule.dispatches) {
      auto [known, isNew] =
          sizes.try_emplace(dispatch.kernel, dispatch.workgroupSize);
      if (!isNew && known->second != dispatch.workgroupSize)
        return module.emitError() << "kernel '" << dispatch.kernel
                                  << "' is launched with workgroups of two "
                                     "sizes; a shader has one";
    }
  module.walk([&](gpu::GPUFuncOp kernel) {
    auto found = sizes.find(kernel.getName());
    if (found == sizes.end())
      return;
    SmallVector<int32_t> size(found->second.begin(), found->second.end());
    kernel.setKnownBlockSize(size);
  });
  return success();
}

namespace {
struct WriteWebModulePass
    : lowbit::impl::WriteWebModulePassBase<WriteWebModulePass> {
  using WriteWebModulePassBase::WriteWebModulePassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    WriteWebModulePassBase::getDependentDialects(registry);
    OpPassManager manager(ModuleOp::getOperationName());
    buildWGSLPipeline(manager, WGSLPipelineOptions());
    manager.getDependentDialects(registry);
  }

  void runOnOperation() override {
    WebManifest manifest;
    if (failed(checkOutput()) || failed(readModule(manifest)) ||
        failed(printKernels(manifest)) || failed(writeAll(manifest)))
      signalPassFailure();
  }

private:
  LogicalResult checkOutput() {
    if (llvm::sys::path::extension(output) == ".js")
      return success();
    return getOperation().emitError()
           << "output requires a name that ends in .js, found '" << output
           << "'";
  }

  /// `output` with another extension: model.webgpu.json.
  std::string getFile(const Twine &extension) {
    return StringRef(output).drop_back(3).str() + extension.str();
  }

  LogicalResult readModule(WebManifest &manifest) {
    ModuleOp module = getOperation();
    for (auto function : module.getOps<func::FuncOp>()) {
      if (!isGPUHostFunction(function))
        continue;
      FailureOr<GPUSchedule> schedule = readGPUSchedule(function);
      if (failed(schedule))
        return failure();
      manifest.schedules.push_back(std::move(*schedule));
    }
    if (manifest.schedules.empty())
      return module.emitError()
             << "a web module requires a function that launches kernels, found "
                "none; lower the model first";
    manifest.model = model.empty() ? llvm::sys::path::stem(getFile("")).str()
                                   : model.getValue();
    manifest.floatBytes = floatBytes;
    auto weights = orderWeights(module, manifest.schedules);
    if (failed(weights))
      return failure();
    manifest.weights = std::move(*weights);
    return success();
  }

  LogicalResult printKernels(WebManifest &manifest) {
    ModuleOp module = getOperation();
    if (failed(setBlockSizes(module, manifest.schedules)))
      return failure();
    OpPassManager manager(ModuleOp::getOperationName());
    buildWGSLPipeline(manager, WGSLPipelineOptions());
    if (failed(runPipeline(manager, module)))
      return failure();
    WalkResult result = module.walk([&](gpu::GPUFuncOp kernel) {
      ++numKernels;
      llvm::raw_string_ostream text(manifest.kernels[kernel.getName().str()]);
      return WalkResult(printWGSL(kernel, text));
    });
    return failure(result.wasInterrupted());
  }

  /// A file that appears whole or not at all.
  LogicalResult write(const std::string &path, StringRef bytes) {
    llvm::Error error = llvm::writeToOutput(path, [&](raw_ostream &os) {
      os << bytes;
      return llvm::Error::success();
    });
    if (!error)
      return success();
    return getOperation().emitError()
           << "'" << path
           << "' cannot be written: " << llvm::toString(std::move(error));
  }

  LogicalResult writeShards(WebManifest &manifest) {
    int64_t total = 0;
    for (const WebWeight &weight : manifest.weights)
      total += weight.bytes;
    int64_t size = chooseShardBytes(total);
    numBytes += total;
    for (int64_t begin = 0; begin < total; begin += size) {
      std::string file = getFile("." + Twine(manifest.shards.size()) + ".bin");
      std::string bytes =
          readStream(manifest.weights, begin, std::min(size, total - begin));
      if (failed(write(file, bytes)))
        return failure();
      manifest.shards.push_back({llvm::sys::path::filename(file).str(), begin,
                                 static_cast<int64_t>(bytes.size()),
                                 hashBytes(bytes)});
    }
    numShards += manifest.shards.size();
    return success();
  }

  LogicalResult writeAll(WebManifest &manifest) {
    std::string json = getFile(".json");
    // A manifest that is there would be of other shards.
    (void)llvm::sys::fs::remove(json);
    std::string script = llvm::formatv(
        "// A model compiled by Lowbit; see {0} for its types.\n\n"
        "const MANIFEST = \"{1}\";\n\n",
        llvm::sys::path::filename(getFile(".d.ts")),
        llvm::sys::path::filename(json));
    if (failed(writeShards(manifest)) ||
        failed(write(output, script + kRuntime.str())) ||
        failed(write(getFile(".d.ts"), kDeclarations)))
      return failure();
    return write(json, llvm::formatv("{0}\n", toJSON(manifest)).str());
  }
};
} // namespace
