//===- ForeignProgram.cpp - a compiled module run elsewhere ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ForeignProgram.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace lowbit;
using namespace lowbit::test;

ForeignProgram::~ForeignProgram() {
  if (!folder.empty())
    llvm::sys::fs::remove_directories(folder);
}

llvm::Error ForeignProgram::createFolder() {
  llvm::SmallString<64> name;
  if (std::error_code code =
          llvm::sys::fs::createUniqueDirectory("lowbit-foreign", name))
    return makeError(code.message());
  folder = name.str().str();
  return llvm::Error::success();
}

llvm::Error ForeignProgram::writeFile(const char *name, llvm::StringRef text) {
  std::error_code code;
  llvm::raw_fd_ostream os(path(name), code);
  if (code)
    return makeError(path(name) + ": " + code.message());
  os << text;
  return llvm::Error::success();
}

llvm::Error ForeignProgram::execute(const char *program,
                                    llvm::ArrayRef<std::string> arguments) {
  llvm::ErrorOr<std::string> found = llvm::sys::findProgramByName(program);
  if (!found)
    return makeError(llvm::Twine(program) + " was not found");
  llvm::SmallVector<llvm::StringRef> all{*found};
  all.append(arguments.begin(), arguments.end());
  std::string problem, log = path("log");
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(), log, log};
  int status = llvm::sys::ExecuteAndWait(*found, all, std::nullopt, redirects,
                                         /*SecondsToWait=*/120,
                                         /*MemoryLimit=*/0, &problem);
  if (status == 0)
    return llvm::Error::success();
  auto text = llvm::MemoryBuffer::getFile(log);
  return makeError(llvm::Twine(program) + ": status " + llvm::Twine(status) +
                   " " + problem +
                   (text ? (*text)->getBuffer().take_front(1000) : ""));
}

llvm::Expected<std::vector<HostTensor>>
ForeignProgram::run(llvm::ArrayRef<HostTensor> arguments) {
  std::string input;
  auto put = [&](int64_t word) {
    input.append(reinterpret_cast<const char *>(&word), 8);
  };
  put(arguments.size());
  for (const HostTensor &argument : arguments) {
    put(argument.getShape().size());
    for (int64_t extent : argument.getShape())
      put(extent);
    input.append(argument.getBytes().data(), argument.getBytes().size());
  }
  put(ranks.size());
  for (int64_t rank : ranks)
    put(rank);
  if (llvm::Error error = writeFile("in", input))
    return std::move(error);
  if (llvm::Error error = start())
    return std::move(error);
  auto output = llvm::MemoryBuffer::getFile(path("out"), /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!output)
    return makeError(output.getError().message());
  llvm::StringRef rest = (*output)->getBuffer();
  auto take = [&](void *bytes, size_t size) {
    if (size > rest.size())
      return false;
    std::memcpy(bytes, rest.data(), size);
    rest = rest.drop_front(size);
    return true;
  };
  std::vector<HostTensor> results;
  for (int64_t rank : ranks) {
    std::vector<int64_t> shape(rank);
    if (!take(shape.data(), 8 * rank))
      return makeError("the output ends early");
    HostTensor &result =
        results.emplace_back(HostTensor::allocate(ElementType::F32, shape));
    llvm::MutableArrayRef<char> bytes = result.getMutableBytes();
    if (!take(bytes.data(), bytes.size()))
      return makeError("the output ends early");
  }
  return results;
}
