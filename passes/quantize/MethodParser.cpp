//===- MethodParser.cpp - methods by name ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A name is read from its front: prefixes, the format of codes, and suffixes in
// one order.
//
//===----------------------------------------------------------------------===//

#include "MethodErrors.h"
#include "NamedEncodings.h"
#include "lowbit/Numerics/Trellis.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "mlir/AsmParser/AsmParser.h"
#include <cmath>
#include <limits>

using namespace lowbit;

namespace {

/// What shares parameters, as a name says it.
struct GroupShape {
  /// 0 columns where the name says nothing.
  int64_t rows = 1, columns = 0;
};

/// Scales that are stored as codes, and what they stand for.
struct QuantizedScales {
  llvm::StringLiteral suffix, stored;
  bool expressesF32;
};

/// Reads one name.
class MethodParser {
public:
  MethodParser(llvm::StringRef name, mlir::MLIRContext *context)
      : name(name), rest(name), context(context) {}

  llvm::Expected<QuantizationMethod> parse();

private:
  llvm::Error parseMethod();
  llvm::Error parseEncoding();
  llvm::Error parseTrellis();
  llvm::Error parseLattice();
  llvm::Error parseLearned(unsigned width);
  llvm::Error parseNamed(const NamedEncoding &named);
  llvm::Error parseIntegers();

  bool takeFloats();
  std::optional<unsigned> takeLearnedWidth();
  llvm::StringRef takeRate(double &rate);
  bool takeGroup(bool allowsShortBlocks);
  void takeQuantizedScales();
  void takeActivations();
  llvm::Error parseSuffixes(bool isNamed);
  llvm::Error parseEnd(const llvm::Twine &allowed);
  llvm::Error quantizeScales();

  llvm::Error fail(const llvm::Twine &required, const llvm::Twine &found) {
    return methodError(name, required, found);
  }
  llvm::Error failOnBlocks() {
    return fail("groups of one row where scales are quantized or tables belong "
                "to the weight",
                "blocks of " + llvm::Twine(group.rows) + " rows");
  }

  llvm::StringRef name;
  /// What has not been read yet.
  llvm::StringRef rest;
  mlir::MLIRContext *context;
  QuantizationMethod method;
  GroupShape group;
  /// Null without such a suffix.
  const QuantizedScales *scales = nullptr;
};

} // namespace

//===----------------------------------------------------------------------===//
// Suffixes
//===----------------------------------------------------------------------===//

/// The longer one first, which the other begins. Its f32 holds integers times
/// an f16 as they are.
static constexpr QuantizedScales kQuantizedScales[] = {
    {"-dq4", "#lowbit.encoding<int<4>, group = 8, scale = f16>", true},
    {"-dq", "#lowbit.encoding<int<8>, group = 256, scale = f32>", false}};

void MethodParser::takeQuantizedScales() {
  for (const QuantizedScales &each : kQuantizedScales)
    if (rest.consume_front(each.suffix)) {
      scales = &each;
      return;
    }
}

/// `-g<columns>`, `-b<rows>x<columns>`, or `-b<columns>`, as formats with names
/// spell groups, too. False where there are no such numbers.
bool MethodParser::takeGroup(bool allowsShortBlocks) {
  auto isSize = [](int64_t size) {
    return size >= 1 && size <= std::numeric_limits<int32_t>::max();
  };
  bool isBlock = rest.consume_front("-b");
  if (!isBlock && !rest.consume_front("-g"))
    return true;
  if (rest.consumeInteger(10, group.columns) || !isSize(group.columns))
    return false;
  if (!isBlock)
    return true;
  if (!rest.consume_front("x"))
    return allowsShortBlocks;
  group.rows = group.columns;
  return !rest.consumeInteger(10, group.columns) && isSize(group.columns) &&
         group.rows != 1;
}

/// `-a8`, `-afp8` with its variants, or `-abf16`: what activations become.
void MethodParser::takeActivations() {
  if (rest.consume_front("-afp8")) {
    mlir::FloatType type = mlir::Float8E4M3FNType::get(context);
    if (rest.consume_front("-e5m2"))
      type = mlir::Float8E5M2Type::get(context);
    method.activations = SmallFloatAttr::get(context, type);
  } else if (rest.consume_front("-a8")) {
    method.activations = IntAttr::get(context, 8, /*restricted=*/false);
  } else {
    method.bfloatActivations = rest.consume_front("-abf16");
    return;
  }
  method.scalesPerToken = rest.consume_front("-token");
}

/// Reads the suffix for activations, with which all names end.
llvm::Error MethodParser::parseEnd(const llvm::Twine &allowed) {
  takeActivations();
  if (rest.empty())
    return llvm::Error::success();
  return fail("no suffixes " + allowed, "'" + rest + "' at the end");
}

