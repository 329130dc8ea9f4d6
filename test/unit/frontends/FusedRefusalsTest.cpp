//===- FusedRefusalsTest.cpp - what composed operators refuse -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One case for each reason of operators that are written in terms of others,
// and of those that hold graphs or sequences.
//
//===----------------------------------------------------------------------===//

#include "ModelText.h"

using namespace lowbit::testing;

namespace {

constexpr int kFloat = 1, kInt32 = 6, kInt64 = 7, kBool = 9, kUint8 = 2;
using Inputs = std::initializer_list<const char *>;

std::string importWith(const std::string &nodes, int opset) {
  std::string graph =
      io("input", "x", kFloat, {"2", "3", "8"}) +
      io("input", "wide", kFloat, {"2", "3", "16"}) +
      io("input", "m", kFloat, {"8", "24"}) + io("input", "v", kFloat, {"8"}) +
      io("input", "t4", kFloat, {"2", "2", "3", "4"}) +
      io("input", "t5", kFloat, {"2", "3", "2", "3", "4"}) +
      io("input", "s", kFloat, {}) + io("input", "flag", kBool, {}) +
      io("input", "flags", kBool, {"4"}) + io("input", "ids", kInt64, {"4"}) +
      io("input", "lengths", kInt32, {"2"}) + io("input", "total", kInt32, {}) +
      io("input", "u", kUint8, {"2", "8"}) + io("output", "y", kFloat, {}) +
      nodes;
  onnx::ModelProto model = parseModel(graph, opset);
  auto *import = model.add_opset_import();
  import->set_domain("com.microsoft");
  import->set_version(1);
  return importModel(model);
}

/// Expects an error with `reason` for a node of domain com.microsoft.
void refuses(const std::string &op, Inputs inputs, const std::string &reason,
             const std::string &attributes = "", const std::string &more = "") {
  std::string text =
      importWith(more + node(op, inputs, "y",
                             "domain: 'com.microsoft' " + attributes, "/it"),
                 17);
  EXPECT_HAS(text, "node '/it' (" + op + ")");
  EXPECT_HAS(text, reason);
}

/// The same for ONNX's own operators.
void refusesStandard(const std::string &op, Inputs inputs,
                     const std::string &reason,
                     const std::string &attributes = "",
                     const std::string &more = "", int opset = 17) {
  std::string text =
      importWith(more + node(op, inputs, "y", attributes, "/it"), opset);
  EXPECT_HAS(text, "node '/it' (" + op + ")");
  EXPECT_HAS(text, reason);
}

std::string integer(const std::string &name, int value) {
  return attribute(name, "INT", {value});
}

std::string text(const std::string &name, const std::string &value) {
  return "attribute { name: '" + name + "' type: STRING s: '" + value + "' } ";
}

std::string floats(const std::string &name,
                   std::initializer_list<const char *> values) {
  std::string result = "initializer { name: '" + name +
                       "' data_type: 1 dims: " + std::to_string(values.size()) +
                       " ";
  for (const char *value : values)
    result += "float_data: " + std::string(value) + " ";
  return result + "}\n";
}

TEST(FusedRefusals, Attention) {
  std::string heads = integer("num_heads", 2);
  refuses("Attention", {"x", "m"}, "needs a positive attribute num_heads");
  refuses("Attention", {"x", "m"}, "attribute do_rotary must be 0",
          heads + integer("do_rotary", 1));
  refuses("Attention", {"x", "x"}, "needs a matrix of weights, found", heads);
  refuses("Attention", {"x", "m"},
          "attribute qkv_hidden_sizes must divide the 24 columns",
          heads + attribute("qkv_hidden_sizes", "INTS", {8, 8, 4}));
  refuses("Attention", {"m", "m"}, "needs an input of 3 dimensions, found",
          heads);
  refuses("Attention", {"x", "m"}, "8 must be a multiple of 3",
          integer("num_heads", 3));
  refuses("Attention", {"x", "m", "", "", "t4"},
          "past must have 5 dimensions, found", heads);
  refuses("Attention", {"x", "m", "", "ids"},
          "a mask of one dimension must have one length for each row", heads);
  refuses("MultiHeadAttention", {"m"},
          "needs a query of 3 or 5 dimensions, and a key with 3, found", heads);
  refuses("MultiHeadAttention", {"t5", "", "", "v"},
          "a packed query with a bias is not supported", heads);
  refuses("MultiHeadAttention", {"x", "x"}, "input value is missing", heads);
  refuses("MultiHeadAttention", {"x", "t4", "x"},
          "key and value must have as many dimensions", heads);
  refuses("MultiHeadAttention", {"x", "m", "m"},
          "needs keys and values of 3 dimensions, found", heads);
  refuses("MultiHeadAttention", {"x", "x", "x", "", "", "", "x", "x"},
          "past must have 4 dimensions, found", heads);
  refusesStandard("Attention", {"x", "x", "x"},
                  "needs operands of 4 dimensions, or of 3 with attributes "
                  "q_num_heads and kv_num_heads, found",
                  "", "", 23);
  refusesStandard("Attention", {"t4", "t4", "t4"},
                  "attribute qk_matmul_output_mode must be 0, 1, 2 or 3",
                  integer("qk_matmul_output_mode", 4), "", 23);
  refusesStandard("Attention", {"t4", "t4", "t4", "s8"},
                  "attn_mask has 8 keys of 3", "",
                  io("input", "s8", kFloat, {"3", "8"}), 23);
}

TEST(FusedRefusals, GroupQueryAttention) {
  std::string heads = integer("num_heads", 2) + integer("kv_num_heads", 2);
  Inputs all = {"x", "x", "x", "", "", "lengths", "total"};
  refuses("GroupQueryAttention", all,
          "needs positive attributes num_heads and kv_num_heads");
  refuses("GroupQueryAttention", all, "attribute qk_output must be 0",
          heads + integer("qk_output", 1));
  refuses("GroupQueryAttention", {"m", "x", "x", "", "", "lengths", "total"},
          "needs a query of 3 dimensions, found", heads);
  refuses("GroupQueryAttention", {"x", "x", "", "", "", "lengths", "total"},
          "needs both or none of the inputs key and value", heads);
  refuses("GroupQueryAttention", {"x", "m", "m", "", "", "lengths", "total"},
          "needs keys and values of 3 dimensions", heads);
  refuses("GroupQueryAttention", {"x", "x", "x", "x", "x", "lengths", "total"},
          "past must have 4 dimensions, found", heads);
  refuses(
      "GroupQueryAttention", {"x", "x", "x", "t4", "t4", "lengths", "total"},
      "total_sequence_length must depend on shapes and constants only", heads);
  refuses("GroupQueryAttention", {"x", "x", "x", "t4", "t4", "lengths", "c"},
          "past of 3 and 3 new keys must be total_sequence_length, found 9",
          heads, "initializer { name: 'c' data_type: 6 int32_data: 9 }\n");
  refuses("GroupQueryAttention", all,
          "do_rotary needs inputs cos_cache and sin_cache",
          heads + integer("do_rotary", 1));
}

TEST(FusedRefusals, RotaryEmbedding) {
  refuses("RotaryEmbedding", {"m", "ids", "m", "m"},
          "needs an input of 3 or 4 dimensions, found");
  refuses("RotaryEmbedding", {"x", "ids", "m", "v"},
          "needs tables of cosines and sines of one shape, of 2 dimensions "
          "with positions and of 3 without, found");
  refuses("RotaryEmbedding", {"x", "ids", "m", "m"},
          "needs attribute num_heads", integer("rotary_embedding_dim", 2));
  refuses("RotaryEmbedding", {"x", "ids", "m", "m"},
          "packed batches are not supported", integer("is_packed_batching", 1));
  refuses("RotaryEmbedding", {"x", "ids", "m", "m"},
          "attribute scale must be 1",
          "attribute { name: 'scale' type: FLOAT f: 2 } ");
  refuses("RotaryEmbedding", {"t4", "id", "m", "m"},
          "rotates 48 of the 4 numbers of a head", "",
          io("input", "id", kInt64, {"2", "3"}));
}

TEST(FusedRefusals, ProductsAndIntegers) {
  refuses("FusedMatMul", {"x", "x"}, "attribute transBatchA must be 0",
          integer("transBatchA", 1));
  refuses("FusedGemm", {"m", "m"},
          "attribute activation = 'Sine' is not supported",
          text("activation", "Sine"));
  refuses("QLinearConcat", {"s", "u", "u", "s", "u", "u"},
          "needs a scale and a zero point with each input");
  refuses("QLinearGlobalAveragePool", {"u", "s", "u", "s", "u"},
          "attribute channels_last must be 0", integer("channels_last", 1));
  refuses("EmbedLayerNormalization", {"ids", "", "m", "m", "", "v"},
          "input 6 is missing");
  refuses("EmbedLayerNormalization", {"ids", "ids", "m", "m", "", "v", "v"},
          "needs both or none of the inputs segment_ids and segment_embedding");
  refuses("EmbedLayerNormalization", {"ids", "", "m", "m", "", "v", "v"},
          "needs input_ids of 2 dimensions, found");
}

TEST(FusedRefusals, Recurrent) {
  std::string w = io("input", "w", kFloat, {"1", "8", "8"}) +
                  io("input", "r", kFloat, {"1", "8", "8"}) +
                  io("input", "odd", kFloat, {"1", "8", "5"});
  refusesStandard(
      "RNN", {"x", "w", "m"},
      "needs recurrent weights of 3 dimensions for a state of at least one "
      "number, found",
      "", w);
  refusesStandard("RNN", {"x", "w", "odd"}, "needs weights [1, 5, ...]", "", w);
  refusesStandard("RNN", {"x", "w", "r", "v"}, "the bias does not fit: [8]", "",
                  w);
  refusesStandard("RNN", {"x", "w", "r", "", "", "v"},
                  "initial states must have 3 dimensions", "", w);
  refusesStandard("LSTM", {"x", "w4", "r4", "", "", "", "", "v"},
                  "the peepholes do not fit: [8]", "",
                  io("input", "w4", kFloat, {"1", "32", "8"}) +
                      io("input", "r4", kFloat, {"1", "32", "8"}));
  refusesStandard("NonZero", {"one"},
                  "needs an input of at least one dimension", "",
                  io("input", "one", kFloat, {}));
  refusesStandard(
      "RNN", {"x", "w", "r"}, "attribute activations must name 1 for each",
      "attribute { name: 'activations' type: STRINGS strings: 'Tanh' "
      "strings: 'Tanh' } ",
      w);
  refusesStandard(
      "RNN", {"x", "w", "r"}, "activation 'Sine' is not supported",
      "attribute { name: 'activations' type: STRINGS strings: 'Sine' } ", w);
}

TEST(FusedRefusals, Resize) {
  std::string two = floats("two", {"1", "2", "2"}), one = floats("one", {"2"});
  refusesStandard("Resize", {"x", "", "two"},
                  "attribute mode = 'sine' is not supported",
                  text("mode", "sine"), two);
  refusesStandard("Resize", {"x"}, "needs scales or sizes");
  refusesStandard("Resize", {"x", "", "v"}, "input scales must be constant");
  refusesStandard("Resize", {"x", "", "zero"}, "scales must be positive, found",
                  "", floats("zero", {"1", "0", "2"}));
  refusesStandard("Resize", {"x", "", "one"},
                  "needs a scale or a size for each of 3 axes", "", one);
  refusesStandard("Resize", {"x", "", "one"},
                  "axis 7 is out of range for rank 3",
                  attribute("axes", "INTS", {7}), one, 18);
  refusesStandard("Resize", {"x", "", "two"}, "input roi is missing",
                  text("coordinate_transformation_mode", "tf_crop_and_resize"),
                  two);
  std::string dynamic = io("input", "d", kFloat, {"n"});
  refusesStandard("Resize", {"d", "", "", "size"},
                  "keep_aspect_ratio_policy needs known extents; give --shape "
                  "n=<value>",
                  text("keep_aspect_ratio_policy", "not_larger"),
                  dynamic + integers("size", {4}), 18);
  refusesStandard("Resize", {"d", "", "", "size"},
                  "antialias needs known extents",
                  integer("antialias", 1) + text("mode", "linear"),
                  dynamic + integers("size", {4}), 18);
  refusesStandard("Resize", {"d", "", "tiny"}, "cannot scale n; give --shape",
                  "", dynamic + floats("tiny", {"1e-12"}));
}

TEST(FusedRefusals, CodedLSTM) {
  std::string given = io("input", "w", kFloat, {"1", "8", "40"}) +
                      io("input", "r", kFloat, {"1", "10", "40"}) +
                      io("input", "odd", kFloat, {"1", "10", "8"}) +
                      io("input", "one", kFloat, {"1"});
  refuses("DynamicQuantizeLSTM",
          {"x", "w", "r", "", "", "", "", "", "one", "one", "", "one"},
          "input 10 is missing", "", given);
  refuses("DynamicQuantizeLSTM",
          {"x", "w", "odd", "", "", "", "", "", "one", "one", "one", "one"},
          "needs weights [1, ..., 40]", "", given);
  refuses("DynamicQuantizeLSTM",
          {"x", "w", "r", "", "", "", "", "", "v", "one", "one", "one"},
          "needs scales and zero points of each direction, found [8]", "",
          given);
  refuses("DynamicQuantizeLSTM",
          {"x", "w", "odd", "", "", "", "", "", "one", "", "one"},
          "needs weights [1, ..., 40]", "", given);
}

TEST(FusedRefusals, Determinants) {
  refusesStandard("Det", {"x"}, "needs square matrices of floats of 1 to 32");
}

TEST(FusedRefusals, AffineGrid) {
  std::string theta = io("input", "theta", kFloat, {"2", "2", "3"}) +
                      integers("size", {3, 1, 4, 5});
  refusesStandard("AffineGrid", {"x", "size"},
                  "needs matrices [N, 2, 3] of floats and a size of 4 numbers",
                  "", theta, 20);
  refusesStandard("AffineGrid", {"theta", "size"},
                  "needs a matrix for each image", "", theta, 20);
}

TEST(FusedRefusals, GridSample) {
  refusesStandard("GridSample", {"x", "t4"},
                  "needs images [N, C, H, W] of floats and a grid [N, H, W, "
                  "2], found");
  refusesStandard("GridSample", {"t4", "grid"}, "needs a grid for each image",
                  "", io("input", "grid", kFloat, {"3", "2", "2", "2"}));
  refusesStandard("GridSample", {"t4", "t4"},
                  "attribute mode = 'sine' is not supported",
                  text("mode", "sine"));
  refusesStandard("GridSample", {"t4", "t4"},
                  "attribute padding_mode = 'ones' is not supported",
                  text("padding_mode", "ones"));
}

//===----------------------------------------------------------------------===//
// Graphs and sequences
//===----------------------------------------------------------------------===//

/// The text of an attribute that holds a graph.
std::string graph(const std::string &name, const std::string &contents) {
  return "attribute { name: '" + name + "' type: GRAPH g { " + contents +
         "} } ";
}

std::string value(const std::string &field, const std::string &name) {
  return field + " { name: '" + name + "' } ";
}

TEST(FusedRefusals, Branches) {
  std::string same =
      graph("then_branch", node("Neg", {"v"}, "a") + value("output", "a"));
  refusesStandard("If", {"flags"}, "the condition must be one boolean, found",
                  same + graph("else_branch", value("output", "v")));
  refusesStandard("If", {"flag"},
                  "branches of a computed condition must have results of one "
                  "shape, found [8] and [8, 24]",
                  same + graph("else_branch",
                               node("Neg", {"m"}, "b") + value("output", "b")));
  refusesStandard(
      "If", {"flag"}, "the branch has 2 outputs, the node 1",
      same + graph("else_branch", value("output", "v") + value("output", "v")));
  refusesStandard("If", {"flag"}, "of its graph is not defined",
                  same + graph("else_branch", value("output", "none")));
  std::string empty = node("SequenceEmpty", {}, "q") + value("output", "q");
  refusesStandard(
      "If", {"flag"},
      "a branch that a computed condition takes gives a sequence of tensors",
      same + graph("else_branch", empty));
  EXPECT_HAS(
      importWith(node("If", {"flag"}, "y",
                      same + graph("else_branch", node("NonZero", {"v"}, "b") +
                                                      value("output", "b"))),
                 17),
      "(NonZero): counts elements inside of a loop or a branch");
}

TEST(FusedRefusals, Loops) {
  std::string head = value("input", "i") + value("input", "go") +
                     value("input", "c") + value("output", "go");
  std::string count = io("input", "d", kFloat, {"n"}) +
                      node("Shape", {"d"}, "n1") + node("Squeeze", {"n1"}, "n");
  refusesStandard("Loop", {"n", "", "v"}, "needs an attribute body", "", count);
  refusesStandard("Loop", {"n", "", "v"}, "its graph must have 3 inputs",
                  graph("body", value("input", "i")), count);
  refusesStandard("Loop", {"n", "", ""}, "input 2 is missing",
                  graph("body", head + value("output", "c")), count);
  refusesStandard("SequenceConstruct", {"v", "", "v"}, "input 1 is missing");
  refusesStandard("Loop", {"v", "", "v"},
                  "the trip count must be one int64, found float",
                  graph("body", head + value("output", "c")));
  refusesStandard(
      "Loop", {"n", "", "v"},
      "its graph's condition must be one bool, found float",
      graph("body", value("input", "i") + value("input", "go") +
                        value("input", "c") + node("Neg", {"c"}, "k") +
                        value("output", "k") + value("output", "c")),
      count);
  refusesStandard(
      "Loop", {"rows", "", "v"},
      "carries a value that changes its shape from [8] to [16]; give --shape "
      "r=<value>",
      graph("body", head + node("Concat", {"c", "c"}, "k", integer("axis", 0)) +
                        value("output", "k")),
      io("input", "d", kFloat, {"r"}) + node("Size", {"d"}, "rows"));
  refusesStandard(
      "Loop", {"n", "", "v"},
      "carries a value that changes its shape from [8] to [16]",
      graph("body", head + node("Concat", {"c", "c"}, "k", integer("axis", 0)) +
                        value("output", "k")),
      count);
  std::string keeps =
      graph("body", head + node("SequenceInsert", {"c", "v"}, "k") +
                        value("output", "k"));
  refusesStandard("Loop", {"n", "", "q"},
                  "carries a sequence through a number of steps that is not "
                  "known",
                  keeps, count + node("SequenceEmpty", {}, "q"));
  std::string decides = value("input", "i") + value("input", "go") +
                        value("input", "c") + value("output", "more") +
                        node("Not", {"go"}, "more") + value("output", "c");
  refusesStandard(
      "Loop", {"total64", "flag", "v"},
      "collects outputs of a number of steps that the loop computes",
      "output: 'rows' " + graph("body", decides + value("output", "c")),
      io("input", "total64", kInt64, {}));
  for (int64_t count : {int64_t(0), int64_t(3), INT64_MAX, INT64_MIN})
    refusesStandard("Scan", {"v", "x"},
                    "attribute num_scan_inputs must be at least 1",
                    integer("num_scan_inputs", count) + graph("body", head));
  refusesStandard("Scan", {"x", "m"}, "inputs to scan must have as many rows",
                  integer("num_scan_inputs", 2) + graph("body", head));
  refusesStandard("Scan", {"v", "x"}, "attribute scan_input_axes must be 0",
                  integer("num_scan_inputs", 1) +
                      attribute("scan_input_axes", "INTS", {1}) +
                      graph("body", head));
  refusesStandard("Scan", {"v", "x"}, "its graph has 3 inputs, the node gives",
                  integer("num_scan_inputs", 1) + graph("body", head));
}

TEST(FusedRefusals, Sequences) {
  std::string empty = node("SequenceEmpty", {}, "q");
  std::string one = node("SequenceConstruct", {"v"}, "q");
  refusesStandard("Neg", {"q"}, "input 'q' is a sequence of tensors", "", one);
  refusesStandard("SequenceLength", {"v"}, "needs a sequence of tensors");
  refusesStandard("SequenceAt", {"q", "zero"}, "the sequence is empty", "",
                  empty + "initializer { name: 'zero' data_type: 7 "
                          "int64_data: 0 }\n");
  refusesStandard("SequenceAt", {"q", "five"},
                  "position 5 is outside of a sequence of 1", "",
                  one + "initializer { name: 'five' data_type: 7 "
                        "int64_data: 5 }\n");
  refusesStandard("SequenceAt", {"q", "total"},
                  "the position must be a constant integer", "", one);
  refusesStandard("SplitToSequence", {"d"}, "cannot split n into parts of 1",
                  "", io("input", "d", kFloat, {"n"}));
  EXPECT_HAS(importWith(node("SequenceConstruct", {"v"}, "y"), 17),
             "output 'y' is a sequence of tensors, which is not supported");
}

} // namespace
