//===- Rearrange.cpp - blocks of space as channels and back ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "OperatorTable.h"

using namespace lowbit::frontend;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;

/// Reshapes, permutes and reshapes again.
static Error rearrange(Importer &im, const Node &node, const Value &x,
                       ArrayRef<Expr> apart, ArrayRef<int64_t> order,
                       ArrayRef<Expr> together) {
  Expected<Value> split = im.reshape(node, x, apart);
  if (!split)
    return split.takeError();
  Expected<Value> turned = im.transpose(node, *split, order);
  if (!turned)
    return turned.takeError();
  return im.result(node, im.reshape(node, *turned, together));
}

static Error emitDepthToSpace(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  int64_t block = node.integer("blocksize", 0);
  if (x.rank() != 4 || block < 1 || block > 4096 || !x.dims[1].isConstant() ||
      x.dims[1].constant() % (block * block) != 0)
    return im.error(node, "blocks of " + llvm::Twine(block) +
                              " do not divide the channels of " +
                              im.str(x.dims));
  Expr channels(x.dims[1].constant() / (block * block)), b(block);
  std::optional<Expr> height = im.symbols.mul(x.dims[2], b);
  std::optional<Expr> width = im.symbols.mul(x.dims[3], b);
  if (!height || !width)
    return im.checked(node, std::nullopt).takeError();
  const Expr &n = x.dims[0], &h = x.dims[2], &w = x.dims[3];
  Dims result{n, channels, *height, *width};
  if (node.string("mode", "DCR") == "CRD")
    return rearrange(im, node, x, {n, channels, b, b, h, w}, {0, 1, 4, 2, 5, 3},
                     result);
  return rearrange(im, node, x, {n, b, b, channels, h, w}, {0, 3, 4, 1, 5, 2},
                   result);
}

static std::string refuseDepthToSpace(const Node &node) {
  std::string mode = node.string("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    return "attribute mode must be DCR or CRD, found '" + mode + "'";
  return "";
}

static Error emitSpaceToDepth(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  int64_t block = node.integer("blocksize", 0);
  std::optional<Expr> height, width, channels;
  if (x.rank() == 4 && block >= 1 && block <= 4096) {
    height = im.symbols.divideExactly(x.dims[2], Expr(block));
    width = im.symbols.divideExactly(x.dims[3], Expr(block));
    channels = im.symbols.mul(x.dims[1], Expr(block * block));
  }
  if (!height || !width || !channels)
    return im.error(node, "blocks of " + llvm::Twine(block) +
                              " do not divide " + im.str(x.dims));
  Expr b(block);
  return rearrange(im, node, x, {x.dims[0], x.dims[1], *height, b, *width, b},
                   {0, 3, 5, 1, 2, 4}, {x.dims[0], *channels, *height, *width});
}

void lowbit::frontend::addRearrangeOperators(OperatorTable &table) {
  table.add({
      {"DepthToSpace", 1, newest, 1, 1, 1, "blocksize:i mode:s",
       emitDepthToSpace, refuseDepthToSpace},
      {"SpaceToDepth", 1, newest, 1, 1, 1, "blocksize:i", emitSpaceToDepth},
  });
}
