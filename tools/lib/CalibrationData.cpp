//===- CalibrationData.cpp - samples from files ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whatever the file, data are one array for each input, cut along its first
// axis.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/CalibrationData.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/MappedFile.h"
#include "lowbit/Tools/Npy.h"
#include "lowbit/Tools/TokenFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Path.h"

using namespace lowbit;

//===----------------------------------------------------------------------===//
// NPZ
//===----------------------------------------------------------------------===//

namespace {
/// A file in an archive: its header's place and its size, by the archive's
/// directory.
struct ArchiveEntry {
  llvm::StringRef name;
  uint16_t method = 0;
  uint32_t size = 0, header = 0;
};
} // namespace

/// Reads the entry of the directory that `directory` begins with, and consumes
/// it; nothing if there is none. Fields are those of PKWARE's APPNOTE, 4.3.12.
static std::optional<ArchiveEntry> takeEntry(llvm::StringRef &directory) {
  constexpr size_t kFixed = 46;
  if (directory.size() < kFixed || !directory.starts_with("PK\1\2"))
    return std::nullopt;
  const char *at = directory.data();
  auto read16 = [&](size_t i) {
    return llvm::support::endian::read16le(at + i);
  };
  auto read32 = [&](size_t i) {
    return llvm::support::endian::read32le(at + i);
  };
  ArchiveEntry entry;
  entry.method = read16(10);
  entry.size = read32(20);
  entry.header = read32(42);
  size_t length = kFixed + read16(28) + read16(30) + read16(32);
  if (length > directory.size())
    return std::nullopt;
  entry.name = directory.substr(kFixed, read16(28));
  directory = directory.drop_front(length);
  return entry;
}

/// The bytes of a stored entry, after its local header (APPNOTE 4.3.7).
static std::optional<llvm::StringRef> getContents(llvm::StringRef archive,
                                                  const ArchiveEntry &entry) {
  constexpr size_t kFixed = 30;
  llvm::StringRef local =
      archive.drop_front(std::min<size_t>(archive.size(), entry.header));
  if (local.size() < kFixed || !local.starts_with("PK\3\4"))
    return std::nullopt;
  size_t begin = kFixed + llvm::support::endian::read16le(local.data() + 26) +
                 llvm::support::endian::read16le(local.data() + 28);
  if (begin > local.size() || entry.size > local.size() - begin)
    return std::nullopt;
  return local.substr(begin, entry.size);
}

llvm::Expected<std::map<std::string, HostTensor>>
lowbit::readNpz(llvm::StringRef path) {
  llvm::Expected<MappedFile> file = mapFile(path);
  if (!file)
    return file.takeError();
  llvm::StringRef archive = (*file)->getBuffer();
  // The end record is the last thing, but for a comment.
  size_t end = archive.rfind("PK\5\6");
  if (end == llvm::StringRef::npos || archive.size() - end < 22)
    return makeFileError(path, "requires a ZIP archive as numpy.savez writes "
                               "it, found no directory");
  uint32_t start = llvm::support::endian::read32le(archive.data() + end + 16);
  llvm::StringRef directory = archive.slice(std::min<size_t>(start, end), end);
  std::map<std::string, HostTensor> arrays;
  while (std::optional<ArchiveEntry> entry = takeEntry(directory)) {
    if (entry->method != 0)
      return makeFileError(
          path, "requires arrays without compression, found '" + entry->name +
                    "' compressed; write it with numpy.savez");
    std::optional<llvm::StringRef> contents = getContents(archive, *entry);
    if (!contents)
      return makeFileError(path, "the array '" + entry->name +
                                     "' is not where the directory says");
    llvm::StringRef name = entry->name;
    name.consume_back(".npy");
    llvm::Expected<HostTensor> array =
        parseNpy(*contents, (path + ": " + name).str());
    if (!array)
      return array.takeError();
    arrays[name.str()] = std::move(*array);
  }
  if (!directory.empty() || arrays.empty())
    return makeFileError(path, "the archive's directory is damaged");
  return arrays;
}

//===----------------------------------------------------------------------===//
// Samples
//===----------------------------------------------------------------------===//

