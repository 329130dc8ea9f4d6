//===- CalibrationFiles.cpp - statistics that are there already -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CalibrationFiles.h"
#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace lowbit;
using llvm::StringRef;

llvm::Error lowbit::checkProvenance(StringRef path,
                                    const StatisticsSource &wanted,
                                    const StatisticsSource &found) {
  auto differ = [&](StringRef what, StringRef a, StringRef b) {
    return makeFileError(path, "requires statistics of " + what + " " + a +
                                   ", found those of " + b +
                                   "; remove the file or name another one");
  };
  if (wanted.model != found.model)
    return differ("the model", wanted.model, found.model);
  if (wanted.data.empty())
    return llvm::Error::success();
  if (wanted.data != found.data)
    return differ("the data", wanted.data, found.data);
  if (wanted.options != found.options)
    return differ("the options", wanted.options, found.options);
  llvm::SmallVector<StringRef> all, known;
  StringRef(wanted.statistics).split(all, '|');
  StringRef(found.statistics).split(known, '|');
  for (StringRef one : all)
    if (!llvm::is_contained(known, one))
      return differ("the kinds", wanted.statistics, found.statistics);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

std::string CalibratedGroups::getPath(size_t index) const {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path,
                          kind + "-" + llvm::Twine(index) + ".safetensors");
  return path.str().str();
}

llvm::Expected<std::vector<StatisticsRecord>>
CalibratedGroups::read(size_t index,
                       const llvm::SetVector<StringRef> &names) const {
  std::string path = getPath(index);
  if (folder.empty() || !llvm::sys::fs::exists(path))
    return std::vector<StatisticsRecord>();
  auto found = readStatistics(path);
  if (!found)
    return found.takeError();
  if (llvm::Error error = checkProvenance(path, source, found->provenance))
    return std::move(error);
  // Another limit of memory makes other groups.
  if (!llvm::equal(found->records, names,
                   [](const StatisticsRecord &record, StringRef name) {
                     return record.name == name;
                   }))
    return std::vector<StatisticsRecord>();
  return std::move(found->records);
}

llvm::Error
CalibratedGroups::write(size_t index,
                        llvm::ArrayRef<StatisticsRecord> records) const {
  if (folder.empty())
    return llvm::Error::success();
  return writeStatistics(getPath(index), {source, records.vec()});
}

/// Groups are of no use once the whole is there.
static void removeGroups(StringRef folder) {
  if (folder.empty())
    return;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(folder, error), end;
       !error && it != end; it.increment(error)) {
    StringRef name = llvm::sys::path::filename(it->path());
    if (name.starts_with("inputs-") || name.starts_with("gradients-"))
      llvm::sys::fs::remove(it->path());
  }
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

llvm::Expected<CalibrationStatistics>
lowbit::obtainStatistics(mlir::ModuleOp module, StringRef path,
                         const CalibrationOptions &options,
                         const CompileOptions &compile) {
  if (!path.empty() && (options.data.empty() || llvm::sys::fs::exists(path))) {
    llvm::Expected<StatisticsSource> wanted = getProvenance(module, options);
    if (!wanted)
      return wanted.takeError();
    auto found = readStatistics(path);
    if (!found)
      return found.takeError();
    if (llvm::Error error = checkProvenance(path, *wanted, found->provenance))
      return std::move(error);
    removeGroups(options.folder);
    return found;
  }
  auto statistics = calibrate(module, options, compile);
  if (statistics && !path.empty()) {
    if (llvm::Error error = writeStatistics(path, *statistics))
      return std::move(error);
    removeGroups(options.folder);
  }
  return statistics;
}
