//===- LowerToCPUKernels.cpp - packed layers become kernel calls ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Works on tensors: kernels take flat buffers, so leading dimensions collapse
// into rows before a call and unfold after it. All of it is reshapes that cost
// nothing once bufferized.
//
//===----------------------------------------------------------------------===//

#include "KernelSpec.h"
#include "lowbit/CodeGen/CPU/Kernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

namespace lowbit {
#define GEN_PASS_DEF_LOWERTOCPUKERNELSPASS
#include "lowbit/CodeGen/CPU/KernelPasses.h.inc"
} // namespace lowbit

/// Multiply-adds that are worth handing to another thread.
static constexpr int64_t kTaskWork = 1 << 18;
/// Values that are worth the same when they are only quantized.
static constexpr int64_t kPanelTaskWork = 1 << 15;

namespace {

/// The rows of a tensor [..., K]: a flat view and how many there are.
struct FlatRows {
  Value flat, count;
};

class Lowering {
public:
  Lowering(ModuleOp module, bool floatActivations)
      : module(module), target(getCPUDescription(module)),
        floatActivations(floatActivations),
        b(module.getLoc(), module.getContext()) {}

  /// Replaces `op` by a kernel call, or returns why there is no kernel.
  std::optional<std::string> lower(LinearOp op);
  void eraseUnused();
  int64_t numKernels = 0;

private:
  std::optional<std::string> makeSpec(LinearOp op, LinearKernelSpec &spec);
  Value convert(Value tensor, Type element);
  FlatRows flatten(Value tensor);
  Value unflatten(Value flat, Value like, RankedTensorType type);
  Value asDynamic(Value tensor);
  Value getPanel(LinearOp op, const PanelFormat &format);
  Value getBlob(WeightOp weight);
  Value getColumns(WeightOp weight);
  GlobalOp createPlain(GlobalOp like, StringRef suffix, ElementsAttr data);
  Value taskGrain(Value workPerTile, int64_t taskWork);
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value emptyTensor(Value size, Type element) {
    auto type = RankedTensorType::get({ShapedType::kDynamic}, element);
    return tensor::EmptyOp::create(b, type, ValueRange{size});
  }
  template <typename Create, typename... Args>
  func::FuncOp getKernel(Create create, const Args &...args) {
    size_t before = module.getBody()->getOperations().size();
    func::FuncOp kernel = create(module, args...);
    numKernels += module.getBody()->getOperations().size() != before;
    kernel->setAttr(kKernelAttrName, b.getUnitAttr());
    return kernel;
  }

