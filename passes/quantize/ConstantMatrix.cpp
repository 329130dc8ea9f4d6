//===- ConstantMatrix.cpp - weights known at compile time -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Numerics/Float16.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include <cstddef>
#include <memory>

using namespace mlir;
using namespace lowbit;

/// Data of at most this many bytes stay in the text.
static constexpr size_t kInlineBytes = 256;

/// Bytes of all elements, written out. Without overflow: a constant of any
/// shape is valid.
static double getByteCount(ShapedType type) {
  double bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  for (int64_t extent : type.getShape())
    bytes *= extent;
  return bytes;
}

ArrayRef<char> lowbit::getRawBytes(ElementsAttr elements) {
  if (auto dense = dyn_cast<DenseElementsAttr>(elements))
    return dense.isSplat() ? ArrayRef<char>() : dense.getRawData();
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements))
    // MLIR lets a resource have any size; reading beyond it must not happen.
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob();
        blob && blob->getData().size() == getByteCount(resource.getType()))
      return blob->getData();
  return {};
}

bool lowbit::isHugeSplat(ElementsAttr elements) {
  auto dense = dyn_cast<DenseElementsAttr>(elements);
  if (!dense || !dense.isSplat())
    return false;
  return getByteCount(dense.getType()) > kSplatBytes;
}

ElementsAttr lowbit::makeElements(RankedTensorType type, StringRef name,
                                  std::vector<uint8_t> bytes) {
  if (bytes.size() <= kInlineBytes) {
    ArrayRef<char> raw(reinterpret_cast<const char *>(bytes.data()),
                       bytes.size());
    return DenseElementsAttr::getFromRawBuffer(type, raw);
  }
  auto owner = std::make_shared<std::vector<uint8_t>>(std::move(bytes));
  ArrayRef<char> view(reinterpret_cast<const char *>(owner->data()),
                      owner->size());
  AsmResourceBlob blob(
      view, alignof(std::max_align_t),
      [owner](void *, size_t, size_t) mutable { owner.reset(); },
      /*dataIsMutable=*/false);
  return DenseResourceElementsAttr::get(type, name, std::move(blob));
}

/// Whether `op` only widens the elements of its single input, in place.
static bool isWideningCast(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumLoops() != op.getNumParallelLoops() ||
      !llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return false;
  Block *body = op.getBody();
  auto extend = dyn_cast<arith::ExtFOp>(body->front());
  return extend && extend.getIn() == body->getArgument(0) &&
         body->getTerminator()->getOperand(0) == extend.getOut();
}

/// The first element of a slice that is one run of elements in memory.
static std::optional<int64_t> getRunStart(tensor::ExtractSliceOp op) {
  RankedTensorType type = op.getSourceType();
  ArrayRef<int64_t> offsets = op.getStaticOffsets(),
                    sizes = op.getStaticSizes();
  if (!type.hasStaticShape() || llvm::any_of(offsets, ShapedType::isDynamic) ||
      llvm::any_of(sizes, ShapedType::isDynamic) || !op.hasUnitStride())
    return std::nullopt;
  int64_t start = 0;
  bool isWholeFromHere = false;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    if (isWholeFromHere && sizes[i] != type.getDimSize(i))
      return std::nullopt;
    isWholeFromHere |= sizes[i] != 1;
    start = start * type.getDimSize(i) + offsets[i];
  }
  return start;
}

/// Follows `value` to the op that makes it, through what leaves the numbers
/// alone. Notes a transposition, and the place where a slice begins; a
/// transposition below a reshape or slice is not followed, nor a slice below a
/// transposition.
static Operation *skipRearrangements(Value value, bool &isTransposed,
                                     int64_t &offset) {
  bool isReshaped = false;
  while (Operation *producer = value.getDefiningOp()) {
    if (auto transpose = dyn_cast<linalg::TransposeOp>(producer)) {
      if (isReshaped || transpose.getPermutation() != ArrayRef<int64_t>{1, 0})
        return nullptr;
      isTransposed = !isTransposed;
      value = transpose.getInput();
    } else if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(producer)) {
      isReshaped = true;
      value = producer->getOperand(0);
    } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(producer)) {
      std::optional<int64_t> start = getRunStart(slice);
      if (isTransposed || !start)
        return nullptr;
      offset += *start;
      isReshaped = true;
      value = slice.getSource();
    } else if (auto generic = dyn_cast<linalg::GenericOp>(producer)) {
      if (!isWideningCast(generic))
        return nullptr;
      value = generic.getDpsInputOperand(0)->get();
    } else if (isa<arith::ExtFOp>(producer)) {
      value = producer->getOperand(0);
    } else {
      return producer;
    }
  }
  return nullptr;
}

/// Whether the numbers of `elements` are at hand.
static bool hasData(ElementsAttr elements) {
  auto dense = dyn_cast<DenseElementsAttr>(elements);
  return elements.getNumElements() == 0 || (dense && dense.isSplat()) ||
         !getRawBytes(elements).empty();
}

