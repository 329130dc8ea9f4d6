//===- LowbitEncodingSyntax.cpp - how encodings are spelled ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementFormats.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lowbit;

namespace {
/// Formats that are spelled by their mnemonic alone, without the dialect.
template <typename... Formats> struct ShortFormats {
  template <typename Format>
  static bool parse(AsmParser &parser, Attribute &result) {
    if (failed(parser.parseOptionalKeyword(Format::getMnemonic())))
      return false;
    result = Format::parse(parser, {});
    return true;
  }
  /// False where none of their mnemonics comes next; null after an error.
  static bool parseAny(AsmParser &parser, Attribute &result) {
    return (parse<Formats>(parser, result) || ...);
  }
  static void print(AsmPrinter &printer, Attribute format) {
    TypeSwitch<Attribute>(format)
        .Case<Formats...>([&](auto attr) {
          printer << attr.getMnemonic();
          attr.print(printer);
        })
        .Default([&](Attribute attr) { printer << attr; });
  }
};
using OwnFormats =
    ShortFormats<IntAttr, UIntAttr, SmallFloatAttr, CodebookAttr, TrellisAttr,
                 LogAttr, MixedAttr, LatticeAttr, LearnedAttr>;
} // namespace

ElementFormatInterface lowbit::parseElementFormat(AsmParser &parser) {
  llvm::SMLoc location = parser.getCurrentLocation();
  Attribute attribute;
  if (!OwnFormats::parseAny(parser, attribute) &&
      parser.parseAttribute(attribute))
    return {};
  if (!attribute)
    return {};
  auto format = dyn_cast<ElementFormatInterface>(attribute);
  if (!format)
    parser.emitError(location) << "requires an element format such as int<4>, "
                                  "found "
                               << attribute;
  return format;
}

namespace {
/// The options of an encoding as they are read.
struct EncodingOptions {
  ZeroPointKind zeroPoint = ZeroPointKind::None;
  bool minimum = false, permuted = false;
  OuterScaleKind outer = OuterScaleKind::None;
  GranularityInterface granularity;
  FloatType scale;
  // Each an encoding, or null.
  Attribute stored, columnScale;

  /// Whether what `word` sets is set already.
  bool isSet(StringRef word) const {
    return llvm::StringSwitch<bool>(word)
        .Case("minimum", minimum)
        .Case("permuted", permuted)
        .Case("scale", static_cast<bool>(scale))
        .Case("column_scale", static_cast<bool>(columnScale))
        .Case("zero_point", zeroPoint != ZeroPointKind::None)
        .Cases({"tensor", "channel", "group", "block"},
               static_cast<bool>(granularity))
        .Cases({"tensor_scale", "channel_scale"}, outer != OuterScaleKind::None)
        .Default(false);
  }
};
} // namespace

static ParseResult parseZeroPoint(AsmParser &parser, ZeroPointKind &kind) {
  llvm::SMLoc location = parser.getCurrentLocation();
  StringRef word;
  if (parser.parseEqual() || parser.parseKeyword(&word))
    return failure();
  std::optional<ZeroPointKind> parsed = symbolizeZeroPointKind(word);
  if (!parsed)
    return parser.emitError(location)
           << "requires zero_point = integer or fractional, found '" << word
           << "'";
  kind = *parsed;
  return success();
}

/// `= f16`, or how it is stored behind: `= f16 as <int<6>, group = 8>`.
static ParseResult parseScale(AsmParser &parser, EncodingOptions &options) {
  if (parser.parseEqual() || parser.parseType(options.scale))
    return failure();
  if (failed(parser.parseOptionalKeyword("as")))
    return success();
  options.stored = EncodingAttr::parse(parser, {});
  return success(static_cast<bool>(options.stored));
}

/// `= 32`
static ParseResult parseGroup(AsmParser &parser, llvm::SMLoc location,
                              GranularityInterface &granularity) {
  int64_t size;
  if (parser.parseEqual() || parser.parseInteger(size))
    return failure();
  granularity =
      parser.getChecked<PerGroupAttr>(location, parser.getContext(), size);
  return success(static_cast<bool>(granularity));
}

