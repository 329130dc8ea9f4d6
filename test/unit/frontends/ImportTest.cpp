//===- ImportTest.cpp - graphs, shapes, errors ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelText.h"

using namespace lowbit;
using namespace lowbit::testing;

namespace {

ONNXImportOptions shape(llvm::StringRef spec) {
  ONNXImportOptions options;
  EXPECT_FALSE(bool(addDimension(options, spec)));
  return options;
}

TEST(Import, NamesOfArgumentsAndResults) {
  std::string text =
      importGraph(io("input", "x", 1, {"1", "seq"}) + io("output", "y", 1, {}) +
                  node("Exp", {"x"}, "y"));
  EXPECT_HAS(text, "func.func @main(%arg0: tensor<1x?xf32> {lowbit.dims = "
                   "[\"\", \"seq\"], lowbit.name = \"x\"}) -> "
                   "(tensor<1x?xf32> {lowbit.dims = [\"\", \"seq\"], "
                   "lowbit.name = \"y\"})");
  EXPECT_HAS(text, "math.exp");
}

TEST(Import, FixedDimensions) {
  std::string graph = io("input", "x", 1, {"1", "seq"}) +
                      io("output", "y", 1, {}) + node("Exp", {"x"}, "y");
  EXPECT_HAS(importGraph(graph, 17, shape("seq=16")), "tensor<1x16xf32>");
  EXPECT_HAS(importGraph(graph, 17, shape("sequence=16")),
             "no input dimension is called 'sequence'; there are seq");
}

TEST(Import, DimensionSpecs) {
  ONNXImportOptions options = shape("a=3");
  for (const char *bad : {"a", "=3", "a=", "a=0", "a=-1", "a=x", "a=4"})
    EXPECT_NE(llvm::toString(addDimension(options, bad)), "") << bad;
}

TEST(Import, UnnamedDimensionsHaveNames) {
  std::string graph = "input { name: 'x' type { tensor_type { elem_type: 1 "
                      "shape { dim { } } } } }" +
                      io("output", "y", 1, {}) + node("Exp", {"x"}, "y");
  EXPECT_HAS(importGraph(graph), "tensor<?xf32>");
  EXPECT_HAS(importGraph(graph, 17, shape("x.0=5")), "tensor<5xf32>");
}

/// The reshape that exporters build from Shape, Gather, Unsqueeze and Concat.
TEST(Import, ShapeArithmeticFolds) {
  std::string text = importGraph(
      io("input", "x", 1, {"batch", "seq", "256"}) + io("output", "y", 1, {}) +
      integers("i1", {1}) + integers("axis0", {0}) + integers("rest", {4, 64}) +
      integers("minus", {-1}) + node("Shape", {"x"}, "s") +
      node("Gather", {"s", "i1"}, "seq") +
      node("Concat", {"minus", "seq", "rest"}, "target",
           attribute("axis", "INT", {0})) +
      node("Reshape", {"x", "target"}, "y"));
  EXPECT_HAS(text, "tensor.expand_shape %arg0 [[0], [1], [2, 3]]");
  EXPECT_HAS(text, "tensor<?x?x4x64xf32>");
  EXPECT_LACKS(text, "tensor.reshape");
  EXPECT_LACKS(text, "xi64");
}

TEST(Import, ReshapeThatMergesAndSplits) {
  std::string text = importGraph(
      io("input", "x", 1, {"6", "seq", "4"}) + io("output", "y", 1, {}) +
      integers("target", {3, 2, -1}) + node("Reshape", {"x", "target"}, "y"));
  EXPECT_HAS(text, "tensor.expand_shape");
  EXPECT_HAS(text, "tensor.collapse_shape");
  EXPECT_HAS(text, "tensor<3x2x?xf32>");
}

TEST(Import, ImpossibleReshape) {
  EXPECT_HAS(importGraph(io("input", "x", 1, {"2", "3"}) +
                         io("output", "y", 1, {}) + integers("t", {7}) +
                         node("Reshape", {"x", "t"}, "y", "", "/r")),
             "node '/r' (Reshape): cannot reshape [2, 3] to [7]");
}

TEST(Import, BroadcastsAreIndexingMaps) {
  std::string text = importGraph(
      io("input", "x", 1, {"1", "seq", "8"}) + io("input", "b", 1, {"8"}) +
      io("output", "y", 1, {}) + node("Add", {"x", "b"}, "y"));
  EXPECT_HAS(text, "affine_map<(d0, d1, d2) -> (d2)>");
  EXPECT_EQ(count(text, "linalg.generic"), 1u);
}

TEST(Import, UndecidableBroadcastAsksForAShape) {
  std::string graph = io("input", "x", 1, {"a"}) + io("input", "z", 1, {"b"}) +
                      io("output", "y", 1, {}) +
                      node("Add", {"x", "z"}, "y", "", "/sum");
  std::string text = importGraph(graph);
  EXPECT_HAS(text, "model.onnx: node '/sum' (Add): cannot broadcast [a] with "
                   "[b]: whether a and b are equal is not known; give --shape "
                   "a=<value>");
  EXPECT_HAS(importGraph(graph, 17, shape("a=1")), "tensor<?xf32>");
}

TEST(Import, ExpandIsAView) {
  std::string text = importGraph(
      io("input", "x", 1, {"4", "1"}) + io("input", "z", 1, {"4", "seq"}) +
      io("output", "y", 1, {}) + node("Shape", {"z"}, "s") +
      node("Expand", {"x", "s"}, "wide") + node("Mul", {"wide", "z"}, "y"));
  EXPECT_EQ(count(text, "linalg.generic"), 1u) << text;
  EXPECT_HAS(text, "(d0, 0)");
}

TEST(Import, ScalarsMoveIntoTheRegion) {
  std::string text =
      importGraph(io("input", "x", 1, {"n"}) + io("output", "y", 1, {}) +
                  "initializer { name: 'eps' data_type: 1 float_data: 0.5 }" +
                  node("Add", {"x", "eps"}, "y"));
  EXPECT_HAS(text, "^bb0(%in: f32, %out: f32):\n      %cst = arith.constant "
                   "5.000000e-01 : f32");
}

TEST(Import, DataDependentShape) {
  EXPECT_HAS(importGraph(io("input", "x", 1, {"n"}) +
                         io("input", "t", 7, {"2"}) + io("output", "y", 1, {}) +
                         node("Reshape", {"x", "t"}, "y")),
             "input 't' must depend on shapes and constants only");
}

TEST(Import, AllUnsupportedNodesInOneError) {
  std::string text = importGraph(
      io("input", "x", 1, {"n"}) + io("output", "y", 1, {}) +
          node("Foo", {"x"}, "a", "", "/first") + node("Exp", {"a"}, "b") +
          node("LayerNormalization", {"b", "b"}, "c", "", "/second") +
          node("Cast", {"c"}, "d", attribute("to", "INT", {8}), "/third") +
          node("Exp", {"d"}, "y", attribute("bar", "INT", {1}), "/fourth"),
      13);
  EXPECT_HAS(text, "4 nodes are not supported:");
  EXPECT_HAS(text, "node '/first' (Foo): operator is not supported");
  EXPECT_HAS(text, "node '/second' (LayerNormalization): operator is "
                   "supported for versions 17 to 25, the model imports "
                   "version 13");
  EXPECT_HAS(text, "node '/third' (Cast): attribute to = 8");
  EXPECT_HAS(text, "node '/fourth' (Exp): attribute 'bar'");
}

//===----------------------------------------------------------------------===//
// Graphs that aren't well formed
//===----------------------------------------------------------------------===//

TEST(Import, UseBeforeDefinition) {
  EXPECT_HAS(importGraph(io("input", "x", 1, {"n"}) + io("output", "y", 1, {}) +
                         node("Exp", {"a"}, "y", "", "/p") +
                         node("Exp", {"y"}, "a", "", "/q")),
             "node '/p' (Exp): input 'a' is not defined");
}

TEST(Import, DuplicateNames) {
  std::string x = io("input", "x", 1, {"n"}), y = io("output", "y", 1, {});
  EXPECT_HAS(
      importGraph(x + y + node("Exp", {"x"}, "y") + node("Exp", {"x"}, "y")),
      "output 'y' is defined twice");
  EXPECT_HAS(importGraph(x + x + y + node("Exp", {"x"}, "y")),
             "input 'x': the name is empty or defined twice");
  EXPECT_HAS(importGraph(x + y + integers("k", {1}) + integers("k", {2}) +
                         node("Exp", {"x"}, "y")),
             "initializer 'k': the name is defined twice");
}

TEST(Import, MissingOutput) {
  EXPECT_HAS(importGraph(io("input", "x", 1, {"n"}) + io("output", "z", 1, {}) +
                         node("Exp", {"x"}, "y")),
             "output 'z' is not defined");
}

TEST(Import, BadDimensions) {
  for (const char *dim : {"-1", "9223372036854775807"})
    EXPECT_HAS(importGraph(io("input", "x", 1, {dim}) +
                           io("output", "y", 1, {}) + node("Exp", {"x"}, "y")),
               "has an invalid dimension");
  EXPECT_HAS(
      importGraph(io("input", "x", 1, {"1048576", "1048576", "1048576"}) +
                  io("output", "y", 1, {}) + node("Exp", {"x"}, "y")),
      "too large");
}

TEST(Import, BadFiles) {
  Folder folder;
  EXPECT_HAS(importFile(folder / "none.onnx"), "cannot be read");
  EXPECT_HAS(importFile(folder.write("empty.onnx", "")), "is no ONNX model");
  EXPECT_HAS(importFile(folder.write("text.onnx", "hello, world")),
             "is no ONNX model");
}

/// A table of 64 positions serves up to 64 tokens, and says so.
TEST(Import, PositionsLimitTheLength) {
  std::string text = importGraph(
      io("input", "x", 1, {"1", "seq"}) + io("output", "y", 1, {}) +
      "initializer { name: 'table' data_type: 1 dims: 1 dims: 70 raw_data: '" +
      std::string(280, 'a') + "' }" + integers("zero", {0}) +
      integers("one", {1}) + node("Shape", {"x"}, "s") +
      node("Slice", {"s", "one", "two"}, "n") + integers("two", {2}) +
      node("Slice", {"table", "zero", "n", "one"}, "p") +
      node("Add", {"x", "p"}, "y"));
  EXPECT_HAS(text, "text = \"70 >= seq\"");
  EXPECT_HAS(text, "tensor<1x?xf32>");
}

TEST(Import, DimensionsOfSumsAreOneExtent) {
  std::string text = importGraph(
      io("input", "x", 1, {"seq"}) + io("input", "past", 1, {"past"}) +
      io("input", "mask", 1, {"past + seq"}) + io("output", "y", 1, {}) +
      node("Concat", {"past", "x"}, "all", attribute("axis", "INT", {0})) +
      node("Add", {"all", "mask"}, "y"));
  EXPECT_HAS(text, "dimension 0 of input 'mask' == ");
  EXPECT_LACKS(text, "cannot broadcast");
}

TEST(Import, BranchesOnShapesAreDecided) {
  std::string branch = "{ node { op_type: 'OP' input: 'x' output: 'OUT' } "
                       "output { name: 'OUT' } } ";
  auto make = [&](const std::string &op, const std::string &out) {
    std::string text = branch;
    for (auto [from, to] : {std::pair("OP", op), std::pair("OUT", out)})
      for (size_t at; (at = text.find(from)) != std::string::npos;)
        text.replace(at, std::string(from).size(), to);
    return text;
  };
  std::string graph =
      io("input", "x", 1, {"4", "seq"}) + io("output", "y", 1, {}) +
      integers("four", {4}) + integers("zero", {0}) +
      node("Shape", {"x"}, "s") + node("Gather", {"s", "zero"}, "n") +
      node("Equal", {"n", "four"}, "c") +
      "node { op_type: 'If' input: 'c' output: 'y' "
      "attribute { name: 'then_branch' type: GRAPH g " +
      make("Exp", "e") + "} attribute { name: 'else_branch' type: GRAPH g " +
      make("Tanh", "t") + "} }";
  std::string text = importGraph(graph);
  EXPECT_HAS(text, "math.exp");
  EXPECT_LACKS(text, "math.tanh");
}

} // namespace
