//===- OperatorsTest.cpp - what single operators become -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelText.h"

using namespace lowbit::testing;

namespace {

const std::string y = io("output", "y", 1, {});

TEST(Operators, MatMulWithMatrixIsOnRows) {
  std::string text = importGraph(io("input", "x", 1, {"1", "seq", "8"}) +
                                 io("input", "w", 1, {"8", "3"}) + y +
                                 node("MatMul", {"x", "w"}, "y"));
  EXPECT_HAS(text, "tensor.collapse_shape %arg0 [[0, 1], [2]]");
  EXPECT_HAS(text, "linalg.matmul ins(%collapsed, %arg1");
  EXPECT_HAS(text, "into tensor<1x?x3xf32>");
}

TEST(Operators, BatchedMatMul) {
  std::string text = importGraph(io("input", "a", 1, {"h", "s", "8"}) +
                                 io("input", "b", 1, {"h", "8", "s"}) + y +
                                 node("MatMul", {"a", "b"}, "y"));
  EXPECT_HAS(text, "linalg.batch_matmul");
  text = importGraph(io("input", "a", 1, {"1", "4", "s", "8"}) +
                     io("input", "b", 1, {"1", "1", "8", "s"}) + y +
                     node("MatMul", {"a", "b"}, "y"));
  EXPECT_HAS(text, "\"parallel\", \"reduction\"]");
  EXPECT_HAS(text, "(d0, 0, d4, d3)");
}

TEST(Operators, OuterProductIsElementwise) {
  std::string text = importGraph(io("input", "a", 1, {"4", "1"}) +
                                 io("input", "b", 1, {"1", "s"}) + y +
                                 node("MatMul", {"a", "b"}, "y"));
  EXPECT_HAS(text, "arith.mulf");
  EXPECT_LACKS(text, "linalg.matmul");
}

TEST(Operators, HalfMatMulAccumulatesInF32) {
  std::string text = importGraph(io("input", "a", 10, {"s", "8"}) +
                                 io("input", "b", 10, {"8", "3"}) + y +
                                 node("MatMul", {"a", "b"}, "y"));
  EXPECT_HAS(text, "outs(%1 : tensor<?x3xf32>)");
  EXPECT_HAS(text, "arith.truncf");
}

TEST(Operators, PowersBecomeProducts) {
  std::string text =
      importGraph(io("input", "x", 1, {"s"}) + y +
                  "initializer { name: 'two' data_type: 1 float_data: 2 }" +
                  node("Pow", {"x", "two"}, "y"));
  EXPECT_HAS(text, "arith.mulf %in, %in");
  EXPECT_LACKS(text, "math.powf");
}

TEST(Operators, SoftmaxReducesAndNormalises) {
  std::string text = importGraph(io("input", "x", 1, {"h", "s"}) + y +
                                 node("Softmax", {"x"}, "y"));
  EXPECT_EQ(count(text, "\"reduction\"]"), 2u);
  EXPECT_EQ(count(text, "linalg.generic"), 5u);
  EXPECT_LACKS(text, "expand_shape");
}

TEST(Operators, SoftmaxBefore13CoversAllTrailingDimensions) {
  std::string text = importGraph(io("input", "x", 1, {"h", "s", "4"}) + y +
                                     node("Softmax", {"x"}, "y"),
                                 11);
  EXPECT_EQ(count(text, "\"reduction\", \"reduction\"]"), 2u);
}

TEST(Operators, KeptDimensionsAreViews) {
  std::string text = importGraph(
      io("input", "x", 1, {"1", "s", "256"}) + y +
      node("ReduceMean", {"x"}, "m", attribute("axes", "INTS", {-1})) +
      node("Sub", {"x", "m"}, "y"));
  EXPECT_LACKS(text, "expand_shape");
  EXPECT_HAS(text, "arith.constant 2.560000e+02");
}

TEST(Operators, GatherClampsIndices) {
  std::string text = importGraph(io("input", "table", 1, {"100", "8"}) +
                                 io("input", "ids", 7, {"1", "s"}) + y +
                                 node("Gather", {"table", "ids"}, "y"));
  EXPECT_HAS(text, "tensor.extract %arg0");
  EXPECT_HAS(text, "arith.minsi");
  EXPECT_HAS(text, "arith.maxsi");
}

TEST(Operators, GatherOfLastPositionIsASlice) {
  std::string text = importGraph(
      io("input", "x", 1, {"1", "s", "8"}) + y +
      "initializer { name: 'last' data_type: 7 int64_data: -1 }" +
      node("Gather", {"x", "last"}, "y", attribute("axis", "INT", {1})));
  EXPECT_HAS(text, "tensor.extract_slice");
  EXPECT_HAS(text, "tensor<1x8xf32>");
  EXPECT_LACKS(text, "tensor.extract ");
}

TEST(Operators, GatherOutOfRange) {
  EXPECT_HAS(
      importGraph(io("input", "x", 1, {"4"}) + y +
                  "initializer { name: 'i' data_type: 7 int64_data: 4 }" +
                  node("Gather", {"x", "i"}, "y")),
      "index 4 is out of range for [4]");
}

TEST(Operators, SliceClampsToExtents) {
  std::string text =
      importGraph(io("input", "x", 1, {"s", "8"}) + y + integers("a", {-1, 2}) +
                  integers("b", {9223372036854775807, 100}) +
                  node("Slice", {"x", "a", "b"}, "y"));
  EXPECT_HAS(text, "tensor<1x6xf32>");
}

TEST(Operators, SplitIntoEqualParts) {
  std::string text =
      importGraph(io("input", "x", 1, {"s", "12"}) + y +
                  "node { op_type: 'Split' input: 'x' output: 'a' output: 'b' "
                  "output: 'c' attribute { name: 'axis' type: INT i: -1 } }" +
                  node("Mul", {"a", "c"}, "y"));
  EXPECT_HAS(text, "[0, 8] [%dim, 4]");
}

TEST(Operators, ConcatInsertsIntoOneTensor) {
  std::string text = importGraph(
      io("input", "p", 1, {"past", "4"}) + io("input", "x", 1, {"s", "4"}) + y +
      node("Concat", {"p", "x"}, "y", attribute("axis", "INT", {0})));
  EXPECT_EQ(count(text, "tensor.insert_slice"), 2u);
  EXPECT_HAS(text, "arith.addi");
}

TEST(Operators, TransposeOfUnitDimensionsIsFree) {
  std::string text = importGraph(
      io("input", "x", 1, {"s"}) + y + integers("zero", {0}) +
      node("Unsqueeze", {"x", "zero"}, "row") +
      node("Transpose", {"row"}, "column") + node("Exp", {"column"}, "y"));
  EXPECT_LACKS(text, "linalg.transpose");
  EXPECT_HAS(text, "tensor<?x1xf32>");
}

TEST(Operators, GemmTransposesItsWeight) {
  std::string text = importGraph(
      io("input", "x", 1, {"s", "8"}) + io("input", "w", 1, {"3", "8"}) +
      io("input", "c", 1, {"3"}) + y +
      node("Gemm", {"x", "w", "c"}, "y", attribute("transB", "INT", {1})));
  EXPECT_HAS(text, "linalg.transpose ins(%arg1");
  EXPECT_HAS(text, "linalg.matmul");
  EXPECT_HAS(text, "arith.addf");
}

TEST(Operators, RangeOfAnExtent) {
  std::string text = importGraph(
      io("input", "x", 1, {"s"}) + io("output", "y", 7, {}) +
      "initializer { name: 'zero' data_type: 7 int64_data: 0 }"
      "initializer { name: 'one' data_type: 7 int64_data: 1 }" +
      node("Shape", {"x"}, "shape") + node("Squeeze", {"shape"}, "n") +
      node("Range", {"zero", "n", "one"}, "y"));
  EXPECT_HAS(text, "linalg.index 0");
  EXPECT_HAS(text, "-> (tensor<?xi64>");
}

TEST(Operators, TypesMustAgree) {
  EXPECT_HAS(importGraph(io("input", "a", 1, {"n"}) +
                         io("input", "b", 7, {"n"}) + y +
                         node("Add", {"a", "b"}, "y")),
             "needs operands of the same type, found float and int64");
  EXPECT_HAS(
      importGraph(io("input", "a", 7, {"n"}) + y + node("Exp", {"a"}, "y")),
      "needs operands of a float type, found int64");
}

} // namespace
