//===- Safetensors.cpp - Named tensors in one mapped file -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The reader trusts nothing: once a file is open, every entry's bytes lie
// inside the mapping and have the size that type and shape ask for.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Safetensors.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/xxhash.h"

using namespace lowbit;

namespace {

constexpr size_t kLengthBytes = 8;
constexpr size_t kAlignment = 64;
constexpr llvm::StringLiteral kMetadata("__metadata__");

/// Header names, indexed by ElementType.
constexpr llvm::StringLiteral kNames[] = {
    "BOOL", "I8",      "U8",      "I16",     "U16", "I32",  "U32", "I64",
    "U64",  "F8_E8M0", "F8_E4M3", "F8_E5M2", "F16", "BF16", "F32", "F64"};

std::optional<ElementType> parseElementType(llvm::StringRef name) {
  const auto *found = llvm::find(kNames, name);
  if (found == std::end(kNames))
    return std::nullopt;
  return static_cast<ElementType>(found - std::begin(kNames));
}

/// Non-negative integers of a JSON array, or nothing.
std::optional<llvm::SmallVector<int64_t, 4>>
parseExtents(const llvm::json::Array *array) {
  if (!array)
    return std::nullopt;
  llvm::SmallVector<int64_t, 4> extents;
  for (const llvm::json::Value &value : *array) {
    std::optional<int64_t> extent = getJsonInteger(&value);
    if (!extent || *extent < 0)
      return std::nullopt;
    extents.push_back(*extent);
  }
  return extents;
}

/// Reads one header object into an entry whose bytes are a slice of `data`.
llvm::Expected<SafetensorsEntry> parseEntry(llvm::StringRef name,
                                            const llvm::json::Value &value,
                                            llvm::StringRef data,
                                            llvm::StringRef source) {
  auto fail = [&](const llvm::Twine &what) {
    return makeFileError(source, "tensor '" + name + "': " + what);
  };
  const llvm::json::Object *object = value.getAsObject();
  if (!object)
    return fail("an object with 'dtype', 'shape', 'data_offsets' is required");
  SafetensorsEntry entry;
  entry.name = name.str();

  llvm::StringRef typeName = object->getString("dtype").value_or("");
  std::optional<ElementType> type = parseElementType(typeName);
  if (!type)
    return fail("unknown 'dtype' '" + typeName + "'");
  entry.type = *type;

  auto shape = parseExtents(object->getArray("shape"));
  if (!shape)
    return fail("'shape' must be a list of non-negative integers");
  entry.shape = *shape;

  auto offsets = parseExtents(object->getArray("data_offsets"));
  if (!offsets || offsets->size() != 2)
    return fail("'data_offsets' must be a pair of non-negative integers");
  uint64_t begin = (*offsets)[0], end = (*offsets)[1];
  if (begin > end || end > data.size())
    return fail("'data_offsets' [" + llvm::Twine(begin) + ", " +
                llvm::Twine(end) + "] must lie in order within the file's " +
                llvm::Twine(data.size()) + " bytes of data");
  if (getByteSize(entry.type, entry.shape) != end - begin)
    return fail("'data_offsets' span " + llvm::Twine(end - begin) +
                " bytes, not the size of " + describe(entry.type, entry.shape));
  entry.bytes = llvm::ArrayRef<char>(data.data() + begin, end - begin);
  return entry;
}

llvm::Error parseMetadata(const llvm::json::Value &value,
                          std::map<std::string, std::string> &metadata,
                          llvm::StringRef source) {
  const llvm::json::Object *object = value.getAsObject();
  if (!object)
    return makeFileError(source, "'__metadata__' must be an object");
  for (const auto &[key, text] : *object) {
    std::optional<llvm::StringRef> string = text.getAsString();
    if (!string)
      return makeFileError(source, "'__metadata__': the value of '" +
                                       llvm::StringRef(key) +
                                       "' must be a string");
    metadata[key.str()] = string->str();
  }
  return llvm::Error::success();
}

/// Entries sorted by offset must follow each other from the first to the last
/// byte of `data`.
llvm::Error checkCoverage(llvm::ArrayRef<SafetensorsEntry> entries,
                          llvm::StringRef data, llvm::StringRef source) {
  const char *expected = data.data();
  for (const SafetensorsEntry &entry : entries) {
    if (entry.bytes.data() != expected)
      return makeFileError(source,
                           "tensor '" + entry.name + "' begins at " +
                               llvm::Twine(entry.bytes.data() - data.data()) +
                               ", the one before ends at " +
                               llvm::Twine(expected - data.data()) +
                               ": tensors must neither overlap nor "
                               "leave holes");
    expected += entry.bytes.size();
  }
  if (expected != data.end())
    return makeFileError(source, llvm::Twine(data.end() - expected) +
                                     " bytes after the last tensor");
  return llvm::Error::success();
}

/// Largest power of two, up to the file's alignment, that divides the size.
uint64_t getSizeFactor(const SafetensorsEntry &entry) {
  uint64_t size = entry.bytes.size();
  return size == 0 ? kAlignment : std::min(size & -size, uint64_t(kAlignment));
}

void sortForWriting(std::vector<SafetensorsEntry> &entries) {
  llvm::sort(entries, [](const auto &a, const auto &b) {
    uint64_t factorA = getSizeFactor(a), factorB = getSizeFactor(b);
    return factorA != factorB ? factorA > factorB : a.name < b.name;
  });
}

std::string printHeader(llvm::ArrayRef<SafetensorsEntry> entries,
                        const std::map<std::string, std::string> &metadata) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::json::OStream json(os);
  json.object([&] {
    if (!metadata.empty())
      json.attributeObject(kMetadata, [&] {
        for (const auto &[key, value] : metadata)
          json.attribute(key, value);
      });
    uint64_t offset = 0;
    for (const SafetensorsEntry &entry : entries) {
      json.attributeObject(entry.name, [&] {
        json.attribute("dtype", getSafetensorsName(entry.type));
        json.attributeArray("shape", [&] {
          for (int64_t extent : entry.shape)
            json.value(extent);
        });
        json.attributeArray("data_offsets", [&] {
          json.value(offset);
          offset += entry.bytes.size();
          json.value(offset);
        });
      });
    }
  });
  size_t total = llvm::alignTo(kLengthBytes + text.size(), kAlignment);
  text.append(total - kLengthBytes - text.size(), ' ');
  return text;
}

} // namespace

