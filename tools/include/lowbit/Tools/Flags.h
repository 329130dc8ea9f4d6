//===- Flags.h - values of command lines ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Flags whose bad values are errors in this project's words. LLVM's name types
// of C++: "'x' value invalid for ulong argument!".
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_FLAGS_H
#define LOWBIT_TOOLS_FLAGS_H

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include <cstdio>
#include <limits>
#include <string>
#include <type_traits>

namespace lowbit {

/// Keeps what is printed on standard error while it lives: LLVM's own options
/// print there what is wrong with each of their values. There is one at a time.
class CapturedErrors {
public:
  CapturedErrors();
  CapturedErrors(const CapturedErrors &) = delete;
  ~CapturedErrors() { (void)take(); }

  /// Ends keeping, and yields what was kept.
  std::string take();
  /// Ends keeping, if anything is kept now: what follows is printed.
  static void release();

private:
  std::FILE *file;
};

/// Prints "tool: error: --flag: requires ..., found '...'" and exits: parsers
/// of command lines go on behind a value that an option refuses, and would
/// print an error for each.
[[noreturn]] void rejectFlag(llvm::StringRef flag, const llvm::Twine &required,
                             llvm::StringRef found);

/// "a, b or c".
std::string listAlternatives(llvm::ArrayRef<llvm::StringRef> names);

/// Parses what LLVM's parser does: a number, a boolean or a name of an enum.
template <typename T> class FlagParser : public llvm::cl::parser<T> {
  using Base = llvm::cl::parser<T>;

public:
  using Base::Base;

  bool parse(llvm::cl::Option &option, llvm::StringRef name,
             llvm::StringRef text, T &value) {
    if (isValid(text))
      return Base::parse(option, name, text, value);
    rejectFlag(name, required(), text);
  }

private:
  bool isValid(llvm::StringRef text) {
    [[maybe_unused]] T number;
    if constexpr (std::is_enum_v<T>)
      return this->findOption(text) != this->getNumOptions();
    else if constexpr (std::is_same_v<T, bool>)
      return llvm::is_contained(
          {"", "true", "TRUE", "True", "1", "false", "FALSE", "False", "0"},
          text);
    else if constexpr (std::is_integral_v<T>)
      return !text.getAsInteger(0, number);
    else
      return llvm::to_float(text, number);
  }

  std::string required() {
    if constexpr (std::is_enum_v<T>) {
      llvm::SmallVector<llvm::StringRef> names;
      for (unsigned i = 0; i < this->getNumOptions(); ++i)
        names.push_back(this->getOption(i));
      return listAlternatives(names);
    } else if constexpr (std::is_same_v<T, bool>) {
      return "true or false";
    } else if constexpr (std::is_integral_v<T>) {
      if (sizeof(T) == 8)
        return std::is_signed_v<T> ? "a whole number"
                                   : "a whole number of at least 0";
      return "a whole number of " +
             std::to_string(std::numeric_limits<T>::min()) + " to " +
             std::to_string(std::numeric_limits<T>::max());
    } else {
      return "a number";
    }
  }
};

/// What a number of type T is parsed as: LLVM's parsers of `long` are final.
template <typename T> struct FlagData {
  using type = T;
};
template <> struct FlagData<long> {
  using type = long long;
};
template <> struct FlagData<unsigned long> {
  using type = unsigned long long;
};

/// A flag with one value that isn't text.
template <typename T>
using Flag = llvm::cl::opt<T, false, FlagParser<typename FlagData<T>::type>>;

/// Parses a number of things of which there must be some, `Most` at most.
template <typename T, uint64_t Most> class CountParser : public FlagParser<T> {
public:
  using FlagParser<T>::FlagParser;

  bool parse(llvm::cl::Option &, llvm::StringRef name, llvm::StringRef text,
             T &value) {
    uint64_t number;
    if (text.getAsInteger(0, number) || number == 0 || number > Most)
      rejectFlag(name, "a whole number of 1 to " + llvm::Twine(Most), text);
    value = T(number);
    return false;
  }
};

/// A flag with such a number.
template <typename T, uint64_t Most>
using CountFlag =
    llvm::cl::opt<T, false, CountParser<typename FlagData<T>::type, Most>>;

/// A flag with several values that aren't text.
template <typename T>
using FlagList =
    llvm::cl::list<T, bool, FlagParser<typename FlagData<T>::type>>;

} // namespace lowbit

#endif // LOWBIT_TOOLS_FLAGS_H
