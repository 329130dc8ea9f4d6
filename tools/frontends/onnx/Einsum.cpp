//===- Einsum.cpp - sums of products over named dimensions ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A product of two operands is a matrix product with batches: each operand is
// transposed to [batch..., own..., shared...] and reshaped. So it takes the
// same way through the compiler as MatMul. Dimensions that only one operand has
// and the result lacks are summed first.
//
//===----------------------------------------------------------------------===//

#include "Indexing.h"
#include "OperatorTable.h"

#include "llvm/ADT/StringExtras.h"

using namespace lowbit::frontend;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

namespace {
/// A value whose dimensions have names, one character each.
struct Named {
  Value value;
  std::string labels;
};
} // namespace

/// Labels of `text` for a value of `rank`; `...` stands for the digits 0 to 9,
/// the last dimension that it covers being the last digit.
static std::optional<std::string> spell(StringRef text, int64_t rank) {
  std::string labels;
  auto [before, after] = text.split("...");
  bool hasDots = text.contains("...");
  int64_t covered = rank - int64_t(before.size() + after.size());
  if ((hasDots ? covered < 0 : covered != 0) || covered > 10)
    return std::nullopt;
  labels = before.str();
  for (int64_t i = 0; hasDots && i < covered; ++i)
    labels += char('9' - (covered - 1 - i));
  labels += after.str();
  for (char c : labels)
    if (!llvm::isAlnum(c))
      return std::nullopt;
  return labels;
}

static std::string lettersOf(ArrayRef<std::string> operands) {
  // Without an arrow: what occurs once, in alphabetical order.
  std::string all = llvm::join(operands, ""), dots, once;
  for (char c = '0'; c <= '9'; ++c)
    if (all.find(c) != std::string::npos)
      dots += c;
  llvm::sort(all);
  for (char c : all)
    if (llvm::isAlpha(c) && llvm::count(all, c) == 1)
      once += c;
  return dots + once;
}

/// Takes the diagonal of dimensions that share a label.
static Expected<Named> takeDiagonals(Importer &im, const Node &node,
                                     Named operand) {
  for (size_t second = 0; second < operand.labels.size(); ++second) {
    size_t first = operand.labels.find(operand.labels[second]);
    if (first == second)
      continue;
    const Dims &dims = operand.value.dims;
    if (!im.symbols.isEqual(dims[first], dims[second]).value_or(false))
      return im.needEqual(node, dims[first], dims[second],
                          "no diagonal in " + im.str(dims));
    Dims left = dims;
    left.erase(left.begin() + second);
    operand.value = readAt(
        im, operand.value, left,
        [&](mlir::OpBuilder &, mlir::Location, ArrayRef<mlir::Value> index) {
          llvm::SmallVector<mlir::Value> at(index);
          at.insert(at.begin() + second, index[first]);
          return at;
        });
    operand.labels.erase(second--, 1);
  }
  return operand;
}

/// Sums over what nothing else needs.
static Expected<Named> sumUnused(Importer &im, const Node &node, Named given,
                                 StringRef needed) {
  Expected<Named> diagonal = takeDiagonals(im, node, std::move(given));
  if (!diagonal)
    return diagonal;
  Named operand = std::move(*diagonal);
  Axes axes;
  std::string left;
  for (auto [axis, c] : llvm::enumerate(operand.labels)) {
    if (needed.contains(c))
      left += c;
    else
      axes.push_back(axis);
  }
  if (axes.empty())
    return operand;
  Expected<Value> sum =
      im.reduce(node, operand.value, axes, ReduceKind::Sum, false);
  if (!sum)
    return sum.takeError();
  return Named{std::move(*sum), left};
}

/// `operand` with its dimensions in the order of `labels`, all of which it has.
static Expected<Value> arranged(Importer &im, const Node &node,
                                const Named &operand, StringRef labels) {
  Axes order;
  for (char c : labels)
    order.push_back(operand.labels.find(c));
  return im.transpose(node, operand.value, order);
}

