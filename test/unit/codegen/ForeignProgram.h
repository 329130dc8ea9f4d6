//===- ForeignProgram.h - a compiled module run elsewhere -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program in a folder of its own reads arguments from a file and writes
// results to one: words of 64 bits and f32 elements.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_CODEGEN_FOREIGNPROGRAM_H
#define LOWBIT_TEST_UNIT_CODEGEN_FOREIGNPROGRAM_H

#include "lowbit/Tools/HostTensor.h"
#include "llvm/Support/Error.h"

namespace lowbit::test {

class ForeignProgram {
public:
  virtual ~ForeignProgram();

  llvm::Expected<std::vector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> arguments);

protected:
  /// All results are f32, of these ranks.
  explicit ForeignProgram(llvm::ArrayRef<int64_t> resultRanks)
      : ranks(resultRanks) {}

  llvm::Error createFolder();
  std::string path(const char *name) const { return folder + "/" + name; }
  llvm::Error writeFile(const char *name, llvm::StringRef text);
  llvm::Error execute(const char *program,
                      llvm::ArrayRef<std::string> arguments);
  /// Runs the program on the files `in` and `out`: for each argument rank,
  /// extents and data, then for each result its rank; and for each result its
  /// extents and data.
  virtual llvm::Error start() = 0;

private:
  std::string folder;
  std::vector<int64_t> ranks;
};

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_CODEGEN_FOREIGNPROGRAM_H
