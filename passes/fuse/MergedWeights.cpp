//===- MergedWeights.cpp - rows of several weights as one -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Works on unpacked rows, since the rows of a dense code stream need not begin
// at bytes. Nothing is rounded again.
//
//===----------------------------------------------------------------------===//

#include "MergedWeights.h"

#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/FloatSource.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include <cstring>

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Conditions
//===----------------------------------------------------------------------===//

static LinearOp getFirst(ArrayRef<LinearOp> layers) { return layers.front(); }

/// The global behind a value, or null.
static GlobalOp getGlobal(Value value) {
  auto weight = value ? value.getDefiningOp<WeightOp>() : WeightOp();
  return weight ? weight.getGlobalOp() : GlobalOp();
}

/// The numbers of a constant vector of f32, or null.
static ElementsAttr getConstantVector(Value value) {
  ElementsAttr elements;
  if (GlobalOp global = getGlobal(value))
    elements = global.getComponent(component::kData);
  else if (!matchPattern(value, m_Constant(&elements)))
    return {};
  if (!elements || !elements.getElementType().isF32())
    return {};
  auto dense = dyn_cast<DenseElementsAttr>(elements);
  bool isAtHand = (dense && dense.isSplat()) || !getRawBytes(elements).empty();
  return isAtHand ? elements : ElementsAttr();
}

/// Whether blocks of quantized scales, if there are any, end with rows.
static bool endWithRows(EncodingAttr encoding, int64_t columns) {
  numerics::Encoding meaning = encoding.getNumerics();
  return !meaning.stored ||
         (meaning.stored->granularity == numerics::Granularity::Group &&
          meaning.groupCount(columns) % meaning.stored->groupSize == 0);
}

