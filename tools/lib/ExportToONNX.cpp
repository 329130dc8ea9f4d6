//===- ExportToONNX.cpp - low-bit weights in the graph they came from -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/ExchangeWeights.h"
#include "lowbit/Tools/Provenance.h"
#include "lowbit/Tools/WeightParts.h"
#ifdef LOWBIT_HAS_ONNX
#include "lowbit/Frontends/ONNX.h"
#include "lowbit/Frontends/ONNXExport.h"
#endif

using namespace lowbit;

#ifdef LOWBIT_HAS_ONNX
namespace {

/// The graph's weights, and what the graph calls them.
struct Graph {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  llvm::StringMap<std::string> values;
  FloatWeights weights;

  llvm::Error read(llvm::StringRef path, mlir::MLIRContext &context,
                   const LoadOptions &load);
  llvm::Expected<ONNXWeight> find(const WeightPart &part,
                                  int64_t columns) const;
};

} // namespace

llvm::Error Graph::read(llvm::StringRef path, mlir::MLIRContext &context,
                        const LoadOptions &load) {
  ONNXImportOptions options;
  options.valueNames = &values;
  for (llvm::StringRef dimension : load.dimensions)
    if (llvm::Error error = addDimension(options, dimension))
      return error;
  auto imported = importONNX(path, context, options);
  if (!imported)
    return imported.takeError();
  module = std::move(*imported);
  if (llvm::Error error = compileModule(*module, Phase::Raise, {}))
    return makeFileError(path, llvm::toString(std::move(error)));
  weights = FloatWeights(*module);
  return llvm::Error::success();
}

/// How ONNX numbers a float type.
static int32_t getONNXType(mlir::Type type) {
  return type.isF16() ? 10 : type.isBF16() ? 16 : type.isF64() ? 11 : 1;
}

llvm::Expected<ONNXWeight> Graph::find(const WeightPart &part,
                                       int64_t columns) const {
  const ConstantMatrix *matrix = weights.lookup(part.name, part.count, columns);
  if (!matrix)
    return makeError("--emit=onnx: the graph has no weight '" + part.name +
                     "' of " + llvm::Twine(part.count) + " x " +
                     llvm::Twine(columns));
  GlobalOp global = matrix->global;
  auto value = global ? values.find(global.getSymName()) : values.end();
  if (matrix->isPart() || value == values.end())
    return makeError("--emit=onnx: '" + part.name +
                     "' is a part of a tensor, such as a group of a "
                     "convolution, and cannot be replaced alone");
  ONNXWeight weight;
  weight.value = value->second;
  weight.dims = matrix->data.getShapedType().getShape().vec();
  weight.isTransposed = matrix->isTransposed;
  weight.type = getONNXType(matrix->data.getElementType());
  weight.rows = part.count;
  weight.columns = columns;
  return weight;
}

/// Rows of a matrix of parameters, one for each row of the weight.
static std::vector<float> takeRows(const std::vector<float> &numbers,
                                   const numerics::QuantizedMatrix &matrix,
                                   const WeightPart &part) {
  int64_t groups = matrix.encoding.groupCount(matrix.columns);
  std::vector<float> result;
  if (numbers.empty())
    return result;
  for (int64_t row = 0; row < part.count; ++row)
    for (int64_t group = 0; group < groups; ++group)
      result.push_back(numbers[matrix.encoding.parameterIndex(
          part.first + row * part.step, group, groups)]);
  return result;
}

/// Integers and parameters; false where the encoding has other codes.
static bool fillIntegers(const QuantizedWeight &source, const WeightPart &part,
                         ONNXWeight &weight) {
  const numerics::QuantizedMatrix &matrix = source.getMatrix();
  const numerics::IntegerFormat *format = matrix.encoding.element.integer();
  if (!format || source.isPermuted())
    return false;
  weight.bits = format->width;
  weight.isUnsigned = format->kind == numerics::IntegerKind::Unsigned;
  weight.group = matrix.encoding.columnsPerGroup(matrix.columns);
  weight.scales = takeRows(matrix.scales, matrix, part);
  std::vector<float> points = takeRows(matrix.zeroPoints, matrix, part);
  weight.offsets = takeRows(matrix.minima, matrix, part);
  if (matrix.encoding.zeroPoint == numerics::ZeroPointKind::Integer) {
    weight.zeroPoints = std::move(points);
  } else if (!points.empty()) {
    weight.offsets.resize(points.size());
    for (size_t i = 0; i < points.size(); ++i)
      weight.offsets[i] -= points[i] * weight.scales[i];
  }
  weight.integers.reserve(weight.rows * weight.columns);
  for (int64_t row = 0; row < part.count; ++row)
    for (int64_t k = 0; k < weight.columns; ++k)
      weight.integers.push_back(
          format->decode(matrix.code(part.first + row * part.step, k)));
  return true;
}

static llvm::Expected<std::vector<ONNXWeight>>
collectWeights(mlir::ModuleOp lowBit, const Graph &graph) {
  DiagnosticText errors(*lowBit.getContext());
  std::vector<ONNXWeight> weights;
  for (GlobalOp global : lowBit.getOps<GlobalOp>()) {
    auto type = llvm::dyn_cast<QuantizedTensorType>(global.getType());
    if (!type || type.getRank() != 2)
      continue;
    llvm::FailureOr<QuantizedWeight> source = QuantizedWeight::read(global);
    if (llvm::failed(source))
      return errors.takeError("a weight cannot be read");
    for (const WeightPart &part : getWeightParts(global)) {
      auto weight = graph.find(part, type.getDimSize(1));
      if (!weight)
        return weight.takeError();
      if (!fillIntegers(*source, part, *weight)) {
        global.emitRemark()
            << "'" << part.name
            << "' is exported as the numbers that its codes stand for: "
               "DequantizeLinear takes integers in natural order";
        weight->numbers.resize(weight->rows * weight->columns);
        for (int64_t row = 0; row < part.count; ++row)
          source->readRow(part.first + row * part.step,
                          weight->numbers.data() + row * weight->columns);
      }
      weights.push_back(std::move(*weight));
    }
  }
  return std::move(weights);
}

llvm::Error lowbit::exportToONNX(mlir::ModuleOp lowBit, llvm::StringRef path,
                                 llvm::StringRef output,
                                 const LoadOptions &load,
                                 AtomicOutput *companion) {
  Graph graph;
  if (llvm::Error error = graph.read(path, *lowBit.getContext(), load))
    return error;
  auto weights = collectWeights(lowBit, graph);
  if (!weights)
    return weights.takeError();
  lowBit.walk([](LinearOp op) {
    if (llvm::isa<QuantizedTensorType>(op.getInput().getType()))
      op.emitRemark() << "its activations stay float in ONNX";
  });
  llvm::StringMap<std::string> metadata;
  if (std::optional<Provenance> provenance = getProvenance(lowBit))
    metadata[kProvenanceAttrName] = printProvenance(*provenance);
  llvm::Expected<AtomicOutput> file = AtomicOutput::create(output);
  if (!file)
    return file.takeError();
  if (llvm::Error error = exportONNX(path, *weights, metadata, file->os()))
    return error;
  return AtomicOutput::commitAll({companion, &*file});
}
#else
llvm::Error lowbit::exportToONNX(mlir::ModuleOp, llvm::StringRef path,
                                 llvm::StringRef, const LoadOptions &,
                                 AtomicOutput *) {
  return makeFileError(path, "this build reads no ONNX (LOWBIT_BUILD_ONNX)");
}
#endif