llvm::StringRef lowbit::getSafetensorsName(ElementType type) {
  return kNames[static_cast<unsigned>(type)];
}

llvm::Expected<SafetensorsFile> SafetensorsFile::open(llvm::StringRef path) {
  llvm::Expected<MappedFile> file = mapFile(path);
  if (!file)
    return file.takeError();
  return parse(std::move(*file), path);
}

llvm::Expected<SafetensorsFile> SafetensorsFile::parse(MappedFile mapped,
                                                       llvm::StringRef source) {
  llvm::StringRef bytes = mapped->getBuffer();
  if (bytes.size() < kLengthBytes)
    return makeFileError(source, "is too short for a safetensors file");
  uint64_t length = llvm::support::endian::read64le(bytes.data());
  if (length > bytes.size() - kLengthBytes)
    return makeFileError(
        source, "the safetensors header has " + llvm::Twine(length) +
                    " bytes, the file only " + llvm::Twine(bytes.size()));
  llvm::Expected<llvm::json::Value> header =
      parseJson(bytes.substr(kLengthBytes, length), source);
  if (!header)
    return header.takeError();
  const llvm::json::Object *object = header->getAsObject();
  if (!object)
    return makeFileError(source, "the safetensors header must be an object");

  SafetensorsFile result;
  result.source = source.str();
  result.headerBytes = kLengthBytes + length;
  llvm::StringRef data = bytes.drop_front(result.headerBytes);
  for (const auto &[key, value] : *object) {
    if (llvm::StringRef(key) == kMetadata) {
      if (llvm::Error error = parseMetadata(value, result.metadata, source))
        return error;
      continue;
    }
    llvm::Expected<SafetensorsEntry> entry =
        parseEntry(key, value, data, source);
    if (!entry)
      return entry.takeError();
    result.entries.push_back(std::move(*entry));
  }
  llvm::sort(result.entries, [](const auto &a, const auto &b) {
    return std::tuple(a.bytes.data(), a.bytes.size(), llvm::StringRef(a.name)) <
           std::tuple(b.bytes.data(), b.bytes.size(), llvm::StringRef(b.name));
  });
  if (llvm::Error error = checkCoverage(result.entries, data, source))
    return error;
  for (size_t i = 0; i < result.entries.size(); ++i)
    result.indices[result.entries[i].name] = i;
  result.file = std::move(mapped);
  return result;
}

