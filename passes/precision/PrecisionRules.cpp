//===- PrecisionRules.cpp - methods by layer ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PrecisionRules.h"
#include "lowbit/Transforms/JsonText.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/GlobPattern.h"

using namespace mlir;
using namespace lowbit;

/// The glob that a key is. It refers to the key's characters.
static llvm::Expected<llvm::GlobPattern> createGlob(StringRef key) {
  return llvm::GlobPattern::create(key, /*MaxSubPatterns=*/1024);
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// Reads the keys of one configuration.
class PrecisionRules::Parser {
public:
  Parser(Location loc, StringRef source) : loc(loc), source(source) {}

  LogicalResult parse(const llvm::json::Value &value) {
    const llvm::json::Object *object = value.getAsObject();
    if (!object)
      return error() << "requires an object";
    for (const auto &[key, entry] : sorted(*object))
      if (failed(parseKey(key, *entry)))
        return failure();
    return success();
  }

  std::vector<PrecisionRule> rules;

private:
  InFlightDiagnostic error() { return emitError(loc) << source << ": "; }

  /// Keys in alphabetical order: the object's own depends on addresses.
  static std::vector<std::pair<std::string, const llvm::json::Value *>>
  sorted(const llvm::json::Object &object) {
    std::vector<std::pair<std::string, const llvm::json::Value *>> entries;
    for (const auto &[key, value] : object)
      entries.emplace_back(key.str(), &value);
    llvm::sort(entries, llvm::less_first());
    return entries;
  }

  LogicalResult parseKey(StringRef key, const llvm::json::Value &value) {
    // No methods: `lowbit-set-scale-factors` has them.
    if (key == "scales")
      return success();
    if (key == "blocks" || key == "layers") {
      const llvm::json::Object *object = value.getAsObject();
      if (!object)
        return error() << "'" << key << "' requires an object of methods";
      for (const auto &[name, method] : sorted(*object)) {
        LogicalResult result = key == "blocks" ? addBlocks(name, *method)
                                               : addLayers(name, *method);
        if (failed(result))
          return failure();
      }
      return success();
    }
    PrecisionRule rule;
    rule.key = key.str();
    std::optional<LayerComponent> component = getComponent(key);
    if (component) {
      rule.kind = PrecisionRule::Component;
      rule.component = *component;
    } else if (key == "first" || key == "last") {
      rule.kind = PrecisionRule::Ends;
      rule.isLast = key == "last";
    } else if (key != "default") {
      return error() << "unknown key '" << key << "'; the nearest are "
                     << describeNearest(key,
                                        {"default", "attention", "feed_forward",
                                         "head", "embedding", "first", "last",
                                         "blocks", "layers", "scales"});
    }
    return add(std::move(rule), value);
  }

  static std::optional<LayerComponent> getComponent(StringRef key) {
    return llvm::StringSwitch<std::optional<LayerComponent>>(key)
        .Case("attention", LayerComponent::Attention)
        .Case("feed_forward", LayerComponent::FeedForward)
        .Case("head", LayerComponent::Head)
        .Case("embedding", LayerComponent::Embedding)
        .Default(std::nullopt);
  }

  LogicalResult addBlocks(StringRef range, const llvm::json::Value &method) {
    PrecisionRule rule;
    rule.kind = PrecisionRule::Blocks;
    rule.key = range.str();
    StringRef rest = range;
    bool isRange = !rest.consumeInteger(10, rule.from);
    rule.to = rule.from;
    if (isRange && rest.consume_front("-"))
      isRange = !rest.consumeInteger(10, rule.to);
    if (!isRange || !rest.empty() || rule.to < rule.from)
      return error() << "'blocks' requires numbers and ranges such as \"0-2\", "
                        "found '"
                     << range << "'";
    return add(std::move(rule), method);
  }

  LogicalResult addLayers(StringRef name, const llvm::json::Value &method) {
    PrecisionRule rule;
    rule.key = name.str();
    auto glob = createGlob(rule.key);
    if (!glob)
      return error() << "'" << name
                     << "' is no glob: " << llvm::toString(glob.takeError());
    rule.kind = name.find_first_of("*?[{") == StringRef::npos
                    ? PrecisionRule::Name
                    : PrecisionRule::Glob;
    return add(std::move(rule), method);
  }

  LogicalResult add(PrecisionRule rule, const llvm::json::Value &value) {
    std::optional<StringRef> name = value.getAsString();
    if (!name)
      return error() << "'" << rule.key << "' requires the name of a method";
    llvm::Expected<QuantizationMethod> method =
        parseQuantizationMethod(*name, loc.getContext());
    if (!method)
      return error() << "'" << rule.key
                     << "': " << llvm::toString(method.takeError());
    if (method->feedback || method->activations || method->bfloatActivations ||
        method->averageRate)
      return error() << "'" << rule.key
                     << "' requires the encoding of a weight alone: rounding "
                        "and activations are the same for all layers; found '"
                     << *name << "'";
    rule.encoding = method->weights;
    rules.push_back(std::move(rule));
    return success();
  }

  Location loc;
  StringRef source;
};

FailureOr<PrecisionRules> PrecisionRules::parse(Location loc, StringRef source,
                                                StringRef json) {
  llvm::Expected<llvm::json::Value> value = parseJson(json, source);
  if (!value)
    return emitError(loc) << llvm::toString(value.takeError());
  Parser parser(loc, source);
  if (failed(parser.parse(*value)))
    return failure();
  PrecisionRules result;
  result.source = source.str();
  result.rules = std::move(parser.rules);
  return result;
}

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// Numbers of the first and the last block.
static std::optional<std::pair<unsigned, unsigned>>
getBlockRange(ArrayRef<PrecisionLayer> layers) {
  std::optional<std::pair<unsigned, unsigned>> range;
  for (const PrecisionLayer &layer : layers) {
    if (!layer.block)
      continue;
    if (!range)
      range = {*layer.block, *layer.block};
    range->first = std::min(range->first, *layer.block);
    range->second = std::max(range->second, *layer.block);
  }
  return range;
}

static bool
matches(const PrecisionRule &rule, const PrecisionLayer &layer,
        const std::optional<llvm::GlobPattern> &glob,
        const std::optional<std::pair<unsigned, unsigned>> &blocks) {
  bool isInside = layer.component == LayerComponent::Attention ||
                  layer.component == LayerComponent::FeedForward;
  switch (rule.kind) {
  case PrecisionRule::Default:
    // Tables and the head are named, or stay as they are.
    return isInside;
  case PrecisionRule::Component:
    return layer.component == rule.component;
  case PrecisionRule::Ends:
    return isInside && blocks && layer.block &&
           *layer.block == (rule.isLast ? blocks->second : blocks->first);
  case PrecisionRule::Blocks:
    return layer.block && *layer.block >= rule.from && *layer.block <= rule.to;
  case PrecisionRule::Glob:
  case PrecisionRule::Name:
    return glob->match(layer.name);
  }
  llvm_unreachable("every kind is handled");
}

/// How many letters a rule spells out.
static size_t countLetters(const PrecisionRule &rule) {
  return llvm::count_if(rule.key, [](char c) {
    return llvm::isAlnum(c) || c == '_' || c == '.';
  });
}

FailureOr<std::vector<const PrecisionRule *>>
PrecisionRules::match(Location loc, ArrayRef<PrecisionLayer> layers) const {
  std::vector<const PrecisionRule *> result(layers.size());
  auto blocks = getBlockRange(layers);
  for (const PrecisionRule &rule : rules) {
    if (rule.kind == PrecisionRule::Blocks && blocks &&
        (rule.from < blocks->first || rule.to > blocks->second))
      return emitError(loc)
             << source << ": 'blocks' requires numbers from " << blocks->first
             << " to " << blocks->second
             << ", the blocks that the model has, found '" << rule.key << "'";
    bool isUsed = false;
    std::optional<llvm::GlobPattern> glob;
    if (rule.kind == PrecisionRule::Glob || rule.kind == PrecisionRule::Name)
      glob = llvm::cantFail(createGlob(rule.key));
    for (auto [layer, best] : llvm::zip_equal(layers, result)) {
      if (!matches(rule, layer, glob, blocks))
        continue;
      isUsed = true;
      if (!best || std::make_pair(best->kind, countLetters(*best)) <
                       std::make_pair(rule.kind, countLetters(rule)))
        best = &rule;
    }
    if (isUsed)
      continue;
    InFlightDiagnostic error =
        emitError(loc) << source << ": no layer matches '" << rule.key << "'";
    if (rule.kind == PrecisionRule::Name || rule.kind == PrecisionRule::Glob) {
      std::vector<std::string> names;
      for (const PrecisionLayer &layer : layers)
        names.push_back(layer.name);
      error << "; the nearest are " << describeNearest(rule.key, names);
    }
    return failure();
  }
  return result;
}
