//===- IRText.cpp - Guarding MLIR's readers -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The digest sits in the producer string near the start of a bytecode file,
// where every other reader ignores it. It is computed with zeros in its place.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/IRText.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/SourceMgr.h"

using namespace lowbit;

namespace {

constexpr llvm::StringLiteral kProducer("lowbit sha256 ");
constexpr llvm::StringLiteral kForeignProducer("MLIR");
constexpr size_t kDigestLength = 64;
/// Magic number and version come before the producer.
constexpr size_t kProducerOffset = 5;
constexpr unsigned kMaxNesting = 256;

std::string computeDigest(llvm::StringRef bytes) {
  auto digest = llvm::SHA256::hash(llvm::arrayRefFromStringRef(bytes));
  return llvm::toHex(digest, /*LowerCase=*/true);
}

llvm::Error checkBytecode(llvm::StringRef bytes, llvm::StringRef source) {
  llvm::StringRef producer =
      bytes.drop_front(std::min(bytes.size(), kProducerOffset));
  // MLIR's reader trusts its input; without a digest damage cannot be told.
  if (producer.starts_with(kForeignProducer))
    return makeFileError(source, "is bytecode without a digest; 'quant-opt "
                                 "FILE -o FILE.mlir' makes text of it, which "
                                 "can be read");
  size_t begin = kProducerOffset + kProducer.size();
  if (!producer.starts_with(kProducer) || bytes.size() < begin + kDigestLength)
    return makeFileError(source, "is bytecode of neither lowbit nor MLIR, or "
                                 "damaged");
  std::string blank = bytes.str();
  std::string digest = blank.substr(begin, kDigestLength);
  blank.replace(begin, kDigestLength, kDigestLength, '0');
  if (computeDigest(blank) != digest)
    return makeFileError(source, "is damaged: the bytecode does not match its "
                                 "digest");
  return llvm::Error::success();
}

/// Bounds the nesting of brackets outside of strings and comments.
llvm::Error checkText(llvm::StringRef text, llvm::StringRef source) {
  unsigned depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
    case '"':
      for (++i; i < text.size() && text[i] != '"' && text[i] != '\n'; ++i)
        if (text[i] == '\\')
          ++i;
      break;
    case '/':
      if (text.substr(i).starts_with("//"))
        i = std::min(text.find('\n', i), text.size());
      break;
    case '(':
    case '[':
    case '{':
    case '<':
      if (++depth > kMaxNesting)
        return makeFileError(source, "brackets nest deeper than " +
                                         llvm::Twine(kMaxNesting) + " levels");
      break;
    case '>':
      if (i != 0 && text[i - 1] == '-')
        break;
      [[fallthrough]];
    case ')':
    case ']':
    case '}':
      depth -= depth != 0;
      break;
    default:
      break;
    }
  }
  return llvm::Error::success();
}

} // namespace

void lowbit::printModule(mlir::ModuleOp module, llvm::raw_ostream &os) {
  mlir::OpPrintingFlags flags;
  module->print(os, flags.elideLargeResourceString(0));
  os << "\n";
}

llvm::Error lowbit::writeBytecode(mlir::ModuleOp module,
                                  llvm::raw_ostream &os) {
  std::string bytes;
  llvm::raw_string_ostream buffer(bytes);
  // The configuration refers to the producer and does not copy it.
  std::string producer = kProducer.str() + std::string(kDigestLength, '0');
  mlir::BytecodeWriterConfig config(producer);
  config.setElideResourceDataFlag();
  llvm::LogicalResult written =
      mlir::writeBytecodeToFile(module, buffer, config);
  assert(succeeded(written) && "only an unknown version could be refused");
  (void)written;
  bytes.replace(kProducerOffset + kProducer.size(), kDigestLength,
                computeDigest(bytes));
  os << bytes;
  return llvm::Error::success();
}

llvm::Error lowbit::checkIR(llvm::StringRef bytes, llvm::StringRef source) {
  if (bytes.trim().empty())
    return makeFileError(source, "is empty");
  llvm::MemoryBufferRef buffer(bytes, source);
  return mlir::isBytecode(buffer) ? checkBytecode(bytes, source)
                                  : checkText(bytes, source);
}

llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lowbit::parseModule(llvm::StringRef bytes, llvm::StringRef source,
                    mlir::MLIRContext &context) {
  if (llvm::Error error = checkIR(bytes, source))
    return std::move(error);
  DiagnosticText diagnostics(context);
  // The lexer wants a terminating zero, which a mapping need not have.
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(
      llvm::MemoryBuffer::getMemBufferCopy(bytes, source), llvm::SMLoc());
  mlir::OwningOpRef<mlir::ModuleOp> module;
  // Text that no printer writes reaches faults of MLIR's parser: a number that
  // is too large in the permutation of a linalg.transpose ends in a null
  // pointer. Where crash recovery is enabled, that is an error like any other.
  llvm::CrashRecoveryContext recovery;
  bool hasFinished = recovery.RunSafely([&] {
    module = mlir::parseSourceFile<mlir::ModuleOp>(sources, &context);
  });
  if (hasFinished && module)
    return std::move(module);
  std::string problem =
      llvm::toString(diagnostics.takeError(source + ": cannot be read as IR"));
  // Where an operation is said to come from, which errors name, is a part of
  // the text: it may be another file, or none.
  if (llvm::StringRef(problem).starts_with(source))
    return makeError(problem);
  return makeFileError(source, problem);
}
