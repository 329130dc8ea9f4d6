//===- ArtefactTest.cpp - Modules on disk: IR and a sidecar ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is saved can be loaded, in both formats and into a context that already
// holds the same names; what does not fit together is refused.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Artefact.h"
#include "TestSupport.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/Safetensors.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"

using namespace lowbit;
using namespace lowbit::testing;

/// Two globals with three resources of 8, 4 and 12 bytes.
static constexpr llvm::StringLiteral kModule = R"mlir(
#int4 = #lowbit.encoding<int<4>, group = 8, scale = f16>
module {
  lowbit.global @"a/b" : !lowbit.tensor<2x8xf32, #int4> {
    codes = dense_resource<c> : tensor<8xi8>,
    scale = dense_resource<s> : tensor<2x1xf16>}
  lowbit.global @f : tensor<3xf32> {data = dense_resource<d> : tensor<3xf32>}
}
{-#
  dialect_resources: {
    builtin: {
      c: "0x010000000102030405060708",
      s: "0x02000000003C0040",
      d: "0x040000000000803F0000004000004040"
    }
  }
#-}
)mlir";

namespace {

class ArtefactTest : public ::testing::Test {
protected:
  ArtefactTest() { context.loadDialect<LowbitDialect>(); }

  mlir::OwningOpRef<mlir::ModuleOp> parse(llvm::StringRef text) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(bool(module));
    return module;
  }

  /// Saves the module above and returns the path of its IR.
  std::string save(ArtefactFormat format, llvm::StringRef name) {
    auto module = parse(kModule);
    auto size = saveArtefact(*module, folder / name, format);
    EXPECT_TRUE(bool(size)) << (size ? "" : getText(size.takeError()));
    EXPECT_EQ(24u, size->data);
    EXPECT_EQ(size->header + size->data,
              readBytes(getSidecarPath(folder / name)).size());
    EXPECT_EQ(size->ir, readBytes(folder / name).size());
    return folder / name;
  }

  std::string loadError(llvm::StringRef path) {
    mlir::MLIRContext fresh;
    return getText(loadArtefact(path, fresh));
  }

  TemporaryFolder folder;
  mlir::MLIRContext context;
};

} // namespace

/// Bytes of a component.
static llvm::ArrayRef<char> getBytes(mlir::ModuleOp module,
                                     llvm::StringRef global,
                                     llvm::StringRef component) {
  auto resource = llvm::cast<mlir::DenseResourceElementsAttr>(
      module.lookupSymbol<GlobalOp>(global).getComponents().get(component));
  return resource.getRawHandle().getBlob()->getData();
}

TEST_F(ArtefactTest, RoundTripsInBothFormats) {
  for (auto [format, name] :
       {std::pair(ArtefactFormat::Text, "m.mlir"),
        std::pair(ArtefactFormat::Bytecode, "m.mlirbc")}) {
    std::string path = save(format, name);
    EXPECT_EQ(std::string::npos, readBytes(path).find("0x01000000"));
    mlir::MLIRContext fresh;
    auto module = loadArtefact(path, fresh);
    ASSERT_TRUE(bool(module)) << getText(module.takeError());
    EXPECT_EQ("\1\2\3\4\5\6\7\10",
              llvm::StringRef(getBytes(**module, "a/b", "codes").data(), 8));
    EXPECT_EQ('\x3c', getBytes(**module, "a/b", "scale")[1]);
    EXPECT_EQ(12u, getBytes(**module, "f", "data").size());
  }
}

TEST_F(ArtefactTest, SavingAgainGivesTheSameBytes) {
  std::string path = save(ArtefactFormat::Text, "m.mlir");
  std::string ir = readBytes(path), sidecar = readBytes(getSidecarPath(path));
  // The context holds the resource keys already, so loading renames them.
  auto module = loadArtefact(path, context);
  ASSERT_TRUE(bool(module)) << getText(module.takeError());
  auto size = saveArtefact(**module, path, ArtefactFormat::Text);
  ASSERT_TRUE(bool(size));
  EXPECT_EQ(sidecar, readBytes(getSidecarPath(path)));
  mlir::MLIRContext fresh;
  auto again = loadArtefact(path, fresh);
  ASSERT_TRUE(bool(again));
  EXPECT_EQ(getBytes(**module, "a/b", "codes"),
            getBytes(**again, "a/b", "codes"));
}

