//===- Expressions.cpp - WGSL text of values ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Integers are u32 everywhere; an operation on signed numbers casts the bits of
// its operands and of its result, which costs nothing.
//
//===----------------------------------------------------------------------===//

#include "Expressions.h"
#include "Subset.h"
#include "lowbit/CodeGen/WGSL/Passes.h"
#include "lowbit/IR/LowbitWordOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lowbit;

static StringRef getNameAt(Operation *op, unsigned position) {
  auto names = op->getAttrOfType<ArrayAttr>(kWGSLNamesAttrName);
  if (!names || position >= names.size())
    return "";
  auto name = dyn_cast<StringAttr>(names[position]);
  return name ? name.getValue() : "";
}

static StringRef getArgumentName(gpu::GPUFuncOp kernel, BlockArgument value) {
  unsigned number = value.getArgNumber();
  if (number >= kernel.getNumArguments())
    return getNameAt(kernel, number - kernel.getNumArguments());
  auto name = kernel.getArgAttrOfType<StringAttr>(number, kWGSLNameAttrName);
  return name ? name.getValue() : "";
}

StringRef lowbit::getValueName(Value value) {
  if (auto result = dyn_cast<OpResult>(value))
    return getNameAt(result.getOwner(), result.getResultNumber());
  auto argument = cast<BlockArgument>(value);
  Operation *parent = argument.getOwner()->getParentOp();
  unsigned number = argument.getArgNumber(), results = parent->getNumResults();
  if (auto kernel = dyn_cast<gpu::GPUFuncOp>(parent))
    return getArgumentName(kernel, argument);
  // A loop's accumulators are its results in the making; its counter follows.
  if (isa<scf::ForOp>(parent))
    return getNameAt(parent, number == 0 ? results : number - 1);
  bool isBefore = argument.getOwner() == &parent->getRegion(0).front();
  return getNameAt(parent, isBefore ? results + number : number);
}

std::string lowbit::printValue(Value value, Binding binding) {
  StringRef name = getValueName(value);
  if (!name.empty())
    return name.str();
  ExpressionText expression = printExpression(value.getDefiningOp());
  if (expression.binding >= binding)
    return expression.text;
  return "(" + expression.text + ")";
}

std::string lowbit::printElement(Value buffer, ValueRange indices) {
  std::string index = indices.empty() ? "0u" : printValue(indices.front());
  return (getValueName(buffer) + "[" + index + "]").str();
}

namespace {

ExpressionText call(const Twine &function, ArrayRef<std::string> arguments) {
  return {(function + "(" + llvm::join(arguments, ", ") + ")").str()};
}

/// An argument of a call: comparisons in parentheses, so that `<` and `>` are
/// never taken for the brackets of a template.
std::string printArgument(Value value) {
  return printValue(value, Binding::Sum);
}

std::string castBits(const std::string &type, const std::string &text) {
  return "bitcast<" + type + ">(" + text + ")";
}

/// The words of a signed number, which are a value of this type.
ExpressionText fromSigned(Value value, const std::string &number,
                          bool isInfix = false) {
  return {castBits(*getWGSLType(value.getType()), number), Binding::Primary,
          isInfix ? "(" + number + ")" : number};
}

/// A value as a signed number; literals are written as such, and one that was
/// made of a signed number is that.
std::string printSigned(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  auto integer =
      constant ? dyn_cast<IntegerAttr>(constant.getValue()) : IntegerAttr();
  if (integer && integer.getValue().sgt(INT32_MIN) &&
      getValueName(value).empty()) {
    std::string text = std::to_string(integer.getInt()) + "i";
    return text.front() == '-' ? "(" + text + ")" : text;
  }
  Operation *definer = value.getDefiningOp();
  if (definer && getValueName(value).empty())
    if (ExpressionText text = printExpression(definer);
        !text.signedText.empty())
      return text.signedText;
  return castBits(getSignedWGSLType(value.getType()), printValue(value));
}

std::string getType(Value value) { return *getWGSLType(value.getType()); }

std::string printFloat(const APFloat &value) {
  SmallString<32> digits;
  // Nine digits round the largest number up, to one that isn't an f32.
  bool isLargest = value.isLargest();
  value.toString(digits, isLargest ? 17 : 0);
  std::string text = digits.str().lower();
  if (text.find_first_of(".e") == std::string::npos)
    text += ".0";
  return text + (&value.getSemantics() == &APFloat::IEEEhalf() ? "h" : "f");
}

std::string printLiteral(Attribute value) {
  if (auto number = dyn_cast<FloatAttr>(value))
    return printFloat(number.getValue());
  auto integer = cast<IntegerAttr>(value);
  if (integer.getType().isInteger(1))
    return integer.getValue().isZero() ? "false" : "true";
  return std::to_string(
             static_cast<uint32_t>(integer.getValue().getSExtValue())) +
         "u";
}

ExpressionText printConstant(arith::ConstantOp op) {
  auto elements = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!elements) {
    std::string text = printLiteral(op.getValue());
    return {text, text.front() == '-' ? Binding::Product : Binding::Primary};
  }
  SmallVector<std::string> literals;
  if (elements.isSplat())
    literals.push_back(printLiteral(elements.getSplatValue<Attribute>()));
  else
    for (Attribute value : elements.getValues<Attribute>())
      literals.push_back(printLiteral(value));
  return call(getType(op), literals);
}

