//===- WireFormat.cpp - taking raw tensor bytes out of a model ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A walk over the messages that lead to tensors; everything else is copied
// byte for byte. Field numbers are those of onnx.proto.
//
//===----------------------------------------------------------------------===//

#include "WireFormat.h"

#include <cstring>

using namespace lowbit::frontend;
using llvm::StringRef;

std::string RawReference::encode() const {
  std::string text(2 * sizeof(uint64_t), '\0');
  std::memcpy(text.data(), &offset, sizeof(offset));
  std::memcpy(text.data() + sizeof(offset), &size, sizeof(size));
  return text;
}

std::optional<RawReference> RawReference::decode(StringRef text) {
  RawReference reference;
  if (text.size() != 2 * sizeof(uint64_t))
    return std::nullopt;
  std::memcpy(&reference.offset, text.data(), sizeof(uint64_t));
  std::memcpy(&reference.size, text.data() + sizeof(uint64_t),
              sizeof(uint64_t));
  return reference;
}

namespace {

enum class Message { Model, Function, Graph, Node, Attribute, Tensor };
enum WireType { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

constexpr uint64_t tensorRawData = 9;

/// How deep messages may lie: branches nest in branches.
constexpr unsigned maxDepth = 64;

/// The message that field `field` of `parent` holds, if it leads to tensors.
std::optional<Message> childOf(Message parent, uint64_t field) {
  switch (parent) {
  case Message::Model:
    if (field == 7)
      return Message::Graph;
    return field == 25 ? std::optional(Message::Function) : std::nullopt;
  case Message::Function:
    return field == 7 ? std::optional(Message::Node) : std::nullopt;
  case Message::Graph:
    if (field == 1)
      return Message::Node;
    return field == 5 ? std::optional(Message::Tensor) : std::nullopt;
  case Message::Node:
    return field == 5 ? std::optional(Message::Attribute) : std::nullopt;
  case Message::Attribute:
    if (field == 6 || field == 11)
      return Message::Graph;
    return field == 5 || field == 10 ? std::optional(Message::Tensor)
                                     : std::nullopt;
  case Message::Tensor:
    return std::nullopt;
  }
  return std::nullopt;
}

class Walker {
public:
  explicit Walker(StringRef file) : file(file) {}

  /// Copies the message at [begin, end) of the file to `out`.
  bool copy(size_t begin, size_t end, Message kind, std::string &out,
            unsigned depth = 0) {
    if (depth > maxDepth)
      return false;
    size_t at = begin;
    while (at < end) {
      size_t start = at;
      uint64_t tag, length;
      if (!readVarint(at, end, tag))
        return false;
      uint64_t field = tag >> 3;
      if ((tag & 7) != Bytes) {
        if (!skipScalar(at, end, tag & 7))
          return false;
        out.append(file.data() + start, at - start);
        continue;
      }
      if (!readVarint(at, end, length) || length > end - at)
        return false;
      if (!copyBytes(kind, tag, field, start, at, length, out, depth))
        return false;
      at += length;
    }
    return true;
  }

private:
  bool copyBytes(Message kind, uint64_t tag, uint64_t field, size_t start,
                 size_t at, uint64_t length, std::string &out, unsigned depth) {
    std::optional<Message> child = childOf(kind, field);
    if (kind == Message::Tensor && field == tensorRawData) {
      appendField(tag, RawReference{at, length}.encode(), out);
    } else if (child) {
      std::string body;
      if (!copy(at, at + length, *child, body, depth + 1))
        return false;
      appendField(tag, body, out);
    } else {
      out.append(file.data() + start, at + length - start);
    }
    return true;
  }

  bool readVarint(size_t &at, size_t end, uint64_t &value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
      auto byte = static_cast<uint8_t>(file[at++]);
      value |= uint64_t(byte & 0x7f) << shift;
      if (!(byte & 0x80))
        return true;
    }
    return false;
  }

  bool skipScalar(size_t &at, size_t end, unsigned wireType) {
    uint64_t ignored;
    switch (wireType) {
    case Varint:
      return readVarint(at, end, ignored);
    case Fixed64:
    case Fixed32: {
      size_t width = wireType == Fixed64 ? 8 : 4;
      if (end - at < width)
        return false;
      at += width;
      return true;
    }
    default: // Groups occur nowhere in ONNX.
      return false;
    }
  }

  static void appendVarint(uint64_t value, std::string &out) {
    for (; value >= 0x80; value >>= 7)
      out.push_back(char(value | 0x80));
    out.push_back(char(value));
  }

  static void appendField(uint64_t tag, StringRef body, std::string &out) {
    appendVarint(tag, out);
    appendVarint(body.size(), out);
    out.append(body.data(), body.size());
  }

  StringRef file;
};

} // namespace

bool lowbit::frontend::replaceRawData(StringRef file, std::string &result) {
  return Walker(file).copy(0, file.size(), Message::Model, result);
}
