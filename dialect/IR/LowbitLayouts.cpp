//===- LowbitLayouts.cpp - layout attributes ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The spellings of a layout: bit planes and streams by their few parameters,
// and tiles piece by piece. All end in a numerics::Layout (SPEC.md, section L).
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Numerics/Layouts.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::numerics;

llvm::hash_code lowbit::numerics::hash_value(const Layout &layout) {
  llvm::hash_code code = llvm::hash_combine(
      layout.atom.rows, layout.atom.columns, layout.atom.bits,
      layout.columnPadding, layout.wordBits, layout.rowAlignment,
      layout.padRowEndOnly, layout.tailBits, layout.atom.overlap,
      layout.atom.interleave, layout.atom.base, static_cast<int>(layout.order),
      static_cast<int>(layout.parameters));
  for (unsigned i = 0; i < componentCount; ++i) {
    code = llvm::hash_combine(code, layout.added[i]);
    if (layout.own[i])
      code = llvm::hash_combine(code, i, hash_value(*layout.own[i]));
  }
  for (const Piece &piece : layout.atom.pieces) {
    code = llvm::hash_combine(code, static_cast<int>(piece.component),
                              piece.row, piece.column, piece.bit, piece.offset);
    for (const Mode &mode : piece.modes)
      code = llvm::hash_combine(code, static_cast<int>(mode.axis), mode.extent,
                                mode.stride);
  }
  return code;
}

//===----------------------------------------------------------------------===//
// Planes, and what streams have in common with them
//===----------------------------------------------------------------------===//

static LogicalResult
verifyBlock(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t rows,
            int64_t padding) {
  // L3: a vector has 16 lanes, one row each.
  if (rows < 16 || rows > 128 || !llvm::isPowerOf2_64(rows))
    return emitError() << "requires 16, 32, 64 or 128 rows (L3), found "
                       << rows;
  // L2
  if (padding < 4 || padding % 4 != 0 || padding > 65536)
    return emitError() << "requires padding of a multiple of 4 columns, 4 to "
                          "65536 (L2), found "
                       << padding;
  return success();
}

LogicalResult
PlanesAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                   int64_t rows, int64_t padding) {
  return verifyBlock(emitError, rows, padding);
}

Layout PlanesAttr::getLayout(unsigned codeBits) const {
  return planes(codeBits, getRows(), getPadding());
}

LogicalResult
PlanesAttr::verifyCodeBits(llvm::function_ref<InFlightDiagnostic()> emitError,
                           unsigned codeBits) const {
  return success();
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

LogicalResult
StreamsAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                    int64_t rows, int64_t overlap, int64_t padding) {
  // L6
  if (overlap < 0 || overlap > 15)
    return emitError() << "requires an overlap of 0 to 15 codes (L6), found "
                       << overlap;
  return verifyBlock(emitError, rows, padding);
}

Layout StreamsAttr::getLayout(unsigned codeBits) const {
  return streams(codeBits, getRows(), getOverlap(), getPadding());
}

LogicalResult
StreamsAttr::verifyCodeBits(llvm::function_ref<InFlightDiagnostic()> emitError,
                            unsigned codeBits) const {
  // L4
  if (codeBits <= 8)
    return success();
  return emitError() << "requires codes of at most 8 bits (L4), found "
                     << codeBits;
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

namespace {
/// The letter of each axis in the spelling of a mode.
constexpr StringLiteral kAxisLetters("nkb");
/// The words for components, in their order; codes have none in pieces.
constexpr StringLiteral kComponentWords[componentCount] = {
    "codes", "scale", "zero_point", "minimum", "scale_scale", "minimum_scale"};
} // namespace

/// The component that `word` is for, or nothing.
static std::optional<unsigned> findComponent(StringRef word) {
  auto found = llvm::find(kComponentWords, word);
  if (found == std::end(kComponentWords))
    return std::nullopt;
  return found - std::begin(kComponentWords);
}

/// Reads `<letter><number>`, such as `k4`, which the lexer sees as one word.
static ParseResult parseAxisWord(AsmParser &parser, Axis &axis,
                                 int64_t &value) {
  llvm::SMLoc location = parser.getCurrentLocation();
  StringRef word;
  if (parser.parseKeyword(&word))
    return failure();
  size_t index = kAxisLetters.find(word.front());
  if (index == StringRef::npos || word.drop_front().getAsInteger(10, value))
    return parser.emitError(location)
           << "requires n, k or b and a number, such as k4, found '" << word
           << "'";
  axis = static_cast<Axis>(index);
  return success();
}

static ParseResult parsePiece(AsmParser &parser, Piece &piece) {
  llvm::SMLoc location = parser.getCurrentLocation();
  StringRef word;
  if (succeeded(parser.parseOptionalKeyword(&word))) {
    std::optional<unsigned> component = findComponent(word);
    if (!component)
      return parser.emitError(location)
             << "requires scale, zero_point, minimum, scale_scale or "
                "minimum_scale before a box, found '"
             << word << "'";
    piece.component = static_cast<Component>(*component);
  }
  auto parseMode = [&]() -> ParseResult {
    Mode mode;
    if (parseAxisWord(parser, mode.axis, mode.extent) || parser.parseColon() ||
        parser.parseInteger(mode.stride))
      return failure();
    piece.modes.push_back(mode);
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseMode))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("at"))) {
    auto parseOrigin = [&]() -> ParseResult {
      Axis axis;
      int64_t value;
      if (parseAxisWord(parser, axis, value))
        return failure();
      (axis == Axis::Row      ? piece.row
       : axis == Axis::Column ? piece.column
                              : piece.bit) = value;
      return success();
    };
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren,
                                       parseOrigin))
      return failure();
  }
  if (succeeded(parser.parseOptionalKeyword("offset")))
    return parser.parseInteger(piece.offset);
  return success();
}

