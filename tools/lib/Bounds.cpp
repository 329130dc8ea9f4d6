//===- Bounds.cpp - what a model must reach -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Bounds.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cmath>

using namespace lowbit;

llvm::ArrayRef<BoundedFigure> lowbit::getBoundedFigures() {
  static const BoundedFigure figures[] = {
      {"perplexity", "--perplexity", true, false},
      {"kl", "--perplexity or --samples", false, true},
      {"top1", "--perplexity or --samples", false, true},
      {"accuracy", "--labels", true, false},
      {"relative_error", "--samples", false, true},
      {"size", "", true, false},
      {"bits", "", false, false},
      {"latency", "--benchmark or --samples", true, false},
      {"max_error", "--compare", false, false},
  };
  return figures;
}

/// What a unit after a number multiplies it by; nothing for no unit of
/// `figure`.
static std::optional<double> getUnit(llvm::StringRef unit,
                                     const BoundedFigure &figure) {
  struct {
    llvm::StringRef figure, unit;
    double factor;
  } units[] = {{"size", "kB", 1e3},
               {"size", "MB", 1e6},
               {"size", "GB", 1e9},
               {"latency", "ms", 1e-3},
               {"latency", "s", 1}};
  if (unit.empty() || (unit == "x" && figure.allowsRelative))
    return 1.0;
  for (const auto &entry : units)
    if (entry.figure == figure.name && entry.unit == unit)
      return entry.factor;
  return std::nullopt;
}

static llvm::Expected<Bound> parseBound(llvm::StringRef text) {
  size_t place = text.find_first_of("<>");
  auto figures = getBoundedFigures();
  auto names = llvm::map_range(
      figures, [](const BoundedFigure &figure) { return figure.name; });
  std::string known = llvm::join(names, ", ");
  if (place == llvm::StringRef::npos)
    return makeError(
        "--require takes bounds such as perplexity<1.02x, found '" + text +
        "'");
  llvm::StringRef name = text.take_front(place).trim();
  auto figure = llvm::find_if(figures, [&](const BoundedFigure &candidate) {
    return candidate.name == name;
  });
  if (figure == figures.end())
    return makeError("--require: the figures are " + known + ", found '" +
                     name + "'");
  Bound bound;
  bound.text = text.trim().str();
  bound.figure = name.str();
  bound.isUpper = text[place] == '<';
  llvm::StringRef limit = text.drop_front(place + 1).trim();
  llvm::StringRef unit = limit.drop_front(
      std::min(limit.size(), limit.find_last_of("0123456789.") + 1));
  std::optional<double> factor = getUnit(unit, *figure);
  if (!factor || limit.drop_back(unit.size()).getAsDouble(bound.limit) ||
      !(bound.limit >= 0.0 && std::isfinite(bound.limit)))
    return makeError(
        "--require: '" + text + "' needs a number of at least 0 behind '" +
        text.substr(place, 1) + "'" +
        (figure->allowsRelative ? ", with x for a multiple of the float model's"
                                : ""));
  bound.limit *= *factor;
  bound.isRelative = unit == "x";
  return bound;
}

llvm::Expected<std::vector<Bound>> lowbit::parseBounds(llvm::StringRef text) {
  std::vector<Bound> bounds;
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, ',');
  for (llvm::StringRef part : parts) {
    llvm::Expected<Bound> bound = parseBound(part);
    if (!bound)
      return bound.takeError();
    bounds.push_back(std::move(*bound));
  }
  return bounds;
}

/// The share of perplexity that weights of one kind may cost; nothing where
/// nobody has set one.
static std::optional<double> getAllowance(const ReportLayer &layer,
                                          bool isCalibrated) {
  if (!layer.isQuantized)
    return 0.01;
  if (layer.codeBits >= 8)
    return layer.isInteger ? 0.02 : 0.01;
  if (layer.codeBits >= 5)
    return 0.03;
  if (layer.codeBits == 4)
    return isCalibrated ? 0.03 : 0.05;
  return std::nullopt;
}

llvm::Expected<Bound>
lowbit::getDefaultBound(llvm::ArrayRef<ReportLayer> layers,
                        llvm::StringRef recipe) {
  bool isCalibrated = recipe.contains("awq") || recipe.contains("gptq");
  double most = 0.01;
  for (const ReportLayer &layer : layers) {
    std::optional<double> allowance = getAllowance(layer, isCalibrated);
    if (!allowance)
      return makeError("--require=default has no bound for weights of " +
                       llvm::Twine(layer.codeBits) + " bits, such as '" +
                       layer.name + "'; give one, such as perplexity<1.2x");
    most = std::max(most, *allowance);
  }
  llvm::Expected<Bound> bound = parseBound(
      "perplexity<" + llvm::formatv("{0:f2}", 1.0 + most).str() + "x");
  return bound;
}

ReportCheck lowbit::checkBound(const Bound &bound, double value,
                               std::optional<double> reference) {
  ReportCheck check;
  check.text = bound.text;
  check.value = value;
  check.limit =
      bound.limit * (bound.isRelative ? reference.value_or(0.0) : 1.0);
  // NaN passes no bound.
  check.passed = bound.isUpper ? value < check.limit : value > check.limit;
  return check;
}
