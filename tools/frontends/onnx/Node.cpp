//===- Node.cpp - one node of an ONNX graph -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Node.h"

using namespace lowbit::frontend;
using llvm::StringRef;

std::string Node::title() const {
  std::string name = proto->name();
  if (!name.empty())
    name = "'" + name + "'";
  else if (proto->output_size() > 0)
    name = "of output '" + proto->output(0) + "'";
  return "node " + name + " (" + proto->op_type() + ")";
}

const onnx::AttributeProto *Node::find(StringRef name) const {
  for (const onnx::AttributeProto &attribute : proto->attribute())
    if (name == attribute.name())
      return &attribute;
  return nullptr;
}

int64_t Node::integer(StringRef name, int64_t otherwise) const {
  const onnx::AttributeProto *attribute = find(name);
  return attribute ? attribute->i() : otherwise;
}

float Node::real(StringRef name, float otherwise) const {
  const onnx::AttributeProto *attribute = find(name);
  return attribute ? attribute->f() : otherwise;
}

std::string Node::string(StringRef name, StringRef otherwise) const {
  const onnx::AttributeProto *attribute = find(name);
  return attribute ? attribute->s() : otherwise.str();
}

llvm::SmallVector<int64_t, 4> Node::integers(StringRef name) const {
  const onnx::AttributeProto *attribute = find(name);
  if (!attribute)
    return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}
