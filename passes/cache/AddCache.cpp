//===- AddCache.cpp - a decoder extends a text token by token -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Both functions are made from the decoder as it computes a whole text. So a
// model needs no other export than the one it was quantized from, and one that
// was exported with a past is that of a past of no tokens.
//
//===----------------------------------------------------------------------===//

#include "DecoderRows.h"
#include "PastInputs.h"
#include "RunningSums.h"

#include "lowbit/Transforms/Cache.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IntegerSet.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"

namespace lowbit {
#define GEN_PASS_DEF_ADDCACHEPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

static StringRef getInputName(func::FuncOp function, unsigned index) {
  auto name = function.getArgAttrOfType<StringAttr>(index, kNameAttrName);
  return name ? name.getValue() : StringRef();
}

/// Inputs are rows of one text, or a past. Requirements are judged behind this:
/// they would be those of a batch that isn't known.
static LogicalResult checkTexts(func::FuncOp main) {
  for (auto [i, argument] : llvm::enumerate(main.getArguments())) {
    auto tensor = dyn_cast<RankedTensorType>(argument.getType());
    bool isRow = tensor && tensor.getRank() == 2 && tensor.getDimSize(0) == 1 &&
                 tensor.isDynamicDim(1) &&
                 tensor.getElementType().isSignlessInteger();
    if (!isRow && !isPast(argument))
      return main.emitError()
             << "a KV cache requires inputs of one text, integers [1, ?], "
                "found input "
             << i << " '" << getInputName(main, i) << "' of type "
             << argument.getType()
             << "; fix the batch (such as --shape batch=1) and leave the "
                "length dynamic";
  }
  return success();
}

/// What each input stands for, by the names that exporters give.
static FailureOr<SmallVector<InputMeaning>> findMeanings(func::FuncOp main) {
  SmallVector<InputMeaning> meanings;
  for (unsigned i = 0, e = main.getNumArguments(); i < e; ++i) {
    StringRef name = getInputName(main, i);
    InputMeaning meaning = llvm::StringSwitch<InputMeaning>(name)
                               .Case("attention_mask", InputMeaning::Ones)
                               .Case("position_ids", InputMeaning::Positions)
                               .Case("token_type_ids", InputMeaning::Zeros)
                               .Default(InputMeaning::Tokens);
    if (meaning == InputMeaning::Tokens &&
        llvm::is_contained(meanings, InputMeaning::Tokens))
      return main.emitError()
             << "a KV cache requires one input of tokens besides "
                "attention_mask, position_ids and token_type_ids, found "
                "another, input "
             << i << " '" << name << "'";
    meanings.push_back(meaning);
  }
  if (!llvm::is_contained(meanings, InputMeaning::Tokens))
    return main.emitError() << "a KV cache requires an input of tokens";
  return meanings;
}

/// Whether a text of `length` tokens satisfies the set: all dynamic extents are
/// that length, and others 1.
static bool holdsFor(IntegerSet set, ArrayRef<int64_t> dims, func::FuncOp main,
                     int64_t length) {
  SmallVector<AffineExpr> extents;
  for (size_t i = 0; i + 1 < dims.size(); i += 2) {
    auto type = cast<RankedTensorType>(main.getArgumentTypes()[dims[i]]);
    bool isFloat = isa<FloatType>(type.getElementType());
    bool isDynamic = type.isDynamicDim(dims[i + 1]);
    // A past has no tokens.
    extents.push_back(getAffineConstantExpr(!isDynamic
                                                ? type.getDimSize(dims[i + 1])
                                            : isFloat ? 0
                                                      : length,
                                            set.getContext()));
  }
  for (auto [i, constraint] : llvm::enumerate(set.getConstraints())) {
    auto value = dyn_cast<AffineConstantExpr>(constraint.replaceDims(extents));
    if (!value || (set.isEq(i) ? value.getValue() != 0 : value.getValue() < 0))
      return false;
  }
  return true;
}

/// Inputs of ones are ones from here on; only their extents are still asked
/// for.
static void replaceOnes(func::FuncOp main, ArrayRef<InputMeaning> meanings) {
  for (auto [argument, meaning] :
       llvm::zip_equal(main.getArguments(), meanings)) {
    if (meaning != InputMeaning::Ones)
      continue;
    OpBuilder b(main.getBody());
    Location loc = argument.getLoc();
    auto type = cast<RankedTensorType>(argument.getType());
    Value one = arith::ConstantOp::create(
        b, loc, b.getIntegerAttr(type.getElementType(), 1));
    Value init = tensor::EmptyOp::create(
        b, loc, tensor::getMixedSizes(b, loc, argument), type.getElementType());
    Value ones = linalg::FillOp::create(b, loc, one, init).getResult(0);
    argument.replaceUsesWithIf(ones, [](OpOperand &use) {
      return !isa<tensor::DimOp>(use.getOwner());
    });
  }
}

namespace {
struct AddCachePass : lowbit::impl::AddCachePassBase<AddCachePass> {
  using AddCachePassBase::AddCachePassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    AddCachePassBase::getDependentDialects(registry);
    registry.insert<affine::AffineDialect>();
  }

