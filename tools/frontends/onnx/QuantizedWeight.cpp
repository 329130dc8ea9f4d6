//===- QuantizedWeight.cpp - weights that come as codes -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QuantizedWeight.h"
#include "Importer.h"

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/PackedData.h"

#include "mlir/IR/AsmState.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Format.h"

#include <cstring>

using namespace lowbit::frontend;
using llvm::ArrayRef;
using llvm::StringRef;
using onnx::TensorProto;

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

std::optional<std::vector<uint8_t>>
lowbit::frontend::readCodes(const Value &value) {
  if (!isCodeType(value.type) || !value.isConstant())
    return std::nullopt;
  unsigned bits = bitSize(value.type);
  uint8_t offset = isUnsigned(value.type) ? 0 : 1 << (bits - 1);
  uint8_t mask = (1 << bits) - 1;
  std::vector<uint8_t> codes(*value.size());
  if (value.weight) {
    TensorData bytes = unpacked(value.weight->data);
    for (size_t i = 0; i < codes.size(); ++i)
      codes[i] = (bytes.bytes[i] + offset) & mask;
    return codes;
  }
  for (size_t i = 0; i < codes.size(); ++i)
    codes[i] = (value.element(i).integer.constant() + offset) & mask;
  return codes;
}

std::optional<std::vector<float>>
lowbit::frontend::readNumbers(const Value &value) {
  if (!isFloat(value.type) || byteSize(value.type) > 4 || !value.isConstant())
    return std::nullopt;
  std::vector<float> numbers(*value.size());
  if (value.weight && value.type == TensorProto::FLOAT) {
    std::memcpy(numbers.data(), value.weight->data.bytes.data(),
                numbers.size() * sizeof(float));
    return numbers;
  }
  std::vector<Scalar> elements =
      value.weight ? decodeElements(value.weight->data) : *value.known;
  for (size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = elements[elements.size() == 1 ? 0 : i].real;
  return numbers;
}

std::string lowbit::frontend::dataKey(const Value &value) {
  std::string key;
  llvm::raw_string_ostream stream(key);
  stream << value.type << ':';
  if (value.weight)
    stream << (const void *)value.weight->data.bytes.data();
  else if (value.known)
    for (const Scalar &element : *value.known)
      stream << llvm::format_hex(llvm::bit_cast<uint64_t>(element.number()), 18)
             << ' ';
  stream << ';';
  return key;
}

//===----------------------------------------------------------------------===//
// Describing
//===----------------------------------------------------------------------===//

lowbit::numerics::Encoding
lowbit::frontend::describeCodes(unsigned bits, ArrayRef<uint8_t> zeroPoints) {
  auto all = [&](uint8_t number) {
    return llvm::all_of(zeroPoints,
                        [=](uint8_t zero) { return zero == number; });
  };
  bool isCentred = all(1 << (bits - 1));
  numerics::Encoding encoding;
  encoding.element = numerics::IntegerFormat{
      bits, isCentred ? numerics::IntegerKind::Signed
                      : numerics::IntegerKind::Unsigned};
  if (!isCentred && !all(0))
    encoding.zeroPoint = numerics::ZeroPointKind::Integer;
  return encoding;
}

lowbit::numerics::ScaleFormat
lowbit::frontend::scaleFormatOf(ArrayRef<int32_t> types) {
  bool isHalf = llvm::all_of(
      types, [](int32_t type) { return type == TensorProto::FLOAT16; });
  return isHalf ? numerics::ScaleFormat::F16 : numerics::ScaleFormat::F32;
}

void lowbit::frontend::fillMatrix(numerics::QuantizedMatrix &matrix,
                                  const numerics::Encoding &encoding,
                                  int64_t rows, int64_t columns,
                                  std::vector<uint8_t> codes,
                                  std::vector<float> scales,
                                  std::vector<float> zeroPoints) {
  matrix.encoding = encoding;
  matrix.rows = rows;
  matrix.columns = columns;
  matrix.codes = std::move(codes);
  matrix.scales = std::move(scales);
  if (encoding.zeroPoint != numerics::ZeroPointKind::None)
    matrix.zeroPoints = std::move(zeroPoints);
}

//===----------------------------------------------------------------------===//
// The global
//===----------------------------------------------------------------------===//

static lowbit::EncodingAttr encodingOf(mlir::MLIRContext *context,
                                       const QuantizedWeight &weight) {
  auto plain = lowbit::EncodingAttr::get(context, weight.matrix.encoding);
  return lowbit::EncodingAttr::get(context, plain.getElement(),
                                   plain.getZeroPoint(), plain.getMinimum(),
                                   plain.getGranularity(), plain.getScale(),
                                   /*permuted=*/!weight.permutation.empty());
}

/// The permutation as a component, null where columns stand in their own order.
static mlir::Attribute permutationOf(mlir::MLIRContext &context,
                                     const QuantizedWeight &weight,
                                     StringRef name) {
  if (weight.permutation.empty())
    return {};
  auto type = mlir::RankedTensorType::get({weight.matrix.columns},
                                          mlir::IntegerType::get(&context, 32));
  return mlir::DenseResourceElementsAttr::get(
      type, (name + "." + lowbit::component::kPermutation).str(),
      mlir::HeapAsmResourceBlob::allocateAndCopyInferAlign(
          ArrayRef(weight.permutation)));
}

mlir::Value
Importer::quantizedWeight(const Node &node, int i, StringRef key,
                          llvm::function_ref<QuantizedWeight()> build) {
  mlir::Value &cached = quantized[key];
  if (cached)
    return cached;
  QuantizedWeight weight = build();
  const numerics::QuantizedMatrix &matrix = weight.matrix;
  auto type = QuantizedTensorType::get(
      {matrix.rows, matrix.columns},
      mlir::cast<mlir::FloatType>(elementType(weight.expressed)),
      encodingOf(&context, weight), {});
  const Weight *origin = in(node, i).weight;
  std::string name =
      origin ? takeName(*origin) : globalName(node.getProto().input(i));
  {
    mlir::OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(function);
    GlobalOp::create(builder, name, type,
                     packComponents(type, matrix, name,
                                    permutationOf(context, weight, name)));
  }
  mlir::OpBuilder::InsertionGuard guard(builder);
  leaveRegions();
  cached = WeightOp::create(builder, type, name);
  return cached;
}

Value Importer::linear(const Value &x, mlir::Value weight, mlir::Value bias) {
  Dims dims(x.dims.begin(), x.dims.end() - 1);
  dims.push_back(mlir::cast<QuantizedTensorType>(weight.getType()).getRows());
  auto type = tensorType(builder.getF32Type(), dims);
  return fromTensor(TensorProto::FLOAT, dims,
                    LinearOp::create(builder, type, full(x), weight, bias,
                                     /*residual=*/nullptr,
                                     /*activation=*/nullptr));
}
