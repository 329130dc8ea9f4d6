//===- Status.h - success, or what went wrong -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The numerics' error type: this library knows neither exceptions nor LLVM.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_STATUS_H
#define LOWBIT_NUMERICS_STATUS_H

#include <string>

namespace lowbit::numerics {

struct [[nodiscard]] Status {
  /// Empty on success; otherwise the place, what was required, what was found.
  std::string message;

  bool ok() const { return message.empty(); }
  static Status success() { return {}; }
};

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_STATUS_H
