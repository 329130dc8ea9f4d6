//===- Text.cpp - a decoder that extends a text ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Text.h"
#include <cinttypes>

using namespace lowbit;

llvm::Expected<Text> Text::create(ModelMemory &memory,
                                  const Manifest &manifest) {
  const ManifestFunction *prefill = manifest.find("prefill");
  const ManifestFunction *decode = manifest.find("decode");
  if (!prefill || !decode)
    return llvm::createStringError("the model has no KV cache");
  auto first = Program::create(memory, *prefill);
  if (!first)
    return first.takeError();
  auto second = Program::create(memory, *decode);
  if (!second)
    return second.takeError();
  return Text(std::move(*first), std::move(*second));
}

llvm::Error Text::checkRoom(size_t count) const {
  for (const ManifestBuffer &buffer : decodeProgram.getFunction().buffers) {
    if (buffer.kind != "state")
      continue;
    // [heads, tokens, numbers of a head], and perhaps more before.
    int64_t room = buffer.shape[buffer.shape.size() - 2];
    if (static_cast<int64_t>(count) > room)
      return llvm::createStringError(
          "the KV cache has room for %" PRId64
          " tokens, found %zu; compile with a larger --max-length",
          room, count);
    break;
  }
  return llvm::Error::success();
}

llvm::Error Text::run(Program &program, llvm::ArrayRef<int64_t> tokens,
                      int64_t position, double &seconds) {
  // Tokens come first, then the position.
  const ManifestBuffer &input = program.getFunction().buffers[0];
  HostTensor ids = HostTensor::allocate(ElementType::I64, input.shape);
  HostTensor place = HostTensor::allocate(ElementType::I64, {});
  auto *words = reinterpret_cast<int64_t *>(ids.getMutableBytes().data());
  for (uint64_t i = 0; i < ids.getNumElements(); ++i)
    words[i] = i < tokens.size() ? tokens[i] : 0;
  memcpy(place.getMutableBytes().data(), &position, sizeof(position));
  if (llvm::Error error = program.write(input.name, ids))
    return error;
  if (llvm::Error error = program.write("position", place))
    return error;
  seconds += program.run();
  return llvm::Error::success();
}

llvm::Error Text::prefill(llvm::ArrayRef<int64_t> tokens) {
  if (llvm::Error error = checkRoom(text.size() + tokens.size()))
    return error;
  int64_t position = text.size();
  text.insert(text.end(), tokens.begin(), tokens.end());
  int64_t length = text.size();
  int64_t piece = prefillProgram.getFunction().buffers[0].shape[1];
  for (; position < length; position += piece) {
    int64_t first = std::max<int64_t>(0, std::min(position, length - piece));
    int64_t count = std::min(piece, length - first);
    if (llvm::Error error =
            run(prefillProgram, llvm::ArrayRef(text).slice(first, count), first,
                prefillSeconds))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error Text::decode(int64_t token) {
  if (llvm::Error error = checkRoom(text.size() + 1))
    return error;
  int64_t position = text.size();
  text.push_back(token);
  return run(decodeProgram, token, position, decodeSeconds);
}

llvm::Expected<int64_t> Text::readToken() {
  for (const ManifestBuffer &buffer : decodeProgram.getFunction().buffers)
    if (buffer.kind == "token") {
      auto token = decodeProgram.read(buffer.name);
      if (!token)
        return token.takeError();
      return static_cast<int64_t>(token->getElement(0));
    }
  return llvm::createStringError("the model yields no token");
}