std::string MergedWeights::explain(ArrayRef<LinearOp> layers) {
  auto first =
      dyn_cast<QuantizedTensorType>(getFirst(layers).getWeight().getType());
  if (!first)
    return "their weights are float";
  EncodingAttr encoding = first.getEncoding();
  if (encoding.getPermuted() ||
      encoding.getGranularity().getKind() == numerics::Granularity::Tensor ||
      encoding.getOuterScale() == OuterScaleKind::Tensor ||
      encoding.getGranularity().getGroupRows() != 1 ||
      encoding.getElement().getWindowBits() != encoding.getCodeBits() ||
      encoding.getColumnScale() ||
      encoding.getElement().getTableOwner() == numerics::TableOwner::Tensor ||
      !endWithRows(encoding, first.getColumns()))
    return "their rows share parameters";
  for (LinearOp layer : layers) {
    auto type = dyn_cast<QuantizedTensorType>(layer.getWeight().getType());
    if (!type || type.getEncoding() != encoding)
      return "their encodings differ";
    if (type.getLayout())
      return "their weights are packed already";
    if (!getGlobal(layer.getWeight()))
      return "a weight is computed at run time";
    if (layer.getBias() && !getConstantVector(layer.getBias()))
      return "a bias is no constant of f32";
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Copies rows of `rowBytes` bytes of the sources to `target` in order.
static void arrangeRows(ArrayRef<const char *> sources, ArrayRef<int64_t> rows,
                        size_t rowBytes, RowOrder order, char *target) {
  if (rowBytes == 0)
    return; // What the format doesn't have, nor memory for it.
  if (order == RowOrder::Concatenated) {
    for (auto [source, count] : llvm::zip_equal(sources, rows)) {
      std::memcpy(target, source, count * rowBytes);
      target += count * rowBytes;
    }
    return;
  }
  for (int64_t row = 0; row < rows[0]; ++row)
    for (const char *source : sources) {
      std::memcpy(target, source + row * rowBytes, rowBytes);
      target += rowBytes;
    }
}

/// The same for one component of matrices: as many bytes per row in each.
template <typename Number>
static void arrange(ArrayRef<numerics::QuantizedMatrix> sources,
                    std::vector<Number> numerics::QuantizedMatrix::*component,
                    ArrayRef<int64_t> rows, RowOrder order,
                    numerics::QuantizedMatrix &target) {
  SmallVector<const char *> data;
  for (const numerics::QuantizedMatrix &source : sources)
    data.push_back(reinterpret_cast<const char *>((source.*component).data()));
  std::vector<Number> &result = target.*component;
  size_t rowBytes = result.size() / target.rows * sizeof(Number);
  arrangeRows(data, rows, rowBytes, order,
              reinterpret_cast<char *>(result.data()));
}

/// The same for what is stored of quantized parameters, as much for each row.
static void arrangeStored(ArrayRef<numerics::QuantizedMatrix> sources,
                          ArrayRef<int64_t> rows, RowOrder order,
                          numerics::QuantizedMatrix &target) {
  using Matrix = numerics::QuantizedMatrix;
  for (size_t kind = 0; kind < target.stored.size(); ++kind) {
    std::vector<Matrix> parts;
    for (const Matrix &source : sources)
      parts.push_back(source.stored[kind]);
    // As if the parameters of a row were a row.
    Matrix &stored = target.stored[kind];
    int64_t count = stored.rows;
    stored.rows = target.rows;
    arrange(parts, &Matrix::codes, rows, order, stored);
    for (auto parameter :
         {&Matrix::scales, &Matrix::zeroPoints, &Matrix::minima})
      arrange(parts, parameter, rows, order, stored);
    stored.rows = count;
  }
  target.readStored();
}

static SmallVector<int64_t> getRowCounts(ArrayRef<LinearOp> layers) {
  SmallVector<int64_t> rows;
  for (LinearOp layer : layers)
    rows.push_back(cast<ShapedType>(layer.getWeight().getType()).getDimSize(0));
  return rows;
}

/// What the merged weight says of itself, so that reports and exports can speak
/// of the weights that the model came with.
static DictionaryAttr describeParts(ArrayRef<LinearOp> layers,
                                    ArrayRef<int64_t> rows, RowOrder order) {
  Builder builder(getFirst(layers).getContext());
  SmallVector<Attribute> names;
  for (LinearOp layer : layers)
    names.push_back(getGlobal(layer.getWeight()).getSymNameAttr());
  NamedAttrList fields;
  if (order == RowOrder::Alternating)
    fields.set("alternating", builder.getUnitAttr());
  fields.set("names", builder.getArrayAttr(names));
  fields.set("rows", builder.getDenseI64ArrayAttr(rows));
  return fields.getDictionary(builder.getContext());
}

FailureOr<GlobalOp> MergedWeights::createWeight(ArrayRef<LinearOp> layers,
                                                RowOrder order,
                                                std::string name) {
  SmallVector<int64_t> rows = getRowCounts(layers);
  std::vector<numerics::QuantizedMatrix> sources;
  for (LinearOp layer : layers) {
    auto source = unpackComponents(getGlobal(layer.getWeight()));
    if (failed(source))
      return failure();
    sources.push_back(std::move(*source));
  }
  GlobalOp first = getGlobal(getFirst(layers).getWeight());
  auto type = cast<QuantizedTensorType>(first.getType());
  numerics::QuantizedMatrix matrix;
  matrix.reset(sources[0].encoding, llvm::sum_of(rows), sources[0].columns);
  using Matrix = numerics::QuantizedMatrix;
  arrange(sources, &Matrix::codes, rows, order, matrix);
  for (auto parameter : {&Matrix::scales, &Matrix::zeroPoints, &Matrix::minima,
                         &Matrix::outerScales})
    arrange(sources, parameter, rows, order, matrix);
  arrange(sources, &Matrix::tables, rows, order, matrix);
  arrangeStored(sources, rows, order, matrix);
  auto mergedType = QuantizedTensorType::get(
      {matrix.rows, matrix.columns}, type.getElementType(), type.getEncoding());
  OpBuilder builder(first);
  auto global = GlobalOp::create(builder, first.getLoc(), name, mergedType,
                                 packComponents(mergedType, matrix, name));
  global->setAttr(kPartsAttrName, describeParts(layers, rows, order));
  auto globals = llvm::map_to_vector(
      layers, [](LinearOp layer) { return getGlobal(layer.getWeight()); });
  if (Attribute source =
          mergeFloatSources(globals, order == RowOrder::Alternating))
    global->setAttr(kFloatSourceAttrName, source);
  return global;
}

GlobalOp MergedWeights::createBias(ArrayRef<LinearOp> layers, RowOrder order,
                                   std::string name) {
  SmallVector<int64_t> rows = getRowCounts(layers);
  std::vector<std::vector<float>> biases;
  SmallVector<const char *> data;
  for (auto [i, count] : llvm::enumerate(rows)) {
    LinearOp layer = layers[i];
    std::vector<float> &bias = biases.emplace_back(count, -0.0f);
    if (layer.getBias()) {
      ElementsAttr elements = getConstantVector(layer.getBias());
      ArrayRef<char> raw = getRawBytes(elements);
      if (raw.empty())
        bias.assign(count, elements.getSplatValue<float>());
      else
        std::memcpy(bias.data(), raw.data(), raw.size());
    }
  }
  for (const std::vector<float> &bias : biases)
    data.push_back(reinterpret_cast<const char *>(bias.data()));
  std::vector<uint8_t> bytes(llvm::sum_of(rows) * sizeof(float));
  arrangeRows(data, rows, sizeof(float), order,
              reinterpret_cast<char *>(bytes.data()));
  OpBuilder builder(getGlobal(getFirst(layers).getWeight()));
  auto type = RankedTensorType::get({llvm::sum_of(rows)}, builder.getF32Type());
  NamedAttribute component(builder.getStringAttr(component::kData),
                           makeElements(type, name, std::move(bytes)));
  return GlobalOp::create(builder, getFirst(layers).getLoc(), name, type,
                          builder.getDictionaryAttr(component));
}

//===----------------------------------------------------------------------===//
// Names and reuse
//===----------------------------------------------------------------------===//

/// What all names begin and end with stays; what differs is joined:
/// attn.q.weight, attn.k.weight give attn.q_k.weight.
std::string MergedWeights::freeName(ArrayRef<std::string> names) {
  StringRef first = names[0];
  size_t front = first.size(), back = first.size();
  for (StringRef name : names.drop_front()) {
    size_t i = 0;
    while (i < std::min(front, name.size()) && name[i] == first[i])
      ++i;
    front = i;
  }
  size_t shortest = first.size();
  for (StringRef name : names)
    shortest = std::min(shortest, name.size());
  back = shortest - front;
  for (StringRef name : names) {
    size_t i = 0;
    while (i < back && name[name.size() - 1 - i] == first[first.size() - 1 - i])
      ++i;
    back = i;
  }
  std::string wanted = first.take_front(front).str();
  for (auto [i, name] : llvm::enumerate(names))
    wanted += (i ? "_" : "") +
              StringRef(name).drop_front(front).drop_back(back).str();
  wanted += first.take_back(back);
  std::string result = wanted;
  for (unsigned i = 0; module.lookupSymbol(result); ++i)
    result = wanted + "." + std::to_string(i);
  return result;
}

FailureOr<Value> MergedWeights::getWeight(OpBuilder &builder,
                                          ArrayRef<LinearOp> layers,
                                          RowOrder order) {
  std::vector<std::string> names;
  for (LinearOp layer : layers)
    names.push_back(getGlobal(layer.getWeight()).getSymName().str());
  GlobalOp &global = merged[{names, order}];
  if (!global) {
    FailureOr<GlobalOp> created = createWeight(layers, order, freeName(names));
    if (failed(created))
      return failure();
    global = *created;
  }
  return WeightOp::create(builder, getFirst(layers).getLoc(), global.getType(),
                          global.getSymName())
      .getResult();
}

Value MergedWeights::getBias(OpBuilder &builder, ArrayRef<LinearOp> layers,
                             RowOrder order) {
  if (llvm::none_of(layers, [](LinearOp op) { return bool(op.getBias()); }))
    return nullptr;
  // Biases may be constants without a name; the weights' names tell them apart.
  std::vector<std::string> key, names;
  for (LinearOp layer : layers) {
    std::string weight = getGlobal(layer.getWeight()).getSymName().str();
    GlobalOp bias = getGlobal(layer.getBias());
    key.push_back(weight + ".bias");
    names.push_back(bias ? bias.getSymName().str() : weight + ".bias");
  }
  GlobalOp &global = merged[{key, order}];
  if (!global)
    global = createBias(layers, order, freeName(names));
  return WeightOp::create(builder, getFirst(layers).getLoc(), global.getType(),
                          global.getSymName());
}

void MergedWeights::eraseUnused(const llvm::SetVector<WeightOp> &weights) {
  for (WeightOp weight : weights) {
    if (!weight.use_empty())
      continue;
    GlobalOp global = weight.getGlobalOp();
    weight.erase();
    if (global)
      eraser.eraseIfUnused(global);
  }
}

void MergedWeights::eraseUnused() {
  module.walk([](WeightOp op) {
    if (op.use_empty())
      op.erase();
  });
  llvm::DenseSet<Attribute> used;
  if (auto uses = SymbolTable::getSymbolUses(&module.getBodyRegion()))
    for (const SymbolTable::SymbolUse &use : *uses)
      used.insert(use.getSymbolRef().getRootReference());
  else
    return;
  for (GlobalOp global : llvm::make_early_inc_range(module.getOps<GlobalOp>()))
    if (!used.contains(global.getSymNameAttr()))
      eraser.erase(global);
}
