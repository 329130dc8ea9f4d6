//===- Text.cpp - a decoder that extends a text ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Text.h"
#include "lowbit/Tools/Errors.h"
#include <limits>

using namespace lowbit;

llvm::Expected<Text> Text::create(ModelMemory &memory,
                                  const Manifest &manifest) {
  const ManifestFunction *prefill = manifest.find("prefill");
  const ManifestFunction *decode = manifest.find("decode");
  if (!prefill || !decode)
    return makeError("--tokens requires a model with a KV cache, @prefill and "
                     "@decode, found none; compile with --kv-cache");
  auto first = Program::create(memory, *prefill);
  if (!first)
    return first.takeError();
  auto second = Program::create(memory, *decode);
  if (!second)
    return second.takeError();
  return Text(std::move(*first), std::move(*second));
}

int64_t Text::getRoom() const {
  for (const ManifestBuffer &buffer : decodeProgram.getFunction().buffers)
    // [heads, tokens, numbers of a head], and perhaps more before.
    if (buffer.kind == "state")
      return buffer.shape[buffer.shape.size() - 2];
  return std::numeric_limits<int64_t>::max();
}

static bool isInteger(ElementType type) {
  return type >= ElementType::I8 && type <= ElementType::U64;
}

llvm::Error Text::check(const HostTensor &file, uint64_t more) const {
  uint64_t count = file.getNumElements(), room = getRoom();
  if (!isInteger(file.getType()))
    return makeError("--tokens requires integers, found " + file.describe());
  if (count == 0)
    return makeError("--tokens requires at least one token, found none");
  std::string required =
      "the KV cache has room for " + std::to_string(room) + " tokens, found ";
  if (count > room)
    return makeError(required + llvm::Twine(count) +
                     "; compile with a larger --max-length");
  if (more > room - count + 1)
    return makeError(required + "a prompt of " + llvm::Twine(count) + " and " +
                     llvm::Twine(more) + " more; ask for at most " +
                     llvm::Twine(room - count + 1) +
                     ", or compile with a larger --max-length");
  return checkIndices(decodeProgram.getFunction().buffers[0], file);
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
  return makeError("the model yields no token");
}
