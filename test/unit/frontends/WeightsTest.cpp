//===- WeightsTest.cpp - names, places and types of constants -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelText.h"
#include "WireFormat.h"

#include "lowbit/IR/Lowbit.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace lowbit;
using namespace lowbit::testing;

namespace {

/// Text of a float matrix initializer of zeros with data in `field`.
std::string matrix(const std::string &name, int rows, int columns) {
  std::string text = "initializer { name: '" + name +
                     "' data_type: 1 dims: " + std::to_string(rows) +
                     " dims: " + std::to_string(columns) + " ";
  for (int i = 0; i < rows * columns; ++i)
    text += "float_data: " + std::to_string(i) + " ";
  return text + "}\n";
}

/// x [s, 4] times two matrices, the first anonymous.
std::string twoLayers() {
  return io("input", "x", 1, {"s", "4"}) + io("output", "y", 1, {}) +
         matrix("onnx::MatMul_7", 4, 4) + matrix("head.weight", 4, 3) +
         node("MatMul", {"x", "onnx::MatMul_7"}, "h", "",
              "/layers.0/q_proj/MatMul") +
         node("MatMul", {"h", "head.weight"}, "y", "", "/head/MatMul");
}

TEST(Weights, AnonymousOnesAreCalledByTheirScope) {
  std::string text = importGraph(twoLayers());
  EXPECT_HAS(text, "lowbit.global @layers.0.q_proj.weight : tensor<4x4xf32> "
                   "{data = dense_resource<layers.0.q_proj.weight>");
  EXPECT_HAS(text, "lowbit.global @head.weight");
  EXPECT_HAS(text, "lowbit.weight @head.weight : tensor<4x3xf32>");
}

TEST(Weights, UnusedOnesAreDropped) {
  std::string text = importGraph(twoLayers() + matrix("spare", 4, 4));
  EXPECT_EQ(count(text, "lowbit.global"), 2u);
}

TEST(Weights, NamesAreUnique) {
  std::string text = importGraph(
      io("input", "x", 1, {"s", "4"}) + io("output", "y", 1, {}) +
      matrix("onnx::a", 4, 4) + matrix("onnx::b", 4, 4) + matrix("main", 4, 4) +
      node("MatMul", {"x", "onnx::a"}, "h", "", "/p/MatMul") +
      node("MatMul", {"h", "onnx::b"}, "g", "", "/p/MatMul_1") +
      node("MatMul", {"g", "main"}, "y"));
  EXPECT_HAS(text, "@p.weight :");
  EXPECT_HAS(text, "@p.weight_1 :");
  EXPECT_HAS(text, "lowbit.global @main_1 :");
}

TEST(Weights, SmallVectorsAreInline) {
  std::string text =
      importGraph(io("input", "x", 1, {"s", "2"}) + io("output", "y", 1, {}) +
                  "initializer { name: 'b' data_type: 1 dims: 2 float_data: 1 "
                  "float_data: 2 }" +
                  node("Add", {"x", "b"}, "y"));
  EXPECT_HAS(text, "arith.constant dense<[1.000000e+00, 2.000000e+00]>");
  EXPECT_LACKS(text, "lowbit.global");
}

TEST(Weights, HalvesThatAreWidenedBecomeF32) {
  onnx::ModelProto model =
      parseModel(io("input", "x", 1, {"s", "2"}) + io("output", "y", 1, {}) +
                 "initializer { name: 'w.f16' data_type: 10 dims: 2 dims: 2 }" +
                 node("Cast", {"w.f16"}, "w", attribute("to", "INT", {1})) +
                 node("MatMul", {"x", "w"}, "y"));
  uint16_t halves[] = {0x3c00, 0x4000, 0xc200, 0x3800}; // 1 2 -3 0.5
  model.mutable_graph()->mutable_initializer(0)->set_raw_data(halves,
                                                              sizeof(halves));
  Folder folder;
  mlir::MLIRContext context;
  auto module =
      importONNX(folder.write("m.onnx", model.SerializeAsString()), context);
  ASSERT_TRUE(bool(module)) << llvm::toString(module.takeError());
  auto global = (*module)->lookupSymbol<GlobalOp>("w");
  ASSERT_TRUE(global);
  auto data =
      llvm::cast<mlir::DenseResourceElementsAttr>(global.getComponent("data"));
  auto floats = llvm::cast<mlir::DenseF32ResourceElementsAttr>(data);
  EXPECT_EQ(*floats.tryGetAsArrayRef(),
            llvm::ArrayRef<float>({1.0f, 2.0f, -3.0f, 0.5f}));
}

TEST(Weights, WrongSizes) {
  EXPECT_HAS(importGraph(io("input", "x", 1, {"s", "4"}) +
                         io("output", "y", 1, {}) +
                         "initializer { name: 'w' data_type: 1 dims: 4 dims: "
                         "4 raw_data: '1234' }" +
                         node("MatMul", {"x", "w"}, "y")),
             "initializer 'w': its shape and type need 64 bytes, but its data "
             "have 4");
  EXPECT_HAS(importGraph(io("input", "x", 1, {"s"}) + io("output", "y", 1, {}) +
                         "initializer { name: 'w' data_type: 1 dims: -4 }" +
                         node("Add", {"x", "w"}, "y")),
             "invalid or too large dimension -4");
  EXPECT_HAS(importGraph(io("input", "x", 1, {"s"}) + io("output", "y", 1, {}) +
                         "initializer { name: 'w' data_type: 8 dims: 1 "
                         "string_data: 'a' }" +
                         node("Add", {"x", "w"}, "y")),
             "element type string is not supported");
}

TEST(Weights, RawDataStayInTheFile) {
  onnx::ModelProto model = parseModel(twoLayers());
  std::string zeros(64, '\x11');
  auto *tensor = model.mutable_graph()->mutable_initializer(0);
  tensor->clear_float_data();
  tensor->set_raw_data(zeros);
  std::string file = model.SerializeAsString(), structure;
  ASSERT_TRUE(frontend::replaceRawData(file, structure));
  EXPECT_LT(structure.size(), file.size());
  EXPECT_EQ(structure.find(zeros), std::string::npos);
  onnx::ModelProto parsed;
  ASSERT_TRUE(parsed.ParseFromString(structure));
  auto reference =
      frontend::RawReference::decode(parsed.graph().initializer(0).raw_data());
  ASSERT_TRUE(reference.has_value());
  EXPECT_EQ(file.substr(reference->offset, reference->size), zeros);
}

TEST(Weights, MalformedWireFormat) {
  std::string out;
  // A length beyond the end, an endless varint, a group.
  EXPECT_FALSE(frontend::replaceRawData(llvm::StringRef("\x3a\x05", 2), out));
  EXPECT_FALSE(frontend::replaceRawData(std::string(20, '\xff'), out));
  EXPECT_FALSE(frontend::replaceRawData(llvm::StringRef("\x3b", 1), out));
}

} // namespace
