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
  FlatRows flatten(Value tensor);
  Value unflatten(Value flat, Value like, RankedTensorType type);
  Value asDynamic(Value tensor);
  Value getPanel(QuantizeOp quantize, const PanelFormat &format);
  Value getBlob(WeightOp weight);
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
  /// Panels of a quantized value, by format; in program order.
  llvm::DenseMap<std::pair<Operation *, StringAttr>, Value> panels;
  /// Plain globals of the blobs of packed ones.
  llvm::DenseMap<GlobalOp, GlobalOp> blobs;
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

/// The blob of a packed weight as a plain value: its global gives up the
/// quantized type.
Value Lowering::getBlob(WeightOp weight) {
  GlobalOp global = weight.getGlobalOp();
  GlobalOp &blob = blobs[global];
  if (!blob) {
    std::string name = (global.getSymName() + ".blob").str();
    for (unsigned i = 0; module.lookupSymbol(name); ++i)
      name = (global.getSymName() + ".blob." + Twine(i)).str();
    ElementsAttr data = global.getComponent(component::kBlob);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(global);
    blob = GlobalOp::create(
        b, global.getLoc(), name, data.getType(),
        b.getDictionaryAttr(b.getNamedAttr(component::kData, data)));
  }
  return asDynamic(WeightOp::create(b, blob.getType(), blob.getSymName()));
}

Value Lowering::getPanel(QuantizeOp quantize, const PanelFormat &format) {
  Value &panel = panels[{quantize, b.getStringAttr(format.name())}];
  if (panel)
    return panel;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(quantize);
  FlatRows rows = flatten(quantize.getInput());
  int64_t columns = quantize.getType().getColumns();
  Value bytes =
      arith::MulIOp::create(b, rows.count, index(format.rowBytes(columns)));
  func::FuncOp kernel = getKernel(getOrCreatePanelKernel, format, target);
  auto call = CallKernelOp::create(
      b,
      TypeRange{RankedTensorType::get({ShapedType::kDynamic}, b.getI8Type())},
      kernel.getSymName(), rows.count,
      taskGrain(index(columns), kPanelTaskWork),
      ValueRange{rows.flat, index(columns)},
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
  if (!op.getType().getElementType().isF32())
    return "the result is not f32";
  if (op.getBias() && !getElementTypeOrSelf(op.getBias().getType()).isF32())
    return "the bias is not f32";
  auto input = dyn_cast<QuantizedTensorType>(op.getInput().getType());
  if (!input || !op.getInput().getDefiningOp<QuantizeOp>())
    return "the input is not quantized; run lowbit-pack-weights first";
  numerics::Encoding encoding = weight.getEncoding().getNumerics();
  numerics::Layout layout =
      weight.getLayout().getLayout(encoding.element.codeBits());
  if (weight.getEncoding().getPermuted() || !findCodeFields(layout, encoding) ||
      layout.parameters != numerics::ParameterPlacement::Inline ||
      PanelFormat::kPadding % layout.columnPadding != 0)
    return "no kernel reads the weight's layout";
  if (input.getEncoding().getGranularity().getGroupSize() >
      PanelFormat::kMaxColumns)
    return "the input's groups have more than 32768 columns";
  unsigned bits = input.getEncoding().getCodeBits();
  if (input.getEncoding() != weight.getEncoding().getActivationEncoding(bits))
    return "the input's groups differ from the weight's segments";
  PanelKind kind = bits == 8          ? PanelKind::Int8
                   : floatActivations ? PanelKind::Float
                                      : PanelKind::Int16;
  spec.target = &target;
  spec.encoding = weight.getEncoding();
  spec.layout = weight.getLayout();
  spec.panel = {kind, input.getEncoding().getGranularity().getGroupSize()};
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
  auto weight = cast<QuantizedTensorType>(op.getWeight().getType());
  int64_t n = weight.getRows(), k = weight.getColumns();
  b.setLoc(op.getLoc());
  b.setInsertionPoint(op);
  Value panel = getPanel(quantize, spec.panel);
  FlatRows rows = flatten(quantize.getInput());
  SmallVector<Value> inputs{getBlob(op.getWeight().getDefiningOp<WeightOp>()),
                            panel};
  if (op.getBias())
    inputs.push_back(asDynamic(op.getBias()));
  if (op.getResidual())
    inputs.push_back(flatten(op.getResidual()).flat);
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
  op.getResult().replaceAllUsesWith(
      unflatten(call.getResult(0), quantize.getInput(), op.getType()));
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
