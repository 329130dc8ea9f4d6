//===- Method.cpp - methods by name ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NamedEncodings.h"
#include "lowbit/Numerics/Trellis.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "mlir/AsmParser/AsmParser.h"
#include <limits>

using namespace lowbit;

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

static llvm::Error methodError(llvm::StringRef name,
                               const llvm::Twine &required,
                               const llvm::Twine &found) {
  return llvm::createStringError("quantization method '" + name +
                                 "': requires " + required + ", found " +
                                 found);
}

/// What methods begin with, behind prefixes.
static std::vector<std::string> getStems() {
  std::vector<std::string> stems = {"none", "f16", "bf16", "cb2-auto"};
  for (const NamedEncoding &encoding : getNamedEncodings())
    stems.push_back(encoding.name.str());
  for (unsigned bits = 1; bits <= 8; ++bits)
    for (llvm::StringRef stem : {"int", "uint", "kmeans"})
      stems.push_back((stem + llvm::Twine(bits)).str());
  for (unsigned rate = 1; rate <= numerics::maxTrellisRate; ++rate)
    stems.push_back("trellis" + std::to_string(rate));
  stems.push_back("lattice2");
  return stems;
}

/// Cuts `text` before its dash number `count`.
static llvm::StringRef takeWords(llvm::StringRef text, size_t count) {
  size_t end = 0;
  for (size_t i = 0; i < count && end != llvm::StringRef::npos; ++i)
    end = text.find('-', i ? end + 1 : 0);
  return text.substr(0, end);
}

/// The stem that `text`, without prefixes, comes closest to.
static std::string getNearestStem(llvm::StringRef text) {
  std::string nearest;
  unsigned least = ~0u;
  for (std::string &stem : getStems()) {
    size_t words = 1 + llvm::StringRef(stem).count('-');
    unsigned distance = takeWords(text, words).edit_distance(stem);
    if (distance >= least)
      continue;
    least = distance;
    nearest = std::move(stem);
  }
  return nearest;
}

static llvm::Error unknownError(llvm::StringRef name, llvm::StringRef rest) {
  if (rest.starts_with("awq-") || rest.starts_with("gptq-"))
    return methodError(name,
                       "awq- before gptq-, each at most once and neither "
                       "before trellises",
                       "'" + rest + "' behind a prefix");
  // Without that prefix it would have been read.
  if (rest.starts_with("trellis"))
    return methodError(name,
                       "trellises without gptq-: their search makes up for "
                       "errors by itself",
                       "gptq-");
  if (rest.starts_with("kmeans"))
    return methodError(name, "a width of 1 to 8 bits behind kmeans",
                       "'" + takeWords(rest, 1) + "'");
  if (rest.empty())
    return methodError(name, "a method that README.md lists", "none");
  return methodError(name,
                     "a method that README.md lists, of which '" +
                         getNearestStem(rest) + "' is the nearest",
                     "'" + takeWords(rest, 1) + "'");
}

//===----------------------------------------------------------------------===//
// Parts of names
//===----------------------------------------------------------------------===//

bool lowbit::hasFeedback(llvm::StringRef method) {
  return method.starts_with("gptq-") || method.starts_with("trellis") ||
         method.contains("trellis<");
}

MethodSteps lowbit::splitQuantizationMethod(llvm::StringRef name) {
  MethodSteps steps;
  steps.scalesColumns = name.consume_front("awq-");
  steps.hasZeroPoints = name.consume_back("-a8-static-asymmetric");
  steps.hasStaticInputs =
      steps.hasZeroPoints || name.consume_back("-a8-static");
  for (auto [suffix, format] : {std::pair("-afp8-static", "fp8-e4m3"),
                                std::pair("-afp8-e5m2-static", "fp8-e5m2")})
    if (name.consume_back(suffix)) {
      steps.hasStaticInputs = true;
      steps.inputFormat = format;
    }
  steps.rounding = name.str();
  return steps;
}

bool lowbit::needsSecondMoments(llvm::StringRef name) {
  MethodSteps steps = splitQuantizationMethod(name);
  return steps.scalesColumns || hasFeedback(steps.rounding);
}

/// `kmeans<b>` or `cb2-auto`, with `-tensor` behind it for one table.
static bool takeLearned(llvm::StringRef &text, mlir::MLIRContext *context,
                        QuantizationMethod &method) {
  llvm::StringRef rest = text;
  unsigned width = 2;
  method.fixedSets = rest.consume_front("cb2-auto");
  if (!method.fixedSets &&
      (!rest.consume_front("kmeans") || rest.consumeInteger(10, width) ||
       width < 1 || width > 8))
    return false;
  auto element =
      LearnedAttr::get(context, width,
                       /*perChannel=*/!rest.consume_front("-tensor"));
  method.weights = EncodingAttr::get(
      context, element, ZeroPointKind::None, /*minimum=*/false,
      PerChannelAttr::get(context), mlir::Float16Type::get(context),
      /*permuted=*/false);
  text = rest;
  return true;
}

