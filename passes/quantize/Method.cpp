//===- Method.cpp - methods by name ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/QuantizationMethod.h"
#include <limits>

using namespace lowbit;

static llvm::Error methodError(llvm::StringRef name, const llvm::Twine &found) {
  return llvm::createStringError(
      "quantization method '" + name +
      "': requires none, int<b> or uint<b> with b = 1 to 8 and the suffixes "
      "-g<group> and -a8, such as int4-g32; found " +
      found);
}

llvm::Expected<QuantizationMethod>
lowbit::parseQuantizationMethod(llvm::StringRef name) {
  QuantizationMethod method;
  if (name == "none")
    return method;
  llvm::StringRef rest = name;
  numerics::Encoding encoding;
  if (rest.consume_front("uint")) {
    encoding.element.kind = numerics::IntegerKind::Unsigned;
    encoding.hasMinimum = true;
  } else if (!rest.consume_front("int")) {
    return methodError(
        name, "'" + name.take_until([](char c) { return c == '-'; }) + "'");
  }
  unsigned &width = encoding.element.width;
  if (rest.consumeInteger(10, width) || width < 1 || width > 8)
    return methodError(name, "no such width");
  if (rest.consume_front("-g")) {
    encoding.granularity = numerics::Granularity::Group;
    if (rest.consumeInteger(10, encoding.groupSize) || encoding.groupSize < 1 ||
        encoding.groupSize > std::numeric_limits<int32_t>::max())
      return methodError(name, "no group size of 1 to 2147483647 after '-g'");
  }
  if (rest.consume_front("-a8"))
    method.activationBits = 8;
  if (!rest.empty())
    return methodError(name, "'" + rest + "' at the end");
  method.weights = encoding;
  return method;
}
