//===- DequantizeTest.cpp - lowered dequantize against the numerics -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For every width and kind of integer, every set of parameters, and layouts
// that are dense, planar, scattered, or interleaved in words: what compiled
// code reads from packed bytes is what numerics::dequantize gives, bit by bit.
//
//===----------------------------------------------------------------------===//

#include "ReferenceJit.h"
#include "lowbit/Numerics/Layouts.h"
#include "lowbit/Numerics/Packer.h"
#include "lowbit/Numerics/Quantizer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "gtest/gtest.h"
#include <cmath>
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
  std::vector<float> expected;
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

Case createCase(QuantizedTensorType type) {
  Case result{type, {}, std::vector<float>(rows * columns)};
  numerics::QuantizedMatrix matrix;
  numerics::Status status =
      numerics::quantize(createWeights().data(), rows, columns,
                         type.getEncoding().getNumerics(), {}, matrix);
  EXPECT_TRUE(status.ok()) << status.message;
  result.packed = numerics::pack(type.bindLayout(), matrix);
  numerics::dequantize(matrix, result.expected.data());
  return result;
}

/// The layouts to try for codes of `width` bits; the first is dense.
SmallVector<LayoutInterface> layoutsFor(MLIRContext *context, unsigned width) {
  auto tiles = [&](const numerics::Layout &layout) -> LayoutInterface {
    return TilesAttr::get(context, layout);
  };
  SmallVector<LayoutInterface> layouts{
      LayoutInterface(), PlanesAttr::get(context, 32, 32),
      tiles(numerics::planes(width, 16)), tiles(numerics::gptq(width)),
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
    arrays.push_back(
        {test.packed.buffers[buffer].data(), llvm::to_vector(type.getShape())});
  }
  return arrays;
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
  ReferenceJit jit(*module);
  ASSERT_GE(cases.size(), 40u);
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

INSTANTIATE_TEST_SUITE_P(Widths, Dequantize, testing::Range(1u, 9u));

} // namespace
