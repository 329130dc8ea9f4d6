//===- MethodErrors.cpp - what is wrong with a method's name --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MethodErrors.h"
#include "NamedEncodings.h"
#include "lowbit/Numerics/Trellis.h"
#include "lowbit/Transforms/QuantizationMethod.h"

using namespace lowbit;

llvm::Error lowbit::methodError(llvm::StringRef name,
                                const llvm::Twine &required,
                                const llvm::Twine &found) {
  return llvm::createStringError("quantization method '" + name +
                                 "': requires " + required + ", found " +
                                 found);
}

std::vector<std::string> lowbit::getQuantizationMethods() {
  std::vector<std::string> stems = {"none", "f16", "bf16", "cb2-auto"};
  for (const NamedEncoding &encoding : getNamedEncodings())
    stems.push_back(encoding.name.str());
  for (unsigned bits = 1; bits <= 8; ++bits)
    for (llvm::StringRef stem : {"int", "uint", "kmeans"})
      stems.push_back((stem + llvm::Twine(bits)).str());
  for (unsigned rate = 1; rate <= numerics::maxTrellisRate; ++rate)
    stems.push_back("trellis" + std::to_string(rate));
  stems.push_back("lattice2");
  return stems;
}

llvm::StringRef lowbit::takeWords(llvm::StringRef text, size_t count) {
  size_t end = 0;
  for (size_t i = 0; i < count && end != llvm::StringRef::npos; ++i)
    end = text.find('-', i ? end + 1 : 0);
  return text.substr(0, end);
}

/// The stem that `text`, without prefixes, comes closest to.
static std::string getNearestStem(llvm::StringRef text) {
  std::string nearest;
  unsigned least = ~0u;
  for (std::string &stem : getQuantizationMethods()) {
    size_t words = 1 + llvm::StringRef(stem).count('-');
    unsigned distance = takeWords(text, words).edit_distance(stem);
    if (distance >= least)
      continue;
    least = distance;
    nearest = std::move(stem);
  }
  return nearest;
}

llvm::Error lowbit::unknownMethodError(llvm::StringRef name,
                                       llvm::StringRef rest) {
  if (rest.starts_with("awq-") || rest.starts_with("gptq-"))
    return methodError(name,
                       "awq- before gptq-, each at most once and neither "
                       "before trellises",
                       "'" + rest + "' behind a prefix");
  // Without that prefix it would have been read.
  if (rest.starts_with("trellis"))
    return methodError(name,
                       "trellises without gptq-: their search makes up for "
                       "errors by itself",
                       "gptq-");
  if (rest.starts_with("kmeans"))
    return methodError(name, "a width of 1 to 8 bits behind kmeans",
                       "'" + takeWords(rest, 1) + "'");
  if (rest.empty())
    return methodError(name, "a method that README.md lists", "none");
  return methodError(name,
                     "a method that README.md lists, of which '" +
                         getNearestStem(rest) + "' is the nearest",
                     "'" + takeWords(rest, 1) + "'");
}
