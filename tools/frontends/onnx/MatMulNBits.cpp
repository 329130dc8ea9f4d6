//===- MatMulNBits.cpp - products with weights in blocks of codes ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A layer on a quantized weight. `accuracy_level` permits rounding of
// activations, which leaves the result as good as asked for if it isn't done;
// so it is not read.
//
//===----------------------------------------------------------------------===//

#include "BlockedWeight.h"
#include "OperatorTable.h"

#include "lowbit/Numerics/Layouts.h"

#include "llvm/ADT/StringExtras.h"

using namespace lowbit::frontend;
namespace numerics = lowbit::numerics;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using llvm::Twine;
using onnx::TensorProto;

//===----------------------------------------------------------------------===//
// g_idx
//===----------------------------------------------------------------------===//

/// Where each column is stored so that the columns of a group stand together,
/// in their own order; empty if they do so already.
static Expected<std::vector<int32_t>>
readPermutation(Importer &im, const Node &node, int i, const Blocks &blocks) {
  if (!node.hasInput(i))
    return std::vector<int32_t>();
  const Value &index = im.in(node, i);
  int64_t padded = blocks.perRow() * blocks.blockSize;
  bool hasSize =
      index.rank() == 1 && (index.dims[0].isConstant(blocks.columns) ||
                            index.dims[0].isConstant(padded));
  if (!hasSize || index.type != TensorProto::INT32 || !index.isConstant())
    return im.error(node, "input '" + node.getProto().input(i) +
                              "' must be a constant of type int32 with K = " +
                              Twine(blocks.columns) + " elements, found " +
                              typeName(index.type) + " " + im.str(index.dims));
  std::vector<Scalar> groups =
      index.weight ? decodeElements(index.weight->data) : *index.known;
  std::vector<int32_t> permutation(blocks.columns);
  std::vector<int64_t> next(blocks.perRow());
  for (int64_t block = 0; block < blocks.perRow(); ++block)
    next[block] = block * blocks.blockSize;
  for (int64_t k = 0; k < blocks.columns; ++k) {
    int64_t group = groups[groups.size() == 1 ? 0 : k].integer.constant();
    int64_t end = std::min(blocks.columns, (group + 1) * blocks.blockSize);
    if (group < 0 || group >= blocks.perRow() || next[group] >= end)
      return im.error(
          node, "input '" + node.getProto().input(i) + "' must give each of " +
                    Twine(blocks.perRow()) + " groups " +
                    Twine(blocks.blockSize) +
                    " columns (the last the rest); group " + Twine(group) +
                    " of column " + Twine(k) + " is none or one too many");
    permutation[k] = next[group]++;
  }
  if (llvm::is_sorted(permutation))
    permutation.clear();
  return permutation;
}

static void permuteColumns(numerics::QuantizedMatrix &matrix,
                           ArrayRef<int32_t> permutation) {
  if (permutation.empty())
    return;
  std::vector<uint8_t> stored(matrix.codes.size());
  for (int64_t row = 0; row < matrix.rows; ++row)
    for (int64_t k = 0; k < matrix.columns; ++k)
      stored[row * matrix.columns + permutation[k]] =
          matrix.codes[row * matrix.columns + k];
  matrix.codes = std::move(stored);
}

//===----------------------------------------------------------------------===//
// MatMulNBits
//===----------------------------------------------------------------------===//

enum NBitsInput { A, B, Scales, Zeros, GroupIndex, Bias };

static std::string refuseMatMulNBits(const Node &node) {
  for (const char *name : {"K", "N", "block_size"})
    if (!node.find(name))
      return std::string("attribute ") + name + " is missing";
  for (const char *name : {"K", "N"})
    if (int64_t extent = node.integer(name, 0);
        extent < 1 || extent > (int64_t(1) << 31))
      return std::string("attribute ") + name +
             " must be between 1 and 2^31, found " + llvm::itostr(extent);
  int64_t bits = node.integer("bits", 4);
  if (bits != 2 && bits != 4 && bits != 8)
    return "attribute bits must be 2, 4 or 8, found " + llvm::itostr(bits);
  if (int64_t form = node.integer("weight_prepacked", 0))
    return "attribute weight_prepacked must be 0: the layouts that one GPU "
           "takes are not read, found " +
           llvm::itostr(form);
  return refuseBlockSize(node.integer("block_size", 0));
}

