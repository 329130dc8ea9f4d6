//===- SafetensorsTest.cpp - Named tensors in one mapped file -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is written can be read and does not depend on the order it was given
// in; headers that lie about their data are refused with the tensor's name.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Safetensors.h"
#include "TestSupport.h"
#include "llvm/Support/Endian.h"

using namespace lowbit;
using namespace lowbit::testing;

static std::string makeSafetensors(llvm::StringRef header,
                                   llvm::StringRef data) {
  std::string bytes(8, '\0');
  llvm::support::endian::write64le(bytes.data(), header.size());
  return bytes + header.str() + data.str();
}

static std::string parseError(llvm::StringRef header, llvm::StringRef data) {
  return getText(SafetensorsFile::parse(makeFile(makeSafetensors(header, data)),
                                        "w.safetensors"));
}

static const std::vector<char> kBytes(4096, 'x');

static SafetensorsEntry makeEntry(llvm::StringRef name, ElementType type,
                                  llvm::SmallVector<int64_t, 4> shape) {
  return {name.str(), type, shape,
          llvm::ArrayRef(kBytes).take_front(*getByteSize(type, shape))};
}

static std::string write(const TemporaryFolder &folder,
                         std::vector<SafetensorsEntry> entries) {
  auto output = AtomicOutput::create(folder / "w.safetensors");
  EXPECT_TRUE(bool(output));
  auto size = writeSafetensors(*output, std::move(entries), {{"a", "b"}});
  EXPECT_TRUE(bool(size));
  EXPECT_EQ(0u, size->header % 64);
  EXPECT_EQ("", getText(output->commit()));
  std::string bytes = readBytes(folder / "w.safetensors");
  EXPECT_EQ(bytes.size(), size->header + size->data);
  return bytes;
}

TEST(Safetensors, RoundTripsInAnyOrder) {
  TemporaryFolder folder;
  std::vector<SafetensorsEntry> entries = {
      makeEntry("odd", ElementType::U8, {3}),
      makeEntry("half", ElementType::F16, {5, 3}),
      makeEntry("wide", ElementType::F32, {4, 16}),
      makeEntry("scalar", ElementType::I64, {}),
      makeEntry("empty", ElementType::BF16, {0, 7}),
      makeEntry("\"quoted\"\n", ElementType::F8E4M3, {2}),
  };
  std::string bytes = write(folder, entries);
  std::reverse(entries.begin(), entries.end());
  EXPECT_EQ(bytes, write(folder, entries));

  auto file = SafetensorsFile::open(folder / "w.safetensors");
  ASSERT_TRUE(bool(file));
  EXPECT_EQ("b", file->getMetadata().at("a"));
  EXPECT_EQ(entries.size(), file->getEntries().size());
  EXPECT_EQ(nullptr, file->lookup("none"));
  for (const SafetensorsEntry &entry : entries) {
    const SafetensorsEntry *read = file->lookup(entry.name);
    ASSERT_NE(nullptr, read) << entry.name;
    EXPECT_EQ(entry.type, read->type);
    EXPECT_EQ(entry.shape, read->shape);
    EXPECT_EQ(entry.bytes, read->bytes);
    uint64_t offset = read->bytes.data() - file->getFile()->getBufferStart();
    EXPECT_EQ(0u, offset % getByteSize(entry.type)) << entry.name;
  }
  EXPECT_EQ(0u, (file->lookup("wide")->bytes.data() -
                 file->getFile()->getBufferStart()) %
                    64);
}

TEST(Safetensors, WriterRefusesWrongEntries) {
  TemporaryFolder folder;
  auto output = AtomicOutput::create(folder / "w");
  ASSERT_TRUE(bool(output));
  SafetensorsEntry entry = makeEntry("a", ElementType::U8, {3});
  EXPECT_NE(std::string::npos,
            getText(writeSafetensors(*output, {entry, entry}))
                .find("tensor name 'a' is taken already"));
  entry.shape = {4};
  EXPECT_NE(
      std::string::npos,
      getText(writeSafetensors(*output, {entry})).find("not the size of 4xu8"));
  entry = makeEntry("\xff", ElementType::U8, {3});
  EXPECT_NE(
      std::string::npos,
      getText(writeSafetensors(*output, {entry})).find("not valid UTF-8"));
}

