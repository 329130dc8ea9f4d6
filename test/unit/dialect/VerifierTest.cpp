//===- VerifierTest.cpp - constraints on formats of other dialects --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Another dialect's formats may have any number of bits, window bits and values
// per code: strings stand for them here. The constraints that text can reach
// are in test/dialect/invalid.mlir.
//
//===----------------------------------------------------------------------===//

#include "TextFormat.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace lowbit;
using lowbit::test::TextFormat;

namespace {

class VectorFormat : public testing::Test {
protected:
  VectorFormat() {
    context.loadDialect<LowbitDialect>();
    StringAttr::attachInterface<TextFormat>(context);
    context.getDiagEngine().registerHandler(
        [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
  }
  EncodingAttr getEncoding(GranularityInterface granularity,
                           StringRef format = "8 8 8",
                           ZeroPointKind zeroPoint = ZeroPointKind::None) {
    return EncodingAttr::getChecked(
        [&] { return mlir::emitError(UnknownLoc::get(&context)); }, &context,
        cast<ElementFormatInterface>(
            Attribute(StringAttr::get(&context, format))),
        zeroPoint, false, granularity, FloatType(Float16Type::get(&context)),
        false);
  }
  QuantizedTensorType getType(int64_t columns, LayoutInterface layout) {
    return QuantizedTensorType::getChecked(
        [&] { return mlir::emitError(UnknownLoc::get(&context)); },
        ArrayRef<int64_t>{8, columns}, Type(Float32Type::get(&context)),
        getEncoding(PerChannelAttr::get(&context)), layout);
  }

  MLIRContext context;
  std::string message;
};

TEST_F(VectorFormat, E5GroupEndsBetweenCodes) {
  EXPECT_TRUE(getEncoding(PerGroupAttr::get(&context, 32)));
  EXPECT_FALSE(getEncoding(PerGroupAttr::get(&context, 12)));
  EXPECT_EQ(message, "requires a group of a multiple of 8 columns, the values "
                     "per code (E5), found 12");
}

TEST_F(VectorFormat, T4RowEndsBetweenCodes) {
  EXPECT_TRUE(getType(64, {}));
  EXPECT_FALSE(getType(60, {}));
  EXPECT_EQ(message, "requires a last dimension of a multiple of 8, the values "
                     "per code (T4), found 60");
}

TEST_F(VectorFormat, E6TablesHaveLimits) {
  GranularityInterface channel = PerChannelAttr::get(&context);
  EXPECT_TRUE(getEncoding(channel, "2 12 1"));
  for (StringRef format : {"0 1 1", "4 3 1", "8 17 1", "8 8 0", "8 8 65"}) {
    message.clear();
    EXPECT_FALSE(getEncoding(channel, format));
    EXPECT_NE(message.find("1 to 64 values per code (E6), found"),
              std::string::npos)
        << format.str() << ": " << message;
  }
}

TEST_F(VectorFormat, E7IntegerZeroPointsNeedIntegers) {
  GranularityInterface channel = PerChannelAttr::get(&context);
  EXPECT_TRUE(getEncoding(channel, "4 4 1", ZeroPointKind::Fractional));
  EXPECT_FALSE(getEncoding(channel, "4 4 1", ZeroPointKind::Integer));
  EXPECT_EQ(message, "requires integer codes for an integer zero point (E7), "
                     "found \"4 4 1\"");
}

/// In text, what stands behind `as` and `column_scale =` is an encoding.
TEST_F(VectorFormat, E17E20ScalesHaveEncodings) {
  auto check = [&](Attribute stored, Attribute columnScale) {
    return EncodingAttr::getChecked(
        [&] { return mlir::emitError(UnknownLoc::get(&context)); }, &context,
        ElementFormatInterface(IntAttr::get(&context, 4, false)),
        ZeroPointKind::None, false,
        GranularityInterface(PerChannelAttr::get(&context)),
        FloatType(Float16Type::get(&context)), false, OuterScaleKind::None,
        stored, columnScale);
  };
  Attribute other = UnitAttr::get(&context);
  EXPECT_FALSE(check(other, {}));
  EXPECT_EQ(message, "requires an encoding of scales (E20), found unit");
  EXPECT_FALSE(check({}, other));
  EXPECT_EQ(message, "requires an encoding of column scales (E17), found unit");
}

TEST_F(VectorFormat, LayoutsHoldCodesOfSeveralValues) {
  auto type = getType(64, PlanesAttr::get(&context, 32, 32));
  ASSERT_TRUE(type);
  // 8 rows are padded to 32; 64 columns are 8 codes, padded to 32.
  EXPECT_EQ(type.getStoredBytes(), 32 * 2 + 32 * 32);
}

} // namespace
