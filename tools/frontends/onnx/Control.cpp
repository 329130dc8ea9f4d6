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

namespace {
/// A branch that is read, outside of the module until the types of its results
/// are known.
struct Branch {
  std::vector<Value> results;
  llvm::SmallVector<mlir::Value> tensors;
  mlir::Region region;
};
} // namespace

static Error readBranch(Importer &im, const Node &node, bool then,
                        mlir::Value condition, Branch &branch) {
  auto &b = im.ops();
  auto holder = scf::IfOp::create(b, mlir::TypeRange{}, condition,
                                  /*addThenBlock=*/true,
                                  /*addElseBlock=*/false);
  holder.thenBlock()->clear();
  {
    RegionScope scope(im, holder.thenBlock());
    auto outputs = im.runGraph(node, branchOf(node, then), {});
    if (!outputs)
      return outputs.takeError();
    branch.results = std::move(*outputs);
    if (int(branch.results.size()) != node.numOutputs())
      return im.error(
          node, "the branch has " + llvm::Twine(branch.results.size()) +
                    " outputs, the node " + llvm::Twine(node.numOutputs()));
    for (const Value &value : branch.results) {
      if (value.sequence)
        return im.error(node, "a branch that a computed condition takes "
                              "gives a sequence of tensors");
      branch.tensors.push_back(im.full(value));
    }
    scf::YieldOp::create(b, branch.tensors);
  }
  branch.region.takeBody(holder.getThenRegion());
  holder.erase();
  return Error::success();
}

static Error requireSameShape(Importer &im, const Node &node, const Value &one,
                              const Value &other) {
  if (Error failed = im.requireSameType(node, one, other))
    return failed;
  bool same = one.rank() == other.rank();
  for (int64_t i = 0; same && i < one.rank(); ++i)
    same = im.symbols.isEqual(one.dims[i], other.dims[i]).value_or(false);
  if (same)
    return Error::success();
  return im.error(node, "branches of a computed condition must have "
                        "results of one shape, found " +
                            im.str(one.dims) + " and " + im.str(other.dims));
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
  Branch then, otherwise;
  if (Error failed = readBranch(im, node, true, condition, then))
    return failed;
  if (Error failed = readBranch(im, node, false, condition, otherwise))
    return failed;
  for (auto [one, other] : llvm::zip_equal(then.results, otherwise.results))
    if (Error failed = requireSameShape(im, node, one, other))
      return failed;
  mlir::TypeRange types = mlir::ValueRange(then.tensors).getTypes();
  auto choice = scf::IfOp::create(b, types, condition, /*addThenBlock=*/false,
                                  /*addElseBlock=*/false);
  choice.getThenRegion().takeBody(then.region);
  choice.getElseRegion().takeBody(otherwise.region);
  for (int i = 0; i < node.numOutputs(); ++i)
    im.set(node, i,
           im.fromTensor(then.results[i].type, then.results[i].dims,
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
