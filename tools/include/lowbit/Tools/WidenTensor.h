//===- WidenTensor.h - numbers of any type as f32 ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_WIDENTENSOR_H
#define LOWBIT_TOOLS_WIDENTENSOR_H

#include "lowbit/Tools/HostTensor.h"

namespace lowbit {

/// The numbers of a tensor of any type as f32.
HostTensor widen(const HostTensor &tensor);

} // namespace lowbit

#endif // LOWBIT_TOOLS_WIDENTENSOR_H
