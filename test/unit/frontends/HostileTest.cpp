//===- HostileTest.cpp - what no exporter writes --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers at the ends of their range, missing inputs of operators that are
// written in terms of others, and shapes that lead outside of the data: each is
// an error of its node, and none more than that.
//
//===----------------------------------------------------------------------===//

#include "ModelText.h"

using namespace lowbit::testing;

namespace {

constexpr int kFloat = 1, kInt32 = 6, kInt64 = 7, kUint8 = 2;
using Inputs = std::initializer_list<const char *>;

std::string number(const std::string &name, int64_t value) {
  return "attribute { name: '" + name +
         "' type: INT i: " + std::to_string(value) + " } ";
}

std::string numbers(const std::string &name,
                    std::initializer_list<int64_t> values) {
  std::string text = "attribute { name: '" + name + "' type: INTS ";
  for (int64_t value : values)
    text += "ints: " + std::to_string(value) + " ";
  return text + "} ";
}

/// A constant of one float.
std::string real(const std::string &name, const std::string &value) {
  return "initializer { name: '" + name +
         "' data_type: 1 float_data: " + value + " }\n";
}

std::string import(const std::string &nodes, int opset = 18) {
  onnx::ModelProto model = parseModel(
      io("input", "x", kFloat, {"2", "3", "8"}) +
          io("input", "m", kFloat, {"8", "24"}) + io("input", "s", kFloat, {}) +
          io("input", "v", kFloat, {"8"}) +
          io("input", "ids", kInt64, {"4", "24"}) +
          io("input", "more", kInt64, {"8", "25"}) +
          io("input", "rows", kInt64, {"n", "24"}) +
          io("input", "image", kFloat, {"1", "2", "8", "8"}) +
          io("input", "words", kInt32, {"2", "3"}) +
          io("input", "codes", kUint8, {"8"}) + io("output", "y", kFloat, {}) +
          nodes,
      opset);
  auto *import = model.add_opset_import();
  import->set_domain("com.microsoft");
  import->set_version(1);
  return importModel(model);
}

void refuses(const std::string &op, Inputs inputs, const std::string &reason,
             const std::string &attributes = "", const std::string &more = "",
             int opset = 18) {
  std::string text =
      import(more + node(op, inputs, "y", attributes, "/it"), opset);
  EXPECT_EQ(text.rfind("error: ", 0), 0u) << text;
  EXPECT_HAS(text, "node '/it' (" + op + "): " + reason);
}

/// The same for an operator of ONNX Runtime.
void refusesContrib(const std::string &op, Inputs inputs,
                    const std::string &reason,
                    const std::string &attributes = "",
                    const std::string &more = "") {
  refuses(op, inputs, reason, "domain: 'com.microsoft' " + attributes, more);
}

TEST(Hostile, ExtentsAtTheEndOfTheirRange) {
  std::string text =
      import("initializer { name: 'w' data_type: 1 dims: 0 dims: "
             "4611686018427387904 }\n" +
             node("Exp", {"w"}, "y"));
  EXPECT_HAS(text, "has an invalid or too large dimension 4611686018427387904");
  text = import("initializer { name: 'w' data_type: 1 dims: 0 dims: "
                "1099511627776 dims: 1099511627776 }\n" +
                node("Exp", {"w"}, "y"));
  EXPECT_HAS(text, "has an invalid or too large dimension 1099511627776");
}

TEST(Hostile, Groups) {
  std::string inputs = io("input", "none", kFloat, {"1", "0", "8"}) +
                       io("input", "w", kFloat, {"0", "2", "3"}) +
                       io("input", "t", kFloat, {"0", "4", "3"});
  refuses("Conv", {"none", "w"},
          "a kernel [0, 2, 3] in 9223372036854775807 groups does not fit",
          number("group", INT64_MAX), inputs);
  refuses("ConvTranspose", {"none", "t"},
          "extents are too large or too complicated to compute",
          number("group", INT64_MAX - 3), inputs);
}

TEST(Hostile, Windows) {
  std::string inputs = io("input", "far", kFloat, {"1", "1", "1099511627776"}) +
                       io("input", "w", kFloat, {"1", "1", "1099511627775"});
  refuses("Conv", {"far", "w"},
          "a window of 1099511627775 positions is too large",
          numbers("dilations", {int64_t(1) << 24}), inputs);
}

TEST(Hostile, NumbersThatAreNoIntegers) {
  std::string far = real("far", "1e38") + integers("two", {0, 1});
  refuses("OneHot", {"ids", "far", "two"},
          "input depth must be an integer that depends on", "", far);
  refuses("STFT", {"x", "far", "v"}, "input frame_step must be an integer", "",
          far);
  refuses("STFT", {"x", "one", "s"}, "needs a window of one dimension", "",
          integers("one", {1}));
  refuses("DFT", {"x", "", "far"}, "input axis must be an integer", "", far,
          20);
  // Nothing between a start and a limit far below it.
  EXPECT_HAS(import(real("a", "1e30") + real("b", "-1e30") + real("c", "1e-3") +
                    node("Range", {"a", "b", "c"}, "y")),
             "tensor<0xf32>");
  refuses("Resize", {"image", "", "scales"},
          "cannot scale to an extent of 7999999967232", "",
          "initializer { name: 'scales' data_type: 1 dims: 4 float_data: 1 "
          "float_data: 1 float_data: 1e11 float_data: 1e12 }\n");
  refuses("Resize", {"image", "", "scales"},
          "antialias takes more than 512 neighbours on a side",
          number("antialias", 1) +
              "attribute { name: 'mode' type: STRING s: 'linear' } ",
          "initializer { name: 'scales' data_type: 1 dims: 4 float_data: 1 "
          "float_data: 1 float_data: 1 float_data: 1e-30 }\n");
  refuses("Resize", {"image", "", "", "sizes"}, "axis -2 is given twice",
          numbers("axes", {2, -2}), integers("sizes", {4, 4}));
}

TEST(Hostile, FieldsOfAnotherKind) {
  EXPECT_HAS(import(node("Constant", {}, "y",
                         "attribute { name: 'value_int' type: INT i: 5 floats: "
                         "1 ints: 7 } ")),
             "dense<5> : tensor<i64>");
}

TEST(Hostile, PositionsOutsideOfTheData) {
  refuses("GatherElements", {"m", "more"},
          "indices [8, 25] are outside of [8, 24] along axis 1");
  refuses("ScatterElements", {"m", "more", "updates"},
          "indices [8, 25] are outside of [8, 24] along axis 1", "",
          io("input", "updates", kFloat, {"8", "25"}));
  refuses("ScatterElements", {"none", "ids", "updates"},
          "there are no elements along axis 0 of [0, 24]", "",
          io("input", "none", kFloat, {"0", "24"}) +
              io("input", "updates", kFloat, {"4", "24"}));
  refuses("ScatterND", {"none", "pair", "row"},
          "there are no elements in [0, 24]", "",
          io("input", "none", kFloat, {"0", "24"}) + integers("pair", {0}) +
              io("input", "row", kFloat, {"24"}));
  refuses("GatherND", {"none", "pair"}, "indices [1] do not address [0, 24]",
          "", io("input", "none", kFloat, {"0", "24"}) + integers("pair", {0}));
  // Rows may be as many as there are: that is checked when the model runs.
  EXPECT_HAS(
      import(node("GatherElements", {"m", "rows"}, "y", number("axis", 1))),
      "8 >= n");
}

TEST(Hostile, MissingInputs) {
  std::string past = io("input", "past", kFloat, {"2", "1", "5", "2"}) +
                     io("input", "other", kFloat, {"2", "1", "5", "3"}) +
                     io("input", "lengths", kInt32, {"2"}) +
                     "initializer { name: 'total' data_type: 6 int32_data: 8 "
                     "}\n";
  refusesContrib("GroupQueryAttention", {"x"}, "input seqlens_k is missing",
                 number("num_heads", 2) + number("kv_num_heads", 1));
  refusesContrib("GroupQueryAttention",
                 {"x", "", "", "past", "past", "lengths"},
                 "input total_sequence_length is missing",
                 number("num_heads", 2) + number("kv_num_heads", 1), past);
  refusesContrib("GroupQueryAttention",
                 {"x", "", "", "past", "", "lengths", "total"},
                 "needs both or none of the inputs past_key and past_value",
                 number("num_heads", 2) + number("kv_num_heads", 1), past);
  refusesContrib("GroupQueryAttention",
                 {"x", "", "", "past", "other", "lengths", "total"},
                 "the past [2, 1, 5, 3] must fit the new keys and values "
                 "[2, 1, 3, 2] but for the length",
                 number("num_heads", 2) + number("kv_num_heads", 1), past);
  refusesContrib("GroupQueryAttention",
                 {"x", "", "", "", "", "lengths", "", "v", "v"},
                 "needs cosines and sines of one shape for each position",
                 number("num_heads", 2) + number("kv_num_heads", 1) +
                     number("do_rotary", 1),
                 past);
  refusesContrib("QEmbedLayerNormalization", {"words"},
                 "input 0 of the Gather that it stands for is missing");
  refusesContrib("BiasSplitGelu", {"s", "s"}, "needs an input with dimensions");
}

TEST(Hostile, Attention) {
  refusesContrib("Attention", {"x", "m"},
                 "attribute qkv_hidden_sizes must divide the 24 columns",
                 number("num_heads", 2) +
                     numbers("qkv_hidden_sizes", {INT64_MAX, INT64_MAX, 26}));
  refusesContrib("MultiHeadAttention", {"t5"},
                 "needs 3 packed parts, found [2, 3, 2, 1, 4]",
                 number("num_heads", 2),
                 io("input", "t5", kFloat, {"2", "3", "2", "1", "4"}));
  refusesContrib("MultiHeadAttention", {"x", "x", "x", "s"},
                 "needs a bias of one dimension and columns whose number is",
                 number("num_heads", 2));
  refusesContrib("MultiHeadAttention", {"x", "x", "x", "v"},
                 "positions 8 to 16 along axis 0 are not inside of [8]",
                 number("num_heads", 2));
  refusesContrib("MultiHeadAttention", {"q", "q", "q"},
                 "needs attribute scale, or heads whose size is a number, "
                 "found d; give --shape d=<value>",
                 number("num_heads", 1),
                 io("input", "q", kFloat, {"2", "3", "d"}));
}

TEST(Hostile, Experts) {
  std::string none = "initializer { name: 'w' data_type: 1 dims: 0 dims: 24 "
                     "dims: 24 }\n" +
                     io("input", "router", kFloat, {"8", "1"});
  refusesContrib("MoE", {"m", "router", "w", "", "w"},
                 "needs constant weights of 1 to 256 experts", "", none);
  std::string one = "initializer { name: 'w' data_type: 1 dims: 1 dims: 2 "
                    "dims: 2 float_data: [1, 2, 3, 4] }\n"
                    "initializer { name: 'b' data_type: 1 float_data: 1 }\n" +
                    io("input", "a", kFloat, {"3", "2"}) +
                    io("input", "router", kFloat, {"3", "1"});
  refusesContrib("MoE", {"a", "router", "w", "b", "w"},
                 "positions 0 to 1 of the first dimension are not all inside "
                 "of []",
                 "", one);
}

TEST(Hostile, Samples) {
  std::string text = import(
      io("input", "regions", kFloat, {"2", "4"}) +
      io("input", "of", kInt64, {"2"}) +
      node("RoiAlign", {"image", "regions", "of"}, "y",
           number("sampling_ratio", 4096) + number("output_height", 4096),
           "/it"));
  EXPECT_HAS(text, "attribute sampling_ratio must take at most 65536 samples "
                   "along an axis, found 16777216");
}

std::string graphOf(const std::string &name, const std::string &body) {
  return "attribute { name: '" + name + "' type: GRAPH g { name: 'inner' " +
         body + "} } ";
}

TEST(Hostile, SequencesInLoops) {
  std::string steps = integers("steps", {100});
  std::string body = io("input", "i", kInt64, {}) + io("input", "goes", 9, {}) +
                     node("SequenceEmpty", {}, "list") +
                     io("output", "goes", 9, {}) +
                     io("output", "list", kFloat, {});
  for (int64_t count : {3, 100})
    refuses("Loop", {"steps", ""}, "collects a sequence of tensors",
            graphOf("body", body), integers("steps", {count}));
  std::string nested =
      node("SequenceEmpty", {}, "list") +
      node("SequenceInsert", {"list", "list"}, "twice", "", "/it");
  EXPECT_HAS(import(nested + node("Exp", {"m"}, "y")),
             "node '/it' (SequenceInsert): cannot insert a sequence into");
}

TEST(Hostile, Scans) {
  std::string body =
      io("input", "a", kFloat, {}) + io("input", "b", kFloat, {}) +
      io("input", "row", kFloat, {"24"}) + io("output", "a", kFloat, {});
  refuses("Scan", {"s", "s", "m"},
          "needs an output for each of 2 states, found 1",
          graphOf("body", body) + number("num_scan_inputs", 1));
}

/// A loop of 64 steps around `body`, as the node that makes `name`.
std::string loopOf(const std::string &name, const std::string &body,
                   const std::string &result) {
  std::string inner = io("input", name + ".i", kInt64, {}) +
                      io("input", name + ".goes", 9, {}) + body +
                      io("output", name + ".goes", 9, {}) +
                      io("output", result, kFloat, {});
  return node("Loop", {"steps", ""}, name, graphOf("body", inner), "/" + name);
}

TEST(Hostile, LoopsInLoops) {
  std::string loops = node("Exp", {"s"}, "once"), result = "once";
  for (const char *name : {"a", "b", "c", "y"}) {
    loops = loopOf(name, loops, result);
    result = name;
  }
  EXPECT_HAS(import(integers("steps", {64}) + loops),
             "the graphs inside of nodes make more than 262144 nodes");
}

TEST(Hostile, NamesOfOuterValues) {
  // What the input of a graph hides is there again behind the graph.
  std::string body = io("input", "i", kInt64, {}) + io("input", "goes", 9, {}) +
                     io("input", "s", kFloat, {}) + node("Exp", {"s"}, "next") +
                     io("output", "goes", 9, {}) +
                     io("output", "next", kFloat, {});
  std::string text =
      import(integers("steps", {2}) +
             node("Loop", {"steps", "", "s"}, "last", graphOf("body", body)) +
             node("Add", {"last", "s"}, "y"));
  EXPECT_LACKS(text, "error");
  EXPECT_HAS(text, "math.exp");
  // A value that is called as one of an operator's inner values.
  text =
      import(node("Exp", {"x"}, "y#0") + node("BiasSplitGelu", {"y#0", "v"},
                                              "y", "domain: 'com.microsoft' "));
  EXPECT_LACKS(text, "error");
}

TEST(Hostile, ExtentsOfEachStep) {
  // The steps count other elements: two extents, not one.
  std::string body =
      io("input", "i", kInt64, {}) + io("input", "goes", 9, {}) +
      io("input", "at", kFloat, {"8"}) + node("NonZero", {"at"}, "places") +
      node("Cast", {"places"}, "floats", number("to", 1)) +
      node("ReduceSum", {"floats"}, "sum", number("keepdims", 0)) +
      node("Sub", {"at", "sum"}, "next") + io("output", "goes", 9, {}) +
      io("output", "next", kFloat, {"8"}) +
      io("output", "places", kInt64, {"1", "k"});
  std::string text = import(integers("steps", {2}) +
                            node("Loop", {"steps", "", "v"}, "last' output: 'y",
                                 graphOf("body", body), "/it"));
  EXPECT_HAS(text, "cannot concatenate [1, 1, places] and [1, 1, places@1]");
}

TEST(Hostile, Calls) {
  std::string text = importModel([] {
    onnx::ModelProto model = parseModel(
        io("input", "s", kFloat, {}) + io("output", "y", kFloat, {}) +
        "node { op_type: 'F19' domain: 'own' input: 's' output: 'y' }");
    auto *import = model.add_opset_import();
    import->set_domain("own");
    import->set_version(1);
    // Each function calls the one before it twice; the first holds 16 KiB.
    for (int i = 0; i < 20; ++i) {
      onnx::FunctionProto *function = model.add_functions();
      function->set_name("F" + std::to_string(i));
      function->set_domain("own");
      function->add_input("a");
      function->add_output("b");
      for (int k = 0; k < 2; ++k) {
        onnx::NodeProto *call = function->add_node();
        call->set_op_type(i == 0 ? "Constant" : "F" + std::to_string(i - 1));
        call->set_domain(i == 0 ? "" : "own");
        call->add_output(k == 0 ? "b" : "c");
        if (i == 0)
          call->set_doc_string(std::string(1 << 14, 'x'));
      }
    }
    return model;
  }());
  EXPECT_HAS(text, "functions are called so often that they make more than "
                   "268435456 bytes");
}

} // namespace
