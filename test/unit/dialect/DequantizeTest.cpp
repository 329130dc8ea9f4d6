//===- DequantizeTest.cpp - lowered dequantize against the numerics -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For every width and kind of integer, for tables of one and of several values
// per code and of overlapping windows, every set of parameters, and layouts
// that are dense, planar, scattered, or interleaved in words: what compiled
// code reads from packed bytes is what numerics::dequantize gives, bit by bit.
//
//===----------------------------------------------------------------------===//

#include "ReferenceJit.h"
#include "TextFormat.h"
#include "lowbit/Numerics/Layouts.h"
#include "lowbit/Numerics/Packer.h"
#include "lowbit/Numerics/Quantizer.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "gtest/gtest.h"
#include <cstring>

using namespace mlir;
using namespace lowbit;
using namespace lowbit::test;

namespace {

/// Neither is a multiple of an atom, a word or a group.
constexpr int64_t rows = 19, columns = 43;

struct Case {
  QuantizedTensorType type;
  numerics::PackedMatrix packed;
  std::vector<float> outerScales, expected;
  numerics::PackedMatrix columnScale;
  std::vector<uint8_t> columnParts;
};

std::vector<float> createWeights() {
  std::vector<float> weights(rows * columns);
  uint32_t state = 1;
  for (float &weight : weights) {
    state = state * 1664525u + 1013904223u;
    weight = std::ldexp(static_cast<float>(state >> 8), -23) - 1;
  }
  return weights;
}

/// Packs `matrix` in the layout of `type`.
Case createCase(QuantizedTensorType type,
                const numerics::QuantizedMatrix &matrix) {
  Case result{type,
              {},
              matrix.outerScales,
              std::vector<float>(matrix.rows * matrix.columns),
              {},
              {}};
  if (MixedAttr mixed = type.getEncoding().getMixed()) {
    for (size_t i = 0; i < mixed.getFormats().size(); ++i) {
      numerics::PackedMatrix part =
          numerics::pack(type.getPart(i).bindLayout(), matrix.part(i));
      std::vector<uint8_t> &codes = part.buffers[0];
      codes.insert(codes.begin(), result.packed.buffers[0].begin(),
                   result.packed.buffers[0].end());
      result.packed = part;
    }
    result.columnParts =
        numerics::writeStream(matrix.columnParts, matrix.encoding.partBits());
  } else {
    result.packed = numerics::pack(type.bindLayout(), matrix);
  }
  if (matrix.columnScale) {
    auto scaleType =
        QuantizedTensorType::get({1, matrix.columns}, type.getElementType(),
                                 type.getEncoding().getColumnScaleEncoding());
    result.columnScale =
        numerics::pack(scaleType.bindLayout(), *matrix.columnScale);
  }
  numerics::dequantize(matrix, result.expected.data());
  return result;
}

Case createCase(QuantizedTensorType type) {
  numerics::QuantizedMatrix matrix;
  numerics::Status status =
      numerics::quantize(createWeights().data(), rows, columns,
                         type.getEncoding().getNumerics(), {}, matrix);
  EXPECT_TRUE(status.ok()) << status.message;
  return createCase(type, matrix);
}

/// The layouts to try for codes of `width` bits; the first is dense.
SmallVector<LayoutInterface> layoutsFor(MLIRContext *context, unsigned width) {
  auto tiles = [&](const numerics::Layout &layout) -> LayoutInterface {
    return TilesAttr::get(context, layout);
  };
  SmallVector<LayoutInterface> layouts{
      LayoutInterface(),
      PlanesAttr::get(context, 32, 32),
      tiles(numerics::planes(width, 16)),
      tiles(numerics::streams(width, 16, 3, 4)),
      tiles(numerics::gptq(width)),
      tiles(numerics::onnxBlocks(width, 16))};
  if (width == 3) {
    layouts.push_back(tiles(numerics::scattered3()));
    layouts.push_back(tiles(numerics::tenPerWord3()));
  }
  if (width == 4) {
    layouts.push_back(tiles(numerics::splitHalves4()));
    layouts.push_back(tiles(numerics::awq()));
  }
  return layouts;
}

/// Encodings of `width` bits. Granularities and scale formats take turns.
SmallVector<numerics::Encoding> encodingsFor(unsigned width) {
  SmallVector<numerics::Encoding> encodings;
  auto add = [&](numerics::IntegerKind kind, numerics::ZeroPointKind zeroPoint,
                 bool hasMinimum) {
    constexpr numerics::Granularity granularities[] = {
        numerics::Granularity::Group, numerics::Granularity::Channel,
        numerics::Granularity::Group, numerics::Granularity::Tensor};
    unsigned turn = encodings.size();
    numerics::Encoding encoding;
    encoding.element = {width, kind};
    encoding.zeroPoint = zeroPoint;
    encoding.hasMinimum = hasMinimum;
    encoding.granularity = granularities[(turn + width) % 4];
    encoding.groupSize = (turn + width) % 4 ? 5 : 16;
    encoding.scale =
        turn / 2 % 2 ? numerics::ScaleFormat::F32 : numerics::ScaleFormat::F16;
    encodings.push_back(encoding);
  };
  for (auto kind :
       {numerics::IntegerKind::Signed, numerics::IntegerKind::SignedRestricted,
        numerics::IntegerKind::Unsigned}) {
    if (kind == numerics::IntegerKind::SignedRestricted && width == 1)
      continue;
    add(kind, numerics::ZeroPointKind::None, false);
    add(kind, numerics::ZeroPointKind::Integer, false);
    add(kind, numerics::ZeroPointKind::Fractional, false);
    add(kind, numerics::ZeroPointKind::None, true);
  }
  return encodings;
}

void addFunction(ModuleOp module, StringRef name, QuantizedTensorType type) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = builder.getUnknownLoc();
  RankedTensorType resultType = type.getExpressedType();
  auto function = func::FuncOp::create(
      builder, loc, name, builder.getFunctionType(type, resultType));
  function->setAttr("llvm.emit_c_interface", builder.getUnitAttr());
  builder.setInsertionPointToStart(function.addEntryBlock());
  Value result =
      DequantizeOp::create(builder, loc, resultType, function.getArgument(0));
  func::ReturnOp::create(builder, loc, result);
}

