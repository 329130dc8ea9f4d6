//===- FileFormatsTest.cpp - files' packings in the dialect ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every format of numerics/FileFormats.cpp, dense and as its file has it:
// spelled and read again it is itself, compiled code reads from its bytes what
// numerics::dequantize gives, and dialect/FORMATS.md shows it as it is. With
// LOWBIT_UPDATE_PAGES set, the page is written instead.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/FileFormats.h"
#include "ReferenceJit.h"
#include "lowbit/Numerics/EffectiveBits.h"
#include "lowbit/Numerics/Quantizer.h"
#include "lowbit/Transforms/PackedData.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace lowbit;
using namespace lowbit::test;

namespace {

constexpr int64_t rows = 3, columns = 512;

/// Random codes; parameters are numbers that their formats hold.
void fill(numerics::QuantizedMatrix &matrix, uint32_t seed) {
  uint32_t state = seed;
  auto next = [&] { return state = state * 1664525u + 1013904223u; };
  const numerics::Encoding &encoding = matrix.encoding;
  uint32_t mask = encoding.element.codeCount() - 1;
  const numerics::IntegerFormat *integer = encoding.element.integer();
  uint32_t least = integer ? integer->firstCode() : 0;
  for (int64_t n = 0; n < matrix.rows; ++n)
    for (int64_t k = 0; k < encoding.codesPerRow(matrix.columns); ++k)
      matrix.setCode(n, k, std::max((next() >> 12) & mask, least));
  for (float &scale : matrix.scales)
    scale = std::ldexp(1.0f, (next() >> 20) % 8 - 3);
  for (float &minimum : matrix.minima)
    minimum = std::ldexp(static_cast<float>((next() >> 20) % 64) - 32, -4);
  for (float &zeroPoint : matrix.zeroPoints)
    zeroPoint = (next() >> 12) & mask;
  for (float &outer : matrix.outerScales)
    outer = 0.3f;
  for (int8_t &number : matrix.tables)
    number = static_cast<int8_t>(next() >> 20);
  for (numerics::QuantizedMatrix &stored : matrix.stored)
    fill(stored, next());
  matrix.readStored();
  if (!matrix.columnScale)
    return;
  auto columnScale =
      std::make_shared<numerics::QuantizedMatrix>(*matrix.columnScale);
  fill(*columnScale, next());
  matrix.columnScale = columnScale;
}

/// Adds a weight and a function that gives its numbers; returns what they are.
std::vector<float> addCase(ModuleOp module, StringRef name,
                           QuantizedTensorType type) {
  numerics::QuantizedMatrix matrix;
  matrix.reset(type.getEncoding().getNumerics(), rows, columns);
  fill(matrix, 1);
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = builder.getUnknownLoc();
  GlobalOp::create(builder, loc, (name + ".w").str(), type,
                   packComponents(type, matrix, name));
  RankedTensorType resultType = type.getExpressedType();
  auto function = func::FuncOp::create(builder, loc, name,
                                       builder.getFunctionType({}, resultType));
  function->setAttr("llvm.emit_c_interface", builder.getUnitAttr());
  builder.setInsertionPointToStart(function.addEntryBlock());
  Value weight = WeightOp::create(builder, loc, type, (name + ".w").str());
  func::ReturnOp::create(
      builder, loc,
      DequantizeOp::create(builder, loc, resultType, weight).getResult());
  std::vector<float> expected(rows * columns);
  numerics::dequantize(matrix, expected.data());
  return expected;
}

TEST(FileFormats, AreReadByCompiledCode) {
  std::unique_ptr<MLIRContext> context = createContext();
  context->loadDialect<LowbitDialect, func::FuncDialect>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&*context));
  Type f32 = Float32Type::get(&*context);
  std::vector<std::vector<float>> expected;
  std::vector<std::string> names;
  auto add = [&](const std::string &name, const numerics::Encoding &encoding,
                 LayoutInterface layout) {
    auto type = QuantizedTensorType::get(
        {rows, columns}, f32, EncodingAttr::get(&*context, encoding), layout);
    expected.push_back(
        addCase(*module, "case" + std::to_string(names.size()), type));
    names.push_back(name);
  };
  auto addWithColumnScales = [&](const std::string &name,
                                 numerics::Encoding encoding) {
    numerics::Encoding scale;
    scale.element = {5, numerics::IntegerKind::Unsigned};
    scale.granularity = numerics::Granularity::Tensor;
    encoding.columnScale = std::make_shared<const numerics::Encoding>(scale);
    add(name + ", scales of columns", encoding, {});
  };
  for (const numerics::FileFormat &format : numerics::getFileFormats()) {
    add(format.name, format.encoding, TilesAttr::get(&*context, format.layout));
    if (!format.encoding.stored)
      continue;
    add(format.name + ", dense", format.encoding, {});
    add(format.name + ", planes", format.encoding,
        PlanesAttr::get(&*context, 32, 32));
    addWithColumnScales(format.name, format.encoding);
  }
  for (auto owner : {numerics::TableOwner::Tensor, numerics::TableOwner::Row}) {
    numerics::CodeTable table;
    table.codeBits = table.windowBits = 3;
    table.owner = owner;
    numerics::Encoding encoding;
    encoding.element = std::make_shared<const numerics::CodeTable>(table);
    add("a learned table", encoding, {});
    add("a learned table, planes", encoding,
        PlanesAttr::get(&*context, 32, 32));
    addWithColumnScales("a learned table", encoding);
  }
  ASSERT_TRUE(succeeded(module->verify()));
  ReferenceJit jit(*module);
  for (auto [index, wanted] : llvm::enumerate(expected)) {
    std::vector<float> found = jit.call("case" + std::to_string(index), {}, 2);
    ASSERT_EQ(found.size(), wanted.size()) << names[index];
    EXPECT_EQ(0, std::memcmp(found.data(), wanted.data(),
                             found.size() * sizeof(float)))
        << names[index];
  }
}

