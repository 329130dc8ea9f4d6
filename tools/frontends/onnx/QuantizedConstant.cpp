//===- QuantizedConstant.cpp - constants that are (de)quantized -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A matrix of codes becomes a quantized weight, whatever axis its scales run
// along: it is stored with that axis as rows (or, in blocks, as columns), and
// transposes of its value say how the model sees it. Vectors, such as biases in
// 32 bits, become numbers.
//
//===----------------------------------------------------------------------===//

#include "Quantization.h"
#include "QuantizedWeight.h"

#include "lowbit/IR/Lowbit.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <cstring>
#include <numeric>

using namespace lowbit::frontend;
namespace numerics = lowbit::numerics;
using llvm::ArrayRef;
using llvm::Expected;
using onnx::TensorProto;
using Kind = Quantization::Kind;

//===----------------------------------------------------------------------===//
// Elements and their parameters
//===----------------------------------------------------------------------===//

static Axes shapeOf(const Value &value) {
  Axes shape;
  for (const Expr &dim : value.dims)
    shape.push_back(dim.constant());
  return shape;
}

namespace {
/// Finds the parameters of an element of a tensor of static shape.
class ParameterIndex {
public:
  ParameterIndex(const Quantization &parameters, ArrayRef<int64_t> shape)
      : kind(parameters.kind), blockSize(parameters.blockSize) {
    if (kind == Kind::Tensor)
      return;
    extent = shape[parameters.axis];
    for (int64_t dim : shape.drop_front(parameters.axis + 1))
      inner *= dim;
  }

  int64_t of(int64_t element) const {
    if (kind == Kind::Tensor)
      return 0;
    int64_t position = element / inner % extent;
    if (kind == Kind::Axis)
      return position;
    int64_t outer = element / inner / extent;
    int64_t blocks = llvm::divideCeil(extent, blockSize);
    return (outer * blocks + position / blockSize) * inner + element % inner;
  }

private:
  Kind kind;
  int64_t blockSize, extent = 1, inner = 1;
};
} // namespace

/// The integers of a constant of at most 32 bits.
static std::optional<std::vector<int32_t>> readIntegers(const Value &value) {
  if (!isInteger(value.type) || bitSize(value.type) > 32 || !value.isConstant())
    return std::nullopt;
  std::vector<Scalar> elements =
      value.weight ? decodeElements(value.weight->data) : *value.known;
  std::vector<int32_t> integers(*value.size());
  for (size_t i = 0; i < integers.size(); ++i)
    integers[i] = elements[elements.size() == 1 ? 0 : i].integer.constant();
  return integers;
}

/// The zero points, 0 where there are none.
static std::optional<std::vector<int32_t>>
readZeroPoints(const Quantization &parameters) {
  if (parameters.zeroPoint)
    return readIntegers(*parameters.zeroPoint);
  if (!parameters.scale->isConstant())
    return std::nullopt;
  return std::vector<int32_t>(*parameters.scale->size(), 0);
}