const SafetensorsEntry *SafetensorsFile::lookup(llvm::StringRef name) const {
  auto found = indices.find(name);
  return found == indices.end() ? nullptr : &entries[found->second];
}

std::string lowbit::computeChecksum(llvm::ArrayRef<SafetensorsEntry> entries) {
  std::vector<const SafetensorsEntry *> sorted;
  for (const SafetensorsEntry &entry : entries)
    sorted.push_back(&entry);
  llvm::sort(sorted,
             [](const auto *a, const auto *b) { return a->name < b->name; });
  // A digest of digests, as the tensors are not one block of memory.
  llvm::SmallVector<uint8_t, 0> digests(8 * sorted.size());
  for (auto [i, entry] : llvm::enumerate(sorted))
    llvm::support::endian::write64le(
        digests.data() + 8 * i,
        llvm::xxh3_64bits(llvm::arrayRefFromStringRef(
            llvm::StringRef(entry->bytes.data(), entry->bytes.size()))));
  return llvm::utohexstr(llvm::xxh3_64bits(digests), /*LowerCase=*/true,
                         /*Width=*/16);
}

std::string
lowbit::computeChecksum(const std::map<std::string, std::string> &metadata,
                        llvm::ArrayRef<SafetensorsEntry> entries) {
  std::string text = computeChecksum(entries);
  for (const auto &[key, value] : metadata)
    if (key != "checksum")
      text += "\n" + key + "=" + value;
  return llvm::utohexstr(llvm::xxh3_64bits(text), /*LowerCase=*/true,
                         /*Width=*/16);
}

SafetensorsSize
lowbit::measureSafetensors(std::vector<SafetensorsEntry> entries,
                           const std::map<std::string, std::string> &metadata) {
  sortForWriting(entries);
  SafetensorsSize size{kLengthBytes + printHeader(entries, metadata).size(), 0};
  for (const SafetensorsEntry &entry : entries)
    size.data += entry.bytes.size();
  return size;
}

llvm::Expected<SafetensorsSize>
lowbit::printSafetensors(llvm::raw_ostream &os, llvm::StringRef target,
                         std::vector<SafetensorsEntry> entries,
                         const std::map<std::string, std::string> &metadata) {
  sortForWriting(entries);
  llvm::StringSet<> names;
  for (const SafetensorsEntry &entry : entries) {
    if (!llvm::json::isUTF8(entry.name))
      return makeFileError(target, "tensor name '" + entry.name +
                                       "' is not valid UTF-8");
    if (entry.name == kMetadata || !names.insert(entry.name).second)
      return makeFileError(target,
                           "tensor name '" + entry.name + "' is taken already");
    if (getByteSize(entry.type, entry.shape) != entry.bytes.size())
      return makeFileError(target, "tensor '" + entry.name + "' has " +
                                       llvm::Twine(entry.bytes.size()) +
                                       " bytes, not the size of " +
                                       describe(entry.type, entry.shape));
  }
  std::string header = printHeader(entries, metadata);
  char length[kLengthBytes];
  llvm::support::endian::write64le(length, header.size());
  os.write(length, kLengthBytes);
  os << header;
  SafetensorsSize size{kLengthBytes + header.size(), 0};
  for (const SafetensorsEntry &entry : entries) {
    os.write(entry.bytes.data(), entry.bytes.size());
    size.data += entry.bytes.size();
  }
  return size;
}

llvm::Expected<SafetensorsSize>
lowbit::writeSafetensors(AtomicOutput &output,
                         std::vector<SafetensorsEntry> entries,
                         const std::map<std::string, std::string> &metadata) {
  return printSafetensors(output.os(), output.getPath(), std::move(entries),
                          metadata);
}
