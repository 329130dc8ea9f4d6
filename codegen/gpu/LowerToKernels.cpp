//===- LowerToKernels.cpp - packed layers become GPU kernels --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BodyToWords.h"
#include "LinearKernel.h"
#include "LowerAttention.h"
#include "QuantizeKernel.h"
#include "SlicedOperands.h"
#include "WeightReader.h"
#include "WordFields.h"
#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/IR/LowbitGPUOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/DialectResourceBlobManager.h"

namespace lowbit {
#define GEN_PASS_DEF_LOWERTOGPUKERNELSPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {

class Lowering {
public:
  explicit Lowering(ModuleOp module) : module(module), kernels(module) {}

  /// Replaces `op` by a dispatch, or returns why there is no kernel. With
  /// `hasHalfInputs`, activations were widened from 16 bits.
  std::optional<std::string> lower(LinearOp op, bool hasHalfInputs);
  KernelModule &getKernels() { return kernels; }

private:
  std::optional<std::string> makeSpec(LinearOp op, GPULinearSpec &spec);
  SmallVector<Value> getInputs(LinearOp op, const GPULinearSpec &spec);
  SmallVector<Value> quantize(QuantizeOp op, int64_t unitSteps);
  Value getPart(OpBuilder &b, GlobalOp global, StringRef name);
  Value getTable(OpBuilder &b, GlobalOp global, EncodingAttr encoding);
  GlobalOp createPlain(GlobalOp like, StringRef suffix, ElementsAttr data);

  ModuleOp module;
  KernelModule kernels;
  /// Plain globals of parts of packed ones, by name, and of tables by encoding.
  DenseMap<std::pair<Operation *, StringAttr>, GlobalOp> parts;
  DenseMap<Attribute, GlobalOp> tables;
  /// Codes and units of activations, by the steps of a unit; 0 for the numbers
  /// that they stand for.
  DenseMap<std::pair<Value, int64_t>, SmallVector<Value>> quantized;
};

} // namespace

/// Steps for which parameters of the weight and of codes of 8 bits, `input`,
/// hold; 0 where no kernel multiplies such codes.
static int64_t findUnitSteps(QuantizedTensorType input, EncodingAttr weight) {
  EncodingAttr own = input.getEncoding();
  auto integer = own.getElement().getIntegerFormat();
  bool isSymmetric = integer && own.getCodeBits() == 8 &&
                     integer->decode(0) == -128 &&
                     own.getParameterNames().size() == 1 &&
                     own.getOuterScale() == OuterScaleKind::None &&
                     own.getNumerics().groupRows == 1 && !input.getLayout() &&
                     !own.getPermuted() && own.getScale().isF32();
  if (!isSymmetric || needsGPUTable(weight))
    return 0;
  int64_t columns = input.getShape().back();
  return std::min(
      findSharedSteps(own.getNumerics(), columns, kGPUAtomColumns),
      findSharedSteps(weight.getNumerics(), columns, kGPUAtomColumns));
}

/// Whether the f16 of a component are zeros and normal numbers.
static bool hasNormalHalves(ElementsAttr data) {
  auto isNormal = [](uint16_t bits) {
    unsigned field = bits >> 10 & 31;
    return field == 31 ? false : field != 0 || (bits & 0x7fff) == 0;
  };
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(data)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    return blob && llvm::all_of(blob->getDataAs<uint16_t>(), isNormal);
  }
  auto dense = dyn_cast<DenseFPElementsAttr>(data);
  return dense && llvm::all_of(dense, [&](const APFloat &number) {
           return isNormal(number.bitcastToAPInt().getZExtValue());
         });
}

/// The same of all that a weight's codes are multiplied with and moved by.
static bool hasNormalHalves(GlobalOp global, EncodingAttr encoding) {
  if (!encoding.getScale().isF16())
    return false;
  for (StringRef name :
       {component::kScale, component::kZeroPoint, component::kMinimum}) {
    auto data = dyn_cast_or_null<ElementsAttr>(global.getComponent(name));
    if (data && data.getElementType().isF16() && !hasNormalHalves(data))
      return false;
  }
  return true;
}

