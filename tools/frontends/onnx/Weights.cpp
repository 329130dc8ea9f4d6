//===- Weights.cpp - constants of the model: inline or global -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small constants become known values, which fold or end as `arith.constant`.
// The rest become `lowbit.global` whose blob points into the mapped file and
// shares its ownership. Exporters rename initializers that they transpose or
// merge to `onnx::MatMul_1083`; such a weight takes its name from the module
// scope of its first consumer, which is what people know it by.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Numerics/Float16.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <cstring>

using namespace lowbit::frontend;
namespace numerics = lowbit::numerics;
using llvm::ArrayRef;
using llvm::Expected;
using llvm::StringRef;

/// Constants up to this many elements live in the IR, matrices excepted.
static constexpr int64_t maxInlineElements = 64;

static bool isInline(const TensorData &data) {
  bool isMatrix = data.dims.size() == 2 && data.dims[0] > 1 &&
                  data.dims[1] > 1 && isFloat(data.type);
  return data.size() <= maxInlineElements && !isMatrix;
}

void Importer::noteConsumers() {
  for (const onnx::NodeProto &node : graph.node())
    for (int i = 0; i < node.input_size(); ++i)
      firstConsumer.try_emplace(node.input(i), &node, i);
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// Whether an exporter made up the name: `onnx::MatMul_1083`, `1083`.
static bool isAnonymous(StringRef name) {
  return name.contains("::") || llvm::all_of(name, llvm::isDigit);
}

/// What a weight is called in the scope of its consumer.
static StringRef roleOf(const onnx::NodeProto &consumer, int input) {
  bool isBias = consumer.op_type() == "Add" || consumer.op_type() == "Sub" ||
                (input == 2 && (consumer.op_type() == "Gemm" ||
                                consumer.op_type() == "LayerNormalization"));
  return isBias ? ".bias" : ".weight";
}

/// `/layers.0/self_attn/q_proj/MatMul` without its last part; a node at the top
/// gives its own name.
static StringRef scopeOf(StringRef nodeName) {
  return nodeName.trim('/').rsplit('/').first;
}

/// `name` as an identifier that symbols, resource keys and file formats take
/// without quotes.
static std::string identifier(StringRef name) {
  std::string result;
  for (char c : name.trim('/'))
    result += c == '/'                                   ? '.'
              : llvm::isAlnum(c) || c == '_' || c == '.' ? c
                                                         : '_';
  if (result.empty() || llvm::isDigit(result[0]) || result[0] == '.')
    result.insert(result.begin(), '_');
  return result;
}

std::string Importer::globalName(StringRef name) {
  std::string base = name.str();
  auto consumer = firstConsumer.find(name);
  if (isAnonymous(name) && consumer != firstConsumer.end()) {
    auto [node, input] = consumer->second;
    if (!node->name().empty())
      base = (scopeOf(node->name()) + roleOf(*node, input)).str();
  }
  base = identifier(base);
  std::string unique = base;
  while (!globalNames.try_emplace(unique, 0).second || unique == "main")
    unique = base + "_" + llvm::utostr(++globalNames[base]);
  return unique;
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

/// The symbol of `weight`, or another one where a global of another form has
/// it.
std::string Importer::takeName(const Weight &weight) {
  std::string name = weight.name;
  if (!takenNames.insert(name).second)
    name = globalName(name);
  takenNames.insert(name);
  return name;
}

Value Importer::makeConstant(StringRef name, TensorData data) {
  Dims dims(data.dims.begin(), data.dims.end());
  if (isInline(data))
    return knownValue(data.type, dims, decodeElements(data));
  Value value;
  value.type = data.type;
  value.dims = dims;
  weights.push_back({globalName(name), std::move(data)});
  if (options.valueNames)
    (*options.valueNames)[weights.back().name] = name.str();
  value.weight = &weights.back();
  return value;
}

Value Importer::reshapedCodes(const Value &input, ArrayRef<Expr> dims) {
  TensorData data = input.weight->data;
  data.dims.clear();
  for (const Expr &dim : dims)
    data.dims.push_back(dim.constant());
  Value result = input;
  result.dims.assign(dims.begin(), dims.end());
  weights.push_back({input.weight->name, std::move(data)});
  result.weight = &weights.back();
  return result;
}

Expected<Value> Importer::part(const Node &node, const Value &input,
                               int64_t first, std::optional<int64_t> count) {
  int64_t end = first + count.value_or(1);
  if (input.rank() == 0 || !input.dims[0].isConstant() || first < 0 ||
      end > input.dims[0].constant())
    return error(node, "positions " + llvm::Twine(first) + " to " +
                           llvm::Twine(end) +
                           " of the first dimension are "
                           "not all inside of " +
                           str(input.dims));
  Dims dims = input.dims;
  if (count)
    dims[0] = Expr(*count);
  else
    dims.erase(dims.begin());
  if (!input.weight || bitSize(input.type) < 8)
    return reshape(node, slice(input, 0, Expr(first), Expr(count.value_or(1))),
                   dims);
  TensorData data = input.weight->data;
  size_t bytes = data.bytes.size() / data.dims.front();
  data.bytes = data.bytes.slice(first * bytes, count.value_or(1) * bytes);
  data.dims.clear();
  for (const Expr &dim : dims)
    data.dims.push_back(dim.constant());
  Value result = input;
  result.dims = dims;
  weights.push_back({input.weight->name, std::move(data)});
  result.weight = &weights.back();
  return result;
}

Expected<Value> Importer::constantTensor(const Node &node,
                                         const onnx::TensorProto &tensor) {
  Expected<TensorData> data = file.readTensor(tensor);
  if (!data)
    return error(node, "attribute '" + tensor.name() +
                           "': " + llvm::toString(data.takeError()));
  return makeConstant(node.getProto().output(0), std::move(*data));
}

/// Element `i` of float data, as f32.
static float readFloat(const TensorData &data, size_t i) {
  if (data.type == onnx::TensorProto::FLOAT) {
    float number;
    std::memcpy(&number, data.bytes.data() + sizeof(number) * i,
                sizeof(number));
    return number;
  }
  uint16_t bits;
  std::memcpy(&bits, data.bytes.data() + sizeof(bits) * i, sizeof(bits));
  return data.type == onnx::TensorProto::FLOAT16
             ? numerics::halfToFloat(bits)
             : llvm::bit_cast<float>(uint32_t(bits) << 16);
}

/// To nearest, ties to even; a NaN stays one.
static uint16_t floatToBFloat(float number) {
  uint32_t bits = llvm::bit_cast<uint32_t>(number);
  if (std::isnan(number))
    return bits >> 16 | 0x40;
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/// The numbers of `data` as elements of another type, made by `convert`.
template <typename Element>
static TensorData convertedWith(const TensorData &data, int32_t type,
                                Element (*convert)(float)) {
  auto elements = std::make_shared<std::vector<Element>>(data.size());
  for (size_t i = 0; i < elements->size(); ++i)
    (*elements)[i] = convert(readFloat(data, i));
  TensorData result = data;
  result.type = type;
  result.bytes = ArrayRef(reinterpret_cast<const char *>(elements->data()),
                          elements->size() * sizeof(Element));
  result.owner = elements;
  return result;
}

static TensorData convertFloats(const TensorData &data, int32_t type) {
  if (type == onnx::TensorProto::FLOAT)
    return convertedWith<float>(data, type,
                                [](float number) { return number; });
  return convertedWith<uint16_t>(data, type,
                                 type == onnx::TensorProto::FLOAT16
                                     ? numerics::floatToHalf
                                     : floatToBFloat);
}

std::optional<Value> Importer::castWeight(const Node &node, const Value &input,
                                          int32_t type) {
  auto isWeightType = [](int32_t type) {
    return type == onnx::TensorProto::FLOAT ||
           type == onnx::TensorProto::FLOAT16 ||
           type == onnx::TensorProto::BFLOAT16;
  };
  if (!input.weight || type == input.type || !isWeightType(input.type) ||
      !isWeightType(type))
    return std::nullopt;
  const TensorData &data = input.weight->data;
  TensorData &cast = session.casts[{data.bytes.data(), type}];
  if (cast.bytes.empty())
    cast = convertFloats(data, type);
  return makeConstant(node.getProto().output(0), cast);
}

/// A blob over `data`; it owns a share of the mapping. Data that lie misaligned
/// in the file are copied, since consumers read them as arrays of elements.
static mlir::AsmResourceBlob blobOf(const TensorData &data) {
  unsigned alignment = byteSize(data.type);
  if (llvm::isAddrAligned(llvm::Align(alignment), data.bytes.data()))
    return mlir::UnmanagedAsmResourceBlob::allocateWithAlign(
        data.bytes, alignment,
        [owner = data.owner](void *, size_t, size_t) mutable {
          owner.reset();
        });
  return mlir::HeapAsmResourceBlob::allocateAndCopyWithAlign(
      data.bytes, alignment, /*dataIsMutable=*/false);
}

mlir::Value Importer::fetchWeight(const Weight &weight) {
  mlir::Value &cached = fetched[&weight];
  if (cached)
    return cached;
  auto type = mlir::RankedTensorType::get(weight.data.dims,
                                          elementType(weight.data.type));
  std::string name = takeName(weight);
  mlir::DenseResourceElementsAttr &data = session.resources[name];
  if (!data)
    data = mlir::DenseResourceElementsAttr::get(type, name,
                                                blobOf(unpacked(weight.data)));
  mlir::NamedAttribute component(builder.getStringAttr(component::kData), data);
  {
    mlir::OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(function);
    GlobalOp::create(builder, name, type, builder.getDictionaryAttr(component));
  }
  mlir::OpBuilder::InsertionGuard guard(builder);
  leaveRegions();
  cached = WeightOp::create(builder, type, name);
  return cached;
}
