//===- SelectionRefusalsTest.cpp - what later operators refuse ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One case for each reason of operators that choose and scatter, of transforms,
// and of quantized ones that ONNX Runtime writes.
//
//===----------------------------------------------------------------------===//

#include "ModelText.h"

using namespace lowbit::testing;

namespace {

using Inputs = std::initializer_list<const char *>;

/// Expects an error with `reason` for a node; `domain` is that of the node.
void refuses(const std::string &op, Inputs inputs, const std::string &reason,
             const std::string &attributes = "",
             const std::string &domain = "") {
  std::string graph =
      io("input", "x", 1, {"2", "3", "8"}) + io("input", "m", 1, {"8", "6"}) +
      io("input", "d", 1, {"1", "n", "1"}) + io("input", "ids", 7, {"2"}) +
      io("input", "n2", 7, {"n"}) + io("input", "step", 7, {}) +
      io("output", "y", 1, {}) + integers("four", {4}) + integers("none", {0}) +
      integers("one", {1}) + io("input", "f", 1, {"8"}) +
      io("input", "places", 7, {"2", "3", "8"}) + integers("sizes", {3, 9}) +
      integers("pair", {2, 2}) + node("Shape", {"n2"}, "length");
  for (const char *real : {"1", "2", "8000", "16000"})
    graph += "initializer { name: 'r" + std::string(real) +
             "' data_type: 1 float_data: " + real + " }\n";
  graph += "initializer { name: 'codes' data_type: 2 dims: 4 raw_data: "
           "'abcd' }\n"
           "initializer { name: 'experts' data_type: 1 dims: 2 dims: 1 "
           "dims: 6 " +
           std::string("float_data: [1,1,1,1,1,1,1,1,1,1,1,1] }\n");
  graph += "initializer { name: 'nibbles' data_type: 2 dims: 2 dims: 1 "
           "dims: 3 raw_data: 'abcdef' }\n";
  graph += io("input", "boxes", 1, {"2", "5", "4"}) +
           io("input", "scores", 1, {"1", "3", "5"}) +
           io("input", "images", 1, {"2", "3", "5", "6"}) +
           io("input", "regions", 1, {"n", "4"});
  graph += node(op, inputs, "y",
                attributes + (domain.empty() ? "" : "domain: '" + domain + "'"),
                "/it");
  onnx::ModelProto model = parseModel(graph, 24);
  auto *import = model.add_opset_import();
  import->set_domain("com.microsoft");
  import->set_version(1);
  std::string text = importModel(model);
  EXPECT_HAS(text, "node '/it' (" + op + ")");
  EXPECT_HAS(text, reason);
}

std::string integer(const std::string &name, int value) {
  return attribute(name, "INT", {value});
}

std::string text(const std::string &name, const std::string &value) {
  return "attribute { name: '" + name + "' type: STRING s: '" + value + "' } ";
}

TEST(SelectionRefusals, Choosing) {
  refuses("Compress", {"x", "m"}, "needs a condition of one dimension, found");
  refuses("ReverseSequence", {"ids", "ids"},
          "needs an input of at least 2 dimensions and a length");
  refuses("ReverseSequence", {"x", "ids"},
          "batch_axis and time_axis must differ", integer("time_axis", 1));
  refuses("ReverseSequence", {"m", "ids"}, "needs 6 lengths, found [2]");
  refuses("CenterCropPad", {"m", "four"},
          "needs a size for each of 2 axes, found 1");
  refuses("CenterCropPad", {"d", "four"}, "cannot compare n with 4",
          attribute("axes", "INTS", {1}));
}

TEST(SelectionRefusals, Scattering) {
  refuses("MaxUnpool", {"x", "x"},
          "kernel_shape, strides and pads must have entries for each",
          attribute("kernel_shape", "INTS", {2, 2}));
  refuses("MaxUnpool", {"x", "places", "four"},
          "output_shape must have 3 extents",
          attribute("kernel_shape", "INTS", {2}));
  refuses("TensorScatter", {"x", "m"},
          "needs a cache and an update of as many dimensions, found");
  refuses("TensorScatter", {"x", "x"}, "axis must not be that of the batch",
          integer("axis", 0));
  refuses("TensorScatter", {"x", "x"},
          "attribute mode = 'twice' must be linear or circular",
          text("mode", "twice"));
  refuses("MaxUnpool", {"x", "x"},
          "attribute pads must not be negative, found -1",
          attribute("kernel_shape", "INTS", {2}) +
              attribute("pads", "INTS", {-1, 0}));
  refuses("Col2Im", {"m", "pair", "pair"},
          "needs an input of 3 dimensions, and block, strides, dilations and");
  refuses("Col2Im", {"d", "length", "none"},
          "needs a block of 1 to 1024 elements, found [0]");
  refuses("Col2Im", {"d", "length", "one"},
          "attribute strides must be positive, found 0",
          attribute("strides", "INTS", {0}));
  refuses("Col2Im", {"d", "length", "one"},
          "how much of the image blocks leave over is not known",
          attribute("strides", "INTS", {3}));
}

TEST(SelectionRefusals, Signals) {
  refuses("HannWindow", {"step"}, "input size must be a constant of one");
  refuses("HannWindow", {"four"},
          "attribute output_datatype must be a float type",
          integer("output_datatype", 7));
  refuses("DFT", {"m"}, "needs numbers whose last dimension is 1 (real) or 2");
  refuses("DFT", {"d", "step"},
          "dft_length must depend on shapes and constants only");
  refuses("DFT", {"d", "four"}, "cannot compare dft_length with n");
  refuses("DFT", {"d", "", "four"}, "axis must be one of the first 2");
  refuses("DFT", {"d"}, "attributes inverse and onesided exclude each other",
          integer("inverse", 1) + integer("onesided", 1));
  refuses("STFT", {"d", "none", "", "four"}, "frame_step must be positive");
  refuses("STFT", {"d", "four"}, "needs a window or a frame_length");
  refuses("STFT", {"f", "four", "", "four"},
          "needs a signal of 3 dimensions, found");
  refuses("STFT", {"x", "four", "", "four"},
          "a frame of 4 does not fit into [2, 3, 8]");
  refuses("MelWeightMatrix", {"four", "four", "four", "r1", "r8000"},
          "needs positive sizes and 0 <= lower_edge_hertz <= upper_edge");
  refuses("MelWeightMatrix", {"four", "four", "r16000", "r1", "r8000"},
          "attribute output_datatype must be a float type",
          integer("output_datatype", 6));
}

TEST(SelectionRefusals, QuantizedWeights) {
  std::string domain = "com.microsoft";
  auto sizes = [](int k, int n, int block) {
    return integer("K", k) + integer("N", n) + integer("block_size", block);
  };
  Inputs all = {"m", "codes", "r1"};
  refuses("MatMulBnb4", all, "attribute N must be between 1 and 2^31",
          integer("K", 8), domain);
  refuses("MatMulBnb4", all, "attribute quant_type must be 0 (FP4) or 1 (NF4)",
          sizes(8, 1, 8) + integer("quant_type", 2), domain);
  refuses("MatMulBnb4", all, "attribute K must be a multiple of block_size",
          sizes(8, 1, 16) + integer("quant_type", 1), domain);
  refuses("MatMulBnb4", all, "attribute transB must be 1",
          sizes(8, 1, 8) + integer("quant_type", 1) + integer("transB", 0),
          domain);
  refuses("MatMulBnb4", all, "input A must have a last extent of K = 8",
          sizes(8, 1, 8) + integer("quant_type", 1), domain);
  refuses("MatMulBnb4", {"x", "codes", "r1"}, "input B must be 8 bytes, found",
          sizes(8, 2, 8) + integer("quant_type", 1), domain);
  refuses("MatMulBnb4", {"x", "codes", "sizes"},
          "input absmax must be 1 floats, one for each block, found",
          sizes(8, 1, 8) + integer("quant_type", 1), domain);
}

TEST(SelectionRefusals, Detection) {
  refuses("NonMaxSuppression", {"boxes", "m"},
          "needs boxes [N, boxes, 4] and scores [N, classes, boxes] of type "
          "float, found [2, 5, 4] and [8, 6]");
  refuses("NonMaxSuppression", {"boxes", "scores"},
          "needs scores for each image");
  refuses("NonMaxSuppression", {"boxes", "x"}, "needs a score for each box");
  std::string ratio = integer("sampling_ratio", 2);
  refuses("RoiAlign", {"images", "m", "ids"},
          "needs images [N, C, H, W], regions [regions, 4] of the same type "
          "and the image of each, found",
          ratio);
  refuses("RoiAlign", {"images", "regions", "n2"},
          "attribute mode must be avg or max, found 'sum'",
          ratio + text("mode", "sum"));
  refuses("RoiAlign", {"images", "regions", "n2"},
          "attribute sampling_ratio must be 1 to 4096");
  refuses("RoiAlign", {"images", "regions", "n2"},
          "attributes output_height and output_width must be 1 to 4096",
          ratio + integer("output_width", 0));
}

TEST(SelectionRefusals, CodedExperts) {
  std::string domain = "com.microsoft";
  refuses("QMoE", {"m", "m", "experts", "experts", "", "experts"},
          "input 6, the scales of input 5, is missing", "", domain);
  Inputs inputs = {"m", "m", "experts", "experts", "", "experts", "experts"};
  refuses("QMoE", inputs,
          "attribute expert_weight_bits must be 4 or 8, found 3",
          integer("expert_weight_bits", 3), domain);
  refuses("QMoE", inputs, "attribute block_size must be a power of two",
          integer("block_size", 6), domain);
  refuses("QMoE", inputs,
          "must be uint8 [1, 3] for each expert, in whole blocks, found float "
          "[1, 6]",
          "", domain);
  refuses("QMoE", {"m", "m", "nibbles", "experts", "", "nibbles", "experts"},
          "must be floats [1, 1] for each expert, found float [1, 6]", "",
          domain);
}

TEST(SelectionRefusals, Experts) {
  std::string domain = "com.microsoft";
  refuses("MoE", {"m", "m", "x"}, "input fc2_experts_weights is missing", "",
          domain);
  refuses("MoE", {"m", "m", "x", "", "x"},
          "needs constant weights of 1 to 256 experts in 3 dimensions", "",
          domain);
  refuses("MoE", {"x", "m", "experts", "", "experts"},
          "needs weights [experts, out, in] for an input of", "", domain);
  refuses("MoE", {"m", "m", "experts", "", "experts"},
          "attribute activation_type = 'sine' is not supported",
          text("activation_type", "sine"), domain);
  refuses("MoE", {"m", "m", "experts", "", "experts"},
          "attribute use_sparse_mixer must be 0",
          integer("use_sparse_mixer", 1), domain);
  refuses("MoE", {"m", "m", "experts", "", "experts"},
          "attribute swiglu_fusion must be 1 or 2 for activation_type swiglu",
          text("activation_type", "swiglu"), domain);
}

} // namespace