llvm::Error CalibrationData::readTokenFile(const CalibrationOptions &options,
                                           llvm::ArrayRef<TensorSpec> inputs) {
  if (inputs.size() != 1 || inputs[0].shape.size() != 2 ||
      (inputs[0].type != ElementType::I64 &&
       inputs[0].type != ElementType::I32))
    return makeFileError(options.data,
                         "tokens require a model with one input, integers of "
                         "shape [1, T]; write its inputs to an .npz file");
  llvm::Expected<std::vector<uint16_t>> tokens = readTokens(options.data);
  if (!tokens)
    return tokens.takeError();
  uint64_t window = options.window;
  if (int64_t length = inputs[0].shape[1];
      length >= 0 && window != uint64_t(length))
    return makeFileError(
        options.data, "requires windows of " + llvm::Twine(length) +
                          " tokens, as the model's input '" + inputs[0].name +
                          "' has, found a window of " + llvm::Twine(window));
  if (window == 0 || tokens->size() < window)
    return makeFileError(
        options.data, "requires at least a window of " + llvm::Twine(window) +
                          " tokens, found " + llvm::Twine(tokens->size()));
  int64_t count = tokens->size() / window;
  HostTensor ids = HostTensor::allocate(inputs[0].type,
                                        {count, static_cast<int64_t>(window)});
  for (uint64_t i = 0, e = count * window; i < e; ++i)
    if (inputs[0].type == ElementType::I64)
      ids.getMutableAs<int64_t>()[i] = (*tokens)[i];
    else
      ids.getMutableAs<int32_t>()[i] = (*tokens)[i];
  return takeArrays(options, inputs, {{inputs[0].name, std::move(ids)}});
}

llvm::Error
CalibrationData::takeArrays(const CalibrationOptions &options,
                            llvm::ArrayRef<TensorSpec> inputs,
                            std::map<std::string, HostTensor> found) {
  for (const TensorSpec &input : inputs) {
    auto array = found.find(input.name);
    if (array == found.end())
      return makeFileError(options.data, "requires an array '" + input.name +
                                             "' for that input, found none");
    const HostTensor &tensor = array->second;
    llvm::ArrayRef<int64_t> shape = tensor.getShape();
    bool fits = !shape.empty() && tensor.getType() == input.type &&
                shape.size() == input.shape.size();
    for (size_t i = 1; fits && i < shape.size(); ++i)
      fits = input.shape[i] < 0 || input.shape[i] == shape[i];
    int64_t extent = fits ? std::max<int64_t>(1, input.shape[0]) : 1;
    if (!fits || shape[0] % extent != 0)
      return makeFileError(options.data, "array '" + input.name +
                                             "': requires samples of " +
                                             describe(input.type, input.shape) +
                                             " along the first axis, found " +
                                             tensor.describe());
    uint64_t count = shape[0] / extent;
    if (!arrays.empty() && count != samples)
      return makeFileError(options.data, "array '" + input.name +
                                             "': requires " +
                                             llvm::Twine(samples) +
                                             " samples as the arrays before "
                                             "it, found " +
                                             llvm::Twine(count));
    samples = count;
    extents.push_back(extent);
    arrays.push_back(tensor);
    found.erase(array);
  }
  if (!found.empty())
    return makeFileError(options.data, "the model has no input '" +
                                           found.begin()->first + "'");
  if (samples == 0)
    return makeFileError(options.data, "requires at least one sample, found "
                                       "none");
  if (options.samples)
    samples = std::min(samples, options.samples);
  return llvm::Error::success();
}

llvm::Expected<CalibrationData>
CalibrationData::read(const CalibrationOptions &options,
                      llvm::ArrayRef<TensorSpec> inputs) {
  CalibrationData data;
  llvm::StringRef extension = llvm::sys::path::extension(options.data);
  if (extension == ".bin") {
    if (llvm::Error error = data.readTokenFile(options, inputs))
      return std::move(error);
    return data;
  }
  std::map<std::string, HostTensor> arrays;
  if (extension == ".npz") {
    auto read = readNpz(options.data);
    if (!read)
      return read.takeError();
    arrays = std::move(*read);
  } else if (extension == ".npy") {
    if (inputs.size() != 1)
      return makeFileError(options.data,
                           "an .npy file is for models with one input, this "
                           "one has " +
                               llvm::Twine(inputs.size()) +
                               "; write them to an .npz file");
    llvm::Expected<HostTensor> array = readNpy(options.data);
    if (!array)
      return array.takeError();
    arrays[inputs[0].name] = std::move(*array);
  } else {
    return makeFileError(options.data, "calibration data must be a .bin, .npy "
                                       "or .npz file");
  }
  if (llvm::Error error = data.takeArrays(options, inputs, std::move(arrays)))
    return std::move(error);
  return data;
}

std::vector<HostTensor> CalibrationData::getSample(uint64_t index) const {
  std::vector<HostTensor> sample;
  for (auto [array, extent] : llvm::zip_equal(arrays, extents)) {
    llvm::SmallVector<int64_t> shape(array.getShape());
    shape[0] = extent;
    HostTensor part = HostTensor::allocate(array.getType(), shape);
    size_t bytes = part.getBytes().size();
    llvm::copy(array.getBytes().slice(index * bytes, bytes),
               part.getMutableBytes().begin());
    sample.push_back(std::move(part));
  }
  return sample;
}