/// `= [128, 128]`
static ParseResult parseBlock(AsmParser &parser, llvm::SMLoc location,
                              GranularityInterface &granularity) {
  int64_t rows, columns;
  if (parser.parseEqual() || parser.parseLSquare() ||
      parser.parseInteger(rows) || parser.parseComma() ||
      parser.parseInteger(columns) || parser.parseRSquare())
    return failure();
  granularity = parser.getChecked<PerBlockAttr>(location, parser.getContext(),
                                                rows, columns);
  return success(static_cast<bool>(granularity));
}

static ParseResult parseEncodingOption(AsmParser &parser,
                                       EncodingOptions &options) {
  MLIRContext *context = parser.getContext();
  llvm::SMLoc location = parser.getCurrentLocation();
  StringRef word;
  bool isKeyword = succeeded(parser.parseOptionalKeyword(&word));
  if (options.isSet(isKeyword ? word : "group"))
    return parser.emitError(location) << "encoding option given twice: '"
                                      << (isKeyword ? word : "group") << "'";
  if (!isKeyword)
    return parser.parseAttribute(options.granularity);
  if (word == "minimum") {
    options.minimum = true;
  } else if (word == "permuted") {
    options.permuted = true;
  } else if (word == "tensor") {
    options.granularity = PerTensorAttr::get(context);
  } else if (word == "channel") {
    options.granularity = PerChannelAttr::get(context);
  } else if (word == "tensor_scale" || word == "channel_scale") {
    options.outer = *symbolizeOuterScaleKind(word);
  } else if (word == "group") {
    return parseGroup(parser, location, options.granularity);
  } else if (word == "block") {
    return parseBlock(parser, location, options.granularity);
  } else if (word == "scale") {
    return parseScale(parser, options);
  } else if (word == "column_scale") {
    if (parser.parseEqual())
      return failure();
    options.columnScale = EncodingAttr::parse(parser, {});
    return success(static_cast<bool>(options.columnScale));
  } else if (word == "zero_point") {
    return parseZeroPoint(parser, options.zeroPoint);
  } else {
    return parser.emitError(location)
           << "requires minimum, zero_point, tensor, channel, group, block, "
              "scale, tensor_scale, channel_scale, permuted or column_scale, "
              "found '"
           << word << "'";
  }
  return success();
}

Attribute EncodingAttr::parse(AsmParser &parser, Type) {
  EncodingOptions options;
  if (parser.parseLess())
    return {};
  ElementFormatInterface element = parseElementFormat(parser);
  if (!element)
    return {};
  while (succeeded(parser.parseOptionalComma()))
    if (parseEncodingOption(parser, options))
      return {};
  if (parser.parseGreater())
    return {};
  MLIRContext *context = parser.getContext();
  if (!options.granularity)
    options.granularity = PerChannelAttr::get(context);
  if (!options.scale)
    options.scale = Float16Type::get(context);
  return parser.getChecked<EncodingAttr>(
      context, element, options.zeroPoint, options.minimum, options.granularity,
      options.scale, options.permuted, options.outer, options.stored,
      options.columnScale);
}

void lowbit::printElementFormat(AsmPrinter &printer,
                                ElementFormatInterface format) {
  OwnFormats::print(printer, format);
}

void EncodingAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printElementFormat(printer, getElement());
  if (getZeroPoint() != ZeroPointKind::None)
    printer << ", zero_point = " << stringifyZeroPointKind(getZeroPoint());
  if (getMinimum())
    printer << ", minimum";
  TypeSwitch<Attribute>(getGranularity())
      .Case([&](PerTensorAttr) { printer << ", tensor"; })
      .Case([&](PerChannelAttr) { printer << ", channel"; })
      .Case(
          [&](PerGroupAttr attr) { printer << ", group = " << attr.getSize(); })
      .Case([&](PerBlockAttr attr) {
        printer << ", block = [" << attr.getRows() << ", " << attr.getColumns()
                << ']';
      })
      .Default([&](Attribute attr) { printer << ", " << attr; });
  printer << ", scale = " << getScale();
  if (EncodingAttr stored = getStored()) {
    printer << " as ";
    stored.print(printer);
  }
  if (getOuterScale() != OuterScaleKind::None)
    printer << ", " << stringifyOuterScaleKind(getOuterScale());
  if (getPermuted())
    printer << ", permuted";
  if (EncodingAttr columnScale = getColumnScaleEncoding()) {
    printer << ", column_scale = ";
    columnScale.print(printer);
  }
  printer << '>';
}
