//===- ModelFile.cpp - a mapped ONNX file and its tensors -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opening, parsing, and reading tensors wherever the format lets them lie: in
// the file, in typed fields of the message, or in a file beside the model.
//
//===----------------------------------------------------------------------===//

#include "ModelFile.h"
#include "Functions.h"
#include "Support.h"
#include "Symbolic.h"
#include "WireFormat.h"
#include "lowbit/Tools/MappedFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <limits>

using namespace lowbit::frontend;
using llvm::ArrayRef;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;
using onnx::TensorProto;

unsigned lowbit::frontend::byteSize(int32_t type) {
  switch (type) {
  case TensorProto::BOOL:
  case TensorProto::INT8:
  case TensorProto::UINT8:
  case int4Type:
  case uint4Type:
    return 1;
  case TensorProto::INT16:
  case TensorProto::UINT16:
  case TensorProto::FLOAT16:
  case TensorProto::BFLOAT16:
    return 2;
  case TensorProto::INT32:
  case TensorProto::UINT32:
  case TensorProto::FLOAT:
    return 4;
  case TensorProto::INT64:
  case TensorProto::UINT64:
  case TensorProto::DOUBLE:
    return 8;
  default:
    return 0;
  }
}

unsigned lowbit::frontend::bitSize(int32_t type) {
  return type == int4Type || type == uint4Type ? 4 : 8 * byteSize(type);
}

std::string lowbit::frontend::typeName(int32_t type) {
  if (type == int4Type || type == uint4Type)
    return type == int4Type ? "int4" : "uint4";
  if (type == TensorProto::UNDEFINED ||
      !onnx::TensorProto_DataType_IsValid(type))
    return "type " + llvm::itostr(type);
  return StringRef(onnx::TensorProto_DataType_Name(
                       static_cast<onnx::TensorProto_DataType>(type)))
      .lower();
}

int64_t TensorData::size() const {
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= dim;
  return count;
}

/// Maps `path` read-only. Small files are read instead, which is cheaper.
static llvm::ErrorOr<std::shared_ptr<const llvm::MemoryBuffer>>
mapBytes(const Twine &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return buffer.getError();
  return std::shared_ptr<const llvm::MemoryBuffer>(std::move(*buffer));
}

Expected<std::unique_ptr<ModelFile>> ModelFile::open(StringRef path) {
  if (llvm::Error failed = checkEnds(path))
    return std::move(failed);
  auto mapped = mapBytes(path);
  if (!mapped)
    return failure(path + ": cannot be read: " + mapped.getError().message());
  return parse(std::move(*mapped), path);
}