static Error checkMatMulNBits(Importer &im, const Node &node,
                              const Blocks &blocks) {
  const Value &a = im.in(node, A), &b = im.in(node, B);
  if (Error failed = im.requireFloat(node, a))
    return failed;
  if (a.rank() == 0 || !a.dims.back().isConstant(blocks.columns))
    return im.error(node, "input A must have a last extent of K = " +
                              Twine(blocks.columns) + ", found " +
                              im.str(a.dims));
  if (Error failed = requireConstant(im, node, B))
    return failed;
  Dims wanted{blocks.rows, blocks.perRow(), blocks.blockSize * blocks.bits / 8};
  if (b.type != TensorProto::UINT8 || b.dims != wanted)
    return im.error(node, "input B must be uint8 " + im.str(wanted) +
                              " for these attributes, found " +
                              typeName(b.type) + " " + im.str(b.dims));
  if (node.hasInput(Bias)) {
    const Value &bias = im.in(node, Bias);
    if (Error failed = im.requireFloat(node, bias))
      return failed;
    if (bias.dims != Dims{blocks.rows})
      return im.error(node, "input bias must be [" + Twine(blocks.rows) +
                                "], found " + im.str(bias.dims));
  }
  return Error::success();
}

static Error emitMatMulNBits(Importer &im, const Node &node) {
  Blocks blocks{node.integer("N", 0), node.integer("K", 0),
                node.integer("block_size", 0),
                unsigned(node.integer("bits", 4))};
  if (Error failed = checkMatMulNBits(im, node, blocks))
    return failed;
  auto scales = readScales(im, node, Scales, blocks);
  if (!scales)
    return scales.takeError();
  auto zeros = readZeroPoints(im, node, Zeros, blocks, 1 << (blocks.bits - 1));
  if (!zeros)
    return zeros.takeError();
  auto permutation = readPermutation(im, node, GroupIndex, blocks);
  if (!permutation)
    return permutation.takeError();
  std::string key = blocksKey(im, node, blocks, {B, Scales, Zeros, GroupIndex},
                              TensorProto::FLOAT);
  mlir::Value weight = im.quantizedWeight(node, B, key, [&] {
    numerics::Encoding encoding =
        encodingOf(blocks, *zeros, im.in(node, Scales).type);
    QuantizedWeight result;
    result.matrix = unpackMatrix(
        encoding, numerics::onnxBlocks(blocks.bits, blocks.blockSize), blocks,
        *readCodes(im.in(node, B)), *scales, *zeros);
    permuteColumns(result.matrix, *permutation);
    result.permutation = *permutation;
    return result;
  });
  const Value &a = im.in(node, A);
  Expected<Value> wide = im.cast(node, a, TensorProto::FLOAT);
  if (!wide)
    return wide.takeError();
  mlir::Value bias;
  if (node.hasInput(Bias)) {
    Expected<Value> added =
        im.cast(node, im.in(node, Bias), TensorProto::FLOAT);
    if (!added)
      return added.takeError();
    bias = im.full(*added);
  }
  return im.result(node, im.cast(node, im.linear(*wide, weight, bias), a.type));
}

void lowbit::frontend::addMatMulNBitsOperators(OperatorTable &table) {
  table.add({{"MatMulNBits", 1, 1, 3, 6, 1,
              "K:i N:i bits:i block_size:i accuracy_level:i weight_prepacked:i",
              emitMatMulNBits, refuseMatMulNBits, "com.microsoft"}});
}
