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
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace lowbit;

namespace fs = llvm::sys::fs;

/// The program that `--linker` names, or the first of `known` in PATH.
static llvm::Expected<std::string>
findProgram(llvm::StringRef name, llvm::ArrayRef<llvm::StringLiteral> known,
            const llvm::Twine &need) {
  if (!name.empty()) {
    llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName(name);
    if (path && fs::can_execute(*path))
      return *path;
    return makeError("--linker: requires a program, found '" + name +
                     "', which cannot be executed");
  }
  for (llvm::StringRef program : known)
    if (llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName(program))
      return *path;
  return makeError(need + ", found none of " + llvm::join(known, ", ") +
                   " in PATH; name one with --linker, or write an object");
}

llvm::Expected<std::string> lowbit::findLinker(llvm::StringRef name) {
  static constexpr llvm::StringLiteral kDrivers[] = {"clang-22", "clang", "gcc",
                                                     "cc"};
  return findProgram(name, kDrivers,
                     "a shared library requires a compiler driver that links");
}

llvm::Expected<std::string> lowbit::findWasmLinker(llvm::StringRef name) {
  static constexpr llvm::StringLiteral kLinkers[] = {"wasm-ld-22", "wasm-ld"};
  return findProgram(name, kLinkers,
                     "a module of WebAssembly requires LLVM's linker for it");
}

/// `name`, or a library that was built or installed with the running tool.
static llvm::Expected<std::string> findLibrary(llvm::StringRef name,
                                               llvm::StringRef file,
                                               const llvm::Twine &what) {
  llvm::SmallString<128> path = name;
  if (path.empty()) {
    std::string tool = fs::getMainExecutable(
        nullptr, reinterpret_cast<void *>(&lowbit::findLinker));
    path = llvm::sys::path::parent_path(tool);
    llvm::sys::path::append(path, "..", "lib", file);
    llvm::sys::path::remove_dots(path, /*remove_dot_dot=*/true);
  }
  if (fs::exists(path))
    return std::string(path);
  return makeError(what + " requires " + path +
                   ", which is not there; write an object and link it");
}

llvm::Expected<std::string> lowbit::findRuntime(llvm::StringRef name) {
  return findLibrary(name, "liblowbit_runtime.a", "a shared library");
}

llvm::Expected<std::string> lowbit::findWasmRuntime(llvm::StringRef name) {
  return findLibrary(name, "liblowbit_runtime_wasm32.a",
                     "a module of WebAssembly");
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
  if (problem.empty())
    problem = "it ended with status " + std::to_string(status);
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

/// A stack for code that needs `bytes` of it, and for the run time's; where
/// only a run tells, as much as threads have elsewhere.
static uint64_t chooseStackSize(std::optional<uint64_t> bytes) {
  constexpr uint64_t kRuntime = 64 << 10, kUnknown = 4 << 20;
  return bytes ? llvm::alignTo(*bytes + kRuntime, 16 << 10) : kUnknown;
}

llvm::Error lowbit::linkWasm(const LinkJob &job,
                             llvm::ArrayRef<std::string> functions) {
  // Below address 0 there is nothing: a stack that is used up ends in a trap
  // and not in the data.
  llvm::SmallVector<std::string> exports = {
      "lowbit_reserve", "lowbit_deallocate",   "lowbit_sweep",
      "lowbit_hash",    "lowbit_take_missing", "__stack_pointer"};
  exports.append(functions.begin(), functions.end());
  for (std::string &name : exports)
    name = "--export=" + name;
  std::string stack =
      "stack-size=" + std::to_string(chooseStackSize(job.stackBytes));
  llvm::SmallVector<llvm::StringRef> arguments = {
      job.linker,    "--no-entry", "--stack-first", "-z",       stack,
      "--strip-all", "-o",         job.output,      job.object, job.runtime};
  arguments.append(exports.begin(), exports.end());
  llvm::Error error = execute(job.linker, arguments);
  if (!error)
    return error;
  // Vector code has its mathematics in it; that of f64 is a C library's.
  std::string text = llvm::toString(std::move(error));
  constexpr llvm::StringLiteral kUndefined = "undefined symbol: ";
  size_t at = text.find(kUndefined);
  if (at == std::string::npos)
    return makeError(text);
  llvm::StringRef name = llvm::StringRef(text).substr(at + kUndefined.size());
  return makeError("the model computes '" + name.take_until(llvm::isSpace) +
                   "' as C libraries do, which modules of WebAssembly are "
                   "without; compute in f32, or write an object and link it "
                   "with a library");
}
