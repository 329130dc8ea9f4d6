//===- FloatSource.cpp - what a quantized weight was rounded from ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/FloatSource.h"

using namespace mlir;
using namespace lowbit;

static constexpr llvm::StringLiteral kParts = "parts", kData = "data",
                                     kOffset = "offset", kRows = "rows",
                                     kColumns = "columns",
                                     kTransposed = "transposed",
                                     kAlternating = "alternating",
                                     kFirst = "first", kSearch = "search",
                                     kEncoding = "encoding",
                                     kMeanSquaredError = "mse",
                                     kAbsMax = "absmax";

static DictionaryAttr describePart(MLIRContext *context,
                                   const ConstantMatrix &part) {
  Builder builder(context);
  NamedAttrList fields;
  fields.set(kData, part.data);
  fields.set(kOffset, builder.getI64IntegerAttr(part.offset));
  fields.set(kRows, builder.getI64IntegerAttr(part.rows));
  fields.set(kColumns, builder.getI64IntegerAttr(part.columns));
  if (part.isTransposed)
    fields.set(kTransposed, builder.getUnitAttr());
  return fields.getDictionary(context);
}

/// Whether the matrix is within its data, which are floats at hand.
static bool isWithin(const ConstantMatrix &part) {
  int64_t count = part.data.getNumElements();
  if (part.offset < 0 || part.rows <= 0 || part.columns <= 0 ||
      part.rows > count / part.columns ||
      part.offset > count - part.rows * part.columns)
    return false;
  Type element = part.data.getElementType();
  auto dense = dyn_cast<DenseElementsAttr>(part.data);
  bool isSplat = dense && dense.isSplat();
  return (element.isF32() || element.isF16() || element.isBF16()) &&
         !isHugeSplat(part.data) &&
         (isSplat || !getRawBytes(part.data).empty());
}

static std::optional<ConstantMatrix> readPart(Attribute attribute) {
  auto fields = dyn_cast<DictionaryAttr>(attribute);
  auto number = [&](StringRef name) {
    auto value = fields ? fields.getAs<IntegerAttr>(name) : IntegerAttr();
    return value ? value.getInt() : -1;
  };
  ConstantMatrix part;
  part.data = fields ? fields.getAs<ElementsAttr>(kData) : ElementsAttr();
  if (!part.data)
    return std::nullopt;
  part.offset = number(kOffset);
  part.rows = number(kRows);
  part.columns = number(kColumns);
  part.isTransposed = fields.contains(kTransposed);
  return isWithin(part) ? std::optional(part) : std::nullopt;
}

std::optional<FloatSource> FloatSource::read(Attribute attribute) {
  auto fields = dyn_cast_or_null<DictionaryAttr>(attribute);
  auto list = fields ? fields.getAs<ArrayAttr>(kParts) : ArrayAttr();
  auto search = fields ? fields.getAs<StringAttr>(kSearch) : StringAttr();
  auto encoding =
      fields ? fields.getAs<EncodingAttr>(kEncoding) : EncodingAttr();
  if (!list || list.empty() || !encoding || !search ||
      (search != kMeanSquaredError && search != kAbsMax))
    return std::nullopt;
  FloatSource source;
  source.encoding = encoding;
  source.alternates = fields.contains(kAlternating);
  if (auto first = fields.getAs<IntegerAttr>(kFirst))
    source.first = first.getInt();
  if (source.first < 0)
    return std::nullopt;
  source.search = search == kAbsMax ? numerics::ScaleSearch::AbsMax
                                    : numerics::ScaleSearch::MeanSquaredError;
  for (Attribute entry : list) {
    std::optional<ConstantMatrix> part = readPart(entry);
    if (!part)
      return std::nullopt;
    source.parts.push_back(*part);
    if (part->columns != source.columns() ||
        (source.alternates && part->rows != source.parts.front().rows))
      return std::nullopt;
  }
  return source;
}

std::optional<FloatSource> FloatSource::get(GlobalOp global) {
  return read(global->getAttr(kFloatSourceAttrName));
}

DictionaryAttr FloatSource::toAttribute(MLIRContext *context) const {
  Builder builder(context);
  SmallVector<Attribute> list;
  for (const ConstantMatrix &part : parts)
    list.push_back(describePart(context, part));
  NamedAttrList fields;
  fields.set(kParts, builder.getArrayAttr(list));
  fields.set(kEncoding, encoding);
  fields.set(kSearch,
             builder.getStringAttr(search == numerics::ScaleSearch::AbsMax
                                       ? kAbsMax
                                       : kMeanSquaredError));
  if (alternates)
    fields.set(kAlternating, builder.getUnitAttr());
  if (first)
    fields.set(kFirst, builder.getI64IntegerAttr(first));
  return fields.getDictionary(context);
}

int64_t FloatSource::rows() const {
  int64_t sum = 0;
  for (const ConstantMatrix &part : parts)
    sum += part.rows;
  return sum;
}

Type FloatSource::getElementType() const {
  Type type = parts.front().data.getElementType();
  for (const ConstantMatrix &part : parts)
    if (part.data.getElementType() != type)
      return Float32Type::get(type.getContext());
  return type;
}

std::vector<float> FloatSource::readRows(int64_t begin, int64_t end) const {
  std::vector<float> result;
  result.reserve((end - begin) * columns());
  auto append = [&](const ConstantMatrix &part, int64_t from, int64_t to) {
    std::vector<float> rows = part.readRows(from, to);
    result.insert(result.end(), rows.begin(), rows.end());
  };
  if (alternates) {
    int64_t count = parts.size();
    for (int64_t row = first + begin; row < first + end; ++row)
      append(parts[row % count], row / count, row / count + 1);
    return result;
  }
  int64_t partBegin = 0;
  for (const ConstantMatrix &part : parts) {
    int64_t from = std::max(first + begin, partBegin),
            to = std::min(first + end, partBegin + part.rows);
    if (from < to)
      append(part, from - partBegin, to - partBegin);
    partBegin += part.rows;
  }
  return result;
}

Attribute lowbit::mergeFloatSources(ArrayRef<GlobalOp> globals,
                                    bool alternates) {
  FloatSource merged;
  merged.alternates = alternates;
  for (GlobalOp global : globals) {
    std::optional<FloatSource> source = FloatSource::get(global);
    if (!source || source->parts.size() != 1 || source->first != 0 ||
        (!merged.parts.empty() && (source->search != merged.search ||
                                   source->encoding != merged.encoding)))
      return {};
    merged.encoding = source->encoding;
    merged.search = source->search;
    merged.parts.push_back(source->parts.front());
  }
  return merged.toAttribute(merged.encoding.getContext());
}