/// Reads the suffixes of formats other than trellises and lattices.
llvm::Error MethodParser::parseSuffixes(bool isNamed) {
  if (!takeGroup(/*allowsShortBlocks=*/isNamed))
    return fail("a size of 1 to 2147483647 columns behind -g, and two rows or "
                "more in blocks, -b<rows>x<columns>",
                "'" + name + "'");
  takeQuantizedScales();
  return parseEnd("but -g<columns> or -b<rows>x<columns>, -dq or -dq4, and "
                  "-a8[-token], -afp8[-e5m2][-token] or -abf16, each at most "
                  "once and in this order");
}

/// Lets the scales be stored as the suffix says, if there is one.
llvm::Error MethodParser::quantizeScales() {
  if (!scales)
    return llvm::Error::success();
  EncodingAttr encoding = method.weights;
  bool isLearned = mlir::isa<LearnedAttr>(encoding.getElement());
  if (group.rows != 1)
    return failOnBlocks();
  if (isLearned || encoding.getStored() ||
      numerics::scaleBits(encoding.getNumerics().scale) == 8)
    return fail("scales of 16 bits, and no table with them, for " +
                    scales->suffix,
                "'" + name.take_front(name.rfind("-dq")) + "'");
  mlir::FloatType type = encoding.getScale();
  if (scales->expressesF32)
    type = mlir::Float32Type::get(context);
  method.weights = EncodingAttr::get(
      context, encoding.getElement(), encoding.getZeroPoint(),
      encoding.getMinimum(), encoding.getGranularity(), type,
      /*permuted=*/false, encoding.getOuterScale(),
      mlir::parseAttribute(scales->stored, context), encoding.getColumnScale());
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Formats
//===----------------------------------------------------------------------===//

/// `none`, `f16` or `bf16`.
bool MethodParser::takeFloats() {
  if (name == "f16")
    method.floats = mlir::Float16Type::get(context);
  else if (name == "bf16")
    method.floats = mlir::BFloat16Type::get(context);
  return name == "none" || method.floats;
}

/// An encoding spelled as in IR.
llvm::Error MethodParser::parseEncoding() {
  std::string problem = "requires an encoding, found another attribute";
  mlir::ScopedDiagnosticHandler handler(
      context,
      [&](mlir::Diagnostic &diagnostic) { problem = diagnostic.str(); });
  size_t length = 0;
  auto encoding = mlir::dyn_cast_or_null<EncodingAttr>(
      mlir::parseAttribute(rest, context, /*type=*/{}, &length));
  if (!encoding)
    return llvm::createStringError("quantization method '" + name +
                                   "': " + problem);
  if (encoding.getPermuted() && !method.feedback)
    return fail("columns in their order, for rounding to nearest",
                "a permutation");
  method.weights = encoding;
  rest = rest.drop_front(length);
  return parseEnd("of encodings but -a8[-token], -afp8[-e5m2][-token] or "
                  "-abf16");
}

/// A number with or without a point; NaN where what is returned isn't one.
llvm::StringRef MethodParser::takeRate(double &rate) {
  llvm::StringRef number =
      rest.take_while([](char c) { return llvm::isDigit(c) || c == '.'; });
  rest = rest.drop_front(number.size());
  if (number.getAsDouble(rate))
    rate = std::numeric_limits<double>::quiet_NaN();
  return number;
}

/// What follows `trellis`.
llvm::Error MethodParser::parseTrellis() {
  double rate;
  unsigned state = numerics::maxTrellisState;
  llvm::StringRef number = takeRate(rate);
  if (!(rate >= 1 && rate <= numerics::maxTrellisRate))
    return fail("a rate of 1 to " + llvm::Twine(numerics::maxTrellisRate) +
                    " bits behind trellis, whole or an average",
                "'" + number + "'");
  if (rest.consume_front("-s") &&
      (rest.consumeInteger(10, state) || state < numerics::minTrellisState ||
       state > numerics::maxTrellisState))
    return fail("a state of 8 to 12 bits behind -s",
                "'" + name.substr(name.find("-s")) + "'");
  if (number.contains('.'))
    method.averageRate = rate;
  method.weights =
      getTrellisEncoding(context, state, static_cast<unsigned>(rate + 0.5));
  return parseEnd("of trellises but -s<bits> and -a8[-token], "
                  "-afp8[-e5m2][-token] or -abf16, in this order");
}

/// What follows `lattice`.
llvm::Error MethodParser::parseLattice() {
  double rate;
  llvm::StringRef number = takeRate(rate);
  if (std::isnan(rate) || !getLatticeEncoding(context, rate, 0))
    return fail("a rate of 1.375 to 2 bits in steps of 0.125 or 2.25 to 3.5 in "
                "steps of 0.25 behind lattice",
                "'" + number + "'");
  if (!takeGroup(/*allowsShortBlocks=*/false) || group.rows != 1 ||
      group.columns % 8 != 0)
    return fail("a multiple of 8 columns behind -g", "'" + name + "'");
  method.weights = getLatticeEncoding(context, rate, group.columns);
  return parseEnd("of lattices but -g<columns> and -a8[-token], "
                  "-afp8[-e5m2][-token] or -abf16, in this order");
}

/// `kmeans<b>`, or 2 bits for `cb2-auto`.
std::optional<unsigned> MethodParser::takeLearnedWidth() {
  llvm::StringRef text = rest;
  unsigned width = 2;
  method.fixedSets = text.consume_front("cb2-auto");
  if (!method.fixedSets &&
      (!text.consume_front("kmeans") || text.consumeInteger(10, width) ||
       width < 1 || width > 8))
    return std::nullopt;
  rest = text;
  return width;
}

/// What follows `kmeans<b>` or `cb2-auto`: `-tensor` for one table instead of
/// one for each row, and suffixes.
llvm::Error MethodParser::parseLearned(unsigned width) {
  if (method.fixedSets && method.feedback)
    return fail("rounding to nearest for cb2-auto, whose tables are chosen by "
                "the weights alone",
                "gptq-");
  bool isOfRows = !rest.consume_front("-tensor");
  if (llvm::Error error = parseSuffixes(/*isNamed=*/false))
    return error;
  if (group.rows != 1)
    return failOnBlocks();
  GranularityInterface granularity = PerChannelAttr::get(context);
  if (group.columns)
    granularity = PerGroupAttr::get(context, group.columns);
  method.weights = EncodingAttr::get(
      context, LearnedAttr::get(context, width, /*perChannel=*/isOfRows),
      ZeroPointKind::None, /*minimum=*/false, granularity,
      mlir::Float16Type::get(context), /*permuted=*/false);
  return quantizeScales();
}

/// What follows the name of a format.
llvm::Error MethodParser::parseNamed(const NamedEncoding &named) {
  if (llvm::Error error = parseSuffixes(/*isNamed=*/true))
    return error;
  if (group.columns && !named.hasAnyGroup)
    return fail("groups of " + llvm::Twine(named.group) + ", as the format has",
                group.rows == 1
                    ? "groups of " + std::to_string(group.columns)
                    : "blocks of " + std::to_string(group.rows) + " rows and " +
                          std::to_string(group.columns) + " columns");
  method.weights = named.get(context, group.columns, group.rows);
  return quantizeScales();
}

/// `int<b>` or `uint<b>`.
llvm::Error MethodParser::parseIntegers() {
  numerics::Encoding encoding;
  numerics::IntegerFormat element;
  if (rest.consume_front("uint")) {
    element.kind = numerics::IntegerKind::Unsigned;
    encoding.hasMinimum = true;
  } else if (!rest.consume_front("int")) {
    return unknownMethodError(name, rest);
  }
  if (rest.consumeInteger(10, element.width) || element.width < 1 ||
      element.width > 8)
    return fail("a width of 1 to 8 bits",
                "'" + takeWords(name, 1 + method.feedback) + "'");
  if (llvm::Error error = parseSuffixes(/*isNamed=*/false))
    return error;
  encoding.element = element;
  if (group.columns) {
    encoding.granularity = numerics::Granularity::Group;
    encoding.groupSize = group.columns;
    encoding.groupRows = group.rows;
  }
  method.weights = EncodingAttr::get(context, encoding);
  return quantizeScales();
}

llvm::Error MethodParser::parseMethod() {
  if (takeFloats())
    return llvm::Error::success();
  context->getOrLoadDialect<LowbitDialect>();
  method.feedback = rest.consume_front("gptq-");
  if (rest.starts_with("#"))
    return parseEncoding();
  if (!method.feedback && rest.consume_front("trellis"))
    return parseTrellis();
  if (rest.consume_front("lattice"))
    return parseLattice();
  if (std::optional<unsigned> width = takeLearnedWidth())
    return parseLearned(*width);
  if (const NamedEncoding *named = takeNamedEncoding(rest))
    return parseNamed(*named);
  return parseIntegers();
}

llvm::Expected<QuantizationMethod> MethodParser::parse() {
  if (llvm::Error error = parseMethod())
    return error;
  return method;
}

llvm::Expected<QuantizationMethod>
lowbit::parseQuantizationMethod(llvm::StringRef name,
                                mlir::MLIRContext *context) {
  return MethodParser(name, context).parse();
}