  ModuleOp module;
  const CPUDescription &target;
  bool floatActivations;
  ImplicitLocOpBuilder b;
  /// Panels of a value, by format and permutation; in program order.
  llvm::DenseMap<std::pair<Value, StringAttr>, Value> panels;
  /// Plain globals of the blobs of packed ones, and of their permutations.
  llvm::DenseMap<GlobalOp, GlobalOp> blobs, columns;
};

struct LowerToCPUKernelsPass
    : lowbit::impl::LowerToCPUKernelsPassBase<LowerToCPUKernelsPass> {
  using LowerToCPUKernelsPassBase::LowerToCPUKernelsPassBase;

  void runOnOperation() override {
    Lowering lowering(getOperation(), floatActivations);
    SmallVector<LinearOp> layers;
    getOperation().walk([&](LinearOp op) { layers.push_back(op); });
    for (LinearOp op : layers) {
      if (!isa<QuantizedTensorType>(op.getWeight().getType()))
        continue;
      if (auto reason = lowering.lower(op))
        op.emitRemark() << "has no CPU kernel and is left to the reference "
                           "lowering: "
                        << *reason;
      else
        ++numCalls;
    }
    lowering.eraseUnused();
    numKernels += lowering.numKernels;
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

/// tensor<Nxf32> as tensor<?xf32>.
Value Lowering::asDynamic(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  auto dynamic =
      RankedTensorType::get({ShapedType::kDynamic}, type.getElementType());
  if (type == dynamic)
    return tensor;
  return tensor::CastOp::create(b, dynamic, tensor);
}

/// `tensor` with floats of another type. Kernels take and give f32; what they
/// compute from f16 and bf16 is rounded once, at the end.
Value Lowering::convert(Value tensor, Type element) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getElementType() == element)
    return tensor;
  Value init = tensor::EmptyOp::create(
      b, tensor::getMixedSizes(b, b.getLoc(), tensor), element);
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  bool widens = element.isF32();
  auto body = [&](OpBuilder &builder, Location loc, ValueRange values) {
    Value result =
        widens ? arith::ExtFOp::create(builder, loc, element, values[0])
                     .getResult()
               : arith::TruncFOp::create(builder, loc, element, values[0])
                     .getResult();
    linalg::YieldOp::create(builder, loc, result);
  };
  return linalg::GenericOp::create(b, init.getType(), tensor, init, maps, loops,
                                   body)
      .getResult(0);
}

FlatRows Lowering::flatten(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Value count = index(1);
  for (int64_t i = 0; i + 1 < type.getRank(); ++i)
    count =
        arith::MulIOp::create(b, count, tensor::DimOp::create(b, tensor, i));
  if (type.getRank() > 1) {
    SmallVector<ReassociationIndices> all(
        1, llvm::to_vector(llvm::seq(type.getRank())));
    tensor = tensor::CollapseShapeOp::create(b, tensor, all);
  }
  return {asDynamic(tensor), count};
}

/// A flat result as `type`; `like` has the same leading dimensions.
Value Lowering::unflatten(Value flat, Value like, RankedTensorType type) {
  if (type.getRank() == 1)
    return tensor::CastOp::create(b, type, flat);
  SmallVector<OpFoldResult> sizes;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      sizes.push_back(tensor::DimOp::create(b, like, i).getResult());
    else
      sizes.push_back(b.getIndexAttr(type.getDimSize(i)));
  if (type.hasStaticShape())
    flat = tensor::CastOp::create(
        b,
        RankedTensorType::get({type.getNumElements()}, type.getElementType()),
        flat);
  SmallVector<ReassociationIndices> all(
      1, llvm::to_vector(llvm::seq(type.getRank())));
  return tensor::ExpandShapeOp::create(b, type, flat, all, sizes);
}

/// Tiles whose work is worth a task: max(1, taskWork / workPerTile).
Value Lowering::taskGrain(Value workPerTile, int64_t taskWork) {
  Value work = arith::MaxSIOp::create(b, workPerTile, index(1));
  Value grain = arith::DivUIOp::create(b, index(taskWork), work);
  return arith::MaxSIOp::create(b, grain, index(1));
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// A global of one tensor that takes over a part of `like`.
GlobalOp Lowering::createPlain(GlobalOp like, StringRef suffix,
                               ElementsAttr data) {
  std::string name = (like.getSymName() + suffix).str();
  for (unsigned i = 0; module.lookupSymbol(name); ++i)
    name = (like.getSymName() + suffix + "." + Twine(i)).str();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(like);
  return GlobalOp::create(
      b, like.getLoc(), name, data.getType(),
      b.getDictionaryAttr(b.getNamedAttr(component::kData, data)));
}

/// The blob of a packed weight as a plain value: its global gives up the
/// quantized type.
Value Lowering::getBlob(WeightOp weight) {
  GlobalOp global = weight.getGlobalOp();
  GlobalOp &blob = blobs[global];
  if (!blob)
    blob = createPlain(global, ".blob", global.getComponent(component::kBlob));
  return asDynamic(WeightOp::create(b, blob.getType(), blob.getSymName()));
}

/// For each stored column of a permuted weight, the input's column that it
/// meets: the inverse of the permutation.
Value Lowering::getColumns(WeightOp weight) {
  GlobalOp global = weight.getGlobalOp();
  GlobalOp &plain = columns[global];
  if (!plain) {
    ElementsAttr permutation = global.getComponent(component::kPermutation);
    SmallVector<int32_t> inverse(permutation.getNumElements());
    if (auto resource = dyn_cast<DenseI32ResourceElementsAttr>(permutation))
      for (auto [column, stored] :
           llvm::enumerate(*resource.tryGetAsArrayRef()))
        inverse[stored] = column;
    else
      for (auto [column, stored] :
           llvm::enumerate(permutation.getValues<int32_t>()))
        inverse[stored] = column;
    plain = createPlain(global, ".columns",
                        DenseElementsAttr::get(permutation.getShapedType(),
                                               ArrayRef<int32_t>(inverse)));
  }
  return asDynamic(WeightOp::create(b, plain.getType(), plain.getSymName()));
}

/// The panel of the layer's input. It is made where the input is quantized, or
/// where a permuted weight's float input comes from, so that layers share it.
Value Lowering::getPanel(LinearOp op, const PanelFormat &format) {
  auto weight = op.getWeight().getDefiningOp<WeightOp>();
  auto quantize = op.getInput().getDefiningOp<QuantizeOp>();
  std::string key = format.name();
  if (format.isPermuted)
    key += ("@" + weight.getGlobal()).str();
  Value &panel = panels[{op.getInput(), b.getStringAttr(key)}];
  if (panel)
    return panel;
  OpBuilder::InsertionGuard guard(b);
  Value x = quantize ? quantize.getInput() : op.getInput();
  if (quantize)
    b.setInsertionPoint(quantize);
  else
    b.setInsertionPointAfterValue(x);
  FlatRows rows = flatten(convert(x, b.getF32Type()));
  int64_t columns = cast<RankedTensorType>(x.getType()).getShape().back();
  Value bytes =
      arith::MulIOp::create(b, rows.count, index(format.rowBytes(columns)));
  SmallVector<Value> inputs{rows.flat};
  if (format.isPermuted)
    inputs.push_back(getColumns(weight));
  inputs.push_back(index(columns));
  func::FuncOp kernel = getKernel(getOrCreatePanelKernel, format, target);
  auto call = CallKernelOp::create(
      b,
      TypeRange{RankedTensorType::get({ShapedType::kDynamic}, b.getI8Type())},
      kernel.getSymName(), rows.count,
      taskGrain(index(columns), kPanelTaskWork), inputs,
      ValueRange{emptyTensor(bytes, b.getI8Type())});
  panel = call.getResult(0);
  return panel;
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

std::optional<std::string> Lowering::makeSpec(LinearOp op,
                                              LinearKernelSpec &spec) {
  auto weight = cast<QuantizedTensorType>(op.getWeight().getType());
  if (!op.getWeight().getDefiningOp<WeightOp>())
    return "the weight is not a lowbit.weight";
  if (!weight.getLayout())
    return "the weight is dense; run lowbit-pack-weights first";
  bool isPermuted = weight.getEncoding().getPermuted();
  auto input = dyn_cast<QuantizedTensorType>(op.getInput().getType());
  if (isPermuted && input)
    return "the input is quantized in the order of its columns, which the "
           "weight permutes";
  if (!isPermuted && (!input || !op.getInput().getDefiningOp<QuantizeOp>()))
    return "the input is not quantized; run lowbit-pack-weights first";
  numerics::Encoding encoding = weight.getEncoding().getNumerics();
  numerics::Layout layout =
      weight.getLayout().getLayout(encoding.element.codeBits());
  if (!findCodeFields(layout, encoding) ||
      layout.parameters != numerics::ParameterPlacement::Inline ||
      PanelFormat::kPadding % layout.columnPadding != 0)
    return "no kernel reads the weight's layout";
  EncodingAttr wanted = weight.getEncoding().getActivationEncoding(
      input ? input.getEncoding().getCodeBits() : 16);
  int64_t columns = wanted.getGranularity().getGroupSize();
  if (input && input.getEncoding() != wanted)
    return "the input's groups differ from the weight's segments";
  if (columns > PanelFormat::kMaxColumns)
    return "the input's groups have more than 32768 columns";
  PanelKind kind = wanted.getCodeBits() == 8 ? PanelKind::Int8
                   : floatActivations        ? PanelKind::Float
                                             : PanelKind::Int16;
  spec.target = &target;
  spec.encoding = weight.getEncoding();
  spec.layout = weight.getLayout();
  spec.panel = {kind, columns, isPermuted};
  spec.hasBias = static_cast<bool>(op.getBias());
  spec.hasResidual = static_cast<bool>(op.getResidual());
  spec.activation = op.getActivationAttr();
  return std::nullopt;
}

std::optional<std::string> Lowering::lower(LinearOp op) {
  LinearKernelSpec spec;
  if (auto reason = makeSpec(op, spec))
    return reason;
  auto quantize = op.getInput().getDefiningOp<QuantizeOp>();
  Value x = quantize ? quantize.getInput() : op.getInput();
  auto weight = cast<QuantizedTensorType>(op.getWeight().getType());
  int64_t n = weight.getRows(), k = weight.getColumns();
  b.setLoc(op.getLoc());
  b.setInsertionPoint(op);
  Value panel = getPanel(op, spec.panel);
  FlatRows rows = flatten(x);
  SmallVector<Value> inputs{getBlob(op.getWeight().getDefiningOp<WeightOp>()),
                            panel};
  if (op.getBias())
    inputs.push_back(asDynamic(convert(op.getBias(), b.getF32Type())));
  if (op.getResidual())
    inputs.push_back(flatten(convert(op.getResidual(), b.getF32Type())).flat);
  inputs.append({rows.count, index(n), index(k)});
  func::FuncOp kernel = getKernel(getOrCreateLinearKernel, spec);
  int64_t blockRows =
      spec.layout.getLayout(weight.getEncoding().getCodeBits()).atom.rows;
  Value size = arith::MulIOp::create(b, rows.count, index(n));
  Value work = arith::MulIOp::create(b, rows.count, index(blockRows * k));
  auto call = CallKernelOp::create(
      b,
      TypeRange{RankedTensorType::get({ShapedType::kDynamic}, b.getF32Type())},
      kernel.getSymName(), index(llvm::divideCeil(n, blockRows)),
      taskGrain(work, kTaskWork), inputs,
      ValueRange{emptyTensor(size, b.getF32Type())});
  Value result =
      unflatten(call.getResult(0), x, op.getType().clone(b.getF32Type()));
  op.getResult().replaceAllUsesWith(
      convert(result, op.getType().getElementType()));
  op.erase();
  return std::nullopt;
}

void Lowering::eraseUnused() {
  module.walk([](QuantizeOp op) {
    if (op.use_empty())
      op.erase();
  });
  module.walk([](WeightOp op) {
    if (op.use_empty())
      op.erase();
  });
  for (GlobalOp global : llvm::make_early_inc_range(module.getOps<GlobalOp>()))
    if (SymbolTable::symbolKnownUseEmpty(global, module))
      global.erase();
}
