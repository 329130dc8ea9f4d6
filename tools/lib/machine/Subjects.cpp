//===- Subjects.cpp - what choices are measured on ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Subjects.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Transforms/LayerNames.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/MapVector.h"

using namespace lowbit;

/// Layers of a model beyond the few that take most of its weights are like
/// them, or count little.
static constexpr size_t kMostLayers = 4;

llvm::Expected<Subject>
lowbit::createLayerSubject(mlir::MLIRContext &context, llvm::StringRef method,
                           int64_t n, int64_t k,
                           const CompileOptions &options) {
  Subject subject;
  subject.name = (method + " " + llvm::Twine(n) + " x " + llvm::Twine(k)).str();
  subject.module = createLayer(context, n, k);
  subject.done = Phase::Pack;
  subject.shapes = {{-1, k}};
  CompileOptions quantize = options;
  quantize.method = method.str();
  quantize.scaleSearch = "absmax";
  quantize.releaseData = true;
  if (llvm::Error error = compileModule(*subject.module, Phase::Pack, quantize,
                                        Phase::Quantize))
    return std::move(error);
  return std::move(subject);
}

Subject lowbit::createAttentionSubject(mlir::MLIRContext &context) {
  constexpr llvm::StringLiteral kText = R"(
    func.func @main(%q: tensor<4x?x64xf32>, %k: tensor<4x?x64xf32>,
                    %v: tensor<4x?x64xf32>) -> tensor<4x?x64xf32> {
      %y = lowbit.attention %q, %k, %v scale 1.250000e-01 causal
          : tensor<4x?x64xf32>, tensor<4x?x64xf32>, tensor<4x?x64xf32>
          -> tensor<4x?x64xf32>
      return %y : tensor<4x?x64xf32>
    })";
  Subject subject;
  subject.name = "attention, 4 heads of 64";
  subject.module = mlir::parseSourceString<mlir::ModuleOp>(kText, &context);
  subject.done = Phase::Pack;
  subject.shapes.assign(3, {4, -1, 64});
  return subject;
}

/// `type` with one dimension of rows, of any extent.
static QuantizedTensorType withRows(QuantizedTensorType type) {
  return QuantizedTensorType::get(
      {mlir::ShapedType::kDynamic, type.getShape().back()},
      type.getElementType(), type.getEncoding(), type.getLayout());
}

/// A module with `layer` alone: its weight, what quantizes its input, and no
/// epilogue.
static Subject extract(mlir::ModuleOp model, LinearOp layer,
                       QuantizeOp quantize, WeightOp weight) {
  mlir::OpBuilder b(model.getContext());
  mlir::Location loc = model.getLoc();
  Subject subject;
  subject.module = mlir::ModuleOp::create(loc);
  subject.done = Phase::Pack;
  for (mlir::NamedAttribute attribute : model->getAttrs())
    if (attribute.getName() == kTargetAttrName)
      (*subject.module)->setAttr(attribute.getName(), attribute.getValue());
  b.setInsertionPointToEnd(subject.module->getBody());
  b.clone(*weight.getGlobalOp());
  QuantizedTensorType input = withRows(quantize.getType());
  int64_t k = input.getShape().back();
  auto type = mlir::cast<QuantizedTensorType>(layer.getWeight().getType());
  int64_t n = type.getRows();
  auto tensor = [&](int64_t columns) {
    return mlir::RankedTensorType::get({mlir::ShapedType::kDynamic, columns},
                                       b.getF32Type());
  };
  auto main = mlir::func::FuncOp::create(
      b, loc, "main", b.getFunctionType({tensor(k)}, {tensor(n)}));
  b.setInsertionPointToStart(main.addEntryBlock());
  mlir::Value x = QuantizeOp::create(b, loc, input, main.getArgument(0),
                                     quantize.getScaleAttr());
  mlir::Value w = WeightOp::create(b, loc, type, weight.getGlobal());
  mlir::Value y = LinearOp::create(
      b, loc, tensor(n), x, w, /*bias=*/mlir::Value(),
      /*residual=*/mlir::Value(), ActivationAttr(), mlir::UnitAttr());
  mlir::func::ReturnOp::create(b, loc, y);
  subject.shapes = {{-1, k}};
  subject.name = (getLayerName(layer).value_or("a layer") + " " +
                  llvm::Twine(n) + " x " + llvm::Twine(k))
                     .str();
  subject.weight = double(n) * double(k);
  return subject;
}

llvm::Expected<std::vector<Subject>>
lowbit::extractLayers(mlir::ModuleOp model) {
  // By the types of weight and input: layers that share a kernel and a shape.
  llvm::MapVector<std::pair<mlir::Type, mlir::Type>, Subject> found;
  model.walk([&](LinearOp layer) {
    auto quantize = layer.getInput().getDefiningOp<QuantizeOp>();
    auto weight = layer.getWeight().getDefiningOp<WeightOp>();
    auto type =
        mlir::dyn_cast<QuantizedTensorType>(layer.getWeight().getType());
    if (!quantize || !weight || !type || !type.getLayout() ||
        !quantize.getInput().getType().getElementType().isF32())
      return;
    Subject &subject = found[{type, withRows(quantize.getType())}];
    if (subject.module)
      subject.weight += double(type.getRows()) * double(type.getColumns());
    else
      subject = extract(model, layer, quantize, weight);
  });
  std::vector<Subject> subjects;
  for (auto &entry : found)
    subjects.push_back(std::move(entry.second));
  if (subjects.empty())
    return makeError("--tune requires a model with layers of low-bit weights, "
                     "found none: add --quantize=METHOD, or leave the model "
                     "out");
  llvm::stable_sort(subjects, [](const Subject &a, const Subject &b) {
    return a.weight > b.weight;
  });
  if (subjects.size() > kMostLayers)
    subjects.erase(subjects.begin() + kMostLayers, subjects.end());
  return std::move(subjects);
}
