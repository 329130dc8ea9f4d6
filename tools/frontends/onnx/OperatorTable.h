//===- OperatorTable.h - the ONNX operators that are read -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One row per operator. A row says all that can be checked before anything is
// emitted, so that one error can list every node that is not supported.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_OPERATORTABLE_H
#define LOWBIT_FRONTENDS_ONNX_OPERATORTABLE_H

#include "Node.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

namespace lowbit::frontend {

class Importer;

/// The last version of the default domain that is known: from 24 on, operators
/// that were there before took more types.
constexpr int newest = 25;
/// Inputs without an upper bound.
constexpr int variadic = 1 << 20;

struct Operator {
  llvm::StringRef name;
  /// First and last version of the domain whose form of the operator is read.
  int since = 11, until = newest;
  int minInputs = 1, maxInputs = 1;
  int maxOutputs = 1;
  /// Attributes that are understood, as `name:kind` separated by spaces. Kinds:
  /// i integer, f float, s string, t tensor, g graph, I integers, F floats,
  /// S strings.
  llvm::StringRef attributes = "";
  /// Emits the node. Inputs and attribute kinds have been checked.
  llvm::Error (*emit)(Importer &, const Node &) = nullptr;
  /// Why the node's attribute values are not supported; empty if they are.
  std::string (*refuse)(const Node &) = nullptr;
  llvm::StringRef domain = "";
  /// Whether inputs may be sequences of tensors.
  bool takesSequences = false;
};

class OperatorTable {
public:
  /// The table of all operators.
  static const OperatorTable &get();

  void add(llvm::ArrayRef<Operator> operators);
  /// The operator of `node`, or null.
  const Operator *find(const onnx::NodeProto &node) const;
  /// Why `node` cannot be imported, or an empty string. Tells nothing about
  /// shapes and types.
  std::string reasonAgainst(const Node &node) const;

private:
  llvm::StringMap<Operator> operators;
};

// One function per family, each in a file of its own.
void addConstantOperators(OperatorTable &table);
void addUnaryOperators(OperatorTable &table);
void addActivationOperators(OperatorTable &table);
void addBinaryOperators(OperatorTable &table);
void addLogicOperators(OperatorTable &table);
void addMatMulOperators(OperatorTable &table);
void addMovementOperators(OperatorTable &table);
void addIndexingOperators(OperatorTable &table);
void addNormOperators(OperatorTable &table);
void addQuantizeOperators(OperatorTable &table);
void addIntegerMatMulOperators(OperatorTable &table);
void addMatMulNBitsOperators(OperatorTable &table);
void addGatherBlockQuantizedOperators(OperatorTable &table);
void addReduceOperators(OperatorTable &table);
void addShapeOperators(OperatorTable &table);
void addConvolutionOperators(OperatorTable &table);
void addPoolingOperators(OperatorTable &table);
void addPaddingOperators(OperatorTable &table);
void addSearchOperators(OperatorTable &table);
void addScatterOperators(OperatorTable &table);
void addChannelNormOperators(OperatorTable &table);
void addEinsumOperators(OperatorTable &table);
void addRearrangeOperators(OperatorTable &table);
void addControlOperators(OperatorTable &table);
void addFusedAttentionOperators(OperatorTable &table);
void addGroupQueryAttentionOperators(OperatorTable &table);
void addRotaryEmbeddingOperators(OperatorTable &table);
void addFusedOperators(OperatorTable &table);
void addRecurrentOperators(OperatorTable &table);
void addResizeOperators(OperatorTable &table);
void addSequenceOperators(OperatorTable &table);
void addLoopOperators(OperatorTable &table);
void addGridSampleOperators(OperatorTable &table);
void addNonZeroOperators(OperatorTable &table);
void addDetectionOperators(OperatorTable &table);
void addQLinearOperators(OperatorTable &table);
void addQAttentionOperators(OperatorTable &table);
void addMatMulBnb4Operators(OperatorTable &table);
void addMixtureOperators(OperatorTable &table);
void addSelectionOperators(OperatorTable &table);
void addSignalOperators(OperatorTable &table);

/// The domain without its alias: `ai.onnx` is the default domain.
llvm::StringRef canonicalDomain(llvm::StringRef domain);

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_OPERATORTABLE_H