/// `scale plus 128` or `zero_point in <8 by 1, 32, [...]>`.
static ParseResult parseComponentOption(AsmParser &parser, Layout &layout,
                                        unsigned component) {
  if (succeeded(parser.parseOptionalKeyword("plus")))
    return parser.parseInteger(layout.added[component]);
  if (parser.parseKeyword("in"))
    return failure();
  auto own = dyn_cast_or_null<TilesAttr>(TilesAttr::parse(parser, {}));
  if (own)
    layout.own[component] = std::make_shared<const Layout>(own.getValue());
  return success(static_cast<bool>(own));
}

static ParseResult parseTilesOption(AsmParser &parser, Layout &layout) {
  llvm::SMLoc location = parser.getCurrentLocation();
  StringRef word;
  if (parser.parseKeyword(&word))
    return failure();
  if (word == "inline") {
    layout.parameters = ParameterPlacement::Inline;
    return success();
  }
  if (word == "in_atom") {
    layout.parameters = ParameterPlacement::Atom;
    return success();
  }
  if (std::optional<unsigned> component = findComponent(word))
    return parseComponentOption(parser, layout, *component);
  if (word == "pad_row_end") {
    layout.padRowEndOnly = true;
    return success();
  }
  if (word == "column_major") {
    layout.order = BlockOrder::ColumnMajor;
    return success();
  }
  int64_t *field = word == "padding"      ? &layout.columnPadding
                   : word == "words"      ? &layout.wordBits
                   : word == "alignment"  ? &layout.rowAlignment
                   : word == "overlap"    ? &layout.atom.overlap
                   : word == "interleave" ? &layout.atom.interleave
                   : word == "base"       ? &layout.atom.base
                   : word == "tail"       ? &layout.tailBits
                                          : nullptr;
  if (!field)
    return parser.emitError(location)
           << "requires padding, words, alignment, overlap, interleave, base, "
              "tail, inline, in_atom, column_major, pad_row_end or a "
              "component, "
              "found '"
           << word << "'";
  return failure(parser.parseEqual() || parser.parseInteger(*field));
}

Attribute TilesAttr::parse(AsmParser &parser, Type) {
  Layout layout;
  Atom &atom = layout.atom;
  auto parseOne = [&]() {
    return parsePiece(parser, atom.pieces.emplace_back());
  };
  if (parser.parseLess() || parser.parseInteger(atom.rows) ||
      parser.parseKeyword("by") || parser.parseInteger(atom.columns) ||
      parser.parseComma() || parser.parseInteger(atom.bits) ||
      parser.parseComma() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseOne))
    return {};
  layout.columnPadding = atom.columns;
  while (succeeded(parser.parseOptionalComma()))
    if (parseTilesOption(parser, layout))
      return {};
  if (parser.parseGreater())
    return {};
  return TilesAttr::get(parser.getContext(), layout);
}

static void printPiece(AsmPrinter &printer, const Piece &piece) {
  if (piece.component != Component::Code)
    printer << kComponentWords[static_cast<unsigned>(piece.component)] << ' ';
  printer << '(';
  llvm::interleaveComma(piece.modes, printer, [&](const Mode &mode) {
    printer << kAxisLetters[static_cast<unsigned>(mode.axis)] << mode.extent
            << " : " << mode.stride;
  });
  printer << ')';
  if (piece.row || piece.column || piece.bit)
    printer << " at (n" << piece.row << ", k" << piece.column << ", b"
            << piece.bit << ')';
  if (piece.offset)
    printer << " offset " << piece.offset;
}

static void printLayout(AsmPrinter &printer, const Layout &layout) {
  printer << '<' << layout.atom.rows << " by " << layout.atom.columns << ", "
          << layout.atom.bits << ", [";
  llvm::interleaveComma(layout.atom.pieces, printer, [&](const Piece &piece) {
    printPiece(printer, piece);
  });
  printer << ']';
  if (layout.columnPadding != layout.atom.columns)
    printer << ", padding = " << layout.columnPadding;
  if (layout.wordBits)
    printer << ", words = " << layout.wordBits;
  if (layout.rowAlignment != 1)
    printer << ", alignment = " << layout.rowAlignment;
  if (layout.atom.overlap)
    printer << ", overlap = " << layout.atom.overlap;
  if (layout.atom.interleave != 1)
    printer << ", interleave = " << layout.atom.interleave;
  if (layout.atom.base)
    printer << ", base = " << layout.atom.base;
  if (layout.tailBits)
    printer << ", tail = " << layout.tailBits;
  if (layout.order == BlockOrder::ColumnMajor)
    printer << ", column_major";
  if (layout.padRowEndOnly)
    printer << ", pad_row_end";
  if (layout.parameters == ParameterPlacement::Inline)
    printer << ", inline";
  if (layout.parameters == ParameterPlacement::Atom)
    printer << ", in_atom";
  for (unsigned i = 0; i < componentCount; ++i) {
    if (layout.added[i])
      printer << ", " << kComponentWords[i] << " plus " << layout.added[i];
    if (layout.own[i]) {
      printer << ", " << kComponentWords[i] << " in ";
      printLayout(printer, *layout.own[i]);
    }
  }
  printer << '>';
}

void TilesAttr::print(AsmPrinter &printer) const {
  printLayout(printer, getValue());
}

Layout TilesAttr::getLayout(unsigned) const { return getValue(); }