/// `-a8`, `-afp8` with its variants, or `-abf16`: what activations become.
static void takeActivations(llvm::StringRef &text, mlir::MLIRContext *context,
                            QuantizationMethod &method) {
  context->getOrLoadDialect<LowbitDialect>();
  if (text.consume_front("-afp8")) {
    mlir::FloatType type = mlir::Float8E4M3FNType::get(context);
    if (text.consume_front("-e5m2"))
      type = mlir::Float8E5M2Type::get(context);
    method.activations = SmallFloatAttr::get(context, type);
  } else if (text.consume_front("-a8")) {
    method.activations = IntAttr::get(context, 8, /*restricted=*/false);
  } else {
    method.bfloatActivations = text.consume_front("-abf16");
    return;
  }
  method.scalesPerToken = text.consume_front("-token");
}

namespace {
/// What shares parameters, as a name says it.
struct GroupShape {
  /// 0 columns where the name says nothing.
  int64_t rows = 1, columns = 0;
};
} // namespace

/// `-g<columns>`, after names of formats also `-b<columns>`, or
/// `-b<rows>x<columns>`. False where there are no such numbers.
static bool takeGroup(llvm::StringRef &text, bool isNamed, GroupShape &group) {
  auto isSize = [](int64_t size) {
    return size >= 1 && size <= std::numeric_limits<int32_t>::max();
  };
  llvm::StringRef rest = text;
  bool isBlock = rest.consume_front("-b");
  if (!isBlock && !rest.consume_front("-g"))
    return true;
  if (rest.consumeInteger(10, group.columns) || !isSize(group.columns))
    return false;
  if (isBlock && rest.consume_front("x")) {
    group.rows = group.columns;
    if (rest.consumeInteger(10, group.columns) || !isSize(group.columns) ||
        group.rows == 1)
      return false;
  } else if (isBlock && !isNamed) {
    return false;
  }
  text = rest;
  return true;
}

/// Reads what follows `lattice` in the name of a method.
static llvm::Expected<QuantizationMethod>
parseLattice(llvm::StringRef name, llvm::StringRef rest,
             mlir::MLIRContext *context, QuantizationMethod method) {
  llvm::StringRef number =
      rest.take_while([](char c) { return llvm::isDigit(c) || c == '.'; });
  rest = rest.drop_front(number.size());
  double rate;
  GroupShape group;
  if (number.getAsDouble(rate) || !getLatticeEncoding(context, rate, 0))
    return methodError(name,
                       "a rate of 1.375 to 2 bits in steps of 0.125 or 2.25 to "
                       "3.5 in steps of 0.25 behind lattice",
                       "'" + number + "'");
  if (!takeGroup(rest, /*isNamed=*/false, group) || group.rows != 1 ||
      group.columns % 8 != 0)
    return methodError(name, "a multiple of 8 columns behind -g",
                       "'" + name + "'");
  method.weights = getLatticeEncoding(context, rate, group.columns);
  takeActivations(rest, context, method);
  if (!rest.empty())
    return methodError(
        name,
        "no suffixes of lattices but -g<columns> and -a8[-token], "
        "-afp8[-e5m2][-token] or -abf16, in this order",
        "'" + rest + "' at the end");
  return method;
}

/// Scales of scales, and the type that both stand for.
static constexpr struct {
  llvm::StringLiteral suffix, stored;
  bool expressesF32;
} kQuantizedScales[] = {
    // The longer one first, which the other begins. Its f32 holds integers
    // times an f16 as they are.
    {"-dq4", "#lowbit.encoding<int<4>, group = 8, scale = f16>", true},
    {"-dq", "#lowbit.encoding<int<8>, group = 256, scale = f32>", false}};

/// `-dq` or `-dq4`; empty where there is neither.
static llvm::StringRef takeQuantizedScales(llvm::StringRef &text) {
  for (const auto &scales : kQuantizedScales)
    if (text.consume_front(scales.suffix))
      return scales.suffix;
  return {};
}

/// `encoding` with the scales of such a suffix.
static EncodingAttr quantizeScales(EncodingAttr encoding,
                                   llvm::StringRef suffix) {
  mlir::MLIRContext *context = encoding.getContext();
  const auto *scales = llvm::find_if(
      kQuantizedScales, [&](auto &each) { return each.suffix == suffix; });
  mlir::FloatType type = encoding.getScale();
  if (scales->expressesF32)
    type = mlir::Float32Type::get(context);
  return EncodingAttr::get(
      context, encoding.getElement(), encoding.getZeroPoint(),
      encoding.getMinimum(), encoding.getGranularity(), type,
      /*permuted=*/false, encoding.getOuterScale(),
      mlir::parseAttribute(scales->stored, context), encoding.getColumnScale());
}

