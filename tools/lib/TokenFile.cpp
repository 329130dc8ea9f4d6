//===- TokenFile.cpp - Token ids as 16-bit integers -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whether the ids are inside a model's vocabulary is for its user to check;
// the file does not say.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/TokenFile.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/MappedFile.h"
#include "llvm/Support/Endian.h"

using namespace lowbit;

llvm::Expected<std::vector<uint16_t>> lowbit::readTokens(llvm::StringRef path) {
  llvm::Expected<MappedFile> file = mapFile(path);
  if (!file)
    return file.takeError();
  llvm::StringRef bytes = (*file)->getBuffer();
  if (bytes.size() % 2 != 0)
    return makeFileError(path, "a token file holds 16-bit ids, found an odd "
                               "number of bytes (" +
                                   llvm::Twine(bytes.size()) + ")");
  std::vector<uint16_t> tokens(bytes.size() / 2);
  for (size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = llvm::support::endian::read16le(bytes.data() + 2 * i);
  return tokens;
}
