//===- Collect.cpp - what a module says of its weights --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks the layers, and asks the numerics, the target and the compiler's own
// remarks about each of them.
//
//===----------------------------------------------------------------------===//

#include "WeightNumbers.h"
#include "lowbit/Tools/CollectReport.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Provenance.h"
#include "llvm/ADT/StringSet.h"

using namespace lowbit;

RemarkCollector::RemarkCollector(mlir::MLIRContext &context)
    : handler(&context, [this](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Remark)
          remarks.push_back(diagnostic.str());
        // Whoever prints remarks gets it, too.
        return llvm::failure();
      }) {}

namespace {

/// Fills a report from a module.
class Collector {
public:
  Collector(mlir::ModuleOp module, const FloatWeights &reference,
            std::vector<std::string> remarks)
      : module(module), reference(reference) {
    report.remarks = std::move(remarks);
  }

  llvm::Error run();
  Report take() { return std::move(report); }

private:
  llvm::Error addWeight(mlir::Operation *op, mlir::Value weight);
  llvm::Error addQuantized(mlir::Operation *op, GlobalOp global);
  void addFloat(mlir::Operation *op, const ConstantMatrix &matrix);
  void describeKernel(mlir::Operation *op, QuantizedTensorType type,
                      ReportLayer &layer);
  std::string explainFloat(const ConstantMatrix &matrix);
  void addSizes();

  mlir::ModuleOp module;
  const FloatWeights &reference;
  Report report;
  llvm::StringSet<> seen;
};

} // namespace

template <typename T> static std::string toText(T printable) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << printable;
  return text;
}

static std::string getKind(mlir::Operation *op) {
  return llvm::isa<EmbeddingOp>(op) ? "embedding" : "linear";
}

llvm::Error Collector::run() {
  llvm::Error error = llvm::Error::success();
  auto visit = [&](mlir::Operation *op) -> mlir::WalkResult {
    mlir::Value weight;
    if (auto linear = llvm::dyn_cast<LinearOp>(op))
      weight = linear.getWeight();
    else if (auto embedding = llvm::dyn_cast<EmbeddingOp>(op))
      weight = embedding.getWeight();
    else
      return mlir::WalkResult::advance();
    error = addWeight(op, weight);
    return error ? mlir::WalkResult::interrupt() : mlir::WalkResult::advance();
  };
  module.walk(visit);
  if (error)
    return error;
  addSizes();
  if (std::optional<Provenance> provenance = getProvenance(module)) {
    report.provenance = toJson(*provenance);
    if (!provenance->sources.empty())
      report.model = provenance->sources.front().name;
  }
  return llvm::Error::success();
}

llvm::Error Collector::addWeight(mlir::Operation *op, mlir::Value weight) {
  if (llvm::isa<QuantizedTensorType>(weight.getType())) {
    auto read = weight.getDefiningOp<WeightOp>();
    GlobalOp global = read ? read.getGlobalOp() : GlobalOp();
    if (global && seen.insert(global.getSymName()).second)
      return addQuantized(op, global);
    return llvm::Error::success();
  }
  std::optional<ConstantMatrix> matrix = matchConstantMatrix(weight);
  if (matrix && seen.insert(matrix->name()).second)
    addFloat(op, *matrix);
  return llvm::Error::success();
}

/// Why a weight is float, as far as anybody said.
std::string Collector::explainFloat(const ConstantMatrix &matrix) {
  std::string quoted = "'" + matrix.name() + "'";
  for (llvm::StringRef remark : report.remarks)
    if (size_t place = remark.find(quoted); place != llvm::StringRef::npos)
      return remark.drop_front(place + quoted.size()).ltrim().str();
  if (matrix.global && matrix.global->hasAttr(kKeepFloatAttrName))
    return "stays float by request";
  return "float";
}

void Collector::addFloat(mlir::Operation *op, const ConstantMatrix &matrix) {
  ReportLayer layer;
  layer.name = matrix.name();
  layer.kind = getKind(op);
  layer.rows = matrix.rows;
  layer.columns = matrix.columns;
  mlir::Type element = matrix.data.getElementType();
  layer.encoding = toText(element);
  layer.bytes = layer.getWeights() * element.getIntOrFloatBitWidth() / 8;
  layer.sourceBytes = layer.bytes;
  layer.reason = explainFloat(matrix);
  layer.histogram = measureFloatWeight(matrix);
  report.layers.push_back(std::move(layer));
}