  LogicalResult initialize(MLIRContext *context) override {
    auto fail = [&] {
      return emitError(UnknownLoc::get(context))
             << "'" << getArgument() << "' requires ";
    };
    cacheFormat = createCacheFormat(format);
    if (!cacheFormat)
      return fail() << "'format' to be one of "
                    << llvm::join(getCacheFormatNames(), ", ") << ", found '"
                    << format.getValue() << "'";
    if (maxLength < 1 || maxLength > (int64_t(1) << 31))
      return fail() << "'max-length' from 1 to 2^31, found "
                    << maxLength.getValue();
    if (prefillLength < 0 || prefillLength > maxLength)
      return fail() << "'prefill-length' from 0 to 'max-length', found "
                    << prefillLength.getValue();
    return success();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto main = module.lookupSymbol<func::FuncOp>("main");
    if (!main || main.isExternal() || !main.getBody().hasOneBlock()) {
      module.emitError() << "a KV cache requires a function '@main' of one "
                            "block, found none";
      return signalPassFailure();
    }
    if (failed(checkTexts(main)) || failed(checkRequirements(main)) ||
        failed(dropPastInputs(main)) || failed(simplify()))
      return signalPassFailure();
    dropEmptyJoins(main);
    FailureOr<SmallVector<InputMeaning>> meanings = findMeanings(main);
    if (failed(meanings) || failed(checkAttention(main)))
      return signalPassFailure();
    countPositions(main, *meanings);
    if (failed(splitMasks(main, *meanings)))
      return signalPassFailure();
    for (auto [name, count] :
         {std::pair(kPrefillFunction, prefillLength ? int64_t(prefillLength)
                                                    : ShapedType::kDynamic),
          std::pair(kDecodeFunction, int64_t(1))})
      if (failed(addFunction(main, *meanings, name, count)))
        return signalPassFailure();
    main.erase();
    setRequirement();
  }

private:
  /// Extents of a past are numbers now.
  LogicalResult simplify() {
    OpPassManager passes(ModuleOp::getOperationName());
    passes.addPass(createCanonicalizerPass());
    passes.addPass(createCSEPass());
    return runPipeline(passes, getOperation());
  }

  LogicalResult checkRequirements(func::FuncOp main) {
    auto list = getOperation()->getAttrOfType<ArrayAttr>(kRequiresAttrName);
    if (!list)
      return success();
    for (auto entry : list.getAsRange<DictionaryAttr>()) {
      auto dims = entry.getAs<DenseI64ArrayAttr>("dims");
      auto set = entry.getAs<IntegerSetAttr>("holds");
      auto text = entry.getAs<StringAttr>("text");
      if (!dims || !set || !text)
        continue;
      // What is linear and holds for the shortest and longest text holds for
      // all between.
      for (int64_t length : {int64_t(1), int64_t(maxLength)})
        if (!holdsFor(set.getValue(), dims.asArrayRef(), main, length))
          return main.emitError()
                 << "a KV cache for " << maxLength.getValue()
                 << " tokens: the model requires " << text.getValue()
                 << ", which a text of " << length
                 << " tokens doesn't satisfy; choose another max-length";
    }
    return success();
  }

  LogicalResult checkAttention(func::FuncOp main) {
    attentions.clear();
    main.walk([&](AttentionOp op) { attentions.push_back(op); });
    if (attentions.empty())
      return main.emitError() << "a KV cache requires lowbit.attention, found "
                                 "none; lowbit-raise-attention{report} says "
                                 "what was not recognised";
    for (AttentionOp op : attentions)
      for (Value rows : {op.getKey(), op.getValue()}) {
        auto type = cast<RankedTensorType>(rows.getType());
        if (auto reason = cacheFormat->refuses(type.getShape().back()))
          return op.emitOpError()
                 << "a KV cache of " << format.getValue() << " " << *reason;
        for (int64_t i = 0; i < type.getRank(); ++i)
          if (type.isDynamicDim(i) != (i == type.getRank() - 2))
            return op.emitOpError()
                   << "a KV cache requires keys and values of which the number "
                      "of rows alone is dynamic, found "
                   << type;
      }
    return success();
  }

  /// Without a past and with a padding of none, masks say more than before.
  LogicalResult splitMasks(func::FuncOp main, ArrayRef<InputMeaning> meanings) {
    replaceOnes(main, meanings);
    RewritePatternSet patterns(&getContext());
    populateSplitMaskPatterns(patterns);
    return applyPatternsGreedily(main, std::move(patterns));
  }

