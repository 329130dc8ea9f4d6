//===- TextTable.h - tables for terminals -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_TEXTTABLE_H
#define LOWBIT_TOOLS_TEXTTABLE_H

#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace lowbit {

/// Rows of cells, in columns as wide as they need to be, two spaces apart. The
/// first column is text and set left; the others are numbers and set right, but
/// for as many at the end as are said to be text.
class TextTable {
public:
  explicit TextTable(std::vector<std::string> head, size_t lastTexts = 0)
      : texts(lastTexts) {
    rows.push_back(std::move(head));
  }
  /// Adds a row of as many cells as the head has.
  void add(std::vector<std::string> row) { rows.push_back(std::move(row)); }

  void print(llvm::raw_ostream &os) const;

private:
  std::vector<std::vector<std::string>> rows;
  size_t texts;
};

/// Bytes as people read them: `0.42 MB`, by powers of ten.
std::string formatBytes(uint64_t bytes);
/// A number as `format` of printf says.
std::string formatNumber(const char *format, double value);

} // namespace lowbit

#endif // LOWBIT_TOOLS_TEXTTABLE_H