TEST(FileFormats, AreSpelledAndReadAgain) {
  std::unique_ptr<MLIRContext> context = createContext();
  context->loadDialect<LowbitDialect>();
  for (const numerics::FileFormat &format : numerics::getFileFormats())
    for (Attribute attribute :
         {Attribute(TilesAttr::get(&*context, format.layout)),
          Attribute(EncodingAttr::get(&*context, format.encoding))}) {
      std::string text;
      llvm::raw_string_ostream(text) << attribute;
      EXPECT_EQ(parseAttribute(text, &*context), attribute) << text;
    }
}

/// Bits of a weight without what rows are padded with.
double bitsOf(const numerics::FileFormat &format) {
  constexpr int64_t many = 30720; // A multiple of every group and word.
  numerics::BoundLayout layout(format.layout, format.encoding, 256, many);
  return numerics::effectiveBits(layout);
}

std::string createPage(MLIRContext *context) {
  std::string page;
  llvm::raw_string_ostream os(page);
  os << "# Packings of other programs\n\n"
        "Each is an encoding and a layout of `SPEC.md`, declared in "
        "`numerics/FileFormats.cpp`; this page is made from the "
        "declarations (`test/unit/dialect/FileFormatsTest.cpp`).\n"
        "Any of them goes to any other layout that holds its encoding, and "
        "back, bit by bit. Strides and offsets are in bits, tables of codes "
        "left out; bits per weight count all parameters.\n\n"
        "| format | bits | encoding | layout |\n|---|---|---|---|\n";
  for (const numerics::FileFormat &format : numerics::getFileFormats()) {
    std::string encoding, layout;
    llvm::raw_string_ostream(encoding)
        << EncodingAttr::get(context, format.encoding);
    llvm::raw_string_ostream(layout) << TilesAttr::get(context, format.layout);
    StringRef text =
        StringRef(encoding).drop_front(StringRef("#lowbit.encoding<").size());
    text = text.drop_back();
    std::string shown = text.str();
    if (text.starts_with("codebook")) {
      size_t end = text.find(">>");
      shown = "codebook<…>" + text.substr(end + 2).str();
    }
    os << "| " << format.name << " | " << llvm::format("%.4g", bitsOf(format))
       << " | `" << shown << "` | `"
       << StringRef(layout).drop_front(StringRef("#lowbit.tiles").size())
       << "` |\n";
  }
  os << "\nNot among them: GGUF's IQ1, IQ2 and IQ3, whose tables are its "
        "own.\n";
  return page;
}

TEST(FileFormats, HaveAPage) {
  std::unique_ptr<MLIRContext> context = createContext();
  context->loadDialect<LowbitDialect>();
  std::string wanted = createPage(&*context);
  const char *path = LOWBIT_FORMATS_PAGE;
  if (std::getenv("LOWBIT_UPDATE_PAGES")) {
    std::error_code error;
    llvm::raw_fd_ostream(path, error) << wanted;
    ASSERT_FALSE(error) << error.message();
  }
  auto page = llvm::MemoryBuffer::getFile(path);
  ASSERT_TRUE(page) << path;
  EXPECT_EQ((*page)->getBuffer().str(), wanted)
      << "write it anew with LOWBIT_UPDATE_PAGES=1";
}

} // namespace
