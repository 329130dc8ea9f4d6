//===- FileFormats.h - how other programs store weights ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The packings of common model files as declarations: an encoding, which says
// what the numbers are, and a layout, which says where their bits are. Nothing
// else knows these formats; packing from one to another, the reference lowering
// and the table of the documentation come from the declarations.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_FILEFORMATS_H
#define LOWBIT_NUMERICS_FILEFORMATS_H

#include "lowbit/Numerics/Layout.h"

namespace lowbit::numerics {

struct FileFormat {
  /// As its own documentation calls it, such as "GGUF Q4_K".
  std::string name;
  Encoding encoding;
  Layout layout;
};

/// All of them, in the order of the documentation. Group sizes that a format
/// leaves open are those that are common. What a layout can't say: the tables
/// of GGUF's IQ1 to IQ3.
std::vector<FileFormat> getFileFormats();

/// The format of that name; aborts where there is none.
FileFormat getFileFormat(const std::string &name);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_FILEFORMATS_H
