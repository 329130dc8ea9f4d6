//===- GlobalEraserTest.cpp - what erased globals leave -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The data of an erased global are freed if asked for, and if nothing else in
// the module refers to them.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/PackedData.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace lowbit;

/// @a and @b share their data; a constant refers to those of @c; @d is read.
static constexpr llvm::StringLiteral kModule = R"mlir(
lowbit.global @a : tensor<2xf32> {data = dense_resource<ab> : tensor<2xf32>}
lowbit.global @b : tensor<2xf32> {data = dense_resource<ab> : tensor<2xf32>}
lowbit.global @c : tensor<2xf32> {data = dense_resource<c> : tensor<2xf32>}
lowbit.global @d : tensor<2xf32> {data = dense_resource<d> : tensor<2xf32>}
func.func @f() -> (tensor<2xf32>, tensor<2xf32>) {
  %c = arith.constant dense_resource<c> : tensor<2xf32>
  %d = lowbit.weight @d : tensor<2xf32>
  return %c, %d : tensor<2xf32>, tensor<2xf32>
}
{-#
  dialect_resources: {
    builtin: {
      ab: "0x040000000000803F00000040",
      c: "0x040000000000803F00000040",
      d: "0x040000000000803F00000040"
    }
  }
#-}
)mlir";

namespace {

class GlobalEraserTest : public ::testing::Test {
protected:
  GlobalEraserTest() {
    context.loadDialect<LowbitDialect, mlir::arith::ArithDialect,
                        mlir::func::FuncDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(kModule, &context);
  }

  GlobalOp get(llvm::StringRef name) {
    return module->lookupSymbol<GlobalOp>(name);
  }

  /// What a global's data are, to look at them when it is gone.
  mlir::DenseResourceElementsAttr getData(llvm::StringRef name) {
    return llvm::cast<mlir::DenseResourceElementsAttr>(
        get(name).getComponent("data"));
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace

static size_t countBytes(mlir::DenseResourceElementsAttr data) {
  return data.getRawHandle().getBlob()->getData().size();
}

TEST_F(GlobalEraserTest, FreesDataWithTheirLastGlobal) {
  GlobalEraser eraser(*module, /*releasesData=*/true);
  auto data = getData("a");
  eraser.erase(get("a"));
  EXPECT_EQ(8u, countBytes(data));
  eraser.erase(get("b"));
  EXPECT_EQ(0u, countBytes(data));
}

TEST_F(GlobalEraserTest, KeepsDataOfOtherOperations) {
  GlobalEraser eraser(*module, /*releasesData=*/true);
  auto data = getData("c");
  EXPECT_TRUE(eraser.eraseIfUnused(get("c")));
  EXPECT_EQ(8u, countBytes(data));
}

TEST_F(GlobalEraserTest, KeepsGlobalsThatAreRead) {
  GlobalEraser eraser(*module, /*releasesData=*/true);
  EXPECT_FALSE(eraser.eraseIfUnused(get("d")));
  EXPECT_EQ(8u, countBytes(getData("d")));
}

TEST_F(GlobalEraserTest, KeepsDataUnlessAsked) {
  GlobalEraser eraser(*module, /*releasesData=*/false);
  auto data = getData("a");
  eraser.erase(get("a"));
  eraser.erase(get("b"));
  EXPECT_EQ(8u, countBytes(data));
}