/// `encoding` with groups of `size` columns.
static EncodingAttr regroup(EncodingAttr encoding, int64_t size) {
  mlir::MLIRContext *context = encoding.getContext();
  return EncodingAttr::get(
      context, encoding.getElement(), encoding.getZeroPoint(),
      encoding.getMinimum(), PerGroupAttr::get(context, size),
      encoding.getScale(), /*permuted=*/false, encoding.getOuterScale());
}

/// Reads an encoding spelled as in IR, and what activations become behind it.
static llvm::Expected<QuantizationMethod>
parseEncoding(llvm::StringRef name, bool feedback, mlir::MLIRContext *context) {
  std::string problem = "requires an encoding, found another attribute";
  mlir::ScopedDiagnosticHandler handler(
      context,
      [&](mlir::Diagnostic &diagnostic) { problem = diagnostic.str(); });
  size_t length = 0;
  auto encoding = mlir::dyn_cast_or_null<EncodingAttr>(
      mlir::parseAttribute(name, context, /*type=*/{}, &length));
  if (!encoding)
    return llvm::createStringError("quantization method '" + name +
                                   "': " + problem);
  if (encoding.getPermuted() && !feedback)
    return methodError(name, "columns in their order, for rounding to nearest",
                       "a permutation");
  QuantizationMethod method;
  method.weights = encoding;
  method.feedback = feedback;
  llvm::StringRef rest = name.drop_front(length);
  takeActivations(rest, context, method);
  if (!rest.empty())
    return methodError(name,
                       "no suffixes of encodings but -a8[-token], "
                       "-afp8[-e5m2][-token] or -abf16",
                       "'" + rest + "' at the end");
  return method;
}

/// Scales of rows in 8 bits under one of the tensor, for the search finds codes
/// that fit what they are rounded to; of columns in 5 bits, an eighth of an
/// octave apart.
static EncodingAttr getTrellisEncoding(mlir::MLIRContext *context,
                                       unsigned state, unsigned rate) {
  auto columnScale = EncodingAttr::get(
      context, LogAttr::get(context, 5, 8), ZeroPointKind::None,
      /*minimum=*/false, PerTensorAttr::get(context),
      mlir::Float16Type::get(context), /*permuted=*/false);
  return EncodingAttr::get(
      context, TrellisAttr::get(context, state, rate), ZeroPointKind::None,
      /*minimum=*/false, PerChannelAttr::get(context),
      mlir::Float8E4M3FNType::get(context), /*permuted=*/false,
      OuterScaleKind::Tensor, /*storedScale=*/mlir::Attribute(), columnScale);
}

/// Reads what follows `trellis` in the name of a method.
static llvm::Expected<QuantizationMethod>
parseTrellis(llvm::StringRef name, llvm::StringRef rest,
             mlir::MLIRContext *context) {
  QuantizationMethod method;
  llvm::StringRef number =
      rest.take_while([](char c) { return llvm::isDigit(c) || c == '.'; });
  double rate;
  unsigned state = numerics::maxTrellisState;
  if (number.getAsDouble(rate) || !(rate >= 1) ||
      rate > numerics::maxTrellisRate)
    return methodError(name,
                       "a rate of 1 to " +
                           llvm::Twine(numerics::maxTrellisRate) +
                           " bits behind trellis, whole or an average",
                       "'" + number + "'");
  rest = rest.drop_front(number.size());
  if (rest.consume_front("-s") &&
      (rest.consumeInteger(10, state) || state < numerics::minTrellisState ||
       state > numerics::maxTrellisState))
    return methodError(name, "a state of 8 to 12 bits behind -s",
                       "'" + name.substr(name.find("-s")) + "'");
  takeActivations(rest, context, method);
  if (!rest.empty())
    return methodError(name,
                       "no suffixes of trellises but -s<bits> and -a8[-token], "
                       "-afp8[-e5m2][-token] or -abf16, in this order",
                       "'" + rest + "' at the end");
  if (number.contains('.'))
    method.averageRate = rate;
  method.weights =
      getTrellisEncoding(context, state, static_cast<unsigned>(rate + 0.5));
  return method;
}