/// Elements of `type` in `bytes` as a tensor of `shape`.
static TensorData tensorOf(int32_t type, ArrayRef<int64_t> shape,
                           std::vector<char> bytes) {
  auto owner = std::make_shared<std::vector<char>>(std::move(bytes));
  TensorData data;
  data.type = type;
  data.dims.assign(shape.begin(), shape.end());
  data.bytes = *owner;
  data.owner = owner;
  return data;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

std::optional<TensorData> lowbit::frontend::quantizeConstant(
    const Value &x, const Quantization &parameters, int32_t type) {
  auto numbers = readNumbers(x);
  auto scales = readNumbers(*parameters.scale);
  auto zeros = readZeroPoints(parameters);
  if (!numbers || !scales || !zeros)
    return std::nullopt;
  Axes shape = shapeOf(x);
  ParameterIndex index(parameters, shape);
  auto [low, high] = rangeOf(type);
  unsigned bits = bitSize(type);
  std::vector<char> bytes(llvm::divideCeil(numbers->size() * bits, 8));
  for (size_t i = 0; i < numbers->size(); ++i) {
    int64_t p = index.of(i);
    float rounded = std::nearbyint((*numbers)[i] / (*scales)[p]) + (*zeros)[p];
    // A NaN, for which no code stands, becomes the lowest.
    int64_t code = std::fmin(std::fmax(rounded, float(low)), float(high));
    uint64_t field = uint64_t(code) & llvm::maskTrailingOnes<uint64_t>(bits);
    field <<= i * bits % 8;
    for (size_t at = i * bits / 8; field; ++at, field >>= 8)
      bytes[at] |= char(field);
  }
  return tensorOf(type, shape, std::move(bytes));
}

std::optional<TensorData> lowbit::frontend::dequantizeConstant(
    const Value &x, const Quantization &parameters, int32_t type) {
  auto integers = readIntegers(x);
  auto scales = readNumbers(*parameters.scale);
  auto zeros = readZeroPoints(parameters);
  if (!integers || !scales || !zeros)
    return std::nullopt;
  Axes shape = shapeOf(x);
  ParameterIndex index(parameters, shape);
  std::vector<char> bytes(integers->size() * byteSize(type));
  for (size_t i = 0; i < integers->size(); ++i) {
    int64_t p = index.of(i);
    float number = float(int64_t((*integers)[i]) - (*zeros)[p]) * (*scales)[p];
    uint32_t bits = floatBits(type, number);
    std::memcpy(&bytes[i * byteSize(type)], &bits, byteSize(type));
  }
  return tensorOf(type, shape, std::move(bytes));
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// `elements` of shape `shape` with dimension order[i] as dimension i.
template <typename T>
static std::vector<T> permuted(const std::vector<T> &elements,
                               ArrayRef<int64_t> shape,
                               ArrayRef<int64_t> order) {
  if (llvm::is_sorted(order))
    return elements;
  Axes strides(shape.size(), 1);
  for (int64_t axis = shape.size() - 1; axis-- > 0;)
    strides[axis] = strides[axis + 1] * shape[axis + 1];
  std::vector<T> result;
  result.reserve(elements.size());
  Axes position(shape.size(), 0);
  int64_t source = 0;
  while (result.size() < elements.size()) {
    result.push_back(elements[source]);
    for (int64_t i = order.size(); i-- > 0;) {
      source += strides[order[i]];
      if (++position[i] < shape[order[i]])
        break;
      source -= strides[order[i]] * shape[order[i]];
      position[i] = 0;
    }
  }
  return result;
}

/// Whether the value called `name` is first used as the matrix [K, N] of a
/// product, whose rows the layer takes as columns.
static bool isUsedAsColumns(Importer &im, llvm::StringRef name) {
  auto [consumer, input] = im.consumerOf(name);
  if (!consumer || input != 1)
    return false;
  if (consumer->op_type() == "MatMul")
    return true;
  return consumer->op_type() == "Gemm" &&
         Node(*consumer, 0).integer("transB", 0) == 0;
}

/// The order of axes in which the weight is stored: rows, then columns.
static Axes storageOrder(Importer &im, const Node &node, int64_t rank,
                         const Quantization &parameters) {
  Axes order(rank);
  std::iota(order.begin(), order.end(), 0);
  auto axis = order.begin() + parameters.axis;
  if (parameters.kind == Kind::Axis)
    std::rotate(order.begin(), axis, axis + 1);
  else if (parameters.kind == Kind::Block)
    std::rotate(axis, axis + 1, order.end());
  else if (rank == 2 && isUsedAsColumns(im, node.getProto().output(0)))
    std::swap(order[0], order[1]);
  return order;
}

/// Codes and parameters of `x` in the order of storage.
static QuantizedWeight arrange(const Value &x, const Quantization &parameters,
                               ArrayRef<int64_t> order, int64_t rowAxes,
                               int32_t type) {
  Axes shape = shapeOf(x);
  unsigned bits = bitSize(x.type);
  int64_t rows = 1, columns = 1;
  for (auto [i, axis] : llvm::enumerate(order))
    (int64_t(i) < rowAxes ? rows : columns) *= shape[axis];

  std::vector<float> scales = *readNumbers(*parameters.scale);
  std::vector<uint8_t> zeros(scales.size(),
                             isUnsigned(x.type) ? 0 : 1 << (bits - 1));
  if (parameters.zeroPoint)
    zeros = *readCodes(*parameters.zeroPoint);
  numerics::Encoding encoding = describeCodes(bits, zeros);
  encoding.scale = scaleFormatOf({parameters.scale->type});
  encoding.granularity =
      parameters.kind == Kind::Tensor ? numerics::Granularity::Tensor
      : parameters.kind == Kind::Axis ? numerics::Granularity::Channel
                                      : numerics::Granularity::Group;
  if (parameters.kind == Kind::Block) {
    encoding.groupSize = parameters.blockSize;
    Axes blocks = shapeOf(*parameters.scale);
    scales = permuted(scales, blocks, order);
    zeros = permuted(zeros, blocks, order);
  }
  QuantizedWeight result;
  result.expressed = type;
  fillMatrix(result.matrix, encoding, rows, columns,
             permuted(*readCodes(x), shape, order), std::move(scales),
             {zeros.begin(), zeros.end()});
  return result;
}

Expected<Value>
lowbit::frontend::dequantizedWeight(Importer &im, const Node &node,
                                    const Quantization &parameters,
                                    int32_t type) {
  const Value &x = im.in(node, 0);
  Axes order = storageOrder(im, node, x.rank(), parameters);
  int64_t rowAxes = parameters.kind == Kind::Axis ? 1 : x.rank() - 1;
  std::string key;
  llvm::raw_string_ostream stream(key);
  stream << "linear " << int(parameters.kind) << ' ' << parameters.blockSize
         << ' ' << type << ' ' << im.str(x.dims) << ' ';
  llvm::interleaveComma(order, stream);
  stream << ';' << dataKey(x) << dataKey(*parameters.scale);
  if (parameters.zeroPoint)
    stream << dataKey(*parameters.zeroPoint);
  mlir::Value weight = im.quantizedWeight(node, 0, key, [&] {
    return arrange(x, parameters, order, rowAxes, type);
  });
  auto stored = mlir::cast<lowbit::QuantizedTensorType>(weight.getType());
  auto plain =
      mlir::RankedTensorType::get(stored.getShape(), stored.getElementType());
  mlir::Value numbers = lowbit::DequantizeOp::create(im.ops(), plain, weight);
  Dims arranged;
  Axes inverse(order.size());
  for (auto [i, axis] : llvm::enumerate(order)) {
    arranged.push_back(x.dims[axis]);
    inverse[axis] = i;
  }
  Value matrix =
      im.fromTensor(type, {stored.getRows(), stored.getColumns()}, numbers);
  Expected<Value> unfolded = im.reshape(node, matrix, arranged);
  return unfolded ? im.transpose(node, *unfolded, inverse)
                  : std::move(unfolded);
}
