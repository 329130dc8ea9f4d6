//===- PrecisionBudget.cpp - what weights may take ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/PrecisionAssignment.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>

using namespace lowbit;

/// Bits of a weight that a budget in percent is compared with.
static constexpr double kUnquantizedBits = 16;

/// A number of at least 0 before one of the units.
static std::optional<double>
parseNumber(llvm::StringRef text,
            llvm::ArrayRef<std::pair<llvm::StringRef, double>> units) {
  for (auto [unit, factor] : units) {
    llvm::StringRef digits = text;
    double number;
    if (digits.consume_back(unit) && !digits.empty() &&
        llvm::isDigit(digits.back()) && !digits.getAsDouble(number) &&
        number >= 0 && std::isfinite(number * factor))
      return number * factor;
  }
  return std::nullopt;
}

std::optional<double> lowbit::parseBytes(llvm::StringRef text) {
  return parseNumber(text, {{"kB", 1e3},
                            {"MB", 1e6},
                            {"GB", 1e9},
                            {"KiB", 1024.0},
                            {"MiB", 1048576.0},
                            {"GiB", 1073741824.0},
                            {"", 1.0}});
}

/// Reads one `key=value` into `budget`; false if it is none.
static bool parseTerm(llvm::StringRef key, llvm::StringRef value,
                      PrecisionBudget &budget) {
  std::optional<double> number;
  if (key == "bpw") {
    number = budget.bitsPerWeight = parseNumber(value, {{"", 1.0}});
    return number && *number > 0;
  }
  if (key == "bytes") {
    number = budget.bytes = parseBytes(value);
    return number.has_value();
  }
  if (key == "reduction") {
    number = budget.reduction = parseNumber(value, {{"%", 0.01}});
    return number && *number < 1;
  }
  if (key == "latency") {
    number = budget.latency =
        parseNumber(value, {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1.0}});
    return number && *number > 0;
  }
  if (key == "accuracy") {
    number = budget.accuracy = parseNumber(value, {{"%", 0.01}, {"", 1.0}});
    return number && *number <= 1;
  }
  if (key == "kl") {
    number = budget.divergence = parseNumber(value, {{"", 1.0}});
    return number && *number > 0;
  }
  return false;
}

llvm::Expected<PrecisionBudget> PrecisionBudget::parse(llvm::StringRef text) {
  PrecisionBudget budget;
  llvm::SmallVector<llvm::StringRef> terms;
  text.split(terms, ',');
  llvm::SmallVector<llvm::StringRef> keys;
  unsigned sizes = 0;
  for (llvm::StringRef term : terms) {
    auto [key, value] = term.split('=');
    if (llvm::is_contained(keys, key) || !parseTerm(key, value, budget))
      return llvm::createStringError(
          "requires a budget of bpw=N bits, bytes=N, reduction=N% or "
          "latency=N ms, floors accuracy=SHARE and kl=NATS, or both, each "
          "once; found '" +
          text + "'");
    keys.push_back(key);
    sizes += key != "accuracy" && key != "kl";
  }
  if (sizes > 1)
    return llvm::createStringError(
        "requires one of bpw, bytes, reduction and latency, found '" + text +
        "'");
  return budget;
}

std::optional<int64_t> PrecisionBudget::getBytes(int64_t weights) const {
  // What nothing takes is as good as no limit.
  constexpr double kMost = 1e18;
  double count = static_cast<double>(weights);
  auto limit = [&](double found) {
    return static_cast<int64_t>(std::min(found, kMost));
  };
  if (bitsPerWeight)
    return limit(*bitsPerWeight * count / 8);
  if (bytes)
    return limit(*bytes);
  if (reduction)
    return limit((1 - *reduction) * kUnquantizedBits * count / 8);
  return std::nullopt;
}
