//===- PackRecipe.cpp - recipes as lists of numbers -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function says the order of the numbers. It runs over a recipe twice: once
// with what writes them down, once with what reads them.
//
//===----------------------------------------------------------------------===//

#include "FloatBits.h"
#include "lowbit/Numerics/Lattice.h"
#include "lowbit/Numerics/RowPacker.h"

namespace lowbit::numerics {

namespace {

/// The first number; another one is of another order.
constexpr uint32_t kForm = 1;
/// What a list has at most of anything.
constexpr uint32_t kMost = 1u << 20;

enum class ElementKind : uint32_t { Integer, Table, Lattice };

class Writer {
public:
  template <typename Number> void number(Number &value) {
    words.push_back(static_cast<uint32_t>(value));
  }
  void real(float &value) { words.push_back(bitsOf(value)); }
  template <typename Element> void resize(std::vector<Element> &list) {
    words.push_back(static_cast<uint32_t>(list.size()));
  }
  void require(bool) {}
  bool isValid() const { return true; }

  std::vector<uint32_t> words;
};

class Reader {
public:
  Reader(const uint32_t *words, size_t count)
      : next(words), end(words + count) {}

  template <typename Number> void number(Number &value) {
    value = static_cast<Number>(take());
  }
  void real(float &value) { value = floatOf(take()); }
  template <typename Element> void resize(std::vector<Element> &list) {
    uint32_t count = take();
    isSound &= count <= kMost;
    list.resize(isSound ? count : 0);
  }
  void require(bool holds) { isSound &= holds; }
  bool isValid() const { return isSound; }
  bool isAtEnd() const { return next == end; }

private:
  uint32_t take() {
    isSound &= next != end;
    return isSound ? *next++ : 0;
  }

  const uint32_t *next, *end;
  bool isSound = true;
};

} // namespace

static ElementKind kindOf(const ElementFormat &element) {
  if (element.isLattice())
    return ElementKind::Lattice;
  return element.table() ? ElementKind::Table : ElementKind::Integer;
}

template <typename Visitor>
static void visitTable(Visitor &visitor, ElementFormat &element) {
  CodeTable table;
  if (element.table())
    table = *element.table();
  visitor.number(table.codeBits);
  visitor.number(table.windowBits);
  visitor.number(table.valuesPerCode);
  visitor.resize(table.values);
  for (float &value : table.values)
    visitor.real(value);
  element = ElementFormat(std::make_shared<const CodeTable>(std::move(table)));
}

template <typename Visitor>
static void visitElement(Visitor &visitor, ElementFormat &element) {
  ElementKind kind = kindOf(element);
  visitor.number(kind);
  if (kind == ElementKind::Table)
    return visitTable(visitor, element);
  if (kind == ElementKind::Lattice) {
    LatticeFormat format;
    if (element.isLattice())
      format = latticeOf(element);
    visitor.number(format.values);
    visitor.number(format.codeBits);
    visitor.require(format.isValid());
    if (visitor.isValid())
      element = ElementFormat(latticeTable(format));
    return;
  }
  IntegerFormat format;
  if (element.integer())
    format = *element.integer();
  visitor.number(format.width);
  visitor.number(format.kind);
  element = ElementFormat(format);
}

template <typename Visitor>
static void visitEncoding(Visitor &visitor, Encoding &encoding) {
  visitElement(visitor, encoding.element);
  visitor.number(encoding.zeroPoint);
  visitor.number(encoding.hasMinimum);
  visitor.number(encoding.granularity);
  visitor.number(encoding.groupSize);
  visitor.number(encoding.scale);
  visitor.number(encoding.outer);
  visitor.number(encoding.groupRows);
  bool isStored = encoding.stored != nullptr;
  visitor.number(isStored);
  if (!isStored || !visitor.isValid())
    return;
  Encoding stored;
  if (encoding.stored)
    stored = *encoding.stored;
  // That of quantized scales has none itself.
  stored.stored = nullptr;
  visitEncoding(visitor, stored);
  encoding.stored = std::make_shared<const Encoding>(stored);
}

template <typename Visitor>
static void visitLayout(Visitor &visitor, Layout &layout) {
  Atom &atom = layout.atom;
  visitor.number(atom.rows);
  visitor.number(atom.columns);
  visitor.number(atom.bits);
  visitor.number(atom.interleave);
  visitor.number(atom.base);
  visitor.resize(atom.pieces);
  for (Piece &piece : atom.pieces) {
    visitor.number(piece.row);
    visitor.number(piece.column);
    visitor.number(piece.bit);
    visitor.number(piece.offset);
    visitor.number(piece.component);
    visitor.resize(piece.modes);
    for (Mode &mode : piece.modes) {
      visitor.number(mode.axis);
      visitor.number(mode.extent);
      visitor.number(mode.stride);
    }
  }
  visitor.number(layout.columnPadding);
  visitor.number(layout.parameters);
  visitor.number(layout.rowAlignment);
  visitor.number(layout.padRowEndOnly);
  for (uint32_t &added : layout.added)
    visitor.number(added);
}

template <typename Visitor>
static void visitRecipe(Visitor &visitor, PackRecipe &recipe) {
  visitEncoding(visitor, recipe.encoding);
  visitLayout(visitor, recipe.layout);
  visitor.number(recipe.search);
}

std::vector<uint32_t> writeRecipe(const PackRecipe &recipe) {
  PackRecipe copy = recipe;
  Writer writer;
  writer.words.push_back(kForm);
  visitRecipe(writer, copy);
  return std::move(writer.words);
}

Status readRecipe(const uint32_t *words, size_t count, PackRecipe &recipe) {
  if (count == 0 || *words != kForm)
    return {"a recipe begins with the number of its form, " +
            std::to_string(kForm) + ", found " +
            (count ? std::to_string(*words) : "none")};
  Reader reader(words + 1, count - 1);
  recipe = PackRecipe();
  visitRecipe(reader, recipe);
  if (!reader.isValid() || !reader.isAtEnd())
    return {"a recipe is a list of numbers, one behind the other, found " +
            std::string(reader.isValid() ? "more" : "less") + " than one"};
  return {explainNoRowPacking(recipe)};
}

} // namespace lowbit::numerics
