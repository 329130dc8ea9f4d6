//===- Control.cpp - branches ---------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A condition on shapes and constants is decided here. Another one becomes
// `scf.if`, whose branches must agree on extents.
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace lowbit::frontend;
namespace scf = mlir::scf;
using llvm::Error;
using llvm::Expected;

static const onnx::GraphProto &branchOf(const Node &node, bool then) {
  return node.find(then ? "then_branch" : "else_branch")->g();
}

/// Both branches, of which one runs.
static Error emitChoice(Importer &im, const Node &node) {
  Composer c(im, node);
  auto &b = im.ops();
  Value flag = c.reshape(im.in(node, 0), {});
  if (!c.ok())
    return c.finish();
  mlir::Value condition =
      mlir::tensor::ExtractOp::create(b, im.full(flag), mlir::ValueRange{});
  std::vector<Value> results[2];
  llvm::SmallVector<mlir::Value> tensors[2];
  mlir::Region regions[2];
  for (int branch : {0, 1}) {
    // Built outside of the module until the types of its results are known.
    auto holder = scf::IfOp::create(b, mlir::TypeRange{}, condition,
                                    /*addThenBlock=*/true,
                                    /*addElseBlock=*/false);
    holder.thenBlock()->clear();
    {
      RegionScope scope(im, holder.thenBlock());
      auto outputs = im.runGraph(node, branchOf(node, branch == 0), {});
      if (!outputs)
        return outputs.takeError();
      results[branch] = std::move(*outputs);
      if (int(results[branch].size()) != node.numOutputs())
        return im.error(
            node, "the branch has " + llvm::Twine(results[branch].size()) +
                      " outputs, the node " + llvm::Twine(node.numOutputs()));
      for (const Value &value : results[branch]) {
        if (value.sequence)
          return im.error(node, "a branch that a computed condition takes "
                                "gives a sequence of tensors");
        tensors[branch].push_back(im.full(value));
      }
      scf::YieldOp::create(b, tensors[branch]);
    }
    regions[branch].takeBody(holder.getThenRegion());
    holder.erase();
  }
  for (auto [one, other] : llvm::zip_equal(results[0], results[1])) {
    if (Error failed = im.requireSameType(node, one, other))
      return failed;
    bool same = one.rank() == other.rank();
    for (int64_t i = 0; same && i < one.rank(); ++i)
      same = im.symbols.isEqual(one.dims[i], other.dims[i]).value_or(false);
    if (!same)
      return im.error(node, "branches of a computed condition must have "
                            "results of one shape, found " +
                                im.str(one.dims) + " and " +
                                im.str(other.dims));
  }
  mlir::TypeRange types = mlir::ValueRange(tensors[0]).getTypes();
  auto choice = scf::IfOp::create(b, types, condition, /*addThenBlock=*/false,
                                  /*addElseBlock=*/false);
  choice.getThenRegion().takeBody(regions[0]);
  choice.getElseRegion().takeBody(regions[1]);
  for (int i = 0; i < node.numOutputs(); ++i)
    im.set(node, i,
           im.fromTensor(results[0][i].type, results[0][i].dims,
                         choice.getResult(i)));
  return Error::success();
}

static Error emitIf(Importer &im, const Node &node) {
  const Value &condition = im.in(node, 0);
  if (!isBool(condition.type) || condition.size() != 1)
    return im.error(node, "the condition must be one boolean, found " +
                              im.str(condition.dims));
  const Scalar *chosen = condition.uniform();
  if (!chosen || !chosen->isConstant())
    return emitChoice(im, node);
  Expected<std::vector<Value>> results =
      im.runGraph(node, branchOf(node, chosen->number() != 0), {});
  if (!results)
    return results.takeError();
  if (int(results->size()) != node.numOutputs())
    return im.error(node, "the branch has " + llvm::Twine(results->size()) +
                              " outputs, the node " +
                              llvm::Twine(node.numOutputs()));
  for (int i = 0; i < node.numOutputs(); ++i)
    im.set(node, i, (*results)[i]);
  return Error::success();
}

static std::string refuseIf(const Node &node) {
  if (!node.find("then_branch") || !node.find("else_branch"))
    return "needs attributes then_branch and else_branch";
  return "";
}

void lowbit::frontend::addControlOperators(OperatorTable &table) {
  table.add({
      {"If", 1, newest, 1, 1, variadic, "then_branch:g else_branch:g", emitIf,
       refuseIf},
  });
}
