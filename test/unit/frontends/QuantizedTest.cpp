//===- QuantizedTest.cpp - models that come quantized ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What such operators become, and one error for each way in which they can be
// malformed. test/integration/onnx/quantized has the numbers.
//
//===----------------------------------------------------------------------===//

#include "ModelText.h"

#include <numeric>

using namespace lowbit;
using namespace lowbit::testing;

namespace {

constexpr int kFloat = 1, kUInt8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7;

/// Text of an initializer whose elements are all `element`.
std::string tensor(const std::string &name, int type,
                   std::initializer_list<int> dims, int element = 1) {
  std::string text = "initializer { name: '" + name +
                     "' data_type: " + std::to_string(type) + " ";
  int size = std::accumulate(dims.begin(), dims.end(), 1, std::multiplies<>());
  for (int dim : dims)
    text += "dims: " + std::to_string(dim) + " ";
  for (int i = 0; i < size; ++i)
    text += (type == kFloat ? "float_data: " : "int32_data: ") +
            std::to_string(element) + " ";
  return text + "}\n";
}

/// Imports a graph that has operators of domain com.microsoft.
std::string importContrib(const std::string &graph) {
  onnx::ModelProto model = parseModel(graph, 21);
  auto *import = model.add_opset_import();
  import->set_domain("com.microsoft");
  import->set_version(1);
  return importModel(model);
}

std::string contribNode(const std::string &op,
                        std::initializer_list<const char *> inputs,
                        const std::string &attributes) {
  return node(op, inputs, "y", "domain: 'com.microsoft' " + attributes, "/n");
}

std::string integer(const std::string &name, int value) {
  return attribute(name, "INT", {value});
}

const std::string y = io("output", "y", 1, {});

//===----------------------------------------------------------------------===//
// MatMulNBits
//===----------------------------------------------------------------------===//

/// A layer of K = 40, N = 3, in blocks of 16.
std::string layer(const std::string &attributes, const std::string &tensors,
                  std::initializer_list<const char *> inputs = {"x", "b",
                                                                "s"}) {
  return importContrib(io("input", "x", kFloat, {"m", "40"}) + y + tensors +
                       contribNode("MatMulNBits", inputs, attributes));
}

const std::string sizes = integer("K", 40) + integer("N", 3);
const std::string blocks = integer("block_size", 16);
const std::string b = tensor("b", kUInt8, {3, 3, 8}, 0x21);
const std::string s = tensor("s", kFloat, {3, 3});

TEST(Quantized, MatMulNBitsIsALayer) {
  std::string text =
      layer(sizes + blocks + integer("accuracy_level", 4), b + s);
  EXPECT_HAS(text, "#lowbit.encoding<int<4>, group = 16, scale = f32>");
  EXPECT_HAS(text, "lowbit.global @b : !lowbit.tensor<3x40xf32");
  // Two codes to a byte, the first in its low half.
  EXPECT_HAS(text, "codes = dense<33> : tensor<60xi8>");
  EXPECT_HAS(text, "lowbit.linear %arg0, %0 : tensor<?x40xf32>");
}

TEST(Quantized, MatMulNBitsNeedsItsAttributes) {
  EXPECT_HAS(
      layer(integer("N", 3) + blocks, b + s),
      "1 node is not supported:\n  node '/n' (MatMulNBits): attribute K is "
      "missing");
  EXPECT_HAS(layer(integer("K", 40) + blocks, b + s), "attribute N is missing");
  EXPECT_HAS(layer(sizes, b + s), "attribute block_size is missing");
  EXPECT_HAS(layer(integer("K", 40) + integer("N", 0) + blocks, b + s),
             "node '/n' (MatMulNBits): attribute N must be between 1 and 2^31, "
             "found 0");
  EXPECT_HAS(layer(sizes + blocks + integer("bits", 3), b + s),
             "attribute bits must be 2, 4 or 8, found 3");
  EXPECT_HAS(layer(sizes + integer("block_size", 24), b + s),
             "attribute block_size must be a power of two of at least 16, "
             "found 24");
  EXPECT_HAS(layer(sizes + blocks + integer("weight_prepacked", 1), b + s),
             "attribute weight_prepacked must be 0");
}

TEST(Quantized, MatMulNBitsNeedsFittingInputs) {
  std::string attributes = sizes + blocks;
  EXPECT_HAS(layer(integer("K", 48) + integer("N", 3) + blocks, b + s),
             "node '/n' (MatMulNBits): input A must have a last extent of K = "
             "48, found [m, 40]");
  EXPECT_HAS(layer(attributes, tensor("b", kUInt8, {3, 3, 16}) + s),
             "input B must be uint8 [3, 3, 8] for these attributes, found "
             "uint8 [3, 3, 16]");
  EXPECT_HAS(layer(attributes + integer("bits", 8), b + s),
             "input B must be uint8 [3, 3, 16] for these attributes");
  EXPECT_HAS(layer(attributes, s + io("input", "b", kUInt8, {"3", "3", "8"})),
             "input 'b' must be constant; it is computed by the model");
  EXPECT_HAS(layer(attributes, b + tensor("s", kFloat, {3, 2})),
             "input 's' must be [3, 3], found [3, 2]");
  EXPECT_HAS(layer(attributes, b + tensor("s", kInt32, {3, 3})),
             "input 's' must be of type float, float16 or bfloat16, found "
             "int32");
}

TEST(Quantized, MatMulNBitsNeedsFittingOptionalInputs) {
  std::string attributes = sizes + blocks;
  std::initializer_list<const char *> zero = {"x", "b", "s", "z"},
                                      order = {"x", "b", "s", "", "g"},
                                      bias = {"x", "b", "s", "", "", "c"};
  EXPECT_HAS(layer(attributes, b + s + tensor("z", kUInt8, {3, 3}), zero),
             "input 'z' must be [3, 2], found [3, 3]");
  EXPECT_HAS(layer(attributes, b + s + tensor("z", kFloat, {3, 2}), zero),
             "input 'z' must be [3, 3], found [3, 2]");
  EXPECT_HAS(layer(attributes, b + s + tensor("z", kInt32, {3, 3}), zero),
             "input 'z' must be packed uint8 or floats, found int32");
  EXPECT_HAS(layer(attributes, b + s + tensor("g", kInt32, {40}, 1), order),
             "input 'g' must give each of 3 groups 16 columns (the last the "
             "rest); group 1 of column 16 is none or one too many");
  EXPECT_HAS(layer(attributes, b + s + tensor("g", kInt32, {40}, 3), order),
             "group 3 of column 0 is none or one too many");
  EXPECT_HAS(layer(attributes, b + s + tensor("g", kInt32, {39}), order),
             "input 'g' must be a constant of type int32 with K = 40 elements, "
             "found int32 [39]");
  EXPECT_HAS(layer(attributes, b + s + tensor("c", kFloat, {40}), bias),
             "input bias must be [3], found [40]");
}

/// A lookup in a table `t`.
std::string lookup(const std::string &attributes, const std::string &tensors,
                   std::initializer_list<const char *> inputs = {"t", "x", "s"},
                   int indices = kInt64) {
  return importContrib(io("input", "x", indices, {"m"}) + y + tensors +
                       contribNode("GatherBlockQuantized", inputs, attributes));
}

TEST(Quantized, GatherBlockQuantizedIsAnEmbedding) {
  std::string text = lookup(blocks, tensor("t", kUInt8, {5, 20}) +
                                        tensor("s", kFloat, {5, 3}));
  EXPECT_HAS(text, "lowbit.embedding %arg0, %0 : tensor<?xi64>, "
                   "!lowbit.tensor<5x40xf32");
}

TEST(Quantized, GatherBlockQuantizedNeedsFittingInputs) {
  std::string table = tensor("t", kUInt8, {5, 20});
  std::string scales = tensor("s", kFloat, {5, 3});
  EXPECT_HAS(lookup(blocks + integer("gather_axis", 1), table + scales),
             "attribute gather_axis must be 0, found 1");
  EXPECT_HAS(lookup(blocks + integer("quantize_axis", 0), table + scales),
             "attribute quantize_axis must be the last of two axes, found 0");
  EXPECT_HAS(lookup(blocks + integer("bits", 5), table + scales),
             "attribute bits must be 2, 4 or 8, found 5");
  EXPECT_HAS(lookup(blocks, table + tensor("s", kFloat, {5, 2})),
             "input 's' must be [5, 3], found [5, 2]");
  EXPECT_HAS(lookup(blocks, tensor("t", kInt32, {5, 20}) + scales),
             "data must be a matrix of uint8, uint4 or int4, found int32");
  EXPECT_HAS(lookup(blocks, tensor("t", kUInt8, {5, 0}) + scales),
             "cannot gather from [5, 0]");
  EXPECT_HAS(lookup(blocks, table + scales, {"t", "x", "s"}, kUInt8),
             "indices must be int32 or int64, found uint8");
  EXPECT_HAS(lookup(blocks, table + scales + tensor("z", kInt8, {5, 3}),
                    {"t", "x", "s", "z"}),
             "zero points must be uint8, found int8");
}

//===----------------------------------------------------------------------===//
// QuantizeLinear and DequantizeLinear
//===----------------------------------------------------------------------===//

std::string
dequantize(const std::string &tensors, const std::string &attributes = "",
           std::initializer_list<const char *> inputs = {"w", "s"}) {
  return importGraph(
      io("input", "x", kFloat, {"m", "4"}) + y + tensors +
          node("DequantizeLinear", inputs, "f", attributes, "/n") +
          node("MatMul", {"x", "f"}, "y"),
      21);
}

TEST(Quantized, RowsAreWhatHasAScale) {
  std::string w = tensor("w", kInt8, {4, 3});
  // Along the columns of [K, N]: stored the other way round.
  std::string text = dequantize(w + tensor("s", kFloat, {3}));
  EXPECT_HAS(text, "lowbit.global @w : !lowbit.tensor<3x4xf32");
  EXPECT_HAS(text, "int<8>, channel, scale = f32");
  EXPECT_HAS(text, "permutation = [1, 0]");
  // Along the rows: stored as it is.
  text = dequantize(w + tensor("s", kFloat, {4}), integer("axis", 0));
  EXPECT_HAS(text, "lowbit.global @w : !lowbit.tensor<4x3xf32");
  // For all: stored as the product reads it.
  text = dequantize(w + tensor("s", kFloat, {}));
  EXPECT_HAS(text, "lowbit.global @w : !lowbit.tensor<3x4xf32");
  EXPECT_HAS(text, "int<8>, tensor, scale = f32");
}

TEST(Quantized, ZeroPointsInTheMiddleAreNone) {
  std::string w = tensor("w", kUInt8, {4, 3}, 130) + tensor("s", kFloat, {});
  EXPECT_HAS(dequantize(w + tensor("z", kUInt8, {}, 128), "", {"w", "s", "z"}),
             "encoding<int<8>, tensor, scale = f32>");
  EXPECT_HAS(dequantize(w + tensor("z", kUInt8, {}, 0), "", {"w", "s", "z"}),
             "encoding<uint<8>, tensor, scale = f32>");
  EXPECT_HAS(dequantize(w + tensor("z", kUInt8, {}, 7), "", {"w", "s", "z"}),
             "encoding<uint<8>, zero_point = integer, tensor, scale = f32>");
}

TEST(Quantized, BlocksAreColumns) {
  std::string text =
      dequantize(tensor("w", kInt8, {4, 3}) + tensor("s", kFloat, {2, 3}),
                 integer("axis", 0) + integer("block_size", 3));
  EXPECT_HAS(text, "!lowbit.tensor<3x4xf32");
  EXPECT_HAS(text, "int<8>, group = 3, scale = f32");
}

TEST(Quantized, ParametersMustFit) {
  std::string w = tensor("w", kInt8, {4, 3});
  EXPECT_HAS(dequantize(w + tensor("s", kFloat, {4})),
             "node '/n' (DequantizeLinear): scale must be a scalar or [3] for "
             "an input of [4, 3] and axis 1, found [4]");
  EXPECT_HAS(dequantize(w + tensor("s", kFloat, {3}), integer("axis", 2)),
             "axis 2 is out of range for rank 2");
  EXPECT_HAS(dequantize(w + tensor("s", kFloat, {3, 3}),
                        integer("axis", 0) + integer("block_size", 3)),
             "scale must be a scalar or [2, 3] for an input of [4, 3] and axis "
             "0 in blocks of 3, found [3, 3]");
  EXPECT_HAS(dequantize(w + tensor("s", kFloat, {3}) + tensor("z", kInt8, {2}),
                        "", {"w", "s", "z"}),
             "zero point must have the scale's shape [3], found [2]");
  EXPECT_HAS(dequantize(w + tensor("s", kFloat, {3}) + tensor("z", kUInt8, {3}),
                        "", {"w", "s", "z"}),
             "zero point must be int8, found uint8");
  EXPECT_HAS(dequantize(w + tensor("s", kInt32, {3})),
             "scale must be of type float, float16 or bfloat16, found int32");
  EXPECT_HAS(dequantize(integers("w", {1, 2, 3}) + tensor("s", kFloat, {3})),
             "needs integers of 4, 8, 16 or 32 bits, found int64");
}

TEST(Quantized, BlocksOfActivationsAreRefused) {
  EXPECT_HAS(
      importGraph(io("input", "x", kFloat, {"m", "4"}) + y +
                      tensor("s", kFloat, {3, 2}) +
                      node("QuantizeLinear", {"x", "s"}, "y",
                           integer("block_size", 2), "/n"),
                  21),
      "node '/n' (QuantizeLinear): scale must be a scalar or [m, 2] for an "
      "input of [m, 4] and axis 1 in blocks of 2, found [3, 2]");
  EXPECT_HAS(
      importGraph(io("input", "x", kFloat, {"3", "4"}) + y +
                      tensor("s", kFloat, {3, 2}) +
                      node("QuantizeLinear", {"x", "s"}, "y",
                           integer("block_size", 2), "/n"),
                  21),
      "blocks are supported for constants of at most 8 bits only, found float "
      "[3, 4] of the model");
}

/// An operator on activations x [m, 4] of `type`.
std::string activation(const std::string &op, const std::string &attributes,
                       std::initializer_list<const char *> inputs,
                       int type = kFloat) {
  return importGraph(io("input", "x", type, {"m", "4"}) + y +
                         tensor("s", kFloat, {}) + tensor("z", kInt8, {}) +
                         tensor("z32", kInt32, {}) +
                         node(op, inputs, "y", attributes, "/n"),
                     23);
}

TEST(Quantized, TypesOfActivationsMustFit) {
  std::string op = "QuantizeLinear";
  EXPECT_HAS(activation(op, "", {"x", "s", "z32"}),
             "result must be an integer of 4, 8 or 16 bits, found int32");
  EXPECT_HAS(activation(op, integer("output_dtype", kUInt8), {"x", "s", "z"}),
             "zero point must be uint8, found int8");
  EXPECT_HAS(activation(op, "", {"x", "s"}, 11),
             "needs float, float16, bfloat16 or int32, found double");
  EXPECT_HAS(activation(op, integer("block_size", -1), {"x", "s"}),
             "block_size must be between 0 and 2^31 - 1, found -1");
  EXPECT_HAS(activation("DequantizeLinear", integer("output_dtype", kInt8),
                        {"x", "s"}, kInt8),
             "result must be float, float16 or bfloat16, found int8");
  EXPECT_HAS(activation("DynamicQuantizeLinear", "", {"x"}, 10),
             "needs float, found float16");
}

TEST(Quantized, BlocksNeedAnExtent) {
  EXPECT_HAS(
      importGraph(io("input", "x", kFloat, {"m", "4"}) + y +
                      tensor("s", kFloat, {3, 2}) +
                      node("QuantizeLinear", {"x", "s"}, "y",
                           integer("block_size", 2) + integer("axis", 0), "/n"),
                  21),
      "blocks need an axis whose extent is a number, found axis 0 of [m, 4]; "
      "give --shape m=<value>");
}

TEST(Quantized, VectorsBecomeNumbers) {
  std::string text = importGraph(io("input", "x", kFloat, {"m", "2"}) + y +
                                     tensor("c", kInt32, {2}, 300) +
                                     tensor("s", kFloat, {}, 2) +
                                     node("DequantizeLinear", {"c", "s"}, "f") +
                                     node("Add", {"x", "f"}, "y"),
                                 21);
  EXPECT_HAS(text, "arith.constant 6.000000e+02 : f32");
  EXPECT_LACKS(text, "lowbit.global");
}

TEST(Quantized, FourBitsAreForQuantizedOperators) {
  EXPECT_HAS(importGraph(io("input", "x", 22, {"4"}) + y +
                             node("Identity", {"x"}, "y"),
                         21),
             "input 'x': element type int4 is not supported");
  EXPECT_HAS(importGraph(io("input", "x", kFloat, {"4"}) + y +
                             node("Cast", {"x"}, "y", integer("to", 22)),
                         21),
             "attribute to = 22 is not supported");
}

//===----------------------------------------------------------------------===//
// Products of integers
//===----------------------------------------------------------------------===//

std::string product(const std::string &tensors,
                    std::initializer_list<const char *> inputs,
                    int type = kUInt8) {
  return importGraph(io("input", "x", type, {"m", "4"}) +
                         io("output", "y", kInt32, {}) + tensors +
                         node("MatMulInteger", inputs, "y", "", "/n"),
                     21);
}

TEST(Quantized, ConstantOperandIsAWeight) {
  std::string text = product(tensor("w", kInt8, {4, 3}), {"x", "w"});
  EXPECT_HAS(text, "lowbit.global @w : !lowbit.tensor<3x4xf32");
  EXPECT_HAS(text, "lowbit.linear");
  EXPECT_HAS(text, "arith.fptosi");
  text = product(io("input", "w", kInt8, {"4", "n"}), {"x", "w"});
  EXPECT_HAS(text, "linalg.matmul");
  EXPECT_LACKS(text, "lowbit.linear");
}

TEST(Quantized, IntegerOperandsMustFit) {
  std::string w = tensor("w", kInt8, {4, 3});
  EXPECT_HAS(product(w, {"x", "w"}, kFloat),
             "node '/n' (MatMulInteger): needs matrices of int8 or uint8, "
             "found float [m, 4]");
  EXPECT_HAS(product(w + tensor("z", kInt8, {}), {"x", "w", "z"}),
             "zero point must be uint8, found int8");
  EXPECT_HAS(product(w + tensor("z", kInt8, {4}), {"x", "w", "", "z"}),
             "zero point must be a scalar or one for each column, found [4]");
  EXPECT_HAS(product(tensor("w", kInt8, {5, 3}), {"x", "w"}),
             "inner extents of [m, 4] and [5, 3] must be equal");
}

TEST(Quantized, QLinearMatMulNeedsFittingScales) {
  auto product = [](const std::string &tensors, const char *zero = "z") {
    return importGraph(
        io("input", "x", kInt8, {"m", "4"}) + y + tensors +
            tensor("w", kInt8, {4, 3}) + tensor("s", kFloat, {}) +
            tensor("z", kInt8, {}) + tensor("z32", kInt32, {}) +
            node("QLinearMatMul", {"x", "as", "z", "w", "bs", "z", "s", zero},
                 "y", "", "/n"),
        21);
  };
  std::string as = tensor("as", kFloat, {});
  EXPECT_HAS(product(as + tensor("bs", kFloat, {3})), "lowbit.linear");
  EXPECT_HAS(product(tensor("as", kFloat, {4}) + tensor("bs", kFloat, {3})),
             "needs scalars as scales of a and y and an int8 or uint8 as zero "
             "point of y, found [4], [] and int8 []");
  EXPECT_HAS(product(as + tensor("bs", kFloat, {3}), "z32"),
             "found [], [] and int32 []");
  EXPECT_HAS(product(as + tensor("bs", kFloat, {2, 1, 3})),
             "scale of b must be a scalar or one for each column, found [2, 1, "
             "3]");
  EXPECT_HAS(product(as + tensor("bs", kInt32, {3})),
             "needs operands of a float type, found int32");
}

} // namespace
