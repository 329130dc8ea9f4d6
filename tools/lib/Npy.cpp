//===- Npy.cpp - NumPy array files ----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The header is a Python dictionary literal with three keys. Only what NumPy
// itself writes is accepted: quoted strings, True or False, a tuple of
// integers.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Npy.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/MappedFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace lowbit;

namespace {

constexpr llvm::StringLiteral kMagic("\x93NUMPY");
/// NumPy pads so that the data begin at a multiple of this.
constexpr size_t kDataAlignment = 64;
constexpr size_t kMaxRank = 32;

struct Descriptor {
  const char *text;
  ElementType type;
};

/// "|" and "<" are the same for single bytes.
constexpr Descriptor kDescriptors[] = {
    {"|b1", ElementType::Bool}, {"|i1", ElementType::I8},
    {"|u1", ElementType::U8},   {"<i2", ElementType::I16},
    {"<u2", ElementType::U16},  {"<i4", ElementType::I32},
    {"<u4", ElementType::U32},  {"<i8", ElementType::I64},
    {"<u8", ElementType::U64},  {"<f2", ElementType::F16},
    {"<f4", ElementType::F32},  {"<f8", ElementType::F64},
};

/// What a header says.
struct Header {
  llvm::StringRef descriptor;
  std::optional<bool> fortranOrder;
  std::optional<llvm::SmallVector<int64_t, 4>> shape;
};

/// Consumes a header's text from the front.
class HeaderParser {
public:
  explicit HeaderParser(llvm::StringRef text) : rest(text) {}

  /// Nothing if the text is no dictionary of the three keys.
  std::optional<Header> parse() {
    Header header;
    if (!consume("{"))
      return std::nullopt;
    while (!consume("}")) {
      std::optional<llvm::StringRef> key = parseString();
      if (!key || !consume(":") || !parseValue(*key, header))
        return std::nullopt;
      if (!consume(",") && !peek('}'))
        return std::nullopt;
    }
    bool complete = !header.descriptor.empty() && header.fortranOrder &&
                    header.shape && rest.trim().empty();
    return complete ? std::optional(std::move(header)) : std::nullopt;
  }

private:
  bool peek(char c) {
    rest = rest.ltrim();
    return rest.starts_with(llvm::StringRef(&c, 1));
  }

  bool consume(llvm::StringRef token) {
    rest = rest.ltrim();
    return rest.consume_front(token);
  }

  std::optional<llvm::StringRef> parseString() {
    llvm::StringRef quote = peek('"') ? "\"" : "'";
    if (!consume(quote))
      return std::nullopt;
    size_t end = rest.find(quote);
    if (end == llvm::StringRef::npos)
      return std::nullopt;
    llvm::StringRef content = rest.take_front(end);
    rest = rest.drop_front(end + 1);
    return content;
  }

  /// Reads the value of `key`, which must not have one yet.
  bool parseValue(llvm::StringRef key, Header &header) {
    if (key == "descr" && header.descriptor.empty()) {
      std::optional<llvm::StringRef> text = parseString();
      header.descriptor = text.value_or("");
      return !header.descriptor.empty();
    }
    if (key == "fortran_order" && !header.fortranOrder) {
      if (consume("False"))
        header.fortranOrder = false;
      else if (consume("True"))
        header.fortranOrder = true;
      return header.fortranOrder.has_value();
    }
    return key == "shape" && !header.shape && parseShape(header);
  }

  bool parseShape(Header &header) {
    if (!consume("("))
      return false;
    header.shape.emplace();
    while (!consume(")")) {
      int64_t extent;
      rest = rest.ltrim();
      if (rest.consumeInteger(10, extent) || extent < 0 ||
          header.shape->size() == kMaxRank)
        return false;
      header.shape->push_back(extent);
      if (!consume(",") && !peek(')'))
        return false;
    }
    return true;
  }