/// The buffers of `test` in the order and shape of its type's components.
SmallVector<Array> arraysOf(Case &test) {
  SmallVector<Array> arrays;
  const unsigned parameters[] = {1, 2, 3};
  for (auto &[name, type] : test.type.getComponents()) {
    unsigned buffer = name == component::kScale       ? parameters[0]
                      : name == component::kZeroPoint ? parameters[1]
                      : name == component::kMinimum   ? parameters[2]
                                                      : 0;
    void *data = test.packed.buffers[buffer].data();
    if (name == component::kOuterScale)
      data = test.outerScales.data();
    if (name == component::kColumnScale)
      data = test.columnScale.buffers[0].data();
    if (name == component::kColumnScaleScale)
      data = test.columnScale.buffers[1].data();
    if (name == component::kColumnPart)
      data = test.columnParts.data();
    arrays.push_back({data, llvm::to_vector(type.getShape())});
  }
  return arrays;
}

/// Runs the functions of `module`, one for each case.
void checkCases(ModuleOp module, std::vector<Case> &cases) {
  ReferenceJit jit(module);
  for (auto [index, test] : llvm::enumerate(cases)) {
    std::vector<float> found =
        jit.call("case" + std::to_string(index), arraysOf(test), 2);
    std::string name;
    llvm::raw_string_ostream(name) << test.type;
    ASSERT_EQ(found.size(), test.expected.size()) << name;
    EXPECT_EQ(0, std::memcmp(found.data(), test.expected.data(),
                             found.size() * sizeof(float)))
        << name;
  }
}

class Dequantize : public testing::TestWithParam<unsigned> {};

TEST_P(Dequantize, EqualsNumerics) {
  std::unique_ptr<MLIRContext> context = createContext();
  context->loadDialect<LowbitDialect, func::FuncDialect>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&*context));
  std::vector<Case> cases;
  Type f32 = Float32Type::get(&*context);
  for (const numerics::Encoding &encoding : encodingsFor(GetParam()))
    for (LayoutInterface layout : layoutsFor(&*context, GetParam())) {
      if (layout &&
          !numerics::checkLayout(layout.getLayout(GetParam()), encoding)
               .empty())
        continue;
      auto type = QuantizedTensorType::get(
          {rows, columns}, f32, EncodingAttr::get(&*context, encoding), layout);
      addFunction(*module, "case" + std::to_string(cases.size()), type);
      cases.push_back(createCase(type));
    }
  ASSERT_GE(cases.size(), 40u);
  checkCases(*module, cases);
}

INSTANTIATE_TEST_SUITE_P(Widths, Dequantize, testing::Range(1u, 9u));