/// Which kernel reads the weight, or why none does. All instruction sets of a
/// kind of machine read the same weights, so any of them answers for a module
/// without a target.
void Collector::describeKernel(mlir::Operation *op, QuantizedTensorType type,
                               ReportLayer &layer) {
  auto linear = llvm::dyn_cast<LinearOp>(op);
  if (!linear) {
    layer.kernel = "row lookup";
    return;
  }
  mlir::Attribute attribute = module->getAttr(kTargetAttrName);
  if (!attribute)
    attribute = CPUTargetAttr::get(module.getContext(), CPUTable::Portable);
  auto target = llvm::dyn_cast<TargetInterface>(attribute);
  if (!target) {
    layer.reason = "the target answers no questions about layouts";
    return;
  }
  QuantizedTensorType dense = type.getLayout() ? type.withLayout({}) : type;
  mlir::Type input = linear.getInput().getType();
  if (!target.getWeightLayout(dense, layer.reason))
    return;
  auto answer = llvm::dyn_cast_or_null<mlir::Type>(
      target.getActivationType(input, dense, layer.reason));
  if (!answer)
    return;
  auto quantized = llvm::dyn_cast<QuantizedTensorType>(answer);
  layer.kernel = quantized
                     ? std::to_string(quantized.getEncoding().getCodeBits()) +
                           "-bit activations"
                     : "float activations";
}

llvm::Error Collector::addQuantized(mlir::Operation *op, GlobalOp global) {
  DiagnosticText errors(*module.getContext());
  llvm::FailureOr<QuantizedWeight> weight = QuantizedWeight::read(global);
  if (llvm::failed(weight))
    return errors.takeError("a weight cannot be read");
  auto type = llvm::cast<QuantizedTensorType>(global.getType());
  int64_t rows = type.getDimSize(0);
  for (const WeightPart &part : getWeightParts(global)) {
    ReportLayer layer;
    layer.name = part.name;
    layer.kind = getKind(op);
    layer.isQuantized = true;
    layer.rows = part.count;
    layer.columns = type.getDimSize(1);
    layer.encoding = toText(type.getEncoding());
    layer.codeBits = type.getEncoding().getCodeBits();
    layer.isInteger = bool(type.getEncoding().getElement().getIntegerFormat());
    // Padding of a packed weight is shared by its parts.
    layer.bytes = rows ? uint64_t(double(global.getStoredBytes()) *
                                  double(part.count) / double(rows))
                       : 0;
    layer.sourceBytes = 4 * layer.getWeights();
    describeKernel(op, type, layer);
    if (const ConstantMatrix *expected =
            reference.lookup(part.name, layer.rows, layer.columns)) {
      layer.sourceBytes =
          layer.getWeights() *
          expected->data.getElementType().getIntOrFloatBitWidth() / 8;
      measureWeight(*weight, part, *expected, *module.getContext(), layer);
    }
    report.layers.push_back(std::move(layer));
  }
  return llvm::Error::success();
}

void Collector::addSizes() {
  ReportSize parts[] = {
      {"low-bit weights"}, {"float weights"}, {"other tensors"}};
  module.walk([&](GlobalOp global) {
    auto type = llvm::cast<mlir::ShapedType>(global.getType());
    if (!type.hasStaticShape())
      return;
    bool isLow = llvm::isa<QuantizedTensorType>(type);
    bool isMatrix = type.getRank() >= 2 &&
                    llvm::isa<mlir::FloatType>(type.getElementType());
    ReportSize &part = parts[isLow ? 0 : isMatrix ? 1 : 2];
    ++part.tensors;
    part.numbers += type.getNumElements();
    part.bytes += global.getStoredBytes();
  });
  report.sizes.assign(std::begin(parts), std::end(parts));
}

llvm::Expected<Report> lowbit::collectReport(mlir::ModuleOp module,
                                             const FloatWeights &reference,
                                             std::vector<std::string> remarks) {
  Collector collector(module, reference, std::move(remarks));
  if (llvm::Error error = collector.run())
    return std::move(error);
  return collector.take();
}
