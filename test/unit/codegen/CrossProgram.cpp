//===- CrossProgram.cpp - a compiled module on an emulated CPU ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CrossProgram.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Executable.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace lowbit;
using namespace lowbit::test;

static constexpr const char kCompiler[] = "aarch64-linux-gnu-gcc";
static constexpr const char kEmulator[] = "qemu-aarch64";

/// Reads words: for each argument rank, extents and data, then for each result
/// its rank. Writes for each result its extents and data.
static constexpr const char kMain[] = R"c(
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
// The compiled function is called main, too: the command line renames it.
#undef main
void call(void **pointers);

static FILE *file;
static int64_t get(void) {
  int64_t word;
  if (fread(&word, 8, 1, file) != 1)
    exit(2);
  return word;
}

int main(int argc, char **argv) {
  file = fopen(argv[1], "rb");
  static void *pointers[256];
  static int64_t results[4096], ranks[256];
  pointers[0] = results;
  int64_t arguments = get();
  for (int64_t i = 0; i < arguments; ++i) {
    int64_t rank = get(), count = 1;
    int64_t *descriptor = calloc(3 + 2 * rank, 8);
    for (int64_t d = 0; d < rank; ++d)
      count *= descriptor[3 + d] = get();
    int64_t stride = 1;
    for (int64_t d = rank; d-- > 0; stride *= descriptor[3 + d])
      descriptor[3 + rank + d] = stride;
    void *data = malloc(4 * count + 1);
    if (fread(data, 4, count, file) != (size_t)count)
      exit(3);
    descriptor[0] = descriptor[1] = (int64_t)data;
    pointers[i + 1] = descriptor;
  }
  int64_t number = get();
  for (int64_t i = 0; i < number; ++i)
    ranks[i] = get();
  call(pointers);
  file = fopen(argv[2], "wb");
  int64_t *descriptor = results;
  for (int64_t i = 0; i < number; ++i) {
    int64_t count = 1;
    for (int64_t d = 0; d < ranks[i]; ++d)
      count *= descriptor[3 + d];
    fwrite(descriptor + 3, 8, ranks[i], file);
    fwrite((float *)descriptor[1] + descriptor[2], 4, count, file);
    descriptor += 3 + 2 * ranks[i];
  }
  return fclose(file);
}
)c";

bool CrossProgram::isAvailable() {
  return llvm::sys::findProgramByName(kCompiler) &&
         llvm::sys::findProgramByName(kEmulator);
}

/// The weights of `module` as a source file of the assembler.
static llvm::Expected<std::string> printWeights(mlir::ModuleOp module) {
  std::string text = ".data\n";
  llvm::raw_string_ostream os(text);
  auto data = module->getAttrOfType<mlir::DictionaryAttr>(kWeightsAttrName);
  for (mlir::NamedAttribute weight : data) {
    llvm::ArrayRef<char> bytes;
    int64_t times = 1;
    if (auto resource = mlir::dyn_cast<mlir::DenseResourceElementsAttr>(
            weight.getValue())) {
      bytes = resource.getRawHandle().getBlob()->getData();
    } else if (auto dense =
                   mlir::dyn_cast<mlir::DenseElementsAttr>(weight.getValue())) {
      bytes = dense.getRawData();
      times = dense.isSplat() ? dense.getNumElements() : 1;
    } else {
      return makeError("a weight has no bytes");
    }
    os << ".balign 64\n.globl \"" << weight.getName().strref() << "\"\n\""
       << weight.getName().strref() << "\":\n.rept " << times << "\n";
    for (char byte : bytes)
      os << ".byte " << int(byte) << "\n";
    os << ".endr\n";
  }
  return text;
}

llvm::Error CrossProgram::writeSources(mlir::ModuleOp module,
                                       llvm::StringRef cpu,
                                       size_t numArguments) {
  std::string code;
  llvm::raw_string_ostream os(code);
  if (llvm::Error error = emitAssembly(module, os, cpu, "aarch64-linux-gnu"))
    return error;
  if (llvm::Error error = writeFile("code.S", code))
    return error;
  llvm::Expected<std::string> weights = printWeights(module);
  if (!weights)
    return weights.takeError();
  if (llvm::Error error = writeFile("weights.s", *weights))
    return error;
  std::string main = kMain, parameters = "void *", values = "p[0]";
  for (size_t i = 1; i <= numArguments; ++i) {
    parameters += ", void *";
    values += ", p[" + std::to_string(i) + "]";
  }
  main += "void _mlir_ciface_main(" + parameters +
          ");\nvoid call(void **p) { _mlir_ciface_main(" + values + "); }\n";
  return writeFile("main.c", main);
}

llvm::Expected<std::unique_ptr<CrossProgram>>
CrossProgram::create(mlir::ModuleOp module, llvm::StringRef cpu,
                     llvm::ArrayRef<int64_t> resultRanks, size_t numArguments) {
  std::unique_ptr<CrossProgram> program(new CrossProgram(resultRanks));
  if (llvm::Error error = program->createFolder())
    return std::move(error);
  if (llvm::Error error = program->writeSources(module, cpu, numArguments))
    return std::move(error);
  if (llvm::Error error = program->execute(
          kCompiler,
          {"-static", "-march=armv8.6-a+sve2+sha3", "-Dmain=model_main",
           program->path("main.c"), program->path("code.S"),
           program->path("weights.s"), "-lm", "-o", program->path("program")}))
    return std::move(error);
  return program;
}

llvm::Error CrossProgram::start() {
  return execute(kEmulator,
                 {"-cpu", "max", path("program"), path("in"), path("out")});
}
