//===- MatMulBnb4.cpp - products with weights of bitsandbytes -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A layer whose weight is a table of 16 numbers in blocks, each times the
// largest magnitude of its block, as Dettmers et al. 2023 (QLoRA) define it:
// https://arxiv.org/abs/2305.14314.
//
//===----------------------------------------------------------------------===//

#include "BlockedWeight.h"
#include "Composer.h"
#include "OperatorTable.h"

#include "lowbit/Numerics/FileFormats.h"

#include "llvm/ADT/StringExtras.h"

using namespace lowbit::frontend;
namespace numerics = lowbit::numerics;
using llvm::Error;
using onnx::TensorProto;

namespace {
enum Input { A, B, Magnitudes };
} // namespace

static std::string refuse(const Node &node) {
  for (const char *name : {"K", "N", "block_size"})
    if (int64_t value = node.integer(name, 0);
        value < 1 || value > (int64_t(1) << 31))
      return std::string("attribute ") + name +
             " must be between 1 and 2^31, found " + llvm::itostr(value);
  int64_t type = node.integer("quant_type", -1);
  if (type != 0 && type != 1)
    return "attribute quant_type must be 0 (FP4) or 1 (NF4), found " +
           llvm::itostr(type);
  if (node.integer("K", 0) % node.integer("block_size", 1) != 0)
    return "attribute K must be a multiple of block_size: blocks that end in "
           "another row are not supported";
  if (node.integer("transB", 1) == 0)
    return "attribute transB must be 1";
  return "";
}

static void check(Composer &c, const Blocks &blocks) {
  const Value &a = c.in(A), &b = c.in(B), &magnitudes = c.in(Magnitudes);
  c.fail(c.im.requireFloat(c.node, a));
  for (int i : {B, Magnitudes})
    c.fail(requireConstant(c.im, c.node, i));
  int64_t bytes = llvm::divideCeil(blocks.rows * blocks.columns, 2);
  int64_t count = blocks.rows * blocks.perRow();
  c.require(a.rank() > 0 && a.dims.back().isConstant(blocks.columns),
            "input A must have a last extent of K = " +
                llvm::Twine(blocks.columns) + ", found " + c.im.str(a.dims));
  c.require(b.type == TensorProto::UINT8 && b.size() == bytes,
            "input B must be " + llvm::Twine(bytes) + " bytes, found " +
                typeName(b.type) + " " + c.im.str(b.dims));
  c.require(readNumbers(magnitudes).has_value() && magnitudes.size() == count,
            "input absmax must be " + llvm::Twine(count) +
                " floats, one for each block, found " +
                typeName(magnitudes.type) + " " + c.im.str(magnitudes.dims));
}

static QuantizedWeight read(Composer &c, const Blocks &blocks) {
  numerics::FileFormat format = numerics::getFileFormat(
      c.node.integer("quant_type", 0) == 1 ? "bitsandbytes NF4"
                                           : "bitsandbytes FP4");
  numerics::Encoding encoding = format.encoding;
  encoding.groupSize = blocks.blockSize;
  if (blocks.perRow() == 1) {
    encoding.granularity = numerics::Granularity::Channel;
    encoding.groupSize = 0;
  }
  QuantizedWeight result;
  result.matrix =
      unpackMatrix(encoding, format.layout, blocks, *readCodes(c.in(B)),
                   *readNumbers(c.in(Magnitudes)), ZeroPoints());
  return result;
}

static Error emit(Importer &im, const Node &node) {
  Composer c(im, node);
  Blocks blocks{node.integer("N", 0), node.integer("K", 0),
                node.integer("block_size", 0), 4};
  check(c, blocks);
  if (!c.ok())
    return c.finish();
  std::string key =
      (node.integer("quant_type", 0) == 1 ? "nf4 " : "fp4 ") +
      blocksKey(im, node, blocks, {B, Magnitudes}, TensorProto::FLOAT);
  mlir::Value weight =
      im.quantizedWeight(node, B, key, [&] { return read(c, blocks); });
  const Value &a = c.in(A);
  Value wide = c.cast(a, TensorProto::FLOAT);
  if (c.ok())
    c.define(0, c.cast(im.linear(wide, weight), a.type));
  return c.finish();
}

void lowbit::frontend::addMatMulBnb4Operators(OperatorTable &table) {
  table.add({{"MatMulBnb4", 1, 1, 3, 3, 1,
              "K:i N:i block_size:i quant_type:i training_mode:i transB:i",
              emit, refuse, "com.microsoft"}});
}
