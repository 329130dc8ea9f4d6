//===- PrecisionLayers.cpp - layers and what they are for -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Components are found by the graph, not by names, which differ by exporter.
//
//===----------------------------------------------------------------------===//

#include "PrecisionRules.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/LayerNames.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace lowbit;

/// Whether a walk from `start`, along uses or operands, meets an attention
/// before another layer.
static bool meetsAttention(Operation *start, bool forwards) {
  llvm::SetVector<Operation *> seen;
  auto visit = [&](Operation *op) {
    auto add = [&](Operation *next) {
      if (next && !isa<LinearOp, EmbeddingOp>(next))
        seen.insert(next);
    };
    if (forwards)
      for (Operation *user : op->getUsers())
        add(user);
    else
      for (Value operand : op->getOperands())
        add(operand.getDefiningOp());
  };
  visit(start);
  for (size_t i = 0; i < seen.size(); ++i) {
    if (isa<AttentionOp>(seen[i]))
      return true;
    visit(seen[i]);
  }
  return false;
}

/// The first number in a name that stands between other characters than letters
/// and digits: `layers.3.fc` and `h.3` have 3, `conv1d` has none.
static std::optional<unsigned> findBlock(StringRef name) {
  SmallVector<StringRef> parts;
  llvm::SplitString(name, parts, "._/-:");
  for (StringRef part : parts) {
    unsigned number;
    if (!part.getAsInteger(10, number))
      return number;
  }
  return std::nullopt;
}

static void addLayer(std::vector<PrecisionLayer> &layers, Operation *op,
                     Value weight, LayerComponent component) {
  std::optional<ConstantMatrix> matrix = matchConstantMatrix(weight);
  if (!matrix)
    return;
  PrecisionLayer layer;
  layer.op = op;
  layer.weight = weight;
  layer.name = matrix->name();
  layer.component = component;
  layer.block = findBlock(layer.name);
  layers.push_back(std::move(layer));
}

std::vector<PrecisionLayer> lowbit::collectLayers(ModuleOp module) {
  std::vector<PrecisionLayer> layers;
  llvm::DenseSet<int64_t> tableRows = getTableRows(module);
  module.walk([&](Operation *op) {
    if (auto table = dyn_cast<EmbeddingOp>(op)) {
      addLayer(layers, op, table.getWeight(), LayerComponent::Embedding);
    } else if (auto linear = dyn_cast<LinearOp>(op)) {
      LayerComponent component = LayerComponent::FeedForward;
      if (isHead(linear, tableRows))
        component = LayerComponent::Head;
      else if (meetsAttention(op, /*forwards=*/true))
        component = LayerComponent::Attention;
      else if (Operation *producer = linear.getInput().getDefiningOp();
               producer && (isa<AttentionOp>(producer) ||
                            (!isa<LinearOp, EmbeddingOp>(producer) &&
                             meetsAttention(producer, /*forwards=*/false))))
        component = LayerComponent::Attention;
      addLayer(layers, op, linear.getWeight(), component);
    }
  });
  return layers;
}
