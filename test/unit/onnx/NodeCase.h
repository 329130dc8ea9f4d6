//===- NodeCase.h - one of ONNX's own node tests ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A folder with a model and sets of inputs and expected outputs. Several cases
// are merged into one model, since compiling many small functions costs mostly
// what starting a compiler costs.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_ONNX_NODECASE_H
#define LOWBIT_TEST_UNIT_ONNX_NODECASE_H

#include "lowbit/Tools/HostTensor.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

namespace lowbit::testing {

struct NodeCase {
  std::string name;
  onnx::ModelProto model;
  std::vector<onnx::TensorProto> inputs, outputs;

  /// Version of the default operator set that the model imports.
  int64_t opset() const;
};

/// Reads the case in `folder`. The error says what in it is none of the
/// importer's business: strings, sequences, optional values.
llvm::Expected<NodeCase> readNodeCase(llvm::StringRef folder);

/// Makes initializers of the inputs that hold integers, or of all: what decides
/// shapes must be constant.
void bindInputs(NodeCase &nodeCase, bool onlyIntegers);

/// One model that computes all cases; names begin with the number of the case.
onnx::ModelProto mergeCases(llvm::ArrayRef<const NodeCase *> cases);

/// The bytes of `tensor` as a host tensor.
llvm::Expected<HostTensor> toHostTensor(const onnx::TensorProto &tensor);

/// Compares as ONNX does: |actual - expected| <= 1e-7 + 1e-3 |expected|, plus
/// `ofLargest` times the largest number that is expected. Returns what differs,
/// or an empty string.
std::string compareTensors(const HostTensor &actual, const HostTensor &expected,
                           double ofLargest = 0);

} // namespace lowbit::testing

#endif // LOWBIT_TEST_UNIT_ONNX_NODECASE_H