  llvm::StringRef rest;
};

/// Splits `bytes` into the header's text and the data.
llvm::Error splitFile(llvm::StringRef bytes, llvm::StringRef source,
                      llvm::StringRef &header, llvm::StringRef &data) {
  if (!bytes.consume_front(kMagic) || bytes.size() < 2)
    return makeFileError(source, "is not a .npy file");
  unsigned version = static_cast<uint8_t>(bytes[0]);
  bytes = bytes.drop_front(2);
  if (version < 1 || version > 3)
    return makeFileError(source, ".npy version " + llvm::Twine(version) +
                                     ", known are 1 to 3");
  size_t width = version == 1 ? 2 : 4;
  if (bytes.size() < width)
    return makeFileError(source, "ends inside the .npy header");
  uint64_t length = version == 1
                        ? llvm::support::endian::read16le(bytes.data())
                        : llvm::support::endian::read32le(bytes.data());
  bytes = bytes.drop_front(width);
  if (bytes.size() < length)
    return makeFileError(source, "ends inside the .npy header");
  header = bytes.take_front(length);
  data = bytes.drop_front(length);
  return llvm::Error::success();
}

const Descriptor *findDescriptor(llvm::StringRef text) {
  for (const Descriptor &descriptor : kDescriptors) {
    llvm::StringRef known = descriptor.text;
    bool isByte = known.starts_with("|");
    if (text == known || (isByte && text.drop_front() == known.drop_front() &&
                          (text[0] == '<' || text[0] == '=')))
      return &descriptor;
  }
  return nullptr;
}

} // namespace

llvm::Expected<HostTensor> lowbit::parseNpy(llvm::StringRef bytes,
                                            llvm::StringRef source) {
  llvm::StringRef headerText, data;
  if (llvm::Error error = splitFile(bytes, source, headerText, data))
    return error;
  std::optional<Header> header = HeaderParser(headerText).parse();
  if (!header)
    return makeFileError(source, "the .npy header must be a dictionary of "
                                 "'descr', 'fortran_order' and 'shape'");
  const Descriptor *descriptor = findDescriptor(header->descriptor);
  if (!descriptor)
    return makeFileError(source, "element type '" + header->descriptor +
                                     "' is not supported; little-endian bool, "
                                     "integers, f16, f32 and f64 are");
  // With fewer than two extents above one, both orders are the same.
  if (*header->fortranOrder &&
      llvm::count_if(*header->shape, [](int64_t n) { return n > 1; }) > 1)
    return makeFileError(source, "is in Fortran order, C order is required");
  std::optional<uint64_t> size = getByteSize(descriptor->type, *header->shape);
  if (!size || *size != data.size())
    return makeFileError(source,
                         "has " + llvm::Twine(data.size()) +
                             " bytes of data, its header asks for " +
                             describe(descriptor->type, *header->shape));
  HostTensor tensor = HostTensor::allocate(descriptor->type, *header->shape);
  if (*size != 0)
    std::memcpy(tensor.getMutableBytes().data(), data.data(), *size);
  return tensor;
}

llvm::Expected<HostTensor> lowbit::readNpy(llvm::StringRef path) {
  llvm::Expected<MappedFile> file = mapFile(path);
  if (!file)
    return file.takeError();
  return parseNpy((*file)->getBuffer(), path);
}

llvm::Error lowbit::printNpy(llvm::raw_ostream &os, const HostTensor &tensor,
                             llvm::StringRef target) {
  const Descriptor *descriptor =
      llvm::find_if(kDescriptors, [&](const Descriptor &candidate) {
        return candidate.type == tensor.getType();
      });
  if (descriptor == std::end(kDescriptors))
    return makeFileError(target, "NumPy has no element type for " +
                                     getName(tensor.getType()));
  std::string header = ("{'descr': '" + llvm::Twine(descriptor->text) +
                        "', 'fortran_order': False, 'shape': (")
                           .str();
  for (int64_t extent : tensor.getShape())
    header += std::to_string(extent) + ", ";
  header += "), }";
  // A trailing blank after the last comma is valid Python and NumPy reads it.
  bool wide = header.size() + kDataAlignment > UINT16_MAX;
  size_t prefix = kMagic.size() + 2 + (wide ? 4 : 2);
  size_t total = llvm::alignTo(prefix + header.size() + 1, kDataAlignment);
  header.append(total - prefix - header.size() - 1, ' ');
  header += '\n';

  os << kMagic << (wide ? '\2' : '\1') << '\0';
  char length[4];
  llvm::support::endian::write32le(length, header.size());
  os.write(length, wide ? 4 : 2);
  os << header;
  os.write(tensor.getBytes().data(), tensor.getBytes().size());
  return llvm::Error::success();
}

llvm::Expected<AtomicOutput> lowbit::prepareNpy(llvm::StringRef path,
                                                const HostTensor &tensor) {
  llvm::Expected<AtomicOutput> output = AtomicOutput::create(path);
  if (!output)
    return output.takeError();
  if (llvm::Error error = printNpy(output->os(), tensor, path))
    return std::move(error);
  return output;
}

llvm::Error lowbit::writeNpy(llvm::StringRef path, const HostTensor &tensor) {
  llvm::Expected<AtomicOutput> output = prepareNpy(path, tensor);
  return output ? output->commit() : output.takeError();
}
