//===- PrecisionProblem.cpp - layers, candidates and their costs ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PrecisionRules.h"
#include "lowbit/Numerics/EffectiveBits.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace lowbit;

/// What a budget is spent on where nothing is named: every width that pays, in
/// groups whose parameters cost half a bit.
static constexpr StringLiteral kDefaultCandidates[] = {
    "uint2-g64", "uint3-g64", "uint4-g64",
    "uint5-g64", "uint6-g64", "uint8-g64"};

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static FailureOr<PrecisionRules> readRules(Location loc, StringRef rules,
                                           StringRef config) {
  if (config.empty()) {
    // MLIR takes the braces off an option's value.
    std::string text = rules.str();
    if (text.empty() || text.front() == '"')
      text = "{" + text + "}";
    return PrecisionRules::parse(loc, "precision rules", text);
  }
  if (!rules.empty())
    return emitError(loc) << "precision: requires rules or config, found both";
  auto file = llvm::MemoryBuffer::getFile(config, /*IsText=*/true);
  if (!file)
    return emitError(loc) << "precision: " << config << ": "
                          << file.getError().message();
  return PrecisionRules::parse(loc, config, (*file)->getBuffer());
}

static void setEncoding(Operation *op, EncodingAttr encoding) {
  if (encoding)
    op->setAttr(kEncodingAttrName, encoding);
  else
    op->setAttr(kKeepFloatAttrName, UnitAttr::get(op->getContext()));
}

LogicalResult PrecisionProblem::applyRules(StringRef rules, StringRef config,
                                           bool hasBudget) {
  Location loc = module.getLoc();
  FailureOr<PrecisionRules> read = readRules(loc, rules, config);
  if (failed(read))
    return failure();
  std::vector<PrecisionLayer> all = collectLayers(module);
  auto matched = read->match(loc, all);
  if (failed(matched))
    return failure();
  llvm::StringMap<size_t> places;
  for (auto [layer, rule] : llvm::zip_equal(all, *matched)) {
    bool isNamed = rule && rule->kind != PrecisionRule::Default;
    bool isInside = layer.component == LayerComponent::Attention ||
                    layer.component == LayerComponent::FeedForward;
    if (hasBudget && !isNamed && isInside) {
      auto [place, isNew] = places.try_emplace(layer.name, layers.size());
      if (isNew) {
        layers.push_back(layer);
        users.emplace_back();
      }
      users[place->second].push_back(layer.op);
    } else if (rule) {
      setEncoding(layer.op, rule->encoding);
      ++ruled;
    }
  }
  return success();
}

LogicalResult PrecisionProblem::readCandidates(ArrayRef<std::string> wanted) {
  names.assign(wanted.begin(), wanted.end());
  if (names.empty())
    for (StringRef name : kDefaultCandidates)
      names.push_back(name.str());
  for (const std::string &name : names) {
    auto method = parseQuantizationMethod(name, module.getContext());
    if (!method)
      return emitError(module.getLoc())
             << "precision: " << llvm::toString(method.takeError());
    if (!method->weights || method->feedback || method->activations ||
        method->bfloatActivations || method->averageRate)
      return emitError(module.getLoc())
             << "precision: a candidate requires the encoding of a weight "
                "alone, found '"
             << name << "'";
    candidates.push_back(method->weights);
  }
  return success();
}

FailureOr<PrecisionProblem>
PrecisionProblem::create(ModuleOp module, StringRef rules, StringRef config,
                         ArrayRef<std::string> candidates, bool hasBudget) {
  PrecisionProblem problem(module);
  if (failed(problem.applyRules(rules, config, hasBudget)) ||
      failed(problem.readCandidates(candidates)))
    return failure();
  problem.options.resize(problem.layers.size());
  for (auto [layer, options] :
       llvm::zip_equal(problem.layers, problem.options)) {
    auto type = cast<ShapedType>(layer.weight.getType());
    for (EncodingAttr encoding : problem.candidates)
      options.push_back(
          {numerics::storedBytes(encoding.getNumerics(), type.getDimSize(0),
                                 type.getDimSize(1)),
           0.0});
  }
  return problem;
}

//===----------------------------------------------------------------------===//
// Costs
//===----------------------------------------------------------------------===//

LogicalResult PrecisionProblem::setLosses(PrecisionStrategy &strategy) {
  isUniform = strategy.isUniform();
  for (auto [layer, options] : llvm::zip_equal(layers, this->options)) {
    auto losses = strategy.getLosses(layer, candidates);
    if (failed(losses))
      return failure();
    for (auto [option, loss] : llvm::zip_equal(options, *losses))
      option.loss = loss;
  }
  return success();
}