TEST(Safetensors, RefusesBadHeaders) {
  EXPECT_EQ(
      "w.safetensors: is too short for a safetensors file",
      getText(SafetensorsFile::parse(makeFile("1234567"), "w.safetensors")));
  EXPECT_EQ(
      "w.safetensors: the safetensors header has 18446744073709551615 "
      "bytes, the file only 8",
      getText(SafetensorsFile::parse(
          makeFile("\xff\xff\xff\xff\xff\xff\xff\xff"), "w.safetensors")));
  EXPECT_EQ("w.safetensors: the safetensors header must be an object",
            parseError("[]", ""));
  EXPECT_EQ("w.safetensors: line 1, column 8: key 'a' occurs twice in one "
            "object",
            parseError(R"({"a":1,"a":1})", ""));
}

TEST(Safetensors, RefusesOtherKindsOfValues) {
  EXPECT_EQ("w.safetensors: tensor 'a': an object with 'dtype', 'shape', "
            "'data_offsets' is required",
            parseError(R"({"a": 1})", ""));
  EXPECT_EQ("w.safetensors: '__metadata__' must be an object",
            parseError(R"({"__metadata__": []})", ""));
  EXPECT_EQ("w.safetensors: '__metadata__': the value of 'k' must be a string",
            parseError(R"({"__metadata__": {"k": 1}})", ""));
}

TEST(Safetensors, RefusesBadTensors) {
  auto entry = [](llvm::StringRef text) {
    return parseError(("{\"a\": {" + text + "}}").str(), "0123");
  };
  EXPECT_EQ("w.safetensors: tensor 'a': unknown 'dtype' 'F7'",
            entry(R"("dtype": "F7")"));
  EXPECT_EQ("w.safetensors: tensor 'a': 'shape' must be a list of "
            "non-negative integers",
            entry(R"("dtype": "U8", "shape": [-1])"));
  EXPECT_EQ("w.safetensors: tensor 'a': 'shape' must be a list of "
            "non-negative integers",
            entry(R"("dtype": "U8", "shape": [0, 9223372036854775807.2])"));
  EXPECT_EQ("w.safetensors: tensor 'a': 'data_offsets' must be a pair of "
            "non-negative integers",
            entry(R"("dtype": "U8", "shape": [4], "data_offsets": [0])"));
  EXPECT_EQ("w.safetensors: tensor 'a': 'data_offsets' [0, 5] must lie in "
            "order within the file's 4 bytes of data",
            entry(R"("dtype": "U8", "shape": [5], "data_offsets": [0, 5])"));
  EXPECT_EQ("w.safetensors: tensor 'a': 'data_offsets' span 4 bytes, not the "
            "size of 2xf32",
            entry(R"("dtype": "F32", "shape": [2], "data_offsets": [0, 4])"));
  EXPECT_NE("", entry(R"("dtype": "F32", "shape": [4294967296, 4294967296],
                         "data_offsets": [0, 0])"));
}

TEST(Safetensors, RefusesOverlapAndHoles) {
  auto pair = [](llvm::StringRef first, llvm::StringRef second) {
    return parseError(
        (R"({"a": {"dtype": "U8", "shape": [2], "data_offsets": )" + first +
         R"(}, "b": {"dtype": "U8", "shape": [2], "data_offsets": )" + second +
         "}}")
            .str(),
        "01234");
  };
  EXPECT_EQ("w.safetensors: tensor 'b' begins at 1, the one before ends at 2: "
            "tensors must neither overlap nor leave holes",
            pair("[0, 2]", "[1, 3]"));
  EXPECT_EQ("w.safetensors: tensor 'b' begins at 3, the one before ends at 2: "
            "tensors must neither overlap nor leave holes",
            pair("[0, 2]", "[3, 5]"));
  EXPECT_EQ("w.safetensors: 1 bytes after the last tensor",
            pair("[0, 2]", "[2, 4]"));
}

TEST(Safetensors, SurvivesMutations) {
  TemporaryFolder folder;
  std::string bytes = write(folder, {makeEntry("a", ElementType::F16, {2, 3}),
                                     makeEntry("b", ElementType::U8, {5})});
  forEachMutation(bytes, 3000, [&](llvm::StringRef mutation) {
    auto file = SafetensorsFile::parse(makeFile(mutation), "w");
    if (mutation.size() < bytes.size())
      EXPECT_FALSE(bool(file));
    if (!file)
      return llvm::consumeError(file.takeError());
    unsigned sum = 0;
    for (const SafetensorsEntry &entry : file->getEntries())
      for (char byte : entry.bytes)
        sum += byte;
    EXPECT_NE(0u, sum);
  });
}
