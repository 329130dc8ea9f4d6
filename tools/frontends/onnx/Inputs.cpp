//===- Inputs.cpp - arguments and what is required of their extents -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A dimension is a number, a name, or arithmetic on names, such as
// `past_sequence_length + sequence_length`. One name is one extent wherever it
// stands. What follows from that, and what import took for granted, is an
// attribute of the module, which whoever runs the model checks.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include "lowbit/IR/Lowbit.h"

#include "mlir/IR/IntegerSet.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <set>

using namespace lowbit::frontend;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

//===----------------------------------------------------------------------===//
// Names of dimensions
//===----------------------------------------------------------------------===//

static bool isName(StringRef text) {
  return !text.empty() && !llvm::isDigit(text[0]) &&
         llvm::all_of(text, [](char c) {
           return llvm::isAlnum(c) || c == '_' || c == '.' || c == ':';
         });
}

namespace {
/// Reads sums, differences, products and floor quotients.
class DimParser {
public:
  using Lookup = llvm::function_ref<std::optional<Expr>(StringRef)>;
  DimParser(Symbols &symbols, StringRef text, Lookup lookup)
      : symbols(symbols), text(text), lookup(lookup) {}

  /// The expression, or nothing if the text is none of known names.
  std::optional<Expr> parse() {
    std::optional<Expr> result = sum();
    skip();
    return text.empty() ? result : std::nullopt;
  }

private:
  void skip() { text = text.ltrim(); }
  bool take(StringRef token) {
    skip();
    return text.consume_front(token);
  }

  std::optional<Expr> sum() {
    std::optional<Expr> left = product();
    while (left) {
      bool plus = take("+");
      if (!plus && !take("-"))
        break;
      std::optional<Expr> right = product();
      if (!right)
        return std::nullopt;
      left = plus ? symbols.add(*left, *right) : symbols.sub(*left, *right);
    }
    return left;
  }

  std::optional<Expr> product() {
    std::optional<Expr> left = operand();
    while (left) {
      bool quotient = take("//") || take("/");
      if (!quotient && !take("*"))
        break;
      std::optional<Expr> right = operand();
      if (!right)
        return std::nullopt;
      left = quotient ? symbols.floorDiv(*left, *right)
                      : symbols.mul(*left, *right);
    }
    return left;
  }

  std::optional<Expr> operand() {
    // Parentheses are as deep as the text is long, which a reader wrote.
    if (take("(") && ++depth < 64) {
      std::optional<Expr> inner = sum();
      return take(")") ? inner : std::nullopt;
    }
    skip();
    StringRef word = text.take_while([](char c) {
      return llvm::isAlnum(c) || c == '_' || c == '.' || c == ':';
    });
    text = text.drop_front(word.size());
    int64_t number;
    if (!word.getAsInteger(10, number))
      return Expr(number);
    return isName(word) ? lookup(word) : std::nullopt;
  }

  Symbols &symbols;
  StringRef text;
  Lookup lookup;
  unsigned depth = 0;
};
} // namespace

std::optional<Expr> Importer::knownSymbol(StringRef name) {
  auto given = options.dimensions.find(name);
  if (given != options.dimensions.end()) {
    usedOptions[name] = true;
    return Expr(given->second);
  }
  std::optional<Expr> found = symbols.findDim(name);
  return found ? std::optional(symbols.resolve(*found)) : std::nullopt;
}

