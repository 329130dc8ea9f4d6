//===- CalibrationFiles.h - statistics that are there already ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_CALIBRATIONFILES_H
#define LOWBIT_TOOLS_LIB_CALIBRATIONFILES_H

#include "lowbit/Tools/Calibration.h"
#include "llvm/ADT/SetVector.h"

namespace lowbit {

/// Whether the statistics found in `path` are those that are wanted; the error
/// names what differs.
llvm::Error checkProvenance(llvm::StringRef path,
                            const StatisticsSource &wanted,
                            const StatisticsSource &found);

/// Groups of records in a folder, each written whole once the model has been
/// run on all samples for it. A run that is started again takes them.
class CalibratedGroups {
public:
  /// Keeps nothing without a `folder`. `kind` is what is observed, `inputs` or
  /// `gradients`.
  CalibratedGroups(llvm::StringRef folder, llvm::StringRef kind,
                   StatisticsSource source)
      : folder(folder), kind(kind), source(std::move(source)) {}

  /// The records of group `index`, which are called `names`; none if they are
  /// not there. Those of another model, data or options are an error.
  llvm::Expected<std::vector<StatisticsRecord>>
  read(size_t index, const llvm::SetVector<llvm::StringRef> &names) const;
  llvm::Error write(size_t index,
                    llvm::ArrayRef<StatisticsRecord> records) const;

private:
  std::string getPath(size_t index) const;

  std::string folder, kind;
  StatisticsSource source;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_CALIBRATIONFILES_H