std::optional<std::string> Lowering::makeSpec(LinearOp op,
                                              GPULinearSpec &spec) {
  auto weight = cast<QuantizedTensorType>(op.getWeight().getType());
  auto coded = dyn_cast<QuantizedTensorType>(op.getInput().getType());
  auto input = coded ? coded.getExpressedType()
                     : cast<RankedTensorType>(op.getInput().getType());
  if (!op.getWeight().getDefiningOp<WeightOp>())
    return "its weight is not a lowbit.weight";
  if (coded && !op.getInput().getDefiningOp<QuantizeOp>())
    return "its input is quantized, and not by lowbit.quantize";
  auto isF32 = [](Value value) {
    return !value || getElementTypeOrSelf(value.getType()).isF32();
  };
  if (!input.getElementType().isF32() || !isF32(op.getResult()) ||
      !isF32(op.getBias()) || !isF32(op.getResidual()))
    return "its activations are not f32";
  if (!input.hasStaticShape())
    return "its rows are not known when the model is compiled";
  std::string reason = explainNoGPUKernel(weight.getEncoding());
  if (!reason.empty())
    return reason;
  spec.encoding = weight.getEncoding();
  spec.layout = dyn_cast_or_null<LayoutInterface>(weight.getLayout());
  if (!spec.layout ||
      findWordFields(spec.layout.getLayout(spec.encoding.getCodeBits()),
                     spec.encoding.getCodeBits())
          .empty())
    return "no kernel reads the weight's layout";
  spec.n = weight.getRows();
  spec.k = weight.getColumns();
  if (spec.n == 0 || spec.k == 0 || input.getNumElements() == 0)
    return "it has no numbers";
  spec.m = input.getNumElements() / spec.k;
  spec.hasBias = static_cast<bool>(op.getBias());
  spec.hasResidual = static_cast<bool>(op.getResidual());
  spec.activation = op.getActivationAttr();
  spec.isGated = op.getGated();
  spec.hasNormalHalves = hasNormalHalves(
      op.getWeight().getDefiningOp<WeightOp>().getGlobalOp(), spec.encoding);
  spec.unitSteps = coded ? findUnitSteps(coded, spec.encoding) : 0;
  if (spec.unitSteps && getGPUBindingCount(spec) > kMostGPUBindings)
    spec.unitSteps = 0;
  if (getGPUBindingCount(spec) > kMostGPUBindings)
    return "its weight and operands are more than 8 buffers";
  return std::nullopt;
}

GlobalOp Lowering::createPlain(GlobalOp like, StringRef suffix,
                               ElementsAttr data) {
  std::string name = (like.getSymName() + suffix).str();
  for (unsigned i = 0; module.lookupSymbol(name); ++i)
    name = (like.getSymName() + suffix + "." + Twine(i)).str();
  OpBuilder b(like);
  return GlobalOp::create(
      b, like.getLoc(), name, data.getType(),
      b.getDictionaryAttr(b.getNamedAttr(component::kData, data)));
}

/// A component of a packed weight as a plain value.
Value Lowering::getPart(OpBuilder &b, GlobalOp global, StringRef name) {
  GlobalOp &part = parts[{global, b.getStringAttr(name)}];
  if (!part)
    part = createPlain(global, ("." + name).str(), global.getComponent(name));
  return WeightOp::create(b, global.getLoc(), part.getType(),
                          part.getSymName());
}

/// The numbers of all codes.
Value Lowering::getTable(OpBuilder &b, GlobalOp global, EncodingAttr encoding) {
  GlobalOp &table = tables[encoding.getElement()];
  if (!table) {
    numerics::ElementFormat format = encoding.getNumerics().element;
    SmallVector<float> numbers;
    for (uint32_t code = 0; code < format.codeCount(); ++code)
      numbers.push_back(format.decode(code));
    auto type =
        RankedTensorType::get({int64_t(numbers.size())}, b.getF32Type());
    table = createPlain(global, ".table",
                        DenseElementsAttr::get(type, ArrayRef<float>(numbers)));
  }
  return WeightOp::create(b, global.getLoc(), table.getType(),
                          table.getSymName());
}

/// A dispatch that rounds activations.
SmallVector<Value> Lowering::quantize(QuantizeOp op, int64_t unitSteps) {
  QuantizedTensorType type = op.getType();
  numerics::Encoding encoding = type.getEncoding().getNumerics();
  GPUQuantizeSpec spec;
  spec.columns = type.getShape().back();
  spec.rows = 1;
  for (int64_t extent : type.getShape().drop_back())
    spec.rows *= extent;
  spec.group = encoding.groupCount(spec.columns) > 1
                   ? encoding.columnsPerGroup(spec.columns)
                   : spec.columns;
  spec.unitSteps = unitSteps;
  if (FloatAttr scale = op.getScaleAttr())
    spec.scale = scale.getValue().convertToFloat();
  GPUKernel kernel = getGPUQuantizeKernel(kernels, spec, op.getContext());
  OpBuilder b(op);
  int64_t steps = getGPUPaddedSteps(spec.columns);
  SmallVector<Value> inits{
      tensor::EmptyOp::create(
          b, op.getLoc(), ArrayRef<int64_t>{spec.rows, steps}, b.getI32Type()),
      tensor::EmptyOp::create(
          b, op.getLoc(), ArrayRef<int64_t>{spec.rows, steps / unitSteps, 2},
          b.getF32Type())};
  auto dispatch = DispatchOp::create(
      b, op.getLoc(), ValueRange(inits).getTypes(), kernel.symbol,
      b.getDenseI64ArrayAttr(kernel.workgroups), ValueRange{op.getInput()},
      inits);
  return llvm::to_vector_of<Value>(dispatch.getResults());
}

