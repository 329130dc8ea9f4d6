//===- SameStatistics.h - statistics as in LLVM's libraries -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first of the precompiled headers. NDEBUG decides what class a statistic
// of a pass is, and libMLIR, which makes them, was built with it: in code that
// keeps its assertions they would be another class, which nobody initializes.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CMAKE_SAMESTATISTICS_H
#define LOWBIT_CMAKE_SAMESTATISTICS_H

#ifndef NDEBUG
#define NDEBUG
#include "llvm/ADT/Statistic.h"
#undef NDEBUG
#include <cassert>
#endif

#endif // LOWBIT_CMAKE_SAMESTATISTICS_H
