//===- DamageTest.cpp - damaged files give errors, never crashes ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model file comes from strangers. Whatever bytes it holds, the importer
// returns an error or a module that verifies.
//
//===----------------------------------------------------------------------===//

#include "ModelText.h"

#include "mlir/IR/Verifier.h"
#include "llvm/Support/MemoryBuffer.h"

#include <random>

using namespace lowbit;
using namespace lowbit::testing;

namespace {

/// Imports `bytes` in a fresh context and verifies what comes out.
void survives(const Folder &folder, const std::string &bytes) {
  std::string path = folder.write("damaged.onnx", bytes);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = importONNX(path, context);
  if (module)
    EXPECT_TRUE(mlir::succeeded(mlir::verify(**module)));
  else
    EXPECT_NE(llvm::toString(module.takeError()), "");
}

/// Flips, replaces, removes or repeats bytes within the first `limit`.
void damage(std::string &bytes, size_t limit, std::mt19937 &random) {
  auto below = [&](size_t bound) { return random() % bound; };
  size_t at = below(std::min(bytes.size(), limit));
  switch (below(5)) {
  case 0:
    bytes[at] ^= char(1u << below(8));
    break;
  case 1:
    bytes[at] = char(below(256));
    break;
  case 2:
    bytes.resize(at);
    break;
  case 3:
    bytes.erase(at, 1 + below(8));
    break;
  case 4:
    bytes.insert(at, bytes.substr(below(bytes.size()), 1 + below(16)));
    break;
  }
}

void testDamage(const std::string &original, size_t limit, int rounds) {
  Folder folder;
  std::mt19937 random(12345);
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = original;
    for (unsigned times = 1 + random() % 3; times > 0 && !bytes.empty();
         --times)
      damage(bytes, limit, random);
    survives(folder, bytes);
  }
}

/// One node of every kind of emitter, and the shape arithmetic between them.
std::string smallModel() {
  return parseModel(
             io("input", "x", 1, {"1", "seq", "8"}) + io("output", "y", 1, {}) +
                 integers("one", {1}) + integers("heads", {2, 4}) +
                 integers("zero", {0}) +
                 "initializer { name: 'w' data_type: 1 dims: 8 dims: 8 "
                 "raw_data: "
                 "'" +
                 std::string(256, 'a') + "' }" +
                 "initializer { name: 'two' data_type: 1 float_data: 2 }" +
                 node("Shape", {"x"}, "s") + node("Gather", {"s", "one"}, "n") +
                 node("Concat", {"one", "n", "heads"}, "t",
                      attribute("axis", "INT", {0})) +
                 node("MatMul", {"x", "w"}, "h", "", "/a/MatMul") +
                 node("Pow", {"h", "two"}, "p") +
                 node("ReduceMean", {"p"}, "m",
                      attribute("axes", "INTS", {-1})) +
                 node("Div", {"h", "m"}, "d") +
                 node("Reshape", {"d", "t"}, "r") +
                 node("Transpose", {"r"}, "q",
                      attribute("perm", "INTS", {0, 2, 1, 3})) +
                 node("Transpose", {"r"}, "k",
                      attribute("perm", "INTS", {0, 2, 3, 1})) +
                 node("MatMul", {"q", "k"}, "c") + node("Softmax", {"c"}, "f") +
                 node("Slice", {"f", "zero", "one", "one"}, "l") +
                 node("Squeeze", {"l", "zero"}, "e") +
                 node("ConstantOfShape", {"t"}, "o") +
                 node("Expand", {"e", "n"}, "g") +
                 node("Tile", {"g", "t"}, "b") + node("Exp", {"e"}, "y"),
             14)
      .SerializeAsString();
}

TEST(Damage, Truncation) {
  Folder folder;
  std::string model = smallModel();
  for (size_t size = 0; size < model.size(); ++size)
    survives(folder, model.substr(0, size));
}

/// Operators on codes, whose attributes, types and shapes must agree.
std::string quantizedModel() {
  auto bytes = [](const std::string &name, int type, const std::string &dims,
                  size_t size) {
    return "initializer { name: '" + name +
           "' data_type: " + std::to_string(type) + " " + dims +
           " raw_data: '" + std::string(size, 'a') + "' }\n";
  };
  std::string contrib =
      "domain: 'com.microsoft' " + attribute("block_size", "INT", {16});
  std::string groups = "initializer { name: 'g' data_type: 6 dims: 24 ";
  for (int k = 0; k < 24; ++k)
    groups += "int32_data: " + std::to_string(k % 3 == 0) + " ";
  groups += "}\n";
  onnx::ModelProto model = parseModel(
      io("input", "x", 1, {"m", "24"}) + io("input", "i", 7, {"m"}) +
          io("output", "y", 1, {}) + io("output", "e", 1, {}) +
          bytes("b", 2, "dims: 6 dims: 2 dims: 8", 96) +
          bytes("s", 1, "dims: 6 dims: 2", 48) +
          bytes("z", 2, "dims: 6 dims: 1", 6) + groups +
          bytes("t", 2, "dims: 6 dims: 8", 48) +
          bytes("ts", 1, "dims: 6 dims: 1", 24) +
          bytes("w", 22, "dims: 6 dims: 10", 30) +
          bytes("ws", 1, "dims: 2 dims: 10", 80) +
          bytes("v", 3, "dims: 10 dims: 9", 90) +
          bytes("vs", 1, "dims: 9", 36) + bytes("vz", 3, "dims: 9", 9) +
          bytes("ps", 1, "dims: 10", 40) + bytes("pz", 3, "dims: 10", 10) +
          node("MatMulNBits", {"x", "b", "s", "z", "g"}, "h",
               contrib + attribute("K", "INT", {24}) +
                   attribute("N", "INT", {6})) +
          node("GatherBlockQuantized", {"t", "i", "ts"}, "e", contrib) +
          node("DequantizeLinear", {"w", "ws"}, "wf",
               attribute("axis", "INT", {0}) +
                   attribute("block_size", "INT", {3})) +
          node("MatMul", {"h", "wf"}, "p") +
          node("QuantizeLinear", {"p", "ps", "pz"}, "q") +
          node("MatMulInteger", {"q", "v", "", "vz"}, "r") +
          node("DequantizeLinear", {"v", "vs", "vz"}, "vf") +
          node("MatMul", {"p", "vf"}, "y"),
      21);
  auto *import = model.add_opset_import();
  import->set_domain("com.microsoft");
  import->set_version(1);
  return model.SerializeAsString();
}

TEST(Damage, QuantizedModel) {
  Folder folder;
  EXPECT_HAS(importFile(folder.write("whole.onnx", quantizedModel())),
             "lowbit.linear");
  testDamage(quantizedModel(), ~size_t(0), 600);
}

TEST(Damage, SmallModel) { testDamage(smallModel(), ~size_t(0), 600); }

TEST(Damage, ExportedModel) {
  auto file =
      llvm::MemoryBuffer::getFile(LOWBIT_TEST_MODELS "/llama-5m/model.onnx");
  ASSERT_TRUE(file) << file.getError().message();
  // The structure lies before the weights' bytes in exported files; what is
  // cut off of the weights makes another kind of damage.
  std::string bytes = (*file)->getBuffer().take_front(1 << 20).str();
  testDamage(bytes, 100000, 60);
  testDamage((*file)->getBuffer().str(), 100000, 60);
}

} // namespace