bool isTruth(Value value) {
  return getElementTypeOrSelf(value.getType()).isInteger(1);
}

Binding getInfixBinding(StringRef symbol) {
  if (symbol == "+" || symbol == "-")
    return Binding::Sum;
  return symbol == "*" || symbol == "/" || symbol == "%" ? Binding::Product
                                                         : Binding::Loose;
}

ExpressionText printInfix(Operation *op, const ExpressionForm &form) {
  Binding binding = getInfixBinding(form.text);
  Value left = op->getOperand(0), right = op->getOperand(1);
  // Truth values have no exclusive or, but they differ.
  bool differs = form.text == "^" && isTruth(left);
  std::string symbol = (" " + (differs ? "!=" : form.text) + " ").str();
  if (form.isSigned) {
    // The amount of a shift is unsigned either way.
    bool isShift = form.text == ">>";
    std::string amount =
        isShift ? printValue(right, Binding::Primary) : printSigned(right);
    return fromSigned(op->getResult(0), printSigned(left) + symbol + amount,
                      /*isInfix=*/true);
  }
  if (binding == Binding::Loose) {
    return {printValue(left, Binding::Primary) + symbol +
                printValue(right, Binding::Primary),
            binding};
  }
  Binding tighter =
      binding == Binding::Sum ? Binding::Product : Binding::Primary;
  return {printValue(left, binding) + symbol + printValue(right, tighter),
          binding};
}

ExpressionText printCall(Operation *op, const ExpressionForm &form) {
  SmallVector<std::string> arguments;
  if (op->getNumOperands() == 1 && !form.isSigned)
    return call(form.text, {printValue(op->getOperand(0))});
  for (Value operand : op->getOperands())
    arguments.push_back(form.isSigned ? printSigned(operand)
                                      : printArgument(operand));
  ExpressionText text = call(form.text, arguments);
  if (form.isSigned)
    return fromSigned(op->getResult(0), text.text);
  return text;
}

ExpressionText printCompare(arith::CmpIOp op) {
  using Predicate = arith::CmpIPredicate;
  Predicate predicate = op.getPredicate();
  bool isSigned = predicate == Predicate::slt || predicate == Predicate::sle ||
                  predicate == Predicate::sgt || predicate == Predicate::sge;
  StringRef symbol;
  switch (predicate) {
  case Predicate::eq:
    symbol = "==";
    break;
  case Predicate::ne:
    symbol = "!=";
    break;
  case Predicate::slt:
  case Predicate::ult:
    symbol = "<";
    break;
  case Predicate::sle:
  case Predicate::ule:
    symbol = "<=";
    break;
  case Predicate::sgt:
  case Predicate::ugt:
    symbol = ">";
    break;
  case Predicate::sge:
  case Predicate::uge:
    symbol = ">=";
    break;
  }
  auto side = [&](Value value) {
    return isSigned ? printSigned(value) : printValue(value, Binding::Sum);
  };
  return {side(op.getLhs()) + " " + symbol.str() + " " + side(op.getRhs()),
          Binding::Loose};
}

