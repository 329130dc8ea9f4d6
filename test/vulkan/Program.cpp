//===- Program.cpp - functions of a SPIR-V model, ready to run ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"
#include "lowbit/Tools/Errors.h"

using namespace lowbit;

llvm::Expected<DeviceBuffer>
ModelMemory::getBuffer(const ManifestBuffer &buffer) {
  bool isShared = buffer.kind == "weight" || buffer.kind == "state";
  auto known = shared.find(buffer.name);
  if (isShared && known != shared.end())
    return known->second;
  bool isSeen = buffer.kind == "input" || buffer.kind == "output" ||
                buffer.kind == "token";
  // What nobody writes must not matter: all bits one are NaN.
  DeviceBuffer result =
      isSeen ? device.allocateShared(buffer.bytes)
             : device.allocateLocal(buffer.bytes, isShared ? 0 : ~0u);
  if (isSeen)
    memset(result.data, 0xff, buffer.bytes);
  if (buffer.kind == "weight") {
    const SafetensorsEntry *entry = data.lookup(buffer.name);
    if (!entry || entry->bytes.size() > static_cast<uint64_t>(buffer.bytes))
      return makeError("no data of at most " + llvm::Twine(buffer.bytes) +
                       " bytes for '" + buffer.name + "'");
    device.upload(result, entry->bytes);
  }
  if (isShared)
    shared[buffer.name] = result;
  return result;
}

llvm::Expected<DeviceKernel>
ModelMemory::getKernel(const ManifestDispatch &dispatch) {
  DeviceKernel &kernel = kernels[dispatch.kernel];
  if (kernel.pipeline)
    return kernel;
  auto other = variant.kernels.find(dispatch.kernel);
  const std::string &name =
      other == variant.kernels.end() ? dispatch.kernel : other->second;
  const SafetensorsEntry *entry = data.lookup("spirv." + name);
  if (!entry)
    return makeError("no code for '" + name + "'");
  kernel = device.compile(
      llvm::ArrayRef(reinterpret_cast<const uint32_t *>(entry->bytes.data()),
                     entry->bytes.size() / 4),
      name, dispatch.buffers.size());
  return kernel;
}

llvm::Expected<Program> Program::create(ModelMemory &memory,
                                        const ManifestFunction &function) {
  Program program;
  Device &device = memory.getDevice();
  program.device = &device;
  program.function = &function;
  for (const ManifestBuffer &buffer : function.buffers) {
    auto made = memory.getBuffer(buffer);
    if (!made)
      return made.takeError();
    program.buffers.push_back(*made);
  }
  unsigned bindings = 0;
  for (const ManifestDispatch &dispatch : function.dispatches)
    bindings += dispatch.buffers.size();
  program.commands = device.begin(function.dispatches.size(), bindings);
  for (const ManifestDispatch &dispatch : function.dispatches) {
    auto kernel = memory.getKernel(dispatch);
    if (!kernel)
      return kernel.takeError();
    llvm::SmallVector<const DeviceBuffer *> bound;
    for (unsigned number : dispatch.buffers)
      bound.push_back(&program.buffers[number]);
    device.dispatch(program.commands, *kernel, bound, dispatch.workgroups);
  }
  device.end(program.commands);
  return std::move(program);
}

const ManifestBuffer *Program::find(llvm::StringRef name) const {
  for (const ManifestBuffer &buffer : function->buffers)
    if (buffer.name == name)
      return &buffer;
  return nullptr;
}

llvm::Error lowbit::checkIndices(const ManifestBuffer &buffer,
                                 const HostTensor &tensor) {
  int64_t rows = buffer.tableRows;
  for (uint64_t i = 0; rows && i < tensor.getNumElements(); ++i) {
    auto index = static_cast<int64_t>(tensor.getElement(i));
    if (index < -rows || index >= rows)
      return makeError("input '" + buffer.name + "' must hold ids of " +
                       llvm::Twine(-rows) + " to " + llvm::Twine(rows - 1) +
                       ", found " + llvm::Twine(index) + " at position " +
                       llvm::Twine(i));
  }
  return llvm::Error::success();
}

/// As HostTensor::describe does: the shape, then the type.
static std::string describeRequired(const ManifestBuffer &buffer) {
  std::string text;
  for (int64_t extent : buffer.shape)
    text += std::to_string(extent) + "x";
  return text + buffer.type;
}

llvm::Error Program::write(llvm::StringRef input, const HostTensor &tensor) {
  const ManifestBuffer *buffer = find(input);
  if (!buffer)
    return makeError("there is no input '" + input + "'");
  if (getName(tensor.getType()) != buffer->type ||
      tensor.getShape() != llvm::ArrayRef(buffer->shape))
    return makeError("input '" + input + "' requires " +
                     describeRequired(*buffer) + ", found " +
                     tensor.describe());
  if (llvm::Error error = checkIndices(*buffer, tensor))
    return error;
  char *to = buffers[buffer - function->buffers.data()].data;
  if (tensor.getType() == ElementType::F32) {
    memcpy(to, tensor.getBytes().data(), tensor.getBytes().size());
    return llvm::Error::success();
  }
  auto *words = reinterpret_cast<int32_t *>(to);
  for (uint64_t i = 0; i < tensor.getNumElements(); ++i)
    words[i] = static_cast<int32_t>(static_cast<int64_t>(tensor.getElement(i)));
  return llvm::Error::success();
}

/// The type of an output's numbers. Integers of fewer than 32 bits are the low
/// ones of words; wider ones and booleans are given as words.
static ElementType getOutputType(llvm::StringRef type) {
  for (ElementType narrow :
       {ElementType::I8, ElementType::U8, ElementType::I16, ElementType::U16})
    if (getName(narrow) == type)
      return narrow;
  return type == "f32" ? ElementType::F32 : ElementType::I32;
}

llvm::Expected<HostTensor> Program::read(llvm::StringRef output) {
  const ManifestBuffer *buffer = find(output);
  if (!buffer)
    return makeError("there is no output '" + output + "'");
  ElementType type = getOutputType(buffer->type);
  HostTensor tensor = HostTensor::allocate(type, buffer->shape);
  auto *words = reinterpret_cast<const uint32_t *>(
      buffers[buffer - function->buffers.data()].data);
  char *to = tensor.getMutableBytes().data();
  unsigned size = getByteSize(type);
  // The low bytes of a word come first.
  for (uint64_t i = 0; i < tensor.getNumElements(); ++i)
    memcpy(to + i * size, words + i, size);
  return tensor;
}
