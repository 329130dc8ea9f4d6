//===- WriteWebModule.cpp - a lowered model as a module for pages ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FallbackSignature.h"
#include "FallbackWeights.h"
#include "Manifest.h"
#include "ModuleFiles.h"
#include "lowbit/CodeGen/WGSL/Passes.h"
#include "lowbit/CodeGen/WGSL/Printer.h"
#include "lowbit/CodeGen/Web/Passes.h"
#include "lowbit/CodeGen/Web/WebPrecisions.h"

#include "mlir/IR/Threading.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
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

/// The hashes of the pieces of a shard; none where it is one.
static std::vector<std::string> hashPieces(StringRef bytes) {
  std::vector<std::string> hashes;
  size_t count = llvm::divideCeil(bytes.size(), kWebPieceBytes);
  for (size_t i = 0; count > 1 && i < count; ++i)
    hashes.push_back(
        hashBytes(bytes.substr(i * kWebPieceBytes, kWebPieceBytes)));
  return hashes;
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
  WriteWebModulePass(const WriteWebModulePassOptions &options, WebFiles &files,
                     const WebFallback *fallback)
      : WriteWebModulePassBase(options), files(&files), fallback(fallback) {}

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

  /// The manifest: model.webgpu.json, or that of a precision.
  std::string getManifest() {
    return precision.empty() ? getModuleFile(output, ".json")
                             : getWebPrecisionManifest(output, precision);
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
                "none; lower the model first (one that computes no "
                "numbers has no kernels)";
    manifest.model =
        model.empty() ? llvm::sys::path::stem(getModuleFile(output, "")).str()
                      : model.getValue();
    manifest.floatBytes = floatBytes;
    manifest.bitsPerWeight = bitsPerWeight;
    manifest.variants = readGPUVariants(module);
    auto stream = makeWeightStream(module, manifest.schedules);
    if (failed(stream))
      return failure();
    manifest.stream = std::move(*stream);
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

  LogicalResult report(llvm::Error error) {
    if (!error)
      return success();
    return getOperation().emitError() << llvm::toString(std::move(error));
  }

  /// Files by the SHA-256 of what they hold, as `shares` say.
  LogicalResult readShared(llvm::StringMap<std::string> &files) {
    for (StringRef path : shares) {
      auto text = llvm::MemoryBuffer::getFile(getFiles().find(path));
      if (!text)
        return getOperation().emitError()
               << "'" << path
               << "' cannot be read: " << text.getError().message();
      auto manifest = llvm::json::parse((*text)->getBuffer());
      if (!manifest)
        return report(manifest.takeError());
      const llvm::json::Object *fields = manifest->getAsObject();
      const llvm::json::Array *shards =
          fields ? fields->getArray("shards") : nullptr;
      if (!shards)
        return getOperation().emitError()
               << "'" << path << "' requires a list of shards, found none";
      for (const llvm::json::Value &value : *shards)
        if (const llvm::json::Object *shard = value.getAsObject())
          files[shard->getString("sha256").value_or("")] =
              shard->getString("file").value_or("").str();
    }
    return success();
  }

  /// What rounds weights in the page, if there are such.
  LogicalResult writeQuantizer(WebManifest &manifest) {
    if (manifest.stream.sources.empty())
      return success();
    StringRef bytes = getWebQuantizer();
    if (bytes.empty())
      return getOperation().emitError()
             << "weights that the page rounds require a quant-opt with the "
                "numerics as WebAssembly, found one without; build it with "
                "libc++-22-dev-wasm32";
    std::string file = getModuleFile(output, ".wasm");
    manifest.quantizer = {llvm::sys::path::filename(file).str(),
                          static_cast<int64_t>(bytes.size()), hashBytes(bytes)};
    // Precisions have one for all.
    if (getFiles().find(file) != file)
      return success();
    return report(getFiles().write(file, bytes));
  }

  /// How the names of files beside the module begin.
  std::string getStem() {
    return StringRef(getManifest()).drop_back(strlen(".json")).str();
  }

  /// What the manifest says of a shard, but for its file, and the shard.
  using HashedShard = std::pair<WebShard, std::string>;

  /// Writes a shard behind those that are written, but for one that `shared`
  /// has already.
  LogicalResult writeShard(HashedShard &hashed,
                           const llvm::StringMap<std::string> &shared,
                           const Twine &stem, std::vector<WebShard> &written) {
    auto &[shard, bytes] = hashed;
    numBytes += shard.bytes;
    if (auto found = shared.find(shard.sha256); found != shared.end()) {
      ++numShared;
      shard.file = found->second;
      written.push_back(std::move(shard));
      return success();
    }
    std::string file = (stem + "." + Twine(written.size()) + ".bin").str();
    if (failed(report(getFiles().write(file, bytes))))
      return failure();
    ++numShards;
    shard.file = llvm::sys::path::filename(file).str();
    written.push_back(std::move(shard));
    return success();
  }

  /// `common` is what WeightStream::plan takes.
  LogicalResult writeShards(const WeightStream &stream,
                            std::optional<int64_t> common, const Twine &stem,
                            std::vector<WebShard> &written) {
    llvm::StringMap<std::string> shared;
    if (failed(readShared(shared)))
      return failure();
    // So many are in memory at once: they are copied and hashed on all threads.
    constexpr size_t kBatch = 8;
    std::vector<std::pair<int64_t, int64_t>> plan = stream.plan(common);
    for (ArrayRef rest(plan); !rest.empty();) {
      ArrayRef batch = rest.take_front(kBatch);
      rest = rest.drop_front(batch.size());
      std::vector<HashedShard> shards(batch.size());
      parallelFor(&getContext(), 0, batch.size(), [&](size_t i) {
        auto [begin, size] = batch[i];
        std::string bytes = stream.read(begin, size);
        WebShard shard{/*file=*/"", begin, size, hashBytes(bytes),
                       hashPieces(bytes)};
        shards[i] = {std::move(shard), std::move(bytes)};
      });
      for (HashedShard &shard : shards)
        if (failed(writeShard(shard, shared, stem, written)))
          return failure();
    }
    return success();
  }

  /// Writes the codes, each under the name of what it is for.
  LogicalResult writeCodes(std::vector<WebManifestFallback::Code> &written) {
    for (const WebFallback::Code &code : fallback->codes) {
      std::string file = getStem() + "." + code.variant + ".wasm";
      if (failed(report(getFiles().write(file, code.bytes))))
        return failure();
      written.push_back(
          {code.variant,
           {llvm::sys::path::filename(file).str(),
            static_cast<int64_t>(code.bytes.size()), hashBytes(code.bytes)}});
    }
    return success();
  }

  LogicalResult writeFallback(WebManifest &manifest) {
    if (!fallback)
      return success();
    if (failed(checkFallbackSignature(getOperation(), manifest.schedules,
                                      *fallback)))
      return failure();
    auto plan =
        planFallbackWeights(getOperation(), manifest.stream.weights, *fallback);
    if (failed(plan))
      return failure();
    WebManifestFallback &written = manifest.fallback.emplace();
    written.program = llvm::json::Object(fallback->program);
    written.memoryBytes =
        countFallbackMemory(manifest.schedules, *plan, *fallback);
    for (const WebCopiedWeight &weight : plan->weights)
      written.weights.push_back(toJSON(weight));
    if (failed(writeShards(plan->own, std::nullopt, getStem() + ".wasm",
                           written.shards)))
      return failure();
    return writeCodes(written.codes);
  }

  LogicalResult writeAll(WebManifest &manifest) {
    // Manifests that are there would be of other shards.
    getFiles().retire(getManifest());
    getFiles().retire(getModuleFile(output, ".json"));
    // Float weights of precisions are cut by the model's size, which is that of
    // all of them.
    std::optional<int64_t> common;
    if (!precision.empty())
      common = floatBytes;
    if (failed(writeQuantizer(manifest)) ||
        failed(
            writeShards(manifest.stream, common, getStem(), manifest.shards)) ||
        failed(writeFallback(manifest)))
      return failure();
    if (precision.empty() &&
        failed(report(writeRuntimeFiles(output, getFiles()))))
      return failure();
    return report(getFiles().write(
        getManifest(), llvm::formatv("{0}\n", toJSON(manifest)).str()));
  }

  WebFiles &getFiles() { return files ? *files : direct; }

  /// Where files go; null for their own places at once.
  WebFiles *files = nullptr;
  WebFiles direct;
  const WebFallback *fallback = nullptr;
};
} // namespace

std::unique_ptr<Pass>
lowbit::createWriteWebModulePass(const WriteWebModulePassOptions &options,
                                 WebFiles &files, const WebFallback *fallback) {
  return std::make_unique<WriteWebModulePass>(options, files, fallback);
}