TEST_F(ArtefactTest, ModulesWithoutResourcesHaveNoSidecar) {
  auto module = parse("module attributes {lowbit.sidecar = \"x\"} {}");
  auto size = saveArtefact(*module, folder / "m.mlir", ArtefactFormat::Text);
  ASSERT_TRUE(bool(size));
  EXPECT_EQ(0u, size->header + size->data);
  EXPECT_EQ(1u, folder.countFiles());
  EXPECT_EQ("module {\n}\n\n", readBytes(folder / "m.mlir"));
}

TEST_F(ArtefactTest, RefusesResourcesWithoutData) {
  auto module = parse("lowbit.global @f : tensor<3xf32> {data = "
                      "dense_resource<nothing> : tensor<3xf32>}");
  EXPECT_EQ(
      "component 'data' of global '@f': has no data; a sidecar must be "
      "bound first",
      getText(saveArtefact(*module, folder / "m.mlir", ArtefactFormat::Text)));
  EXPECT_EQ(0u, folder.countFiles());
}

TEST_F(ArtefactTest, RefusesResourcesElsewhere) {
  context.allowUnregisteredDialects();
  auto module =
      parse("\"x.y\"() {v = [dense_resource<k> : tensor<3xf32>]} : () -> ()");
  EXPECT_EQ(
      "'x.y' holds a resource; only those of 'lowbit.global' can be "
      "saved",
      getText(saveArtefact(*module, folder / "m.mlir", ArtefactFormat::Text)));
}

TEST_F(ArtefactTest, RefusesElementsOfLessThanAByte) {
  llvm::StringLiteral reason = "element type cannot be stored in a sidecar";
  llvm::StringLiteral text =
      "lowbit.global @f : tensor<2xi4> {data = dense_resource<d> : "
      "tensor<2xi4>}";
  auto module = parse(text);
  EXPECT_NE(std::string::npos, getText(saveArtefact(*module, folder / "m.mlir",
                                                    ArtefactFormat::Text))
                                   .find(reason));
  EXPECT_EQ(0u, folder.countFiles());
  auto output = AtomicOutput::create(folder / "m.safetensors");
  ASSERT_TRUE(bool(output));
  std::vector<char> bytes(2);
  SafetensorsEntry entry{"f", ElementType::I8, {2}, bytes};
  ASSERT_TRUE(bool(writeSafetensors(*output, {entry})));
  ASSERT_EQ("", getText(output->commit()));
  writeBytes(folder / "m.mlir", ("module attributes {lowbit.sidecar = "
                                 "\"m.safetensors\"} {" +
                                 text + "}")
                                    .str());
  EXPECT_NE(std::string::npos, loadError(folder / "m.mlir").find(reason));
}

TEST_F(ArtefactTest, RefusesNamesOfSidecarsAndDevices) {
  auto module = parse(kModule);
  auto error = [&](llvm::StringRef path) {
    return getText(saveArtefact(*module, path, ArtefactFormat::Text));
  };
  EXPECT_NE(std::string::npos,
            error(folder / "m.safetensors")
                .find("is the name of a sidecar; IR is written to .mlir or "
                      ".mlirbc"));
  EXPECT_EQ("/dev/null: is no regular file; a module with weights requires "
            "one, to put its sidecar beside it",
            error("/dev/null"));
  EXPECT_EQ(0u, folder.countFiles());
}

