//===- TextTable.cpp - tables for terminals -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/TextTable.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Format.h"

using namespace lowbit;

void TextTable::print(llvm::raw_ostream &os) const {
  std::vector<size_t> widths(rows[0].size());
  for (const auto &row : rows)
    for (auto [width, cell] : llvm::zip_equal(widths, row))
      width = std::max(width, cell.size());
  for (const auto &row : rows) {
    std::string line;
    for (auto [i, cell] : llvm::enumerate(row)) {
      bool isText = i == 0 || i + texts >= row.size();
      std::string space(widths[i] - cell.size(), ' ');
      line += (i ? "  " : "") + (isText ? cell + space : space + cell);
    }
    os << llvm::StringRef(line).rtrim() << "\n";
  }
}

std::string lowbit::formatNumber(const char *format, double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format(format, value);
  return text;
}

std::string lowbit::formatBytes(uint64_t bytes) {
  if (bytes < 1000)
    return std::to_string(bytes) + " B";
  if (bytes < 1000 * 1000)
    return formatNumber("%.1f", double(bytes) / 1e3) + " kB";
  if (bytes < 1000 * 1000 * 1000)
    return formatNumber("%.2f", double(bytes) / 1e6) + " MB";
  return formatNumber("%.2f", double(bytes) / 1e9) + " GB";
}