std::optional<ConstantMatrix> lowbit::matchConstantMatrix(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getRank() != 2 || !type.hasStaticShape())
    return std::nullopt;
  ConstantMatrix matrix;
  Operation *source =
      skipRearrangements(value, matrix.isTransposed, matrix.offset);
  if (!source)
    return std::nullopt;
  if (auto weight = dyn_cast<WeightOp>(source)) {
    matrix.global = weight.getGlobalOp();
    if (matrix.global)
      matrix.data = matrix.global.getComponent(component::kData);
  } else {
    matchPattern(source, m_Constant(&matrix.data));
  }
  if (!matrix.data || !hasData(matrix.data))
    return std::nullopt;
  Type element = matrix.data.getElementType();
  if (!element.isF32() && !element.isF16() && !element.isBF16())
    return std::nullopt;
  matrix.rows = type.getDimSize(0);
  matrix.columns = type.getDimSize(1);
  return matrix;
}

std::string ConstantMatrix::name() const {
  GlobalOp op = global;
  std::string name = op ? op.getSymName().str() : "weight";
  if (!isPart())
    return name;
  return name + "." +
         std::to_string(offset / std::max<int64_t>(1, rows * columns));
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// `count` elements from the one at `first` on, as f32.
static void readRun(const char *raw, int64_t first, int64_t count, Type type,
                    float *result) {
  if (type.isF32()) {
    memcpy(result, raw + sizeof(float) * first, sizeof(float) * count);
    return;
  }
  raw += sizeof(uint16_t) * first;
  auto readHalf = [&](int64_t i) {
    uint16_t half;
    memcpy(&half, raw + sizeof(half) * i, sizeof(half));
    return half;
  };
  if (type.isF16())
    for (int64_t i = 0; i < count; ++i)
      result[i] = numerics::halfToFloat(readHalf(i));
  else
    for (int64_t i = 0; i < count; ++i)
      result[i] = llvm::bit_cast<float>(uint32_t(readHalf(i)) << 16);
}

/// Columns of a transposed matrix are read in tiles. A tile's rows are so far
/// apart that they share no set of the first-level cache, as they would in a
/// matrix whose rows are a power of two long.
static constexpr int64_t kTileRows = 16, kTileColumns = 256,
                         kTileStride = kTileColumns + 16;

using Four = float __attribute__((vector_size(16)));

/// Turns 4 rows of 4 at `from`, a tile's, to columns at `to`.
static void transposeFour(const float *from, float *to, int64_t stride) {
  Four rows[4];
  for (int64_t i = 0; i < 4; ++i)
    memcpy(&rows[i], from + i * kTileStride, sizeof(Four));
  Four a = __builtin_shufflevector(rows[0], rows[1], 0, 4, 1, 5);
  Four b = __builtin_shufflevector(rows[2], rows[3], 0, 4, 1, 5);
  Four c = __builtin_shufflevector(rows[0], rows[1], 2, 6, 3, 7);
  Four d = __builtin_shufflevector(rows[2], rows[3], 2, 6, 3, 7);
  const Four columns[] = {__builtin_shufflevector(a, b, 0, 1, 4, 5),
                          __builtin_shufflevector(a, b, 2, 3, 6, 7),
                          __builtin_shufflevector(c, d, 0, 1, 4, 5),
                          __builtin_shufflevector(c, d, 2, 3, 6, 7)};
  for (int64_t i = 0; i < 4; ++i)
    memcpy(to + i * stride, &columns[i], sizeof(Four));
}

/// Writes `rows` x `columns` of a tile to `to`, transposed.
static void transposeTile(const float *tile, int64_t rows, int64_t columns,
                          float *to, int64_t stride) {
  int64_t whole = rows == kTileRows ? columns / 4 * 4 : 0;
  for (int64_t n = 0; n < whole; n += 4)
    for (int64_t k = 0; k < kTileRows; k += 4)
      transposeFour(tile + k * kTileStride + n, to + n * stride + k, stride);
  for (int64_t n = whole; n < columns; ++n)
    for (int64_t k = 0; k < rows; ++k)
      to[n * stride + k] = tile[k * kTileStride + n];
}

std::vector<float> ConstantMatrix::readRows(int64_t first, int64_t end) const {
  std::vector<float> result((end - first) * columns);
  ElementsAttr elements = data;
  if (auto dense = dyn_cast<DenseElementsAttr>(elements);
      dense && dense.isSplat()) {
    float splat = dense.getSplatValue<APFloat>().convertToDouble();
    std::fill(result.begin(), result.end(), splat);
    return result;
  }
  Type type = elements.getElementType();
  const char *raw = getRawBytes(elements).data() +
                    offset * (type.getIntOrFloatBitWidth() / 8);
  if (!isTransposed) {
    readRun(raw, first * columns, result.size(), type, result.data());
    return result;
  }
  float tile[kTileRows * kTileStride];
  for (int64_t n = first; n < end; n += kTileColumns)
    for (int64_t k = 0; k < columns; k += kTileRows) {
      int64_t count = std::min(kTileColumns, end - n);
      int64_t depth = std::min(kTileRows, columns - k);
      for (int64_t i = 0; i < depth; ++i)
        readRun(raw, (k + i) * rows + n, count, type, tile + i * kTileStride);
      transposeTile(tile, depth, count,
                    result.data() + (n - first) * columns + k, columns);
    }
  return result;
}