TEST_F(ArtefactTest, OldIRFindsItsSidecarWhileItIsReplaced) {
  std::string path = save(ArtefactFormat::Text, "m.mlir");
  std::string sidecar = getSidecarPath(path), ir = readBytes(path);
  size_t at = ir.find(kSidecarChecksumAttr.str() + " = \"");
  ASSERT_NE(std::string::npos, at);
  std::string checksum = ir.substr(at + kSidecarChecksumAttr.size() + 4, 16);
  // What a program leaves that is killed between two renames.
  std::string replaced = sidecar + "." + checksum + ".old";
  ASSERT_FALSE(llvm::sys::fs::rename(sidecar, replaced));
  EXPECT_EQ("", loadError(path));
  auto other = parse("lowbit.global @f : tensor<3xf32> {data = "
                     "dense_resource<d> : tensor<3xf32>}\n{-# "
                     "dialect_resources: { builtin: { d: "
                     "\"0x040000000000803F0000004000004041\" } } #-}");
  ASSERT_TRUE(
      bool(saveArtefact(*other, folder / "other.mlir", ArtefactFormat::Text)));
  ASSERT_FALSE(llvm::sys::fs::rename(folder / "other.safetensors", sidecar));
  EXPECT_EQ("", loadError(path));
  // The next that is written takes it away.
  ASSERT_TRUE(bool(
      saveArtefact(*other, folder / "m.mlirbc", ArtefactFormat::Bytecode)));
  EXPECT_FALSE(llvm::sys::fs::exists(replaced));
  EXPECT_NE("", loadError(path));
}

TEST_F(ArtefactTest, ReadsFilesOnly) {
  ASSERT_FALSE(llvm::sys::fs::create_directory(folder / "m.mlir"));
  EXPECT_NE(std::string::npos,
            loadError(folder / "m.mlir")
                .find("m.mlir: is a directory, a file is required"));
}

TEST_F(ArtefactTest, TellsBytecodeApart) {
  std::string path = save(ArtefactFormat::Bytecode, "m.mlirbc");
  std::string bytes = readBytes(path);
  std::string damaged = bytes;
  damaged.back() ^= 1;
  writeBytes(path, damaged);
  EXPECT_NE(std::string::npos,
            loadError(path).find(
                "is damaged: the bytecode does not match its digest"));
  writeBytes(path, llvm::StringRef(bytes).take_front(40));
  EXPECT_NE(std::string::npos,
            loadError(path).find(
                "is bytecode of neither lowbit nor MLIR, or damaged"));
  writeBytes(path, (bytes.substr(0, 5) + "MLIR") + bytes.substr(9));
  EXPECT_NE(std::string::npos,
            loadError(path).find("is bytecode without a digest; 'quant-opt "
                                 "FILE -o FILE.mlir' makes text of it"));
}

TEST_F(ArtefactTest, FailureLeavesNothing) {
  auto module = parse(kModule);
  ASSERT_FALSE(llvm::sys::fs::create_directory(folder / "m.safetensors"));
  EXPECT_NE("", getText(saveArtefact(*module, folder / "m.mlir",
                                     ArtefactFormat::Text)));
  EXPECT_EQ(1u, folder.countFiles());
}

TEST_F(ArtefactTest, ExplainsWhatIsMissing) {
  std::string path = save(ArtefactFormat::Text, "m.mlir");
  std::string sidecar = getSidecarPath(path);
  ASSERT_FALSE(llvm::sys::fs::remove(sidecar));
  EXPECT_NE(std::string::npos,
            loadError(path).find("m.safetensors: cannot be read: No such"));
  auto output = AtomicOutput::create(sidecar);
  ASSERT_TRUE(bool(output));
  std::vector<char> bytes(12);
  SafetensorsEntry entry{"f", ElementType::F32, {3}, bytes};
  ASSERT_TRUE(bool(writeSafetensors(*output, {entry})));
  ASSERT_EQ("", getText(output->commit()));
  EXPECT_NE(std::string::npos,
            loadError(path).find("another artefact has replaced it"));
  // IR that says nothing of its sidecar but the name takes any.
  std::string text = readBytes(path);
  size_t at = text.find(kSidecarChecksumAttr.str());
  ASSERT_NE(std::string::npos, at);
  writeBytes(path, text.replace(at, kSidecarChecksumAttr.size(), "other.note"));
  EXPECT_NE(std::string::npos,
            loadError(path).find("has no tensor 'a/b.codes'"));
}

