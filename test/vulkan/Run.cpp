//===- Run.cpp - a SPIR-V model on a Vulkan device ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   lowbit-vulkan-run model.json --input ids=ids.npy --output logits=y.npy
//
// Which driver is the loader's choice: VK_ICD_FILENAMES names one.
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "Manifest.h"
#include "lowbit/Tools/Npy.h"
#include "lowbit/Tools/Safetensors.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"

using namespace lowbit;

static llvm::cl::opt<std::string> manifestPath(llvm::cl::Positional,
                                               llvm::cl::Required,
                                               llvm::cl::desc("model.json"));
static llvm::cl::list<std::string>
    inputs("input", llvm::cl::desc("An input: NAME=FILE.npy"));
static llvm::cl::list<std::string>
    outputs("output", llvm::cl::desc("Where an output goes: NAME=FILE.npy"));
static llvm::cl::opt<unsigned>
    iterations("iterations", llvm::cl::desc("Runs; the fastest is printed"),
               llvm::cl::init(1));
static llvm::cl::opt<bool>
    validate("validate", llvm::cl::desc("Let the validation layer watch"));

static llvm::ExitOnError exitOnError("vulkan-run: error: ");

static llvm::Error fail(const llvm::Twine &text) {
  return llvm::createStringError(text.str().c_str());
}

/// The file for `name` among NAME=FILE pairs.
static std::optional<llvm::StringRef>
findFile(const llvm::cl::list<std::string> &pairs, llvm::StringRef name) {
  for (llvm::StringRef pair : pairs)
    if (pair.split('=').first == name)
      return pair.split('=').second;
  return std::nullopt;
}

/// Elements as words: integers and booleans as i32.
static llvm::Error upload(const HostTensor &tensor,
                          const ManifestBuffer &buffer, DeviceBuffer &target) {
  if (getName(tensor.getType()) != buffer.type ||
      tensor.getShape() != llvm::ArrayRef(buffer.shape))
    return fail("'" + buffer.name + "' differs in type or shape from " +
                tensor.describe());
  auto *words = reinterpret_cast<int32_t *>(target.data);
  if (tensor.getType() == ElementType::F32)
    memcpy(words, tensor.getBytes().data(), tensor.getBytes().size());
  else
    for (uint64_t i = 0; i < tensor.getNumElements(); ++i)
      words[i] = static_cast<int32_t>(tensor.getElement(i));
  return llvm::Error::success();
}

static llvm::Expected<HostTensor> download(const ManifestBuffer &buffer,
                                           const DeviceBuffer &source) {
  if (buffer.type == "f32") {
    HostTensor tensor = HostTensor::allocate(ElementType::F32, buffer.shape);
    memcpy(tensor.getMutableBytes().data(), source.data,
           tensor.getBytes().size());
    return tensor;
  }
  // Other outputs stay words.
  HostTensor tensor = HostTensor::allocate(ElementType::I32, buffer.shape);
  memcpy(tensor.getMutableBytes().data(), source.data,
         tensor.getBytes().size());
  return tensor;
}

/// Allocates and fills what the host fills.
static std::vector<DeviceBuffer> makeBuffers(Device &device,
                                             const Manifest &manifest,
                                             const SafetensorsFile &data) {
  std::vector<DeviceBuffer> result;
  for (const ManifestBuffer &buffer : manifest.buffers) {
    result.push_back(device.allocate(buffer.bytes));
    bool isZero = buffer.kind == "weight" || buffer.kind == "state";
    // What nobody writes must not matter: all bits one are NaN.
    memset(result.back().data, isZero ? 0 : 0xff, buffer.bytes);
    if (buffer.kind == "weight") {
      const SafetensorsEntry *entry = data.lookup(buffer.name);
      if (!entry || entry->bytes.size() > static_cast<uint64_t>(buffer.bytes))
        exitOnError(fail("no data of at most " + llvm::Twine(buffer.bytes) +
                         " bytes for '" + buffer.name + "'"));
      memcpy(result.back().data, entry->bytes.data(), entry->bytes.size());
    }
    if (buffer.kind == "input") {
      auto file = findFile(inputs, buffer.name);
      if (!file)
        exitOnError(fail("input '" + buffer.name + "' requires a file"));
      exitOnError(upload(exitOnError(readNpy(*file)), buffer, result.back()));
    }
  }
  return result;
}

static void record(Device &device, const Manifest &manifest,
                   const SafetensorsFile &data,
                   llvm::ArrayRef<DeviceBuffer> buffers) {
  llvm::StringMap<DeviceKernel> kernels;
  unsigned bindings = 0;
  for (const ManifestDispatch &dispatch : manifest.dispatches)
    bindings += dispatch.buffers.size();
  device.begin(manifest.dispatches.size(), bindings);
  for (const ManifestDispatch &dispatch : manifest.dispatches) {
    DeviceKernel &kernel = kernels[dispatch.kernel];
    if (!kernel.pipeline) {
      const SafetensorsEntry *entry = data.lookup("spirv." + dispatch.kernel);
      if (!entry)
        exitOnError(fail("no code for '" + dispatch.kernel + "'"));
      kernel = device.compile(llvm::ArrayRef(reinterpret_cast<const uint32_t *>(
                                                 entry->bytes.data()),
                                             entry->bytes.size() / 4),
                              dispatch.kernel, dispatch.buffers.size());
    }
    llvm::SmallVector<const DeviceBuffer *> bound;
    for (unsigned number : dispatch.buffers)
      bound.push_back(&buffers[number]);
    device.dispatch(kernel, bound, dispatch.workgroups);
  }
  device.end();
}

int main(int argc, char **argv) {
  llvm::cl::ParseCommandLineOptions(argc, argv);
  Manifest manifest = exitOnError(readManifest(manifestPath));
  SafetensorsFile data = exitOnError(SafetensorsFile::open(manifest.data));
  Device device(validate);
  std::vector<DeviceBuffer> buffers = makeBuffers(device, manifest, data);
  record(device, manifest, data, buffers);
  double best = device.run();
  for (unsigned i = 1; i < iterations; ++i)
    best = std::min(best, device.run());
  for (auto [buffer, memory] : llvm::zip(manifest.buffers, buffers))
    if (auto file = findFile(outputs, buffer.name))
      exitOnError(writeNpy(*file, exitOnError(download(buffer, memory))));
  llvm::outs() << device.getName() << (device.isSoftware() ? " (software)" : "")
               << ": " << manifest.dispatches.size() << " dispatches, "
               << llvm::format("%.3f", best * 1e3) << " ms\n";
  if (device.getMessages().empty())
    return 0;
  llvm::errs() << device.getMessages();
  return 1;
}