/// Numbers are compared as if none were NaN, as WGSL lets adapters assume.
ExpressionText printCompare(arith::CmpFOp op) {
  using Predicate = arith::CmpFPredicate;
  StringRef symbol;
  switch (op.getPredicate()) {
  case Predicate::OEQ:
  case Predicate::UEQ:
    symbol = "==";
    break;
  case Predicate::ONE:
  case Predicate::UNE:
    symbol = "!=";
    break;
  case Predicate::OLT:
  case Predicate::ULT:
    symbol = "<";
    break;
  case Predicate::OLE:
  case Predicate::ULE:
    symbol = "<=";
    break;
  case Predicate::OGT:
  case Predicate::UGT:
    symbol = ">";
    break;
  case Predicate::OGE:
  case Predicate::UGE:
    symbol = ">=";
    break;
  default:
    return {op.getPredicate() == Predicate::AlwaysTrue ||
                    op.getPredicate() == Predicate::ORD
                ? "true"
                : "false"};
  }
  return {printValue(op.getLhs(), Binding::Sum) + " " + symbol.str() + " " +
              printValue(op.getRhs(), Binding::Sum),
          Binding::Loose};
}

ExpressionText printSelect(arith::SelectOp op) {
  return call("select", {printArgument(op.getFalseValue()),
                         printArgument(op.getTrueValue()),
                         printArgument(op.getCondition())});
}

std::string printComponent(Value vector, int64_t position) {
  return printValue(vector, Binding::Primary) + "." + "xyzw"[position];
}

ExpressionText printExtract(vector::ExtractOp op) {
  OpFoldResult position = op.getMixedPosition().front();
  if (auto number = dyn_cast<Attribute>(position))
    return {printComponent(op.getSource(), cast<IntegerAttr>(number).getInt())};
  return {printValue(op.getSource(), Binding::Primary) + "[" +
          printValue(cast<Value>(position)) + "]"};
}

ExpressionText printInsert(vector::InsertOp op) {
  SmallVector<std::string> parts;
  int64_t at = op.getStaticPosition().front();
  for (int64_t i = 0, n = op.getType().getNumElements(); i < n; ++i)
    parts.push_back(i == at ? printArgument(op.getValueToStore())
                            : printComponent(op.getDest(), i));
  return call(getType(op), parts);
}

ExpressionText printShuffle(vector::ShuffleOp op) {
  SmallVector<std::string> parts;
  int64_t first = op.getV1VectorType().getNumElements();
  for (int64_t lane : op.getMask())
    parts.push_back(lane < first ? printComponent(op.getV1(), lane)
                                 : printComponent(op.getV2(), lane - first));
  return call(getType(op), parts);
}

std::string joinComponents(vector::ReductionOp op, StringRef before,
                           StringRef between, StringRef after) {
  std::string text = printComponent(op.getVector(), 0);
  for (int64_t i = 1, n = op.getSourceVectorType().getNumElements(); i < n; ++i)
    text = (before + text + between + printComponent(op.getVector(), i) + after)
               .str();
  return text;
}

ExpressionText printReduction(vector::ReductionOp op) {
  using Kind = vector::CombiningKind;
  ExpressionText sum;
  bool isFloat = isa<FloatType>(op.getType());
  StringRef function = op.getKind() == Kind::MAXNUMF ||
                               op.getKind() == Kind::MAXIMUMF ||
                               op.getKind() == Kind::MAXUI
                           ? "max("
                           : "min(";
  if (op.getKind() == Kind::ADD && isFloat) {
    auto product = op.getVector().getDefiningOp<arith::MulFOp>();
    if (product && getValueName(product).empty())
      sum = call("dot", {printArgument(product.getLhs()),
                         printArgument(product.getRhs())});
    else
      sum = call("dot", {printArgument(op.getVector()),
                         *getWGSLType(op.getVector().getType()) + "(1.0" +
                             (op.getType().isF16() ? "h)" : "f)")});
  } else if (op.getKind() == Kind::ADD) {
    sum = {joinComponents(op, "", " + ", ""), Binding::Sum};
  } else if (op.getKind() == Kind::MUL) {
    sum = {joinComponents(op, "", " * ", ""), Binding::Product};
  } else {
    sum = {joinComponents(op, function, ", ", ")")};
  }
  if (!op.getAcc())
    return sum;
  std::string start = printValue(op.getAcc(), Binding::Sum);
  if (op.getKind() == Kind::ADD)
    return {start + " + " + sum.text, Binding::Sum};
  if (op.getKind() == Kind::MUL)
    return {printValue(op.getAcc(), Binding::Product) + " * " + sum.text,
            Binding::Product};
  return {(function + start + ", " + sum.text + ")").str()};
}

ExpressionText printElements(vector::FromElementsOp op) {
  SmallVector<std::string> parts;
  for (Value element : op.getElements())
    parts.push_back(printArgument(element));
  return call(getType(op), parts);
}

