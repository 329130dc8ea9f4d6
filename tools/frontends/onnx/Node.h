//===- Node.h - one node of an ONNX graph -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attribute access by name with the default that the operator's specification
// gives. Kinds of attributes were checked against the operator table before.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_NODE_H
#define LOWBIT_FRONTENDS_ONNX_NODE_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <onnx/onnx_pb.h>

#include <string>

namespace lowbit::frontend {

class Node {
public:
  Node(const onnx::NodeProto &proto, int64_t version)
      : proto(&proto), opset(version) {}

  const onnx::NodeProto &getProto() const { return *proto; }
  llvm::StringRef op() const { return proto->op_type(); }
  /// Version of the operator's domain that the model imports; 0 if none.
  int64_t version() const { return opset; }
  /// `node '/a/b' (Foo)`, for errors; a node without a name is called by its
  /// first output.
  std::string title() const;

  int numInputs() const { return proto->input_size(); }
  int numOutputs() const { return proto->output_size(); }
  /// Whether input `i` is given; optional inputs may be absent or empty.
  bool hasInput(int i) const {
    return i < proto->input_size() && !proto->input(i).empty();
  }
  bool hasOutput(int i) const {
    return i < proto->output_size() && !proto->output(i).empty();
  }

  /// The attribute called `name`, or null.
  const onnx::AttributeProto *find(llvm::StringRef name) const;
  int64_t integer(llvm::StringRef name, int64_t otherwise) const;
  float real(llvm::StringRef name, float otherwise) const;
  std::string string(llvm::StringRef name, llvm::StringRef otherwise) const;
  llvm::SmallVector<int64_t, 4> integers(llvm::StringRef name) const;

private:
  const onnx::NodeProto *proto;
  int64_t opset;
};

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_NODE_H
