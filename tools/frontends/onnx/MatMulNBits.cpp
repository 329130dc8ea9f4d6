//===- MatMulNBits.cpp - operators on weights in blocks of codes ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MatMulNBits and GatherBlockQuantized of domain com.microsoft, as
// ContribOperators.md of ONNX Runtime defines them. Both are one operation on a
// quantized weight. `accuracy_level` permits rounding of activations, which
// leaves the result as good as asked for if it isn't done; so it is not read.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "OperatorTable.h"

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Numerics/Layouts.h"
#include "lowbit/Numerics/Packer.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace lowbit::frontend;
namespace numerics = lowbit::numerics;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using llvm::Twine;
using onnx::TensorProto;

namespace {
/// A matrix [rows, columns] whose rows fall into blocks with a scale each.
struct Blocks {
  int64_t rows, columns, blockSize;
  unsigned bits;

  int64_t perRow() const { return llvm::divideCeil(columns, blockSize); }
};
} // namespace

/// An input that must be known when the model is compiled.
static Error requireConstant(Importer &im, const Node &node, int i) {
  const Value &value = im.in(node, i);
  if (value.known || value.weight)
    return Error::success();
  return im.error(node, "input '" + node.getProto().input(i) +
                            "' must be constant; it is computed by the model");
}

