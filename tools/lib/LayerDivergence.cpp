//===- LayerDivergence.cpp - what each layer alone costs ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One layer at a time rather than all but one: small divergences of single
// layers add up to about the whole, so shares of their sum have a meaning, and
// noise of the other layers doesn't cover them.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/LayerDivergence.h"
#include "lowbit/Numerics/Float16.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Evaluation.h"
#include "lowbit/Tools/LanguageModel.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringSet.h"
#include <cstring>

using namespace lowbit;

/// Small data stand in the IR itself, where code takes them from: they become
/// resources, which have an address.
static void makeResources(mlir::ModuleOp module) {
  for (GlobalOp global : module.getOps<GlobalOp>()) {
    auto type = llvm::dyn_cast<mlir::RankedTensorType>(global.getType());
    auto data = llvm::dyn_cast_or_null<mlir::DenseElementsAttr>(
        global.getComponent(component::kData));
    if (!type || !data || isHugeSplat(data) ||
        !llvm::isa<mlir::FloatType>(type.getElementType()))
      continue;
    llvm::ArrayRef<char> raw = data.getRawData();
    std::vector<char> bytes(raw.begin(), raw.end());
    if (data.isSplat()) {
      bytes.clear();
      for (int64_t i = 0, e = type.getNumElements(); i < e; ++i)
        bytes.insert(bytes.end(), raw.begin(), raw.end());
    }
    auto resource = mlir::DenseResourceElementsAttr::get(
        type, global.getSymName(),
        mlir::HeapAsmResourceBlob::allocateAndCopyWithAlign(
            bytes, alignof(std::max_align_t), /*dataIsMutable=*/true));
    global.setComponentsAttr(mlir::DictionaryAttr::get(
        module.getContext(),
        mlir::NamedAttribute(
            mlir::StringAttr::get(module.getContext(), component::kData),
            resource)));
  }
}

void ReplaceableWeights::prepare(mlir::ModuleOp raised) {
  makeResources(raised);
  weights = FloatWeights(raised);
  llvm::DenseSet<mlir::Attribute> owned;
  for (const auto &[name, matrix] : weights.getAll()) {
    auto resource =
        llvm::dyn_cast<mlir::DenseResourceElementsAttr>(matrix.data);
    llvm::ArrayRef<char> bytes = getRawBytes(matrix.data);
    if (!resource || bytes.empty() || !owned.insert(resource).second)
      continue;
    mlir::AsmResourceBlob copy =
        mlir::HeapAsmResourceBlob::allocateAndCopyWithAlign(
            bytes, alignof(std::max_align_t), /*dataIsMutable=*/true);
    resource.getRawHandle().getResource()->setBlob(std::move(copy));
  }
}

llvm::MutableArrayRef<char>
ReplaceableWeights::getMemory(const ConstantMatrix &matrix) const {
  auto resource = llvm::dyn_cast<mlir::DenseResourceElementsAttr>(matrix.data);
  mlir::AsmResourceBlob *blob =
      resource ? resource.getRawHandle().getBlob() : nullptr;
  return blob && blob->isMutable() ? blob->getMutableData()
                                   : llvm::MutableArrayRef<char>();
}

/// Writes `number` as element `index` of `type`.
static void store(mlir::Type type, float number, char *data, int64_t index) {
  if (type.isF32()) {
    std::memcpy(data + 4 * index, &number, 4);
    return;
  }
  uint16_t half = numerics::floatToHalf(number);
  if (type.isBF16()) {
    llvm::APFloat value(number);
    bool losesInfo;
    value.convert(llvm::APFloat::BFloat(), llvm::APFloat::rmNearestTiesToEven,
                  &losesInfo);
    half = uint16_t(value.bitcastToAPInt().getZExtValue());
  }
  std::memcpy(data + 2 * index, &half, 2);
}

