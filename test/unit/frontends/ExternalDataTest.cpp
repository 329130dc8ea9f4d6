//===- ExternalDataTest.cpp - tensors in files beside the model -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelText.h"

#include "lowbit/IR/Lowbit.h"

using namespace lowbit;
using namespace lowbit::testing;

namespace {

/// A product with a 2 x 2 matrix that lies in another file.
std::string graphWith(const std::string &location, const std::string &extra) {
  return io("input", "x", 1, {"s", "2"}) + io("output", "y", 1, {}) +
         "initializer { name: 'w' data_type: 1 dims: 2 dims: 2 "
         "data_location: EXTERNAL external_data { key: 'location' value: '" +
         location + "' } " + extra + "}\n" + node("MatMul", {"x", "w"}, "y");
}

std::string entry(const std::string &key, const std::string &value) {
  return "external_data { key: '" + key + "' value: '" + value + "' } ";
}

class ExternalData : public ::testing::Test {
protected:
  std::string import(const std::string &location,
                     const std::string &extra = "") {
    return importFile(folder.write(
        "model.onnx",
        parseModel(graphWith(location, extra)).SerializeAsString()));
  }

  Folder folder;
};

TEST_F(ExternalData, IsMapped) {
  float numbers[] = {0, 0, 1, 2, 3, 4};
  folder.write("w.bin", llvm::StringRef(reinterpret_cast<char *>(numbers),
                                        sizeof(numbers)));
  std::string path = folder.write(
      "model.onnx",
      parseModel(graphWith("w.bin", entry("offset", "8"))).SerializeAsString());
  mlir::MLIRContext context;
  auto module = importONNX(path, context);
  ASSERT_TRUE(bool(module)) << llvm::toString(module.takeError());
  auto data = llvm::cast<mlir::DenseF32ResourceElementsAttr>(
      (*module)->lookupSymbol<GlobalOp>("w").getComponent("data"));
  EXPECT_EQ(*data.tryGetAsArrayRef(),
            llvm::ArrayRef<float>({1.0f, 2.0f, 3.0f, 4.0f}));
}

TEST_F(ExternalData, MissingFile) {
  EXPECT_HAS(import("none.bin"), "none.bin' cannot be read: No such file");
}

TEST_F(ExternalData, WithoutEnd) {
  ASSERT_FALSE(llvm::sys::fs::create_link("/dev/zero", folder / "w.bin"));
  EXPECT_HAS(import("w.bin"), "initializer 'w': external data: ");
  EXPECT_HAS(import("w.bin"), "w.bin: is a device, a file is required");
}

TEST_F(ExternalData, OutsideOfTheFolder) {
  for (const char *path : {"../w.bin", "a/../../w.bin", "/etc/passwd", ""})
    EXPECT_HAS(import(path), "must lie in the model's folder") << path;
}

TEST_F(ExternalData, WrongExtents) {
  folder.write("w.bin", std::string(16, '\0'));
  EXPECT_HAS(import("w.bin", entry("offset", "4")),
             "external data 'w.bin' have 16 bytes, fewer than offset 4 and "
             "length 16 need");
  EXPECT_HAS(import("w.bin", entry("length", "12")), "external data have 12");
  EXPECT_HAS(import("w.bin", entry("offset", "-1")),
             "external data have an invalid offset '-1'");
  EXPECT_HAS(import("w.bin", entry("offset", "18446744073709551615")),
             "fewer than offset");
}

} // namespace