/// The input as the kernel takes it. Where that is f32, codes are decoded, so
/// that the result is that of codes.
SmallVector<Value> Lowering::getInputs(LinearOp op, const GPULinearSpec &spec) {
  auto quantizer = op.getInput().getDefiningOp<QuantizeOp>();
  if (!quantizer)
    return {op.getInput()};
  SmallVector<Value> &inputs = quantized[{op.getInput(), spec.unitSteps}];
  if (!inputs.empty())
    return inputs;
  if (spec.unitSteps)
    return inputs = quantize(quantizer, spec.unitSteps);
  OpBuilder b(op.getContext());
  b.setInsertionPointAfter(quantizer);
  inputs.push_back(DequantizeOp::create(
      b, op.getLoc(), quantizer.getType().getExpressedType(), op.getInput()));
  return inputs;
}

std::optional<std::string> Lowering::lower(LinearOp op, bool hasHalfInputs) {
  GPULinearSpec spec;
  if (auto reason = makeSpec(op, spec))
    return reason;
  // Nothing else tells kernels of few rows apart, which are the same.
  spec.hasHalfInputs = hasHalfInputs && hasGPUHalfVariant(spec);
  GPUKernel kernel = getGPULinearKernel(kernels, spec);
  OpBuilder b(op);
  GlobalOp global = op.getWeight().getDefiningOp<WeightOp>().getGlobalOp();
  SmallVector<Value> inputs{getPart(b, global, component::kBlob)};
  for (StringRef name : {component::kScale, component::kZeroPoint,
                         component::kMinimum, component::kOuterScale})
    if (global.getComponent(name))
      inputs.push_back(getPart(b, global, name));
  if (needsGPUTable(spec.encoding))
    inputs.push_back(getTable(b, global, spec.encoding));
  llvm::append_range(inputs, getInputs(op, spec));
  if (op.getBias())
    inputs.push_back(op.getBias());
  if (op.getResidual())
    inputs.push_back(op.getResidual());
  Value init = tensor::EmptyOp::create(b, op.getLoc(), op.getType().getShape(),
                                       b.getF32Type());
  auto dispatch = DispatchOp::create(
      b, op.getLoc(), TypeRange{init.getType()}, kernel.symbol,
      b.getDenseI64ArrayAttr(kernel.workgroups), inputs, ValueRange{init});
  op.getResult().replaceAllUsesWith(dispatch.getResult(0));
  op.erase();
  return std::nullopt;
}

namespace {
struct LowerToGPUKernelsPass
    : lowbit::impl::LowerToGPUKernelsPassBase<LowerToGPUKernelsPass> {
  void runOnOperation() override {
    Lowering lowering(getOperation());
    int64_t before = lowering.getKernels().getCount();
    lowerLayers(lowering);
    if (failed(lowerAttention(lowering.getKernels())))
      return signalPassFailure();
    numKernels += lowering.getKernels().getCount() - before;
  }

private:
  static void remark(Operation *op, const Twine &reason) {
    op->emitRemark() << "has no GPU kernel and is left to the reference "
                        "lowering: "
                     << reason;
  }

  /// Kernels read activations of 32 bits, whose sums layers yield anyway.
  static void widenActivations(LinearOp op) {
    for (OpOperand &operand : op->getOpOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand.get().getType());
      bool isResult = op.getResidual() == operand.get();
      if (!type || isResult || !isHalf(type.getElementType()))
        continue;
      OpBuilder b(op);
      operand.set(arith::ExtFOp::create(
          b, op.getLoc(), type.clone(b.getF32Type()), operand.get()));
    }
  }

  void lowerLayers(Lowering &lowering) {
    SmallVector<LinearOp> layers;
    getOperation().walk([&](LinearOp op) { layers.push_back(op); });
    for (LinearOp op : layers) {
      if (!isa<QuantizedTensorType>(op.getWeight().getType()))
        continue;
      bool hasHalfInputs = isHalf(getElementTypeOrSelf(op.getInput()));
      widenActivations(op);
      op = separateSlicedOperands(op);
      if (std::optional<std::string> reason = lowering.lower(op, hasHalfInputs))
        remark(op, *reason);
      else
        ++numCalls;
    }
    getOperation().walk([](Operation *op) {
      if (isa<WeightOp, QuantizeOp>(op) && op->use_empty())
        op->erase();
    });
    for (GlobalOp global :
         llvm::make_early_inc_range(getOperation().getOps<GlobalOp>()))
      if (SymbolTable::symbolKnownUseEmpty(global, getOperation()))
        global.erase();
  }

  /// The reference lowering takes what has a fixed number of keys.
  LogicalResult lowerAttention(KernelModule &kernels) {
    AttentionLowering lowering(kernels);
    SmallVector<AttentionOp> attentions;
    getOperation().walk([&](AttentionOp op) { attentions.push_back(op); });
    for (AttentionOp op : attentions) {
      std::optional<std::string> reason = lowering.lower(op);
      if (!reason) {
        ++numAttentions;
        continue;
      }
      // Where nothing is fixed, --shape helps, which a later error says.
      if (cast<ShapedType>(op.getQuery().getType()).hasStaticShape() &&
          !cast<ShapedType>(op.getKey().getType()).hasStaticShape())
        return op.emitOpError()
               << "requires a GPU kernel, for its keys grow with the text, and "
                  "has none: "
               << *reason
               << "; without a KV cache it is left to the reference lowering";
      remark(op, *reason);
    }
    return success();
  }
};
} // namespace