TEST_F(ArtefactTest, RefusesOtherShapes) {
  std::string path = save(ArtefactFormat::Text, "m.mlir");
  std::string text = readBytes(path);
  size_t at = text.find("tensor<8xi8>");
  ASSERT_NE(std::string::npos, at);
  writeBytes(path, text.replace(at, 12, "tensor<9xi8>"));
  EXPECT_NE("", loadError(path));
}

TEST_F(ArtefactTest, RefusesSidecarsInOtherFolders) {
  writeBytes(folder / "m.mlir",
             "module attributes {lowbit.sidecar = \"../x.safetensors\"} {}");
  EXPECT_NE(std::string::npos,
            loadError(folder / "m.mlir").find("without folders"));
}

TEST_F(ArtefactTest, ParserErrorsHavePositions) {
  writeBytes(folder / "m.mlir", "module {\n  lowbit.nothing\n}");
  std::string text = loadError(folder / "m.mlir");
  EXPECT_NE(std::string::npos, text.find("m.mlir:2:3: ")) << text;
}

TEST_F(ArtefactTest, RefusesDeepNesting) {
  writeBytes(folder / "m.mlir",
             "module attributes {a = " + std::string(1 << 20, '[') + "} {}");
  EXPECT_NE(std::string::npos,
            loadError(folder / "m.mlir")
                .find("brackets nest deeper than 256 levels"));
}

TEST_F(ArtefactTest, SurvivesDamagedText) {
  std::string path = save(ArtefactFormat::Text, "m.mlir");
  forEachMutation(readBytes(path), 500, [&](llvm::StringRef mutation) {
    writeBytes(path, mutation);
    mlir::MLIRContext fresh;
    llvm::consumeError(loadArtefact(path, fresh).takeError());
  });
}

TEST_F(ArtefactTest, FindsAllDamageInBytecode) {
  std::string path = save(ArtefactFormat::Bytecode, "m.mlirbc");
  std::string bytes = readBytes(path);
  forEachMutation(bytes, 500, [&](llvm::StringRef mutation) {
    if (mutation == bytes)
      return;
    writeBytes(path, mutation);
    EXPECT_NE("", loadError(path)) << llvm::toHex(mutation);
  });
}

TEST_F(ArtefactTest, FindsAllDamageInSidecars) {
  std::string path = save(ArtefactFormat::Text, "m.mlir");
  std::string sidecar = getSidecarPath(path), bytes = readBytes(sidecar);
  for (size_t bit = 8 * (bytes.size() - 24); bit < 8 * bytes.size(); ++bit) {
    std::string copy = bytes;
    copy[bit / 8] ^= char(1 << bit % 8);
    writeBytes(sidecar, copy);
    EXPECT_NE(std::string::npos, loadError(path).find("is damaged"));
  }
  forEachMutation(bytes, 500, [&](llvm::StringRef mutation) {
    writeBytes(sidecar, mutation);
    mlir::MLIRContext fresh;
    llvm::consumeError(loadArtefact(path, fresh).takeError());
  });
}

TEST_F(ArtefactTest, AppearsWithItsCompanionOrNotAtAll) {
  auto module = parse(kModule);
  auto save = [&](AtomicOutput &report) {
    report.os() << "report";
    return getText(saveArtefact(*module, folder / "m.mlir",
                                ArtefactFormat::Text, &report));
  };
  auto blocked = AtomicOutput::create(folder / "r.txt");
  ASSERT_TRUE(bool(blocked));
  ASSERT_FALSE(llvm::sys::fs::create_directory(folder / "r.txt"));
  EXPECT_NE(save(*blocked).find("r.txt: cannot be replaced: Is a directory"),
            std::string::npos);
  EXPECT_EQ(1u, folder.countFiles());
  auto report = AtomicOutput::create(folder / "s.txt");
  ASSERT_TRUE(bool(report));
  EXPECT_EQ("", save(*report));
  EXPECT_EQ("report", readBytes(folder / "s.txt"));
  EXPECT_EQ(4u, folder.countFiles());
}
