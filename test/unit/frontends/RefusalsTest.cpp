//===- RefusalsTest.cpp - what operators refuse ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A graph that the importer can't give a meaning is refused with the node and
// the reason; one case for each reason.
//
//===----------------------------------------------------------------------===//

#include "ModelText.h"

#include <functional>

using namespace lowbit::testing;

namespace {

constexpr int kFloat = 1, kInt64 = 7, kBool = 9, kUint8 = 2;
const std::string y = io("output", "y", kFloat, {});

/// Imports a graph of `initializers`, which may hold other nodes, and the node
/// `op` on the inputs below; expects an error with the node and `reason`.
void refusesNode(const std::string &op,
                 std::initializer_list<const char *> inputs,
                 const std::string &reason, const std::string &attributes = "",
                 const std::string &initializers = "", int opset = 17) {
  std::string graph =
      io("input", "x", kFloat, {"2", "n", "8"}) +
      io("input", "m", kFloat, {"8", "n"}) + io("input", "s", kFloat, {}) +
      io("input", "flags", kBool, {"4"}) + io("input", "bytes", kUint8, {"4"}) +
      io("input", "ids", kInt64, {"4"}) + io("input", "none", kFloat, {"0"}) +
      y + initializers + node(op, inputs, "y", attributes, "/it");
  std::string text = importGraph(graph, opset);
  EXPECT_EQ(text.rfind("error: ", 0), 0u) << text;
  EXPECT_HAS(text, "node '/it' (" + op + "): " + reason);
}

/// Expects a node that no form of its operator takes.
void refusesTable(const std::string &op,
                  std::initializer_list<const char *> inputs,
                  const std::string &reason, const std::string &attributes = "",
                  int opset = 17) {
  std::string text = importGraph(io("input", "x", kFloat, {"2", "n", "8"}) +
                                     io("input", "ids", kInt64, {"4"}) + y +
                                     node(op, inputs, "y", attributes, "/it"),
                                 opset);
  EXPECT_HAS(text,
             "1 node is not supported:\n  node '/it' (" + op + "): " + reason);
}

std::string textAttribute(const std::string &name, const std::string &value) {
  return "attribute { name: '" + name + "' type: STRING s: '" + value + "' } ";
}

TEST(Refusals, ElementTypes) {
  refusesNode("Relu", {"bytes"}, "needs floats or signed integers, found");
  refusesNode("Relu", {"flags"}, "needs floats or signed integers, found");
  for (const char *op : {"Neg", "Abs"})
    refusesNode(op, {"flags"}, "needs numbers, found bool");
  refusesNode("Clip", {"flags"}, "needs numbers, found bool");
  refusesNode("Add", {"flags", "flags"}, "needs numbers, found bool");
  refusesNode("Pow", {"flags", "flags"}, "needs numbers, found bool");
  refusesNode("Less", {"flags", "flags"}, "needs numbers, found bool");
  refusesNode("And", {"ids", "ids"}, "needs booleans, found");
  refusesNode("Mod", {"m", "m"}, "floats need attribute fmod = 1");
  refusesNode("ReduceMax", {"flags"}, "cannot reduce booleans");
  refusesNode("Gather", {"x", "bytes"},
              "indices must be int32 or int64, found");
  refusesNode("MatMul", {"flags", "flags"},
              "needs numeric operands with dimensions, found");
}

TEST(Refusals, Shapes) {
  refusesNode("MatMul", {"s", "m"},
              "needs numeric operands with dimensions, found");
  refusesNode("MatMul", {"x", "c"},
              "inner extents of [2, n, 8] and [5, 3] must be equal", "",
              io("input", "c", kFloat, {"5", "3"}));
  refusesNode("Gemm", {"x", "m"}, "needs matrices, found [2, n, 8]");
  refusesNode("Trilu", {"ids"}, "needs matrices, found [4]");
  refusesNode("Trilu", {"m", "s"},
              "input k must be an integer that depends on "
              "shapes and constants only");
  refusesNode("Gather", {"none", "ids"}, "cannot gather from [0]");
  refusesNode("Concat", {"m", "x"}, "cannot concatenate [8, n] and [2, n, 8]",
              attribute("axis", "INT", {0}));
  refusesNode("Transpose", {"x"}, "perm must name each of 3 dimensions once",
              attribute("perm", "INTS", {0, 1}));
  refusesNode("Transpose", {"x"}, "axis 1 is given twice",
              attribute("perm", "INTS", {0, 1, 1}));
}

TEST(Refusals, Reshape) {
  refusesNode("Reshape", {"x", "t"}, "more than one extent is -1", "",
              integers("t", {-1, -1}));
  refusesNode("Reshape", {"ids", "t"},
              "extent 0 at 1 refers to no dimension of [4]", "",
              integers("t", {4, 0}));
  refusesNode("Reshape", {"m", "t"},
              "cannot infer the extent -1 of [3, -1] from [8, n]; give --shape "
              "n=<value>",
              "", integers("t", {3, -1}));
}

TEST(Refusals, Slice) {
  refusesNode("Slice", {"x", "a", "b"},
              "starts, ends, axes and steps must have one length", "",
              integers("a", {0}) + integers("b", {1, 2}));
  refusesNode("Slice", {"x", "a", "b", "a", "c"}, "step 0 is not supported", "",
              integers("a", {0}) + integers("b", {1}) + integers("c", {0}));
  // n * n - 5 counts from the end or from the front, and is no requirement
  // that can be checked when the model runs.
  std::string bound = integers("one", {1}) + integers("five", {5}) +
                      node("Shape", {"m"}, "shape") +
                      node("Gather", {"shape", "one"}, "n") +
                      node("Mul", {"n", "n"}, "square") +
                      node("Sub", {"square", "five"}, "bound");
  refusesNode(
      "Slice", {"m", "bound", "five"},
      "whether the bound n*n + -5 is negative is not known; give --shape "
      "n=<value>",
      "", bound);
}

TEST(Refusals, Split) {
  refusesNode("Split", {"ids"},
              "attribute num_outputs must be the number of outputs",
              attribute("num_outputs", "INT", {3}), "", 18);
  refusesNode("Split", {"ids", "t"}, "2 sizes for 1 outputs", "",
              integers("t", {2, 2}));
  refusesNode("Split", {"ids", "t"}, "parts sum to 3, the extent is 4", "",
              integers("t", {3}));
}

TEST(Refusals, Constants) {
  std::string list = "attribute { name: 'value_ints' type: INTS ";
  for (int i = 0; i < 4097; ++i)
    list += "ints: 1 ";
  refusesNode("Constant", {}, "lists longer than 4096 must be tensors",
              list + "} ");
  refusesNode("ConstantOfShape", {"t"}, "attribute value must hold one element",
              "attribute { name: 'value' type: TENSOR t { data_type: 1 dims: 2 "
              "float_data: 1 float_data: 2 } } ",
              integers("t", {2}));
  refusesNode("Dropout", {"x", "s", "flags"}, "training mode must be constant");
}

TEST(Refusals, Sizes) {
  refusesNode("ConstantOfShape", {"t"}, "result is too large: [", "",
              integers("t", {int64_t(1) << 31, int64_t(1) << 31}));
  refusesNode("Tile", {"m", "t"},
              "extents are too large or too complicated to compute", "",
              integers("t", {int64_t(1) << 62, int64_t(1) << 62}));
  refusesNode("Expand", {"s", "t"}, "result has a negative extent: [-3]", "",
              integers("t", {-3}));
}

TEST(Refusals, Activations) {
  refusesNode("PRelu", {"bytes", "bytes"}, "needs floats, found uint8");
  refusesTable("Clip", {"x"}, "bounds must be inputs since version 11",
               "attribute { name: 'min' type: FLOAT f: 0 } ");
  refusesTable("Clip", {"x", "x"},
               "bounds must be attributes before version 11", "", 10);
}

TEST(Refusals, Integers) {
  refusesNode("BitwiseNot", {"m"}, "needs integers, found float", "", "", 18);
  refusesTable("BitShift", {"ids", "ids"},
               "attribute direction must be LEFT or RIGHT, found 'UP'",
               textAttribute("direction", "UP"));
}

TEST(Refusals, Normalization) {
  refusesTable("BatchNormalization", {"x", "x", "x", "x", "x"},
               "attribute spatial must be 1", attribute("spatial", "INT", {0}),
               8);
  refusesNode("GroupNormalization", {"c", "s", "s"},
              "num_groups = 3 must divide the channels of [1, 2, 8]",
              attribute("num_groups", "INT", {3}),
              io("input", "c", kFloat, {"1", "2", "8"}), 18);
}

TEST(Refusals, Branches) {
  std::string yes = "initializer { name: 'yes' data_type: 9 int32_data: 1 }";
  std::string graph = "type: GRAPH g { name: 'two' " + node("Exp", {"m"}, "p") +
                      node("Exp", {"m"}, "q") +
                      io("output", "p", kFloat, {"8", "n"}) +
                      io("output", "q", kFloat, {"8", "n"}) + "} } ";
  refusesNode("If", {"yes"}, "the branch has 2 outputs, the node 1",
              "attribute { name: 'then_branch' " + graph +
                  "attribute { name: 'else_branch' " + graph,
              yes);
  refusesTable("If", {"x"}, "needs attributes then_branch and else_branch");
}

TEST(Refusals, Windows) {
  std::string inputs = io("input", "c", kFloat, {"1", "2", "8"}) +
                       io("input", "w", kFloat, {"4", "2", "3"}) +
                       io("input", "zero", kFloat, {"4", "2", "0"}) +
                       io("input", "v", kFloat, {"2", "4", "3"});
  refusesNode("Conv", {"c", "w"},
              "attribute kernel_shape must be the kernel's extents, found a "
              "kernel [4, 2, 3]",
              attribute("kernel_shape", "INTS", {2}), inputs);
  refusesNode("Conv", {"c", "zero"}, "the kernel is empty: [4, 2, 0]", "",
              inputs);
  refusesNode("ConvTranspose", {"zero", "v"},
              "needs an input without empty dimensions, found [4, 2, 0]",
              attribute("strides", "INTS", {2}), inputs);
  refusesNode("ConvTranspose", {"c", "v"},
              "strides, dilations, pads, output_padding, output_shape and "
              "kernel must fit into 32 bits",
              "attribute { name: 'output_padding' type: INTS ints: "
              "1099511627776 }",
              inputs);
  refusesNode("AveragePool", {"none"},
              "kernel_shape, strides, dilations and pads must have entries",
              attribute("kernel_shape", "INTS", {2}));
  refusesTable("MaxPool", {"x"},
               "attribute kernel_shape must be positive, found 0",
               attribute("kernel_shape", "INTS", {0}));
  refusesTable("MaxPool", {"x"},
               "attribute pads must not be negative, found -1",
               attribute("kernel_shape", "INTS", {2}) +
                   attribute("pads", "INTS", {-1, 0}));
}

TEST(Refusals, Padding) {
  refusesNode("Pad", {"m", "t"}, "negative padding leaves nothing of [8, n]",
              "", integers("t", {-9, 0, 0, 0}));
  refusesNode("Pad", {"m", "t"}, "extents are too large or too complicated", "",
              integers("t", {0, INT64_MIN, 0, 0}));
  refusesNode("Pad", {"m", "t", "s"}, "input constant_value must be constant",
              "", integers("t", {1, 0, 0, 0}));
  refusesNode("Pad", {"none", "t"},
              "cannot repeat elements of [0], which may be empty",
              textAttribute("mode", "edge"), integers("t", {1, 0}));
}

TEST(Refusals, Einsum) {
  auto refuses = [](const char *equation, const std::string &reason) {
    refusesNode("Einsum", {"m"}, reason, textAttribute("equation", equation));
  };
  refuses("ij,jk->ik", "equation 'ij,jk->ik' needs 2 operands");
  refuses("ijk->ij", "operand 'ijk' does not fit [8, n]");
  refuses("ij->i;", "result 'i;' is malformed");
  refuses("ij->ik", "result of 'ij->ik' is malformed");
}

TEST(Refusals, Indices) {
  refusesNode("GatherElements", {"x", "ids"},
              "cannot gather elements of [2, n, 8] at [4]");
  refusesNode("GatherND", {"m", "ids"},
              "indices [4] do not address [8, n] after 0 batch dimensions");
  std::string choice =
      integers("two", {2}) + integers("zero", {0}) + integers("off_on", {0, 1});
  refusesNode("OneHot", {"ids", "two", "m"},
              "input values must have two elements, found [8, n]", "", choice);
  refusesNode("OneHot", {"ids", "zero", "off_on"},
              "needs numbers as indices and a positive depth", "", choice);
  refusesNode("EyeLike", {"x"},
              "needs a matrix and a known type, found [2, n, 8] and float");
  refusesNode("ScatterElements", {"flags", "ids", "flags"},
              "cannot combine booleans", textAttribute("reduction", "add"));
  refusesNode("ScatterElements", {"m", "ids", "m"},
              "indices [4] and updates [8, n] must have one shape, of the rank "
              "of [8, n]");
}

TEST(Refusals, Search) {
  refusesNode("Hardmax", {"x"},
              "before version 13, only the last axis is supported", "", "", 12);
  refusesNode("TopK", {"ids", "t"},
              "k must be one number that is not negative, found [-1]", "",
              integers("t", {-1}));
  refusesTable("TopK", {"x"}, "input 1 is missing");
}

TEST(Refusals, Movement) {
  refusesTable("Slice", {"x"},
               "bounds must be inputs since version 10, and attributes before");
  refusesTable("DepthToSpace", {"x"},
               "attribute mode must be DCR or CRD, found 'RGB'",
               textAttribute("mode", "RGB"));
  refusesNode("Squeeze", {"m"},
              "whether extent n at axis 1 is 1 is not known; give --shape "
              "n=<value>");
}

TEST(Refusals, Forms) {
  refusesTable("Exp", {"x"},
               "attribute 'bar' is not supported, or has another "
               "kind than it must",
               attribute("bar", "INT", {1}));
  refusesTable("Exp", {"x", "x"}, "takes at most 1 inputs, found 2");
  refusesTable("Constant", {}, "needs exactly one attribute");
  refusesTable("LayerNormalization", {"x", "x"},
               "attribute stash_type must be 1, found 10",
               attribute("stash_type", "INT", {10}));
  refusesTable("ReduceMean", {"x", "ids"},
               "axes must be an attribute before version 18");
  refusesTable("ReduceSum", {"x"}, "axes must be an input since version 13",
               attribute("axes", "INTS", {0}));
}

/// What is wrong with a model as a whole.
std::string importWith(const std::function<void(onnx::ModelProto &)> &change) {
  onnx::ModelProto model =
      parseModel(io("input", "x", kFloat, {"4"}) + y + node("Exp", {"x"}, "y"));
  change(model);
  return importModel(model);
}

TEST(Refusals, Models) {
  using onnx::ModelProto;
  EXPECT_HAS(importWith([](ModelProto &m) { m.clear_opset_import(); }),
             "model.onnx: imports no operator set");
  EXPECT_HAS(importWith([](ModelProto &m) { m.mutable_graph()->clear_node(); }),
             "is no ONNX model: it has no graph or no nodes");
  EXPECT_HAS(
      importWith([](ModelProto &m) { m.mutable_graph()->clear_output(); }),
      "the graph has no outputs");
  EXPECT_HAS(importWith([](ModelProto &m) {
               m.mutable_graph()->mutable_input(0)->clear_type();
             }),
             "input 'x': needs a tensor type with a shape");
  EXPECT_HAS(importWith([](ModelProto &m) {
               m.mutable_graph()->add_sparse_initializer();
             }),
             "graph: sparse initializers are not supported");
  EXPECT_HAS(importWith([](ModelProto &m) {
               auto *domain = m.add_opset_import();
               domain->set_domain("com.microsoft");
               domain->set_version(1);
               onnx::NodeProto *node = m.mutable_graph()->mutable_node(0);
               node->set_op_type("SkipSimplifiedLayerNormalization");
               node->set_domain("com.microsoft");
               node->add_input("x");
               node->add_input("x");
               node->add_output("mean");
             }),
             "outputs mean and inv_std_var are not supported");
  EXPECT_HAS(importWith([](ModelProto &m) {
               onnx::FunctionProto *function = m.add_functions();
               function->set_name("Exp");
               *function->add_node() = m.graph().node(0);
             }),
             "functions call each other without end, or make more than");
  // Graphs in graphs, deeper than any exporter nests them.
  EXPECT_HAS(importWith([](ModelProto &m) {
               onnx::GraphProto *graph = m.mutable_graph();
               for (int i = 0; i < 100; ++i)
                 graph = graph->add_node()->add_attribute()->mutable_g();
               graph->set_name("deep");
             }),
             "is no ONNX model: the protobuf encoding is malformed or "
             "truncated");
  Folder folder;
  EXPECT_HAS(importFile(folder.write("model.onnx", "\x3a\x7f\x0a")),
             "is no ONNX model: the protobuf encoding is malformed or "
             "truncated");
  // An entry of the metadata that is no message.
  EXPECT_HAS(importFile(folder.write("model.onnx", "\x72\x01\xff")),
             "is no ONNX model: protobuf cannot parse it");
}

TEST(Refusals, Tensors) {
  auto import = [](const std::string &tensor) {
    return importGraph(io("input", "x", kFloat, {"4"}) + y +
                       "initializer { name: 'w' " + tensor + "}" +
                       node("Add", {"x", "w"}, "y"));
  };
  EXPECT_HAS(import("data_type: 1 dims: 4 segment { begin: 0 end: 4 } "),
             "initializer 'w': tensors in segments are not supported");
  EXPECT_HAS(import("data_type: 1 dims: -4 "),
             "has an invalid or too large dimension -4");
  EXPECT_HAS(import("data_type: 1 dims: 4 data_location: EXTERNAL "
                    "external_data { key: 'location' value: '../w' } "),
             "external data '../w' must lie in the model's folder");
}

TEST(Refusals, Dimensions) {
  lowbit::ONNXImportOptions options;
  auto add = [&](llvm::StringRef text) {
    return llvm::toString(lowbit::addDimension(options, text));
  };
  EXPECT_EQ(add("n=4"), "");
  EXPECT_EQ(add("n=5"), "dimension 'n' is given twice, as 4 and 5");
  for (const char *text : {"n", "=4", "n=0", "n=-1", "n=x"})
    EXPECT_HAS(add(text), "a dimension must be given as name=value with a "
                          "positive value, found '");
}

} // namespace
