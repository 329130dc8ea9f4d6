//===- OperatorTable.cpp - which ONNX operators are read, and how ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OperatorTable.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace lowbit::frontend;
using llvm::StringRef;
using onnx::AttributeProto;

StringRef lowbit::frontend::canonicalDomain(StringRef domain) {
  return domain == "ai.onnx" ? "" : domain;
}

static std::string keyOf(StringRef domain, StringRef name) {
  return (canonicalDomain(domain) + ":" + name).str();
}

const OperatorTable &OperatorTable::get() {
  static const OperatorTable table = [] {
    OperatorTable all;
    addConstantOperators(all);
    addUnaryOperators(all);
    addActivationOperators(all);
    addBinaryOperators(all);
    addLogicOperators(all);
    addMatMulOperators(all);
    addMovementOperators(all);
    addIndexingOperators(all);
    addNormOperators(all);
    addQuantizeOperators(all);
    addIntegerMatMulOperators(all);
    addMatMulNBitsOperators(all);
    addGatherBlockQuantizedOperators(all);
    addReduceOperators(all);
    addShapeOperators(all);
    addConvolutionOperators(all);
    addPoolingOperators(all);
    addPaddingOperators(all);
    addSearchOperators(all);
    addScatterOperators(all);
    addChannelNormOperators(all);
    addEinsumOperators(all);
    addRearrangeOperators(all);
    addControlOperators(all);
    addFusedAttentionOperators(all);
    addGroupQueryAttentionOperators(all);
    addRotaryEmbeddingOperators(all);
    addFusedOperators(all);
    addRecurrentOperators(all);
    addResizeOperators(all);
    addSequenceOperators(all);
    addLoopOperators(all);
    addGridSampleOperators(all);
    addNonZeroOperators(all);
    addDetectionOperators(all);
    addQLinearOperators(all);
    addQAttentionOperators(all);
    addMatMulBnb4Operators(all);
    addMixtureOperators(all);
    addSelectionOperators(all);
    addSignalOperators(all);
    return all;
  }();
  return table;
}

void OperatorTable::add(llvm::ArrayRef<Operator> rows) {
  for (const Operator &row : rows)
    operators[keyOf(row.domain, row.name)] = row;
}

const Operator *OperatorTable::find(const onnx::NodeProto &node) const {
  auto found = operators.find(keyOf(node.domain(), node.op_type()));
  return found == operators.end() ? nullptr : &found->second;
}

static bool hasKind(const AttributeProto &attribute, StringRef kind) {
  switch (attribute.type()) {
  case AttributeProto::INT:
    return kind == "i";
  case AttributeProto::FLOAT:
    return kind == "f";
  case AttributeProto::STRING:
    return kind == "s";
  case AttributeProto::TENSOR:
    return kind == "t";
  case AttributeProto::GRAPH:
    return kind == "g";
  case AttributeProto::INTS:
    return kind == "I";
  case AttributeProto::FLOATS:
    return kind == "F";
  case AttributeProto::STRINGS:
    return kind == "S";
  default:
    return false;
  }
}

static std::string checkAttributes(const Operator &op,
                                   const onnx::NodeProto &node) {
  llvm::SmallVector<StringRef, 8> known;
  op.attributes.split(known, ' ', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (const AttributeProto &attribute : node.attribute()) {
    auto matches = [&](StringRef spec) {
      auto [name, kind] = spec.split(':');
      return name == attribute.name() && hasKind(attribute, kind);
    };
    if (llvm::none_of(known, matches))
      return "attribute '" + attribute.name() +
             "' is not supported, or has another kind than it must";
  }
  return "";
}

std::string OperatorTable::reasonAgainst(const Node &node) const {
  const onnx::NodeProto &proto = node.getProto();
  const Operator *op = find(proto);
  if (!op)
    return proto.domain().empty()
               ? std::string("operator is not supported")
               : "operator of domain '" + proto.domain() + "' is not supported";
  if (node.version() < op->since || node.version() > op->until)
    return "operator is supported for versions " + llvm::itostr(op->since) +
           " to " + llvm::itostr(op->until) + ", the model imports version " +
           llvm::itostr(node.version());
  int given = 0;
  for (int i = 0; i < node.numInputs(); ++i)
    if (node.hasInput(i))
      given = i + 1;
  // Of any number of like inputs, none is left out.
  int required = op->minInputs > 0 && op->maxInputs == variadic
                     ? std::max(node.numInputs(), op->minInputs)
                     : op->minInputs;
  for (int i = 0; i < required; ++i)
    if (!node.hasInput(i))
      return "input " + llvm::itostr(i) + " is missing";
  if (given > op->maxInputs)
    return "takes at most " + llvm::itostr(op->maxInputs) + " inputs, found " +
           llvm::itostr(given);
  if (llvm::all_of(proto.output(),
                   [](const std::string &name) { return name.empty(); }))
    return "has no output";
  for (int i = op->maxOutputs; i < node.numOutputs(); ++i)
    if (node.hasOutput(i))
      return "output " + llvm::itostr(i) + " is not supported";
  std::string reason = checkAttributes(*op, proto);
  if (reason.empty() && op->refuse)
    reason = op->refuse(node);
  return reason;
}