/// Words stay what they are.
ExpressionText printCast(Value from) {
  Operation *definer = from.getDefiningOp();
  if (definer && getValueName(from).empty())
    return printExpression(definer);
  return {printValue(from)};
}

ExpressionText printConvert(Operation *op) {
  Value from = op->getOperand(0);
  std::string to = getType(op->getResult(0));
  if (isa<arith::BitcastOp, vector::BitCastOp>(op))
    return call("bitcast<" + to + ">", {printValue(from)});
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op) && !isTruth(from))
    return printCast(from);
  if (isa<arith::FPToSIOp>(op))
    return fromSigned(op->getResult(0),
                      getSignedWGSLType(op->getResult(0).getType()) + "(" +
                          printValue(from) + ")");
  if (isa<arith::SIToFPOp>(op) && !isTruth(from))
    return call(to, {printSigned(from)});
  if (isa<arith::SIToFPOp>(op))
    return {"-" + call(to, {printArgument(from)}).text, Binding::Product};
  if (isa<arith::ExtSIOp>(op))
    return call("select",
                {to + "(0u)", to + "(4294967295u)", printArgument(from)});
  if (isa<arith::TruncIOp>(op)) {
    std::string type = getType(from);
    bool isVector = isa<VectorType>(from.getType());
    std::string one = isVector ? type + "(1u)" : "1u";
    std::string zero = isVector ? type + "(0u)" : "0u";
    return {"(" + printValue(from, Binding::Primary) + " & " + one +
                ") != " + zero,
            Binding::Loose};
  }
  return call(to, {printValue(from)});
}

ExpressionText printUnpack(UnpackBytesOp op) {
  return call("vec4<f32>", {call(op.getIsSigned() ? "unpack4xI8" : "unpack4xU8",
                                 {printValue(op.getWord())})
                                .text});
}

ExpressionText printDot(DotBytesOp op) {
  std::string dot =
      castBits("u32", call("dot4I8Packed", {printArgument(op.getLhs()),
                                            printArgument(op.getRhs())})
                          .text);
  return {printValue(op.getAccumulator(), Binding::Sum) + " + " + dot,
          Binding::Sum};
}

ExpressionText printSubgroup(gpu::SubgroupReduceOp op) {
  using Operation = gpu::AllReduceOperation;
  StringRef function = "subgroupMin";
  if (op.getOp() == Operation::ADD)
    function = "subgroupAdd";
  else if (op.getOp() == Operation::MAXNUMF ||
           op.getOp() == Operation::MAXIMUMF || op.getOp() == Operation::MAXUI)
    function = "subgroupMax";
  return call(function, {printArgument(op.getValue())});
}

} // namespace

ExpressionText lowbit::printExpression(Operation *op) {
  std::string builtin = getBuiltinText(op);
  if (!builtin.empty())
    return {builtin};
  ExpressionForm form = *getExpressionForm(op);
  if (form.kind == ExpressionForm::Infix)
    return printInfix(op, form);
  if (form.kind == ExpressionForm::Call)
    return printCall(op, form);
  return llvm::TypeSwitch<Operation *, ExpressionText>(op)
      .Case([](arith::ConstantOp op) { return printConstant(op); })
      .Case([](arith::NegFOp op) -> ExpressionText {
        return {"-" + printValue(op.getOperand(), Binding::Primary),
                Binding::Product};
      })
      .Case([](arith::CmpIOp op) { return printCompare(op); })
      .Case([](arith::CmpFOp op) { return printCompare(op); })
      .Case([](arith::SelectOp op) { return printSelect(op); })
      .Case([](vector::BroadcastOp op) {
        return call(getType(op), {printArgument(op.getSource())});
      })
      .Case([](vector::ExtractOp op) { return printExtract(op); })
      .Case([](vector::InsertOp op) { return printInsert(op); })
      .Case([](vector::ShuffleOp op) { return printShuffle(op); })
      .Case([](vector::ReductionOp op) { return printReduction(op); })
      .Case([](vector::FromElementsOp op) { return printElements(op); })
      .Case([](memref::LoadOp op) -> ExpressionText {
        return {printElement(op.getMemRef(), op.getIndices())};
      })
      .Case([](gpu::SubgroupReduceOp op) { return printSubgroup(op); })
      .Case([](SubgroupRankOp) -> ExpressionText {
        return {"subgroupExclusiveAdd(1u)"};
      })
      .Case([](UnpackBytesOp op) { return printUnpack(op); })
      .Case([](DotBytesOp op) { return printDot(op); })
      .Default([](Operation *op) { return printConvert(op); });
}
