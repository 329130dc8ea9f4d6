//===- WeightsTest.cpp - names, places and types of constants -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelText.h"

#include "WireFormat.h"
#include "lowbit/Transforms/ConstantMatrix.h"

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

/// What four stored elements are as a weight that the model casts.
template <typename Cast, typename Stored>
static std::vector<Cast> castWeight(int from, int to,
                                    const std::vector<Stored> &stored) {
  onnx::ModelProto model = parseModel(
      io("input", "x", to, {"s", "2"}) + io("output", "y", to, {}) +
      "initializer { name: 'stored' data_type: " + std::to_string(from) +
      " dims: 2 dims: 2 }" +
      node("Cast", {"stored"}, "w", attribute("to", "INT", {to})) +
      node("MatMul", {"x", "w"}, "y"));
  model.mutable_graph()->mutable_initializer(0)->set_raw_data(
      stored.data(), stored.size() * sizeof(Stored));
  Folder folder;
  mlir::MLIRContext context;
  auto module =
      importONNX(folder.write("m.onnx", model.SerializeAsString()), context);
  if (!module) {
    ADD_FAILURE() << llvm::toString(module.takeError());
    return {};
  }
  auto global = (*module)->lookupSymbol<GlobalOp>("w");
  if (!global)
    return {};
  llvm::ArrayRef<char> bytes = getRawBytes(global.getComponent("data"));
  std::vector<Cast> result(bytes.size() / sizeof(Cast));
  std::memcpy(result.data(), bytes.data(), bytes.size());
  return result;
}

TEST(Weights, CastWeightsAreWhatIsComputedIn) {
  constexpr int f32 = 1, f16 = 10, bf16 = 16;
  using Floats = std::vector<float>;
  using Halves = std::vector<uint16_t>;
  EXPECT_EQ(castWeight<float>(f16, f32, Halves{0x3c00, 0x4000, 0xc200, 0x3800}),
            (Floats{1.0f, 2.0f, -3.0f, 0.5f}));
  EXPECT_EQ(
      castWeight<float>(bf16, f32, Halves{0x3f80, 0x4000, 0xc040, 0x3f00}),
      (Floats{1.0f, 2.0f, -3.0f, 0.5f}));
  EXPECT_EQ(
      castWeight<uint16_t>(f32, f16, Floats{1.0f, 0.1f, -65504.0f, 1e-9f}),
      (Halves{0x3c00, 0x2e66, 0xfbff, 0x0000}));
  // Ties go to the even neighbour, and NaN stays NaN.
  EXPECT_EQ(castWeight<uint16_t>(f32, bf16,
                                 std::vector<uint32_t>{0x3f808000, 0x3f818000,
                                                       0x3dcccccd, 0x7f800001}),
            (Halves{0x3f80, 0x3f82, 0x3dcd, 0x7fc0}));
  EXPECT_EQ(
      castWeight<uint16_t>(f16, bf16, Halves{0x3c01, 0x3c0f, 0xfc00, 0x0001}),
      (Halves{0x3f80, 0x3f82, 0xff80, 0x3380}));
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