void PrecisionProblem::setCosts(
    llvm::function_ref<int64_t(const PrecisionLayer &, EncodingAttr)> getCost) {
  for (auto [layer, options] : llvm::zip_equal(layers, this->options))
    for (auto [option, encoding] : llvm::zip_equal(options, candidates))
      option.cost = getCost(layer, encoding);
}

int64_t PrecisionProblem::getWeights() const {
  int64_t weights = 0;
  for (const PrecisionLayer &layer : layers)
    weights += layer.getWeights();
  return weights;
}

int64_t PrecisionProblem::getBytes(const PrecisionChoice &choice) const {
  int64_t bytes = 0;
  for (auto [layer, candidate] : llvm::zip_equal(layers, choice.candidates)) {
    auto type = cast<ShapedType>(layer.weight.getType());
    bytes += numerics::storedBytes(candidates[candidate].getNumerics(),
                                   type.getDimSize(0), type.getDimSize(1));
  }
  return bytes;
}

double PrecisionProblem::getBitsPerWeight(const PrecisionChoice &choice) const {
  int64_t weights = getWeights();
  return weights ? 8.0 * double(getBytes(choice)) / double(weights) : 0.0;
}

//===----------------------------------------------------------------------===//
// Choices
//===----------------------------------------------------------------------===//

PrecisionChoice PrecisionProblem::sumUp(std::vector<int32_t> chosen) const {
  PrecisionChoice choice;
  for (auto [options, candidate] : llvm::zip_equal(options, chosen)) {
    choice.cost += options[candidate].cost;
    choice.loss += options[candidate].loss;
  }
  choice.candidates = std::move(chosen);
  return choice;
}

PrecisionChoice PrecisionProblem::getUniformOf(int32_t index) const {
  return sumUp(std::vector<int32_t>(layers.size(), index));
}

std::optional<PrecisionChoice>
PrecisionProblem::getUniform(int64_t budget) const {
  std::optional<PrecisionChoice> best;
  for (size_t i = 0; i < candidates.size(); ++i) {
    PrecisionChoice choice = getUniformOf(static_cast<int32_t>(i));
    if (choice.cost <= budget &&
        (!best || choice.cost > best->cost ||
         (choice.cost == best->cost && choice.loss < best->loss)))
      best = std::move(choice);
  }
  return best;
}

FailureOr<PrecisionChoice> PrecisionProblem::solve(int64_t budget) const {
  if (isUniform)
    if (std::optional<PrecisionChoice> choice = getUniform(budget))
      return std::move(*choice);
  std::vector<int32_t> best;
  numerics::Status status = numerics::solveKnapsack(options, budget, best);
  if (!status.ok())
    return emitError(ModuleOp(module).getLoc())
           << "precision: " << status.message;
  // The cheapest options fit, and no candidate does for all layers.
  if (isUniform && !layers.empty())
    return emitError(ModuleOp(module).getLoc())
           << "precision: no candidate fits all layers within " << budget
           << " bytes; add a smaller one, or use another strategy";
  return sumUp(std::move(best));
}

std::vector<PrecisionChoice>
PrecisionProblem::getFront(unsigned budgets) const {
  int64_t least = 0, most = 0;
  for (const auto &list : options) {
    auto [low, high] = std::minmax_element(
        list.begin(), list.end(),
        [](const auto &a, const auto &b) { return a.cost < b.cost; });
    least += low->cost;
    most += high->cost;
  }
  std::vector<PrecisionChoice> front;
  for (unsigned i = 0; i <= budgets && !layers.empty(); ++i) {
    int64_t budget = least + int64_t(double(most - least) * i / budgets);
    std::vector<int32_t> best;
    if (!numerics::solveKnapsack(options, budget, best).ok())
      continue;
    PrecisionChoice choice = sumUp(std::move(best));
    if (front.empty() ||
        (choice.cost > front.back().cost && choice.loss < front.back().loss))
      front.push_back(std::move(choice));
  }
  return front;
}

void PrecisionProblem::assign(const PrecisionChoice &choice) const {
  for (auto [ops, candidate] : llvm::zip_equal(users, choice.candidates))
    for (Operation *op : ops)
      setEncoding(op, candidates[candidate]);
}

void PrecisionProblem::unassign() const {
  for (const auto &ops : users)
    for (Operation *op : ops)
      op->removeAttr(kEncodingAttrName);
}