TEST(DequantizeTables, EqualNumerics) {
  std::unique_ptr<MLIRContext> context = createContext();
  context->loadDialect<LowbitDialect, func::FuncDialect>();
  StringAttr::attachInterface<TextFormat>(*context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&*context));
  std::vector<Case> cases;
  SmallVector<Attribute> formats{
      SmallFloatAttr::get(&*context, Float4E2M1FNType::get(&*context)),
      SmallFloatAttr::get(&*context, Float8E4M3FNType::get(&*context))};
  for (StringRef text : {"2 2 1", "3 3 2", "8 8 5", "9 9 4", "16 16 8", "2 8 1",
                         "3 12 1", "4 6 2"})
    formats.push_back(StringAttr::get(&*context, text));
  for (auto [values, bits] : {std::pair(8u, 11u), std::pair(8u, 16u),
                              std::pair(4u, 7u), std::pair(4u, 14u)})
    formats.push_back(LatticeAttr::get(&*context, values, bits));
  for (unsigned rate : {1, 2, 3, 5})
    formats.push_back(TrellisAttr::get(&*context, 8 + rate % 5, rate));
  for (Attribute attribute : formats) {
    auto format = cast<ElementFormatInterface>(attribute);
    unsigned bits = format.getCodeBits(), values = format.getValuesPerCode();
    SmallVector<LayoutInterface> layouts{
        LayoutInterface(), TilesAttr::get(&*context, numerics::gptq(bits))};
    if (format.getWindowBits() == bits)
      layouts.push_back(PlanesAttr::get(&*context, 32, 32));
    if (bits <= 8)
      layouts.push_back(StreamsAttr::get(&*context, 16, 7, 4));
    for (LayoutInterface layout : layouts) {
      // Scale formats take turns.
      FloatType scales[] = {
          Float16Type::get(&*context), BFloat16Type::get(&*context),
          Float8E8M0FNUType::get(&*context), Float8E4M3FNType::get(&*context)};
      auto encoding = EncodingAttr::get(
          &*context, format, ZeroPointKind::None, /*minimum=*/false,
          PerGroupAttr::get(&*context, 6 * values), scales[cases.size() % 4],
          /*permuted=*/false, OuterScaleKind(cases.size() % 3));
      auto type = QuantizedTensorType::get(
          {rows, 13 * values}, Float32Type::get(&*context), encoding, layout);
      numerics::QuantizedMatrix matrix;
      matrix.reset(encoding.getNumerics(), rows, 13 * values);
      uint32_t state = 1;
      for (int64_t n = 0; n < rows; ++n)
        for (int64_t k = 0; k < 13; ++k) {
          state = state * 1664525u + 1013904223u;
          matrix.setCode(n, k, (state >> 15) & ((1u << bits) - 1));
        }
      for (auto [i, scale] : llvm::enumerate(matrix.scales))
        scale = std::ldexp(1.0f, i % 8 - 3);
      for (auto [i, scale] : llvm::enumerate(matrix.outerScales))
        scale = 0.3f + i;
      addFunction(*module, "case" + std::to_string(cases.size()), type);
      cases.push_back(createCase(type, matrix));
    }
  }
  checkCases(*module, cases);
}

TEST(DequantizeColumns, EqualNumerics) {
  std::unique_ptr<MLIRContext> context = createContext();
  context->loadDialect<LowbitDialect, func::FuncDialect>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&*context));
  std::vector<Case> cases;
  for (
      StringRef text :
      {"int<3>, group = 8, column_scale = <log<width = 5, octave = 8>, tensor>",
       "uint<2>, minimum, tensor, column_scale = <uint<8>, tensor, scale = "
       "f32>",
       "trellis<state = 10, rate = 2>, channel, column_scale = <log<width = 3, "
       "octave = 1>, tensor>",
       "mixed<5 trellis<state = 9, rate = 4>, 20 trellis<state = 9, rate = 2>, "
       "18 trellis<state = 9, rate = 1>>, column_scale = <log<width = 5, "
       "octave "
       "= 8>, tensor>",
       "mixed<40 int<3>, 3 int<8>>, scale = f32, tensor_scale"}) {
    auto encoding = cast<EncodingAttr>(
        parseAttribute(("#lowbit.encoding<" + text + ">").str(), &*context));
    auto type = QuantizedTensorType::get({rows, columns},
                                         Float32Type::get(&*context), encoding);
    numerics::QuantizedMatrix matrix;
    matrix.reset(encoding.getNumerics(), rows, columns);
    uint32_t state = 1;
    auto next = [&](uint32_t end) {
      state = state * 1664525u + 1013904223u;
      return (state >> 15) % end;
    };
    for (int64_t n = 0; n < rows; ++n)
      for (int64_t k = 0; k < columns; ++k)
        matrix.setCode(n, k, next(matrix.format(k).codeCount()));
    for (size_t k = matrix.columnParts.size(); k > 1; --k)
      std::swap(matrix.columnParts[k - 1], matrix.columnParts[next(k)]);
    for (auto [i, scale] : llvm::enumerate(matrix.scales))
      scale = std::ldexp(1.5f, i % 8 - 3);
    for (float &minimum : matrix.minima)
      minimum = -0.75f;
    for (float &scale : matrix.outerScales)
      scale = 0.3f;
    if (matrix.columnScale) {
      numerics::QuantizedMatrix scale = *matrix.columnScale;
      scale.scales[0] = 0.375f;
      for (int64_t k = 0; k < columns; ++k)
        scale.setCode(0, k, next(scale.encoding.element.codeCount()));
      matrix.columnScale =
          std::make_shared<const numerics::QuantizedMatrix>(scale);
    }
    addFunction(*module, "case" + std::to_string(cases.size()), type);
    cases.push_back(createCase(type, matrix));
  }
  checkCases(*module, cases);
}

} // namespace
