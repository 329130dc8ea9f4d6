//===- BlockedWeight.cpp - weights with a scale for each block ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockedWeight.h"

#include "lowbit/Numerics/Packer.h"

#include "llvm/ADT/StringExtras.h"

using namespace lowbit::frontend;
namespace numerics = lowbit::numerics;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using llvm::Twine;
using onnx::TensorProto;

std::string lowbit::frontend::refuseBlockSize(int64_t blockSize) {
  if (blockSize >= 16 && blockSize <= (1 << 30) &&
      llvm::isPowerOf2_64(blockSize))
    return "";
  return "attribute block_size must be a power of two of at least 16, found " +
         llvm::itostr(blockSize);
}

Error lowbit::frontend::requireConstant(Importer &im, const Node &node, int i) {
  const Value &value = im.in(node, i);
  if (value.isConstant())
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

Expected<std::vector<float>>
lowbit::frontend::readScales(Importer &im, const Node &node, int i,
                             const Blocks &blocks) {
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

Expected<ZeroPoints> lowbit::frontend::readZeroPoints(Importer &im,
                                                      const Node &node, int i,
                                                      const Blocks &blocks,
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

numerics::Encoding lowbit::frontend::encodingOf(const Blocks &blocks,
                                                const ZeroPoints &zeros,
                                                int32_t scaleType) {
  numerics::Encoding encoding = describeCodes(blocks.bits, zeros.integers);
  if (!zeros.numbers.empty()) {
    encoding.element =
        numerics::IntegerFormat{blocks.bits, numerics::IntegerKind::Unsigned};
    encoding.zeroPoint = numerics::ZeroPointKind::Fractional;
  }
  // A block that is a whole row is a channel, as kernels know it best.
  encoding.granularity = numerics::Granularity::Channel;
  if (blocks.perRow() > 1) {
    encoding.granularity = numerics::Granularity::Group;
    encoding.groupSize = blocks.blockSize;
  }
  encoding.scale = scaleFormatOf({scaleType, zeros.type});
  return encoding;
}

numerics::QuantizedMatrix lowbit::frontend::unpackMatrix(
    const numerics::Encoding &encoding, const numerics::Layout &layout,
    const Blocks &blocks, ArrayRef<uint8_t> bytes, ArrayRef<float> scales,
    const ZeroPoints &zeros) {
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
// Sharing
//===----------------------------------------------------------------------===//

std::string lowbit::frontend::blocksKey(Importer &im, const Node &node,
                                        const Blocks &blocks,
                                        ArrayRef<int> inputs,
                                        int32_t expressed) {
  std::string key;
  llvm::raw_string_ostream stream(key);
  stream << "blocks " << blocks.rows << ' ' << blocks.columns << ' '
         << blocks.blockSize << ' ' << blocks.bits << ' ' << expressed << ';';
  for (int i : inputs)
    stream << (node.hasInput(i) ? dataKey(im.in(node, i)) : ";");
  return key;
}
