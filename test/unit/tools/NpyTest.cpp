//===- NpyTest.cpp - NumPy array files ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Round trips of every element type, files as NumPy writes them, and files
// that lie.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Npy.h"
#include "TestSupport.h"

using namespace lowbit;
using namespace lowbit::testing;

/// A version 1 file with this header text and these data.
static std::string makeNpy(llvm::StringRef header, llvm::StringRef data) {
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += char(header.size() & 0xff);
  bytes += char(header.size() >> 8);
  return bytes + header.str() + data.str();
}

static std::string parseError(llvm::StringRef header, llvm::StringRef data) {
  return getText(parseNpy(makeNpy(header, data), "a.npy"));
}

TEST(Npy, RoundTripsEveryType) {
  TemporaryFolder folder;
  for (ElementType type :
       {ElementType::Bool, ElementType::I8, ElementType::U8, ElementType::I16,
        ElementType::U16, ElementType::I32, ElementType::U32, ElementType::I64,
        ElementType::U64, ElementType::F16, ElementType::F32,
        ElementType::F64}) {
    HostTensor tensor = HostTensor::allocate(type, {2, 3});
    for (size_t i = 0; i < tensor.getBytes().size(); ++i)
      tensor.getMutableBytes()[i] = char(i * 7 + 1);
    ASSERT_EQ("", getText(writeNpy(folder / "a.npy", tensor)));
    auto read = readNpy(folder / "a.npy");
    ASSERT_TRUE(bool(read));
    EXPECT_EQ(type, read->getType());
    EXPECT_EQ(tensor.getShape(), read->getShape());
    EXPECT_EQ(tensor.getBytes(), read->getBytes());
  }
}

TEST(Npy, RoundTripsScalarsAndEmptyTensors) {
  TemporaryFolder folder;
  for (llvm::SmallVector<int64_t> shape :
       {llvm::SmallVector<int64_t>{}, {0}, {5, 0, 2}}) {
    HostTensor tensor = HostTensor::allocate(ElementType::F32, shape);
    ASSERT_EQ("", getText(writeNpy(folder / "a.npy", tensor)));
    auto read = readNpy(folder / "a.npy");
    ASSERT_TRUE(bool(read));
    EXPECT_EQ(llvm::ArrayRef<int64_t>(shape), read->getShape());
  }
}

TEST(Npy, ReadsWhatNumpyWrites) {
  auto tensor = parseNpy(
      makeNpy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }   \n",
              llvm::StringRef("\0\0\x80\x3f\0\0\0\x40", 8)),
      "a.npy");
  ASSERT_TRUE(bool(tensor));
  EXPECT_EQ(1.0f, tensor->getAs<float>()[0]);
  EXPECT_EQ(2.0f, tensor->getAs<float>()[1]);
}

TEST(Npy, NumpyDataAreAligned) {
  TemporaryFolder folder;
  HostTensor tensor = HostTensor::allocate(ElementType::F32, {1});
  ASSERT_EQ("", getText(writeNpy(folder / "a.npy", tensor)));
  EXPECT_EQ(4u, readBytes(folder / "a.npy").size() % 64);
}

TEST(Npy, ExplainsErrors) {
  EXPECT_EQ("a.npy: is in Fortran order, C order is required",
            parseError("{'descr': '|u1', 'fortran_order': True, "
                       "'shape': (2, 2)}",
                       "abcd"));
  EXPECT_EQ("a.npy: element type '>f4' is not supported; little-endian bool, "
            "integers, f16, f32 and f64 are",
            parseError("{'descr': '>f4', 'fortran_order': False, "
                       "'shape': (1,)}",
                       "abcd"));
  EXPECT_EQ("a.npy: has 3 bytes of data, its header asks for 4xu8",
            parseError("{'descr': '|u1', 'fortran_order': False, "
                       "'shape': (4,)}",
                       "abc"));
  EXPECT_EQ("a.npy: is not a .npy file", getText(parseNpy("PK", "a.npy")));
  std::string dictionary = "a.npy: the .npy header must be a dictionary of "
                           "'descr', 'fortran_order' and 'shape'";
  for (llvm::StringRef header :
       {"", "{", "{}", "{'descr': '|u1'}",
        "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': ()}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1 1)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': ()} x"})
    EXPECT_EQ(dictionary, parseError(header, "a")) << header.str();
}

TEST(Npy, SaysWhereFilesEndOrDiffer) {
  auto text = [](llvm::StringRef bytes) {
    return getText(parseNpy(bytes, "a.npy"));
  };
  std::string magic = "\x93NUMPY";
  EXPECT_EQ("a.npy: .npy version 9, known are 1 to 3",
            text(magic + std::string("\x09\x00", 2)));
  EXPECT_EQ("a.npy: ends inside the .npy header",
            text(magic + std::string("\x01\x00\x10", 3)));
  EXPECT_EQ("a.npy: ends inside the .npy header",
            text(magic + std::string("\x01\x00\x10\x00{", 5)));
}

TEST(Npy, RefusesToWriteTypesThatNumPyLacks) {
  TemporaryFolder folder;
  HostTensor tensor = HostTensor::allocate(ElementType::BF16, {2});
  EXPECT_NE(std::string::npos, getText(writeNpy(folder / "a.npy", tensor))
                                   .find("NumPy has no element type for bf16"));
  EXPECT_EQ(0u, folder.countFiles());
}

TEST(Npy, RefusesOverflowingShapes) {
  for (llvm::StringRef shape :
       {"(9223372036854775807,)", "(4294967296, 4294967296)",
        "(4294967296, 4294967296, 2)", "(99999999999999999999,)"})
    EXPECT_NE("", parseError(("{'descr': '<f8', 'fortran_order': False, "
                              "'shape': " +
                              shape + "}")
                                 .str(),
                             ""));
}

TEST(Npy, SurvivesMutations) {
  TemporaryFolder folder;
  HostTensor tensor = HostTensor::allocate(ElementType::F16, {3, 2});
  ASSERT_EQ("", getText(writeNpy(folder / "a.npy", tensor)));
  std::string bytes = readBytes(folder / "a.npy");
  forEachMutation(bytes, 2000, [&](llvm::StringRef mutation) {
    auto file = makeFile(mutation);
    auto result = parseNpy(file->getBuffer(), "a.npy");
    if (mutation.size() < bytes.size())
      EXPECT_FALSE(bool(result));
    llvm::consumeError(result.takeError());
  });
}
