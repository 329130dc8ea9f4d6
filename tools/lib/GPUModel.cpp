//===- GPUModel.cpp - a model as SPIR-V kernels and a manifest ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/GPUModel.h"
#include "IndexedTables.h"
#include "LoweredModule.h"
#include "ReplacedSidecar.h"
#include "WidenBoundary.h"
#include "lowbit/CodeGen/GPU/GPUSchedule.h"
#include "lowbit/CodeGen/GPU/GPUVariants.h"
#include "lowbit/CodeGen/GPU/SPIRV.h"
#include "lowbit/Tools/Artefact.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/ManifestFormat.h"
#include "lowbit/Tools/Safetensors.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace lowbit;

std::string lowbit::getGPUDataPath(llvm::StringRef manifest) {
  llvm::SmallString<128> path(manifest);
  llvm::sys::path::replace_extension(path, ".safetensors");
  return path.str().str();
}

namespace {
/// What is written, and the memory that it lies in.
struct GPUModel {
  std::vector<GPUSchedule> schedules;
  std::vector<SPIRVKernel> kernels;
  std::vector<GPUVariant> variants;
  std::vector<SafetensorsEntry> entries;
  WeightStorage storage;
};
} // namespace

static llvm::Error collect(mlir::ModuleOp module, GPUModel &model) {
  DiagnosticText errors(*module.getContext());
  llvm::StringSet<> weights;
  for (auto function : module.getOps<mlir::func::FuncOp>()) {
    if (function.isExternal())
      continue;
    auto schedule = readGPUSchedule(function);
    if (failed(schedule))
      return errors.takeError("a function has no schedule");
    for (const GPUBuffer &buffer : schedule->buffers)
      if (buffer.kind == GPUBufferKind::Weight &&
          weights.insert(buffer.name).second) {
        auto entry = getBoundWeight(module, buffer.name, model.storage);
        if (!entry)
          return entry.takeError();
        entry->name = buffer.name;
        model.entries.push_back(*entry);
      }
    model.schedules.push_back(std::move(*schedule));
  }
  auto kernels = convertToSPIRV(module);
  if (failed(kernels))
    return errors.takeError("a kernel has no form in SPIR-V");
  model.kernels = std::move(*kernels);
  model.variants = readGPUVariants(module);
  for (const SPIRVKernel &kernel : model.kernels)
    model.entries.push_back(
        {"spirv." + kernel.name,
         ElementType::U32,
         {static_cast<int64_t>(kernel.words.size())},
         llvm::ArrayRef(reinterpret_cast<const char *>(kernel.words.data()),
                        kernel.words.size() * 4)});
  return llvm::Error::success();
}

static llvm::json::Value makeManifest(const GPUModel &model,
                                      llvm::StringRef data) {
  llvm::json::Array kernels, functions;
  for (const SPIRVKernel &kernel : model.kernels)
    kernels.push_back(toJSON(kernel));
  for (const GPUSchedule &schedule : model.schedules)
    functions.push_back(toJSON(schedule));
  return llvm::json::Object{{"format", kSPIRVManifestFormat},
                            {"version", 1},
                            {"data", data},
                            {"variants", toJSON(model.variants)},
                            {"kernels", std::move(kernels)},
                            {"functions", std::move(functions)}};
}

llvm::Error lowbit::writeSPIRVModel(mlir::ModuleOp packed,
                                    llvm::StringRef output,
                                    const CompileOptions &options,
                                    AtomicOutput *companion) {
  widenBoundary(packed);
  IndexedTables tables(packed);
  if (llvm::Error error =
          compileModule(packed, Phase::Lower, options, Phase::Lower))
    return error;
  tables.note(packed);
  GPUModel model;
  if (llvm::Error error = collect(packed, model))
    return error;
  std::string dataPath = getGPUDataPath(output);
  if (llvm::Error error = checkSidecarUnread(dataPath, {output, "", {}}))
    return error;
  auto manifest = AtomicOutput::create(output);
  if (!manifest)
    return manifest.takeError();
  auto data = AtomicOutput::create(dataPath);
  if (!data)
    return data.takeError();
  manifest->os() << llvm::formatv(
      "{0:1}\n", makeManifest(model, llvm::sys::path::filename(dataPath)));
  if (llvm::Error error = writeSafetensors(*data, model.entries).takeError())
    return error;
  return AtomicOutput::commitAll({companion, &*data, &*manifest});
}