llvm::Expected<QuantizationMethod>
lowbit::parseQuantizationMethod(llvm::StringRef name,
                                mlir::MLIRContext *context) {
  QuantizationMethod method;
  if (name == "none")
    return method;
  if (name == "f16" || name == "bf16") {
    method.floats = name == "f16"
                        ? mlir::FloatType(mlir::Float16Type::get(context))
                        : mlir::BFloat16Type::get(context);
    return method;
  }
  context->getOrLoadDialect<LowbitDialect>();
  llvm::StringRef rest = name;
  method.feedback = rest.consume_front("gptq-");
  if (rest.starts_with("#"))
    return parseEncoding(rest, method.feedback, context);
  if (!method.feedback && rest.consume_front("trellis"))
    return parseTrellis(name, rest, context);
  if (rest.consume_front("lattice"))
    return parseLattice(name, rest, context, method);
  numerics::Encoding encoding;
  numerics::IntegerFormat element;
  bool isLearned = takeLearned(rest, context, method);
  if (method.fixedSets && method.feedback)
    return methodError(name,
                       "rounding to nearest for cb2-auto, whose tables "
                       "are chosen by the weights alone",
                       "gptq-");
  const NamedEncoding *named = isLearned ? nullptr : takeNamedEncoding(rest);
  if (named || isLearned) {
    // Its element and scales are not to be read from the name.
  } else if (rest.consume_front("uint")) {
    element.kind = numerics::IntegerKind::Unsigned;
    encoding.hasMinimum = true;
  } else if (!rest.consume_front("int")) {
    return unknownError(name, rest);
  }
  unsigned &width = element.width;
  if (!named && !isLearned &&
      (rest.consumeInteger(10, width) || width < 1 || width > 8))
    return methodError(name, "a width of 1 to 8 bits",
                       "'" + takeWords(name, 1 + method.feedback) + "'");
  GroupShape group;
  if (!takeGroup(rest, named, group))
    return methodError(name,
                       "a size of 1 to 2147483647 columns behind -g, and two "
                       "rows or more in blocks, -b<rows>x<columns>",
                       "'" + name + "'");
  llvm::StringRef quantizedScales = takeQuantizedScales(rest);
  takeActivations(rest, context, method);
  if (!rest.empty())
    return methodError(
        name,
        "no suffixes but -g<columns> or -b<rows>x<columns>, -dq or -dq4, "
        "and -a8[-token], -afp8[-e5m2][-token] or -abf16, each at most once "
        "and in this order",
        "'" + rest + "' at the end");
  if (named && group.columns && !named->hasAnyGroup)
    return methodError(
        name, "groups of " + llvm::Twine(named->group) + ", as the format has",
        group.rows == 1
            ? "groups of " + std::to_string(group.columns)
            : "blocks of " + std::to_string(group.rows) + " rows and " +
                  std::to_string(group.columns) + " columns");
  if (group.rows != 1 && (isLearned || !quantizedScales.empty()))
    return methodError(name,
                       "groups of one row where scales are quantized or tables "
                       "belong to the weight",
                       "blocks of " + llvm::Twine(group.rows) + " rows");
  if (group.columns) {
    encoding.granularity = numerics::Granularity::Group;
    encoding.groupSize = group.columns;
    encoding.groupRows = group.rows;
  }
  if (named) {
    method.weights = named->get(context, group.columns, group.rows);
  } else if (!isLearned) {
    encoding.element = element;
    method.weights = EncodingAttr::get(context, encoding);
  } else if (encoding.groupSize) {
    method.weights = regroup(method.weights, encoding.groupSize);
  }
  if (quantizedScales.empty())
    return method;
  if (isLearned || method.weights.getStored() ||
      numerics::scaleBits(method.weights.getNumerics().scale) == 8)
    return methodError(name,
                       "scales of 16 bits, and no table with them, for " +
                           quantizedScales,
                       "'" + name.take_front(name.rfind("-dq")) + "'");
  method.weights = quantizeScales(method.weights, quantizedScales);
  return method;
}

llvm::Error lowbit::checkQuantizationMethod(llvm::StringRef name,
                                            mlir::MLIRContext *context) {
  MethodSteps steps = splitQuantizationMethod(name);
  auto method = parseQuantizationMethod(steps.rounding, context);
  if (!method)
    return method.takeError();
  bool isLowBit = bool(method->weights);
  if (steps.scalesColumns && (!isLowBit || method->weights.getColumnScale()))
    return methodError(name,
                       "awq- before low-bit weights whose scales are of rows "
                       "or groups",
                       "'" + steps.rounding + "'");
  if (steps.hasStaticInputs && !isLowBit)
    return methodError(name, "low-bit weights for static activations",
                       "'" + steps.rounding + "'");
  if (steps.hasStaticInputs &&
      (method->activations || method->bfloatActivations))
    return methodError(name, "one form of activations",
                       "another in front of static ones, '" + steps.rounding +
                           "'");
  return llvm::Error::success();
}
