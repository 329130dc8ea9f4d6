//===- Npy.h - NumPy array files --------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The inputs and outputs of `quant-run` are .npy files, because every framework
// can write and read them. Format:
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_NPY_H
#define LOWBIT_TOOLS_NPY_H

#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/HostTensor.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace lowbit {

/// Reads format versions 1 to 3: little-endian, C order, of bool, 8 to 64 bit
/// integers or f16, f32, f64. Anything else is an error, as are missing and
/// surplus bytes.
llvm::Expected<HostTensor> readNpy(llvm::StringRef path);

/// The same from bytes; `source` names them in errors. The result is a copy.
llvm::Expected<HostTensor> parseNpy(llvm::StringRef bytes,
                                    llvm::StringRef source);

/// Writes version 1 (version 2 if the header needs it). bf16 and f8 have no
/// NumPy type and are an error, which names the file `target`.
llvm::Error printNpy(llvm::raw_ostream &os, const HostTensor &tensor,
                     llvm::StringRef target);

/// The same to a file that takes the name `path` when it is committed.
llvm::Expected<AtomicOutput> prepareNpy(llvm::StringRef path,
                                        const HostTensor &tensor);

/// The same to a file, replacing `path` as a whole.
llvm::Error writeNpy(llvm::StringRef path, const HostTensor &tensor);

} // namespace lowbit

#endif // LOWBIT_TOOLS_NPY_H
