//===- Control.cpp - branches that import decides -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "OperatorTable.h"

using namespace lowbit::frontend;
using llvm::Error;

/// The branch that a condition on shapes and constants takes.
static Error emitIf(Importer &im, const Node &node) {
  const Value &condition = im.in(node, 0);
  const Scalar *chosen = condition.uniform();
  if (!chosen || !chosen->isConstant())
    return im.error(node, "the condition must depend on shapes and constants "
                          "only");
  const onnx::AttributeProto *branch =
      node.find(chosen->number() != 0 ? "then_branch" : "else_branch");
  const onnx::GraphProto &graph = branch->g();
  if (graph.output_size() != node.numOutputs())
    return im.error(node, "the branch has " + llvm::Twine(graph.output_size()) +
                              " outputs, the node " +
                              llvm::Twine(node.numOutputs()));
  if (Error failed = im.addGraph(graph))
    return failed;
  for (int i = 0; i < node.numOutputs(); ++i) {
    const Value *result = im.find(graph.output(i).name());
    if (!result)
      return im.error(node, "output '" + graph.output(i).name() +
                                "' of the branch is not defined");
    im.set(node, i, Value(*result));
  }
  return Error::success();
}

static std::string refuseIf(const Node &node) {
  if (!node.find("then_branch") || !node.find("else_branch"))
    return "needs attributes then_branch and else_branch";
  return "";
}

void lowbit::frontend::addControlOperators(OperatorTable &table) {
  table.add({
      {"If", 1, 23, 1, 1, variadic, "then_branch:g else_branch:g", emitIf,
       refuseIf},
  });
}