/// Checks that input `i` has `rows` x `columns` elements, also without the
/// division into rows.
static Error requireMatrix(Importer &im, const Node &node, int i, int64_t rows,
                           int64_t columns) {
  const Value &value = im.in(node, i);
  Dims matrix{rows, columns}, flat{rows * columns};
  if (value.dims == matrix || value.dims == flat)
    return Error::success();
  return im.error(node, "input '" + node.getProto().input(i) + "' must be " +
                            im.str(matrix) + ", found " + im.str(value.dims));
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// The scales, one for each block, as f32.
static Expected<std::vector<float>> readScales(Importer &im, const Node &node,
                                               int i, const Blocks &blocks) {
  if (Error failed = requireConstant(im, node, i))
    return std::move(failed);
  if (Error failed = requireMatrix(im, node, i, blocks.rows, blocks.perRow()))
    return std::move(failed);
  auto numbers = readNumbers(im.in(node, i));
  if (!numbers)
    return im.error(node, "input '" + node.getProto().input(i) +
                              "' must be of type float, float16 or bfloat16, "
                              "found " +
                              typeName(im.in(node, i).type));
  return *numbers;
}

/// Zero points that are packed like codes, each row of blocks to whole bytes.
static std::vector<uint8_t> unpackZeroPoints(ArrayRef<uint8_t> bytes,
                                             const Blocks &blocks) {
  int64_t perRow = blocks.perRow();
  int64_t rowBytes = llvm::divideCeil(perRow * blocks.bits, 8);
  std::vector<uint8_t> result;
  for (int64_t row = 0; row < blocks.rows; ++row)
    for (int64_t block = 0; block < perRow; ++block) {
      int64_t bit = block * blocks.bits;
      result.push_back((bytes[row * rowBytes + bit / 8] >> (bit % 8)) &
                       ((1 << blocks.bits) - 1));
    }
  return result;
}

namespace {
/// Zero points of all blocks, as integers or as numbers.
struct ZeroPoints {
  std::vector<uint8_t> integers;
  std::vector<float> numbers;
  /// ONNX type of the numbers.
  int32_t type = TensorProto::FLOAT16;
};
} // namespace

/// Reads input `i`; without it, each is `otherwise`.
static Expected<ZeroPoints> readZeroPoints(Importer &im, const Node &node,
                                           int i, const Blocks &blocks,
                                           uint8_t otherwise) {
  ZeroPoints result;
  if (!node.hasInput(i)) {
    result.integers = {otherwise};
    return result;
  }
  if (Error failed = requireConstant(im, node, i))
    return std::move(failed);
  const Value &value = im.in(node, i);
  bool isPacked = value.type == TensorProto::UINT8;
  int64_t columns = isPacked
                        ? llvm::divideCeil(blocks.perRow() * blocks.bits, 8)
                        : blocks.perRow();
  if (Error failed = requireMatrix(im, node, i, blocks.rows, columns))
    return std::move(failed);
  if (auto codes = readCodes(value)) {
    result.integers = isPacked ? unpackZeroPoints(*codes, blocks) : *codes;
  } else if (auto numbers = readNumbers(value)) {
    result.numbers = *numbers;
    result.type = value.type;
  } else {
    return im.error(node, "input '" + node.getProto().input(i) +
                              "' must be packed uint8 or floats, found " +
                              typeName(value.type));
  }
  return result;
}

/// The encoding of blocks with such zero points and scales of `scaleType`.
static numerics::Encoding
encodingOf(const Blocks &blocks, const ZeroPoints &zeros, int32_t scaleType) {
  numerics::Encoding encoding = describeCodes(blocks.bits, zeros.integers);
  if (!zeros.numbers.empty()) {
    encoding.element =
        numerics::IntegerFormat{blocks.bits, numerics::IntegerKind::Unsigned};
    encoding.zeroPoint = numerics::ZeroPointKind::Fractional;
  }
  encoding.granularity = numerics::Granularity::Group;
  encoding.groupSize = blocks.blockSize;
  encoding.scale = scaleFormatOf({scaleType, zeros.type});
  return encoding;
}

/// The matrix whose codes lie in `bytes` in layout `layout`.
static numerics::QuantizedMatrix
unpackMatrix(const numerics::Encoding &encoding, const numerics::Layout &layout,
             const Blocks &blocks, ArrayRef<uint8_t> bytes,
             ArrayRef<float> scales, const ZeroPoints &zeros) {
  numerics::Encoding stored = encoding;
  stored.scale = numerics::ScaleFormat::F32;
  const void *zeroPoints =
      zeros.numbers.empty() ? static_cast<const void *>(zeros.integers.data())
                            : zeros.numbers.data();
  const uint8_t *buffers[4] = {
      bytes.data(), reinterpret_cast<const uint8_t *>(scales.data()),
      static_cast<const uint8_t *>(zeroPoints), nullptr};
  numerics::QuantizedMatrix matrix =
      numerics::Packer(
          numerics::BoundLayout(layout, stored, blocks.rows, blocks.columns))
          .unpack(buffers);
  matrix.encoding = encoding;
  return matrix;
}

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
  if (!hasSize || index.type != TensorProto::INT32 ||
      !(index.known || index.weight))
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

static std::string refuseBlockSize(int64_t blockSize) {
  if (blockSize >= 16 && blockSize <= (1 << 30) &&
      llvm::isPowerOf2_64(blockSize))
    return "";
  return "attribute block_size must be a power of two of at least 16, found " +
         llvm::itostr(blockSize);
}

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
  std::string key = "blocks " + llvm::itostr(blocks.bits) + " " +
                    llvm::itostr(blocks.blockSize) + " " +
                    llvm::itostr(blocks.columns) + ";";
  for (int i : {B, Scales, Zeros, GroupIndex})
    key += node.hasInput(i) ? dataKey(im.in(node, i)) : ";";
  key += "0"; // expressed as float
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

//===----------------------------------------------------------------------===//
// GatherBlockQuantized
//===----------------------------------------------------------------------===//

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
  if (data.rank() != 2 || !isCodeType(data.type))
    return im.error(node,
                    "data must be a matrix of uint8, uint4 or int4, found " +
                        typeName(data.type) + " " + im.str(data.dims));
  bool isPacked = data.type == TensorProto::UINT8;
  unsigned bits = isPacked ? node.integer("bits", 4) : bitSize(data.type);
  Blocks blocks{data.dims[0].constant(),
                data.dims[1].constant() * (isPacked ? 8 / bits : 1),
                node.integer("block_size", 128), bits};
  if (blocks.rows == 0 || blocks.columns == 0)
    return im.error(node, "cannot gather from " + im.str(data.dims));
  auto scales = readScales(im, node, GatherScales, blocks);
  if (!scales)
    return scales.takeError();
  uint8_t middle = 1 << (bits - 1);
  auto zeros = readZeroPoints(im, node, GatherZeros, blocks,
                              data.type == uint4Type ? 0 : middle);
  if (!zeros)
    return zeros.takeError();
  std::string key = "blocks " + llvm::itostr(bits) + " " +
                    llvm::itostr(blocks.blockSize) + " " +
                    llvm::itostr(blocks.columns) + ";";
  for (int i : {Data, GatherScales, GatherZeros})
    key += node.hasInput(i) ? dataKey(im.in(node, i)) : ";";
  key += ";"; // MatMulNBits' g_idx
  int32_t type = im.in(node, GatherScales).type;
  key += llvm::itostr(type == TensorProto::FLOAT ? 0 : type);
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

void lowbit::frontend::addMatMulNBitsOperators(OperatorTable &table) {
  table.add({
      {"MatMulNBits", 1, 1, 3, 6, 1,
       "K:i N:i bits:i block_size:i accuracy_level:i weight_prepacked:i",
       emitMatMulNBits, refuseMatMulNBits, "com.microsoft"},
      {"GatherBlockQuantized", 1, 1, 3, 4, 1,
       "bits:i block_size:i gather_axis:i quantize_axis:i", emitGather,
       refuseGather, "com.microsoft"},
  });
}
