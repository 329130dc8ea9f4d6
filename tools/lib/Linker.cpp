//===- Linker.cpp - objects to shared libraries ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A compiler driver knows where its system keeps the C library; linking with
// ld alone would have to guess.
//
//===----------------------------------------------------------------------===//

#include "Linker.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace lowbit;

namespace fs = llvm::sys::fs;

llvm::Expected<std::string> lowbit::findLinker(llvm::StringRef name) {
  static constexpr llvm::StringLiteral kDrivers[] = {"clang-22", "clang", "gcc",
                                                     "cc"};
  if (!name.empty()) {
    llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName(name);
    if (path && fs::can_execute(*path))
      return *path;
    return makeError("--linker: requires a program, found '" + name +
                     "', which cannot be executed");
  }
  for (llvm::StringRef driver : kDrivers)
    if (llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName(driver))
      return *path;
  return makeError("a shared library requires a compiler driver that links, "
                   "found none of " +
                   llvm::join(llvm::ArrayRef(kDrivers), ", ") +
                   " in PATH; name one with --linker, or write an object");
}

llvm::Expected<std::string> lowbit::findRuntime(llvm::StringRef name) {
  llvm::SmallString<128> path = name;
  if (path.empty()) {
    std::string tool = fs::getMainExecutable(
        nullptr, reinterpret_cast<void *>(&lowbit::findLinker));
    path = llvm::sys::path::parent_path(tool);
    llvm::sys::path::append(path, "..", "lib", "liblowbit_runtime.a");
    llvm::sys::path::remove_dots(path, /*remove_dot_dot=*/true);
  }
  if (fs::exists(path))
    return std::string(path);
  return makeError("a shared library requires " + path +
                   ", which is not there; write an object and link it");
}

/// Runs a program; what it says is the error's text.
static llvm::Error execute(llvm::StringRef program,
                           llvm::ArrayRef<llvm::StringRef> arguments) {
  llvm::SmallString<128> log;
  if (std::error_code error = fs::createTemporaryFile("lowbit", "log", log))
    return makeError("a temporary file cannot be created: " + error.message());
  llvm::FileRemover remover(log);
  std::string problem;
  int status = llvm::sys::ExecuteAndWait(
      program, arguments, /*Env=*/std::nullopt,
      {llvm::StringRef(""), log.str(), log.str()}, /*SecondsToWait=*/0,
      /*MemoryLimit=*/0, &problem);
  if (status == 0)
    return llvm::Error::success();
  if (problem.empty())
    if (auto text = llvm::MemoryBuffer::getFile(log))
      problem = (*text)->getBuffer().trim().str();
  return makeError("linking with " + program + " failed: " + problem);
}

llvm::Error lowbit::linkShared(const LinkJob &job) {
  std::string soname = "-Wl,-soname," + job.soname;
  // The run time's names stay inside, and a name that nobody defines is found
  // now, not when the library is loaded.
  llvm::SmallVector<llvm::StringRef> arguments = {
      job.linker,   "-shared",   "-o",   job.output,
      job.object,   job.runtime, soname, "-Wl,--exclude-libs,ALL",
      "-Wl,-z,defs"};
  if (job.usesThreads)
    arguments.push_back("-lomp");
  arguments.push_back("-lm");
  return execute(job.linker, arguments);
}
