//===- VerifierTest.cpp - constraints on formats that are not integers ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// No format of the dialect has several values per code, but another dialect's
// may: a string stands for one here. The constraints that text can reach are in
// test/dialect/invalid.mlir.
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace lowbit;

namespace {

/// Eight values for each eight-bit code, as a lattice's points have.
struct LatticeModel
    : ElementFormatInterface::ExternalModel<LatticeModel, StringAttr> {
  unsigned getCodeBits(Attribute) const { return 8; }
  unsigned getValuesPerCode(Attribute) const { return 8; }
  unsigned getWindowBits(Attribute) const { return 8; }
  void decode(Attribute, uint64_t, MutableArrayRef<float> values) const {
    llvm::fill(values, 0);
  }
  Value buildDecode(Attribute, OpBuilder &, Location, Value window,
                    Value) const {
    return window;
  }
};

class VectorFormat : public testing::Test {
protected:
  VectorFormat() {
    context.loadDialect<LowbitDialect>();
    StringAttr::attachInterface<LatticeModel>(context);
    context.getDiagEngine().registerHandler(
        [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
  }
  EncodingAttr getEncoding(GranularityInterface granularity) {
    return EncodingAttr::getChecked(
        [&] { return mlir::emitError(UnknownLoc::get(&context)); }, &context,
        cast<ElementFormatInterface>(
            Attribute(StringAttr::get(&context, "lattice"))),
        ZeroPointKind::None, false, granularity,
        FloatType(Float16Type::get(&context)), false);
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

TEST_F(VectorFormat, L2LayoutsHoldScalarIntegers) {
  EXPECT_FALSE(getType(64, PlanesAttr::get(&context, 32, 32)));
  EXPECT_EQ(message, "requires scalar integer codes (L2), found \"lattice\"");
}

} // namespace