Expr Importer::symbolFor(StringRef name, unsigned argument, unsigned axis) {
  if (std::optional<Expr> known = knownSymbol(name))
    return *known;
  if (!isName(name))
    if (std::optional<Expr> expression =
            DimParser(symbols, name, [&](StringRef part) {
              return knownSymbol(part);
            }).parse())
      return *expression;
  // A cache starts empty; nothing else that a model is run on does.
  int64_t lower = name.starts_with("past") ? 0 : 1;
  return symbols.addDim(name, argument, axis, lower);
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

bool Importer::isArgument(const onnx::ValueInfoProto &input) const {
  // Before IR version 4, initializers were listed as inputs too.
  auto found = values.find(input.name());
  return found == values.end() ||
         !(found->second.known || found->second.weight);
}

/// Names that stand alone, so that expressions can refer to any of them.
Error Importer::addSymbols() {
  unsigned argument = 0;
  for (const onnx::ValueInfoProto &input : graph.input()) {
    if (!isArgument(input))
      continue;
    for (auto [axis, dim] :
         llvm::enumerate(input.type().tensor_type().shape().dim()))
      if (!dim.has_dim_value() && isName(dim.dim_param()))
        symbolFor(dim.dim_param(), argument, axis);
    ++argument;
  }
  return Error::success();
}

Expected<Dims> Importer::inputDims(const onnx::ValueInfoProto &input,
                                   unsigned argument) {
  std::string place = file.path().str() + ": input '" + input.name() + "': ";
  if (!input.type().has_tensor_type() ||
      !input.type().tensor_type().has_shape())
    return failure(place + "needs a tensor type with a shape");
  Dims dims;
  for (const auto &dim : input.type().tensor_type().shape().dim()) {
    unsigned axis = dims.size();
    if (dim.has_dim_value()) {
      if (dim.dim_value() < 0 || dim.dim_value() > maxExtent)
        return failure(place + "has an invalid dimension " +
                       Twine(dim.dim_value()));
      dims.push_back(dim.dim_value());
      continue;
    }
    std::string name = dim.dim_param();
    if (name.empty())
      name = input.name() + "." + llvm::utostr(axis);
    dims.push_back(symbolFor(name, argument, axis));
    inputDimensions.push_back({argument, axis, dims.back()});
  }
  return dims;
}

Error Importer::addInputs() {
  mlir::Block &entry = function.getBody().front();
  llvm::SmallVector<StringRef> names;
  for (const onnx::ValueInfoProto &input : graph.input()) {
    if (!isArgument(input))
      continue;
    std::string place = file.path().str() + ": input '" + input.name() + "': ";
    if (values.count(input.name()) || input.name().empty())
      return failure(place + "the name is empty or defined twice");
    Expected<Dims> dims = inputDims(input, entry.getNumArguments());
    if (!dims)
      return dims.takeError();
    int32_t type = input.type().tensor_type().elem_type();
    if (bitSize(type) < 8)
      return failure(place + "element type " + typeName(type) +
                     " is not supported");
    Value value = fromTensor(type, *dims, nullptr);
    Node none(onnx::NodeProto::default_instance(), 0);
    if (Error failed = checkSize(none, value))
      return failure(place + llvm::toString(std::move(failed)));
    value.tensor = entry.addArgument(tensorType(elementType(type), *dims),
                                     builder.getLoc());
    values[input.name()] = value;
    names.push_back(input.name());
  }
  function.setFunctionType(
      builder.getFunctionType(entry.getArgumentTypes(), {}));
  for (auto [argument, name] : llvm::enumerate(names)) {
    function.setArgAttr(argument, kNameAttrName, builder.getStringAttr(name));
    if (mlir::ArrayAttr extents = dimensionNames(values[name].dims))
      function.setArgAttr(argument, kDimensionsAttrName, extents);
    if (isUnsigned(values[name].type))
      function.setArgAttr(argument, kUnsignedAttrName, builder.getUnitAttr());
  }
  return Error::success();
}

mlir::ArrayAttr Importer::dimensionNames(llvm::ArrayRef<Expr> dims) {
  if (llvm::all_of(dims, [](const Expr &dim) { return dim.isConstant(); }))
    return {};
  llvm::SmallVector<mlir::Attribute> names;
  for (const Expr &dim : dims)
    names.push_back(
        builder.getStringAttr(dim.isConstant() ? "" : symbols.str(dim)));
  return builder.getArrayAttr(names);
}

Error Importer::checkOptions() {
  std::vector<std::string> unknown;
  for (const auto &entry : options.dimensions)
    if (!usedOptions.count(entry.getKey()))
      unknown.push_back(("'" + entry.getKey() + "'").str());
  if (unknown.empty())
    return Error::success();
  llvm::sort(unknown);
  // What there is: dimensions that are not expressions of others.
  std::set<std::string> names;
  for (const auto &entry : usedOptions)
    names.insert(entry.getKey().str());
  for (const auto &dimension : inputDimensions)
    if (std::string name = symbols.str(dimension.extent);
        !dimension.extent.isConstant() && symbols.findDim(name))
      names.insert(name);
  return failure(file.path() + ": no input dimension is called " +
                 llvm::join(unknown, " or ") +
                 (names.empty() ? "; all are fixed"
                                : "; there are " + llvm::join(names, ", ")));
}

//===----------------------------------------------------------------------===//
// Requirements
//===----------------------------------------------------------------------===//

namespace {
/// An expression over input dimensions as an affine one.
class AffineConverter {
public:
  AffineConverter(const Symbols &symbols, mlir::MLIRContext *context)
      : symbols(symbols), context(context) {}

  mlir::AffineExpr convert(const Expr &e) {
    mlir::AffineExpr sum = mlir::getAffineConstantExpr(0, context);
    for (const Expr::Term &term : e.getTerms()) {
      mlir::AffineExpr product =
          mlir::getAffineConstantExpr(term.coefficient, context);
      for (unsigned number : term.monomial)
        product = product * convertAtom(number);
      sum = sum + product;
    }
    return sum;
  }
  /// Argument and axis of each affine dimension, one after the other.
  llvm::ArrayRef<int64_t> getPlaces() const { return places; }
  unsigned getNumDims() const { return places.size() / 2; }

private:
  mlir::AffineExpr convertAtom(unsigned number) {
    const Symbols::Atom &atom = symbols.getAtom(number);
    if (atom.kind == Symbols::Kind::FloorDiv)
      return convert(atom.lhs).floorDiv(atom.rhs.constant());
    for (unsigned i = 0; i < getNumDims(); ++i)
      if (places[2 * i] == atom.argument && places[2 * i + 1] == atom.axis)
        return mlir::getAffineDimExpr(i, context);
    places.append({atom.argument, atom.axis});
    return mlir::getAffineDimExpr(getNumDims() - 1, context);
  }

  const Symbols &symbols;
  mlir::MLIRContext *context;
  llvm::SmallVector<int64_t> places;
};
} // namespace

/// The atom x / c in x - c * (x / c) where that is known to be 0, or null.
static const Symbols::Atom *findMultiple(const Symbols &symbols,
                                         const Expr &e) {
  for (const Expr::Term &term : e.getTerms())
    for (unsigned number : term.monomial)
      if (symbols.multipleOf(symbols.getAtom(number)))
        return &symbols.getAtom(number);
  return nullptr;
}

/// `64 >= past + seq`, from 64 - past - seq; `seq % 4 == 0`.
static std::string spell(const Symbols &symbols, const Expr &e,
                         bool isEquality) {
  const Symbols::Atom *atom = isEquality ? findMultiple(symbols, e) : nullptr;
  if (atom && e.getTerms().size() == 2)
    return symbols.str(atom->lhs) + " % " + symbols.str(atom->rhs) + " == 0";
  Expr left, right;
  for (const Expr::Term &term : e.getTerms()) {
    Expr one(std::abs(term.coefficient));
    for (unsigned number : term.monomial)
      one = *symbols.mul(one, Expr::atom(number));
    Expr &side = term.coefficient > 0 ? left : right;
    side = *symbols.add(side, one);
  }
  return symbols.str(left) + (isEquality ? " == " : " >= ") +
         symbols.str(right);
}

Error Importer::addRequirements() {
  llvm::SmallVector<mlir::Attribute> list;
  auto add = [&](mlir::AffineExpr e, bool isEquality,
                 llvm::ArrayRef<int64_t> places, const std::string &text) {
    auto set = mlir::IntegerSet::get(places.size() / 2, 0, e, isEquality);
    list.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("text", builder.getStringAttr(text)),
         builder.getNamedAttr("dims", builder.getDenseI64ArrayAttr(places)),
         builder.getNamedAttr("holds", mlir::IntegerSetAttr::get(set))}));
  };
  auto require = [&](const Expr &e, bool isEquality) {
    AffineConverter converter(symbols, &context);
    mlir::AffineExpr affine = converter.convert(e);
    add(affine, isEquality, converter.getPlaces(),
        spell(symbols, e, isEquality));
  };
  for (unsigned number = 0; number < symbols.getNumAtoms(); ++number) {
    const Symbols::Atom &atom = symbols.getAtom(number);
    if (atom.kind == Symbols::Kind::Dim && atom.lower > 0)
      require(*symbols.sub(Expr::atom(number), Expr(atom.lower)), false);
  }
  // A name that stands in several places, or an expression.
  for (const InputDim &dim : inputDimensions) {
    const std::vector<Expr::Term> &terms = dim.extent.getTerms();
    bool own = terms.size() == 1 && terms[0].coefficient == 1 &&
               terms[0].monomial.size() == 1;
    if (const Symbols::Atom *multiple = findMultiple(symbols, dim.extent)) {
      // That nothing is left over is required below.
      const Symbols::Atom &atom =
          symbols.getAtom(multiple->lhs.getTerms()[0].monomial[0]);
      own = symbols.resolve(multiple->lhs) == dim.extent &&
            atom.argument == dim.argument && atom.axis == dim.axis;
    } else if (own) {
      const Symbols::Atom &atom = symbols.getAtom(terms[0].monomial[0]);
      own = atom.kind == Symbols::Kind::Dim && atom.argument == dim.argument &&
            atom.axis == dim.axis;
    }
    if (own || dim.extent.isConstant() || !symbols.isCheckable(dim.extent))
      continue;
    StringRef input =
        function.getArgAttrOfType<mlir::StringAttr>(dim.argument, kNameAttrName)
            .getValue();
    AffineConverter converter(symbols, &context);
    mlir::AffineExpr expected = converter.convert(dim.extent);
    llvm::SmallVector<int64_t> places(converter.getPlaces());
    places.append({dim.argument, dim.axis});
    mlir::AffineExpr actual =
        mlir::getAffineDimExpr(converter.getNumDims(), &context);
    add(expected - actual, /*isEquality=*/true, places,
        "dimension " + llvm::utostr(dim.axis) + " of input '" + input.str() +
            "' == " + symbols.str(dim.extent));
  }
  for (const Symbols::Assumption &assumption : symbols.getAssumptions())
    require(assumption.value, assumption.isEquality);
  if (!list.empty())
    (*module)->setAttr(kRequiresAttrName, builder.getArrayAttr(list));
  return Error::success();
}