bool ReplaceableWeights::replace(llvm::StringRef name, int64_t rows,
                                 int64_t columns,
                                 llvm::ArrayRef<float> numbers) {
  const ConstantMatrix *matrix = weights.lookup(name, rows, columns);
  if (!matrix)
    return false;
  llvm::MutableArrayRef<char> memory = getMemory(*matrix);
  mlir::Type type = matrix->data.getElementType();
  if (memory.empty() || !(type.isF32() || type.isF16() || type.isBF16()))
    return false;
  int64_t bytes = type.getIntOrFloatBitWidth() / 8;
  llvm::MutableArrayRef<char> changed =
      memory.slice(matrix->offset * bytes, rows * columns * bytes);
  saved.emplace_back(changed,
                     std::vector<char>(changed.begin(), changed.end()));
  for (int64_t n = 0; n < rows; ++n)
    for (int64_t k = 0; k < columns; ++k)
      store(type, numbers[n * columns + k], changed.data(),
            matrix->isTransposed ? k * rows + n : n * columns + k);
  return true;
}

void ReplaceableWeights::restore() {
  // What was overwritten twice has its first numbers again.
  for (auto &[changed, numbers] : llvm::reverse(saved))
    llvm::copy(numbers, changed.begin());
  saved.clear();
}

llvm::Error lowbit::forEachLowBitWeight(
    mlir::ModuleOp module,
    llvm::function_ref<llvm::Error(LowBitWeight)> visit) {
  DiagnosticText errors(*module.getContext());
  for (GlobalOp global : module.getOps<GlobalOp>()) {
    auto type = llvm::dyn_cast<QuantizedTensorType>(global.getType());
    if (!type || type.getRank() != 2)
      continue;
    llvm::FailureOr<QuantizedWeight> weight = QuantizedWeight::read(global);
    if (llvm::failed(weight))
      return errors.takeError("a weight cannot be read");
    for (const WeightPart &part : getWeightParts(global)) {
      LowBitWeight result{part.name, part.count, type.getDimSize(1), {}};
      result.numbers.resize(part.count * result.columns);
      for (int64_t row = 0; row < part.count; ++row)
        weight->readRow(part.first + row * part.step,
                        result.numbers.data() + row * result.columns);
      if (llvm::Error error = visit(std::move(result)))
        return error;
    }
  }
  return llvm::Error::success();
}

namespace {

/// The float model's own answers, and how far others are from them.
class Probe {
public:
  Probe(Model &model, llvm::ArrayRef<uint16_t> tokens, size_t window,
        size_t windows)
      : model(model), tokens(tokens), window(window), windows(windows) {}

  llvm::Error runReference() {
    for (size_t i = 0; i < windows; ++i) {
      llvm::Expected<Logits> logits = runWindow(i);
      if (!logits)
        return logits.takeError();
      expected.push_back(std::move(*logits));
    }
    return llvm::Error::success();
  }

  llvm::Expected<double> measure() {
    double sum = 0.0;
    llvm::SmallVector<double, 0> own, other;
    for (size_t i = 0; i < windows; ++i) {
      llvm::Expected<Logits> logits = runWindow(i);
      if (!logits)
        return logits.takeError();
      for (size_t t = 0; t < window; ++t) {
        computeLogProbabilities(logits->getRow(t), own);
        computeLogProbabilities(expected[i].getRow(t), other);
        sum += computeDivergence(other, own);
      }
    }
    return sum / double(windows * window);
  }

private:
  llvm::Expected<Logits> runWindow(size_t index) {
    llvm::ArrayRef<uint16_t> ids = tokens.slice(index * window, window);
    return runLanguageModel(model,
                            std::vector<uint32_t>(ids.begin(), ids.end()));
  }

  Model &model;
  llvm::ArrayRef<uint16_t> tokens;
  size_t window, windows;
  std::vector<Logits> expected;
};

} // namespace

llvm::Expected<LayerDivergences> lowbit::measureLayers(
    mlir::ModuleOp lowBit, Model &reference, ReplaceableWeights &weights,
    llvm::ArrayRef<uint16_t> tokens, size_t window, size_t windows) {
  windows = std::min(windows, (tokens.size() - 1) / window);
  Probe probe(reference, tokens, window, windows);
  if (llvm::Error error = probe.runReference())
    return std::move(error);
  LayerDivergences result;
  auto measure = [&](LowBitWeight weight) -> llvm::Error {
    if (!weights.replace(weight.name, weight.rows, weight.columns,
                         weight.numbers))
      return llvm::Error::success();
    llvm::Expected<double> divergence = probe.measure();
    weights.restore();
    if (!divergence)
      return divergence.takeError();
    result[weight.name] = *divergence;
    return llvm::Error::success();
  };
  if (llvm::Error error = forEachLowBitWeight(lowBit, measure))
    return std::move(error);
  return std::move(result);
}
