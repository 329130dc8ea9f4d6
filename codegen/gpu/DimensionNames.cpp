//===- DimensionNames.cpp - what kernels and loops are called -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DimensionNames.h"

using namespace mlir;
using namespace lowbit;

SmallVector<StringRef> lowbit::nameCoordinates(ArrayRef<int64_t> extents) {
  // Of a matrix, of several, of blocks of these, and of groups of blocks.
  static constexpr StringLiteral words[] = {"column", "row", "plane", "block",
                                            "group"};
  SmallVector<StringRef> names(extents.size());
  const StringLiteral *word = std::begin(words);
  for (auto [extent, name] : llvm::reverse(llvm::zip_equal(extents, names)))
    if (extent != 1 && word != std::end(words))
      name = *word++;
  return names;
}

/// Both loops of `2 * d1 + d3`, a window's place before one in it; none for
/// what is no such sum.
static std::optional<std::pair<unsigned, unsigned>>
findWindow(AffineExpr expr, ArrayRef<utils::IteratorType> iterators) {
  SmallVector<unsigned> loops;
  expr.walk([&](AffineExpr part) {
    if (auto dim = dyn_cast<AffineDimExpr>(part))
      loops.push_back(dim.getPosition());
  });
  if (expr.getKind() != AffineExprKind::Add || loops.size() != 2 ||
      loops[0] == loops[1])
    return std::nullopt;
  // What is reduced is in the window, else what comes later.
  auto rank = [&](unsigned loop) {
    return std::pair(iterators[loop] == utils::IteratorType::reduction, loop);
  };
  if (rank(loops[1]) < rank(loops[0]))
    std::swap(loops[0], loops[1]);
  return std::pair(loops[0], loops[1]);
}

/// Names loops after the dimensions of an image that windows slide over;
/// whether they do.
static bool nameImageLoops(AffineMap image,
                           ArrayRef<utils::IteratorType> iterators,
                           ArrayRef<int64_t> extents,
                           MutableArrayRef<StringRef> names) {
  static constexpr StringLiteral places[] = {"column", "row", "plane"};
  static constexpr StringLiteral inWindow[] = {"window_column", "window_row",
                                               "window_plane"};
  unsigned windows = 0;
  SmallVector<unsigned> others;
  for (AffineExpr expr : llvm::reverse(image.getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (dim && extents[dim.getPosition()] != 1)
      others.push_back(dim.getPosition());
    auto window = findWindow(expr, iterators);
    if (!window || windows == std::size(places))
      continue;
    names[window->first] = places[windows];
    names[window->second] = inWindow[windows++];
  }
  for (unsigned loop : others) {
    bool isFirst =
        image.getResult(0) == getAffineDimExpr(loop, image.getContext());
    names[loop] = loop == others.front() ? "channel"
                  : isFirst              ? "image"
                                         : "group";
  }
  return windows > 0;
}

SmallVector<StringRef> lowbit::nameLoops(linalg::LinalgOp op,
                                         ArrayRef<unsigned> parallel) {
  SmallVector<int64_t> extents = op.getStaticLoopRanges(), order;
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  for (OpOperand *input : op.getDpsInputOperands()) {
    SmallVector<StringRef> names(extents.size());
    if (!nameImageLoops(op.getMatchingIndexingMap(input), iterators, extents,
                        names))
      continue;
    for (auto [iterator, name] : llvm::zip_equal(iterators, names))
      if (name.empty())
        name =
            iterator == utils::IteratorType::reduction ? "k" : "result_channel";
    return names;
  }
  for (unsigned loop : parallel)
    order.push_back(extents[loop]);
  SmallVector<StringRef> names(extents.size(), "k");
  for (auto [loop, name] : llvm::zip_equal(parallel, nameCoordinates(order)))
    names[loop] = name;
  return names;
}

std::string lowbit::describe(linalg::LinalgOp op) {
  std::string name;
  if (!isa<linalg::GenericOp>(op))
    return op->getName().stripDialect().str();
  Operation *last = nullptr;
  unsigned count = 0;
  for (Operation &inner : op.getBlock()->without_terminator())
    if (!isa<arith::ConstantOp, linalg::IndexOp>(inner)) {
      last = &inner;
      ++count;
    }
  if (op.getNumReductionLoops())
    name = "reduce_";
  if (!last)
    return name + "copy";
  name += last->getName().stripDialect();
  return count > 1 ? name + "_of_" + std::to_string(count) : name;
}

std::string lowbit::withShape(std::string name, ArrayRef<int64_t> extents) {
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = '_';
  for (auto [i, extent] : llvm::enumerate(extents))
    name += (i == 0 ? "_" : "x") + std::to_string(extent);
  return name;
}