static Expected<Named> multiply(Importer &im, const Node &node, const Named &a,
                                const Named &b, StringRef needed) {
  std::string batch, shared, ownA, ownB;
  for (char c : a.labels) {
    if (!StringRef(b.labels).contains(c))
      ownA += c;
    else
      (needed.contains(c) ? batch : shared) += c;
  }
  for (char c : b.labels)
    if (!StringRef(a.labels).contains(c))
      ownB += c;
  auto dimsOf = [&](const Named &operand, StringRef labels) {
    Dims dims;
    for (char c : labels)
      dims.push_back(operand.value.dims[operand.labels.find(c)]);
    return dims;
  };
  for (char c : batch + shared)
    if (dimsOf(a, StringRef(&c, 1)) != dimsOf(b, StringRef(&c, 1)))
      return im.error(node, "dimension '" + llvm::Twine(c) + "' is " +
                                im.str(dimsOf(a, StringRef(&c, 1))) + " and " +
                                im.str(dimsOf(b, StringRef(&c, 1))));
  Expected<Value> left = arranged(im, node, a, batch + ownA + shared);
  if (!left)
    return left.takeError();
  Expected<Value> right = arranged(im, node, b, batch + shared + ownB);
  if (!right)
    return right.takeError();
  std::optional<Expr> rows = im.symbols.product(dimsOf(a, ownA));
  std::optional<Expr> inner = im.symbols.product(dimsOf(a, shared));
  std::optional<Expr> columns = im.symbols.product(dimsOf(b, ownB));
  if (!rows || !inner || !columns)
    return im.checked(node, std::nullopt).takeError();
  Dims lead = dimsOf(a, batch), leftDims = lead, rightDims = lead;
  leftDims.append({*rows, *inner});
  rightDims.append({*inner, *columns});
  Expected<Value> x = im.reshape(node, *left, leftDims);
  if (!x)
    return x.takeError();
  Expected<Value> y = im.reshape(node, *right, rightDims);
  if (!y)
    return y.takeError();
  Expected<Value> product = im.matmul(node, *x, *y);
  if (!product)
    return product.takeError();
  Dims dims = lead;
  dims.append(dimsOf(a, ownA));
  dims.append(dimsOf(b, ownB));
  Expected<Value> result = im.reshape(node, *product, dims);
  if (!result)
    return result.takeError();
  return Named{std::move(*result), batch + ownA + ownB};
}

static Error emitEinsum(Importer &im, const Node &node) {
  std::string equation = node.string("equation", "");
  llvm::erase_if(equation, [](char c) { return llvm::isSpace(c); });
  auto [left, arrow] = StringRef(equation).split("->");
  llvm::SmallVector<StringRef> texts;
  left.split(texts, ',');
  if (int64_t(texts.size()) != node.numInputs())
    return im.error(node, "equation '" + equation + "' needs " +
                              llvm::Twine(texts.size()) + " operands");
  llvm::SmallVector<std::string> labels;
  for (auto [i, text] : llvm::enumerate(texts)) {
    auto spelled = spell(text, im.in(node, i).rank());
    if (!spelled)
      return im.error(node, "operand '" + text + "' does not fit " +
                                im.str(im.in(node, i).dims));
    labels.push_back(*spelled);
  }
  std::string wanted = lettersOf(labels);
  if (equation.find("->") != std::string::npos) {
    int64_t dots = llvm::count_if(wanted, llvm::isDigit);
    auto spelled =
        spell(arrow, arrow.contains("...") ? int64_t(arrow.size()) - 3 + dots
                                           : int64_t(arrow.size()));
    if (!spelled)
      return im.error(node, "result '" + arrow + "' is malformed");
    wanted = *spelled;
  }
  for (char c : wanted)
    if (!StringRef(llvm::join(labels, "")).contains(c) ||
        llvm::count(wanted, c) > 1)
      return im.error(node, "result of '" + equation + "' is malformed");
  Named result{im.in(node, 0), labels[0]};
  for (size_t i = 0; i < labels.size(); ++i) {
    std::string later = wanted;
    for (const std::string &other : llvm::drop_begin(labels, i + 1))
      later += other;
    Named next{im.in(node, i), labels[i]};
    Expected<Named> reduced = sumUnused(im, node, std::move(next),
                                        i == 0 ? later : later + result.labels);
    if (!reduced)
      return reduced.takeError();
    if (i == 0) {
      result = std::move(*reduced);
      continue;
    }
    Expected<Named> product = multiply(im, node, result, *reduced, later);
    if (!product)
      return product.takeError();
    result = std::move(*product);
  }
  return im.result(node, arranged(im, node, result, wanted));
}

void lowbit::frontend::addEinsumOperators(OperatorTable &table) {
  table.add({
      {"Einsum", 12, newest, 1, variadic, 1, "equation:s", emitEinsum},
  });
}