  LogicalResult addFunction(func::FuncOp main, ArrayRef<InputMeaning> meanings,
                            StringRef name, int64_t newTokens) {
    if (Operation *other = getOperation().lookupSymbol(name))
      return other->emitError()
             << "is in the way of the function '@" << name << "'";
    DecoderTarget target;
    target.newTokens = newTokens;
    target.maxLength = maxLength;
    target.lastOnly = lastOnly && newTokens != 1;
    target.format = cacheFormat.get();
    target.function = declare(main, meanings, name, target);
    return DecoderRows(main, meanings, target).build();
  }

  func::FuncOp declare(func::FuncOp main, ArrayRef<InputMeaning> meanings,
                       StringRef name, const DecoderTarget &target);
  void setRequirement();

  std::shared_ptr<CacheFormat> cacheFormat;
  SmallVector<AttentionOp> attentions;
};
} // namespace

/// Floats of 16 bits as f32: whoever picks a token reads numbers of one type.
static Type widened(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return isa<FloatType>(tensor.getElementType()) &&
                 tensor.getElementTypeBitWidth() == 16
             ? tensor.clone(Float32Type::get(type.getContext()))
             : tensor;
}

/// A function without a body: tokens, position and states to what `main`
/// returns and states.
func::FuncOp AddCachePass::declare(func::FuncOp main,
                                   ArrayRef<InputMeaning> meanings,
                                   StringRef name,
                                   const DecoderTarget &target) {
  OpBuilder b(main);
  unsigned tokens =
      llvm::find(meanings, InputMeaning::Tokens) - meanings.begin();
  auto withTokens = [&](Type type, int64_t count) -> Type {
    auto tensor = cast<RankedTensorType>(type);
    SmallVector<int64_t> shape(tensor.getShape());
    for (int64_t &extent : shape)
      if (ShapedType::isDynamic(extent))
        extent = count;
    return tensor.clone(shape);
  };
  auto named = [&](const Twine &text) {
    return b.getDictionaryAttr(
        b.getNamedAttr(kNameAttrName, b.getStringAttr(text)));
  };
  SmallVector<Type> inputs{
      withTokens(main.getArgumentTypes()[tokens], target.newTokens),
      RankedTensorType::get({}, b.getI64Type())};
  auto kept = [&](DictionaryAttr attrs, int64_t count) {
    NamedAttrList list(attrs);
    if (ShapedType::isStatic(count))
      list.erase(kDimensionsAttrName);
    return list.getDictionary(b.getContext());
  };
  SmallVector<DictionaryAttr> inputAttrs{
      kept(main.getArgAttrDict(tokens), target.newTokens), named("position")};
  SmallVector<Type> results;
  SmallVector<DictionaryAttr> resultAttrs;
  int64_t rows = target.lastOnly ? 1 : target.newTokens;
  for (auto [i, type] : llvm::enumerate(main.getResultTypes())) {
    results.push_back(widened(withTokens(type, rows)));
    resultAttrs.push_back(kept(main.getResultAttrDict(i), rows));
  }
  numCaches = 0;
  numBytes = 0;
  for (auto [i, op] : llvm::enumerate(attentions))
    for (auto [kind, cached] :
         {std::pair("keys", op.getKey()), std::pair("values", op.getValue())}) {
      auto type = cast<RankedTensorType>(cached.getType());
      SmallVector<int64_t> shape(type.getShape());
      shape[shape.size() - 2] = target.maxLength;
      ++numCaches;
      for (CacheState state : target.format->getStates(
               cast<RankedTensorType>(type.clone(shape)))) {
        NamedAttrList attrs(
            named("cache." + Twine(i) + "." + kind + state.suffix));
        resultAttrs.push_back(attrs.getDictionary(b.getContext()));
        attrs.set(kStateAttrName, b.getI64IntegerAttr(results.size()));
        inputAttrs.push_back(attrs.getDictionary(b.getContext()));
        inputs.push_back(state.type);
        results.push_back(state.type);
        numBytes += state.type.getNumElements() *
                    state.type.getElementTypeBitWidth() / 8;
      }
    }
  auto function = func::FuncOp::create(b, main.getLoc(), name,
                                       b.getFunctionType(inputs, results));
  function.setAllArgAttrs(inputAttrs);
  function.setAllResultAttrs(resultAttrs);
  return function;
}

/// No more tokens than the cache has room for.
void AddCachePass::setRequirement() {
  Builder b(&getContext());
  AffineExpr room = b.getAffineConstantExpr(maxLength) - b.getAffineDimExpr(0);
  AffineExpr some = b.getAffineDimExpr(0) - 1;
  auto entry = [&](AffineExpr expression, const Twine &text) -> Attribute {
    return b.getDictionaryAttr(
        {b.getNamedAttr("dims", b.getDenseI64ArrayAttr({0, 1})),
         b.getNamedAttr("holds", IntegerSetAttr::get(
                                     IntegerSet::get(1, 0, expression, false))),
         b.getNamedAttr("text", b.getStringAttr(text))});
  };
  getOperation()->setAttr(
      kRequiresAttrName,
      b.getArrayAttr(
          {entry(some, "tokens >= 1"),
           entry(room, "tokens <= " + Twine(maxLength.getValue()))}));
}
