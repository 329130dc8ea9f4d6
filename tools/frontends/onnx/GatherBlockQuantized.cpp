//===- GatherBlockQuantized.cpp - lookups in tables of codes --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An embedding in a quantized table, whose blocks run along its rows.
//
//===----------------------------------------------------------------------===//

#include "BlockedWeight.h"
#include "OperatorTable.h"

#include "lowbit/IR/Lowbit.h"

#include "llvm/ADT/StringExtras.h"

using namespace lowbit::frontend;
namespace numerics = lowbit::numerics;
using llvm::Error;
using onnx::TensorProto;

enum GatherInput { Data, Indices, GatherScales, GatherZeros };

static std::string refuseGather(const Node &node) {
  if (node.integer("gather_axis", 0) != 0)
    return "attribute gather_axis must be 0, found " +
           llvm::itostr(node.integer("gather_axis", 0));
  int64_t axis = node.integer("quantize_axis", 1);
  if (axis != 1 && axis != -1)
    return "attribute quantize_axis must be the last of two axes, found " +
           llvm::itostr(axis);
  int64_t bits = node.integer("bits", 4);
  if (bits != 2 && bits != 4 && bits != 8)
    return "attribute bits must be 2, 4 or 8, found " + llvm::itostr(bits);
  return refuseBlockSize(node.integer("block_size", 128));
}

static Error emitGather(Importer &im, const Node &node) {
  const Value &data = im.in(node, Data), &indices = im.in(node, Indices);
  if (indices.type != TensorProto::INT64 && indices.type != TensorProto::INT32)
    return im.error(node, "indices must be int32 or int64, found " +
                              typeName(indices.type));
  if (Error failed = requireConstant(im, node, Data))
    return failed;
  bool isPacked = data.type == TensorProto::UINT8;
  if (data.rank() != 2 ||
      !(isPacked || data.type == uint4Type || data.type == int4Type))
    return im.error(node,
                    "data must be a matrix of uint8, uint4 or int4, found " +
                        typeName(data.type) + " " + im.str(data.dims));
  unsigned bits = isPacked ? node.integer("bits", 4) : bitSize(data.type);
  Blocks blocks{data.dims[0].constant(),
                data.dims[1].constant() * (isPacked ? 8 / bits : 1),
                node.integer("block_size", 128), bits};
  if (blocks.rows == 0 || blocks.columns == 0)
    return im.error(node, "cannot gather from " + im.str(data.dims));
  auto scales = readScales(im, node, GatherScales, blocks);
  if (!scales)
    return scales.takeError();
  if (node.hasInput(GatherZeros) && im.in(node, GatherZeros).type != data.type)
    return im.error(node, "zero points must be " + typeName(data.type) +
                              ", found " +
                              typeName(im.in(node, GatherZeros).type));
  uint8_t middle = 1 << (bits - 1);
  auto zeros = readZeroPoints(im, node, GatherZeros, blocks,
                              data.type == uint4Type ? 0 : middle);
  if (!zeros)
    return zeros.takeError();
  int32_t type = im.in(node, GatherScales).type;
  // As MatMulNBits writes it, so that a head shares its table.
  int none = node.numInputs();
  std::string key = blocksKey(im, node, blocks,
                              {Data, GatherScales, GatherZeros, none}, type);
  mlir::Value table = im.quantizedWeight(node, Data, key, [&] {
    numerics::Encoding encoding = encodingOf(blocks, *zeros, type);
    QuantizedWeight result;
    result.expressed = type;
    // Rows are whole bytes, so packed ones are a dense stream.
    if (isPacked)
      result.matrix = unpackMatrix(encoding, numerics::Layout::dense(bits),
                                   blocks, *readCodes(data), *scales, *zeros);
    else
      fillMatrix(result.matrix, encoding, blocks.rows, blocks.columns,
                 *readCodes(data), *scales,
                 {zeros->integers.begin(), zeros->integers.end()});
    return result;
  });
  Dims dims = indices.dims;
  dims.push_back(blocks.columns);
  mlir::Type result = im.tensorType(im.elementType(type), dims);
  im.set(node, 0,
         im.fromTensor(type, dims,
                       lowbit::EmbeddingOp::create(im.ops(), result,
                                                   im.full(indices), table)));
  return Error::success();
}

void lowbit::frontend::addGatherBlockQuantizedOperators(OperatorTable &table) {
  table.add({{"GatherBlockQuantized", 1, 1, 3, 4, 1,
              "bits:i block_size:i gather_axis:i quantize_axis:i", emitGather,
              refuseGather, "com.microsoft"}});
}