Expected<std::unique_ptr<ModelFile>> ModelFile::parse(Mapping bytes,
                                                      StringRef path) {
  std::unique_ptr<ModelFile> file(new ModelFile());
  file->filePath = path.str();
  file->mapping = std::move(bytes);
  std::string structure;
  if (!replaceRawData(file->mapping->getBuffer(), structure))
    return failure(path + ": is no ONNX model: the protobuf encoding is "
                          "malformed or truncated");
  if (structure.size() > std::numeric_limits<int32_t>::max())
    return failure(path + ": holds more than 2 GiB besides raw tensor data; "
                          "store weights as raw or external data");
  if (!file->proto.ParseFromArray(structure.data(), structure.size()))
    return failure(path + ": is no ONNX model: protobuf cannot parse it");
  if (llvm::Error failed = inlineFunctions(file->proto))
    return failure(path + ": " + llvm::toString(std::move(failed)));
  if (!file->proto.has_graph() || file->proto.graph().node_size() == 0)
    return failure(path + ": is no ONNX model: it has no graph or no nodes");
  return file;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

namespace {
/// Bytes built in memory, for tensors that the file does not hold as such.
struct HeapBytes {
  std::vector<char> bytes;
};
} // namespace

/// Narrows each value of a typed protobuf field to an element of `Element`.
template <typename Element, typename Field>
static void convertField(const Field &field, TensorData &result) {
  auto heap = std::make_shared<HeapBytes>();
  heap->bytes.resize(field.size() * sizeof(Element));
  char *at = heap->bytes.data();
  for (auto value : field) {
    auto element = static_cast<Element>(value);
    std::memcpy(at, &element, sizeof(element));
    at += sizeof(element);
  }
  result.bytes = heap->bytes;
  result.owner = heap;
}

/// Reads the field that onnx.proto assigns to the tensor's type. 16-bit floats
/// are stored as bit patterns in int32_data.
static void readTypedField(const TensorProto &tensor, TensorData &result) {
  switch (tensor.data_type()) {
  case TensorProto::FLOAT:
    return convertField<float>(tensor.float_data(), result);
  case TensorProto::DOUBLE:
    return convertField<double>(tensor.double_data(), result);
  case TensorProto::INT64:
    return convertField<int64_t>(tensor.int64_data(), result);
  case TensorProto::UINT64:
    return convertField<uint64_t>(tensor.uint64_data(), result);
  case TensorProto::UINT32:
    return convertField<uint32_t>(tensor.uint64_data(), result);
  case TensorProto::INT32:
    return convertField<int32_t>(tensor.int32_data(), result);
  default:
    if (byteSize(tensor.data_type()) == 2)
      return convertField<uint16_t>(tensor.int32_data(), result);
    return convertField<uint8_t>(tensor.int32_data(), result);
  }
}

Expected<TensorData> ModelFile::readTensor(const TensorProto &tensor) {
  TensorData result;
  result.type = tensor.data_type();
  unsigned width = bitSize(result.type);
  if (width == 0)
    return failure("element type " + typeName(result.type) +
                   " is not supported");
  if (tensor.has_segment())
    return failure("tensors in segments are not supported");
  // The others are bounded beside an extent of 0, too.
  int64_t size = width, bound = width;
  for (int64_t dim : tensor.dims()) {
    if (dim < 0 || dim > maxExtent ||
        llvm::MulOverflow(bound, std::max<int64_t>(dim, 1), bound) ||
        bound > 8 * maxTensorBytes)
      return failure("has an invalid or too large dimension " + Twine(dim));
    size *= dim;
    result.dims.push_back(dim);
  }
  size = llvm::divideCeil(size, 8);
  if (tensor.data_location() == TensorProto::EXTERNAL)
    return readExternal(tensor, std::move(result), size);

  if (tensor.has_raw_data()) {
    auto reference = RawReference::decode(tensor.raw_data());
    StringRef file = mapping->getBuffer();
    if (!reference || reference->offset > file.size() ||
        reference->size > file.size() - reference->offset)
      return failure("has raw data outside of the file");
    result.bytes = ArrayRef(file.data() + reference->offset, reference->size);
    result.owner = mapping;
  } else {
    readTypedField(tensor, result);
  }
  if (int64_t(result.bytes.size()) != size)
    return failure("its shape and type need " + Twine(size) +
                   " bytes, but its data have " + Twine(result.bytes.size()));
  return result;
}

/// Whether `location` is a path that cannot leave the folder it is relative to.
static bool staysInside(StringRef location) {
  if (location.empty() || location.contains('\0') ||
      llvm::sys::path::is_absolute(location))
    return false;
  return llvm::none_of(llvm::make_range(llvm::sys::path::begin(location),
                                        llvm::sys::path::end(location)),
                       [](StringRef component) { return component == ".."; });
}

Expected<ModelFile::Mapping> ModelFile::mapExternal(StringRef location) {
  if (!staysInside(location))
    return failure("external data '" + location +
                   "' must lie in the model's folder");
  Mapping &mapped = externalFiles[location];
  if (!mapped) {
    llvm::SmallString<128> path(llvm::sys::path::parent_path(filePath));
    llvm::sys::path::append(path, location);
    if (llvm::Error failed = checkEnds(path))
      return failure("external data: " + llvm::toString(std::move(failed)));
    auto opened = mapBytes(path);
    if (!opened)
      return failure("external data '" + path +
                     "' cannot be read: " + opened.getError().message());
    mapped = *opened;
  }
  return mapped;
}

std::vector<std::string> ModelFile::getFiles() const {
  std::vector<std::string> files;
  for (StringRef location : externalFiles.keys()) {
    llvm::SmallString<128> path(llvm::sys::path::parent_path(filePath));
    llvm::sys::path::append(path, location);
    files.push_back(std::string(path));
  }
  llvm::sort(files);
  files.insert(files.begin(), filePath);
  return files;
}

Expected<TensorData> ModelFile::readExternal(const TensorProto &tensor,
                                             TensorData result, uint64_t size) {
  std::string location;
  uint64_t offset = 0, length = size;
  for (const auto &entry : tensor.external_data()) {
    bool valid = true;
    if (entry.key() == "location")
      location = entry.value();
    else if (entry.key() == "offset")
      valid = !StringRef(entry.value()).getAsInteger(10, offset);
    else if (entry.key() == "length")
      valid = !StringRef(entry.value()).getAsInteger(10, length);
    if (!valid)
      return failure("external data have an invalid " + entry.key() + " '" +
                     entry.value() + "'");
  }
  auto mapped = mapExternal(location);
  if (!mapped)
    return mapped.takeError();
  StringRef bytes = (*mapped)->getBuffer();
  if (length != size)
    return failure("its shape and type need " + Twine(size) +
                   " bytes, but its external data have " + Twine(length));
  if (offset > bytes.size() || size > bytes.size() - offset)
    return failure("external data '" + location + "' have " +
                   Twine(bytes.size()) + " bytes, fewer than offset " +
                   Twine(offset) + " and length " + Twine(size) + " need");
  result.bytes = ArrayRef(bytes.data() + offset, size);
  result.owner = *mapped;
  return result;
}
