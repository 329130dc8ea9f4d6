//===- ProgramInterface.h - a compiled model as C sees it -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the object and its header must agree on: names that are identifiers of
// C and C++, shapes, symbols and weights.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_PROGRAMINTERFACE_H
#define LOWBIT_TOOLS_LIB_PROGRAMINTERFACE_H

#include "LoweredModule.h"
#include "lowbit/Tools/Program.h"
#include "lowbit/Tools/Signature.h"
#include "mlir/IR/OwningOpRef.h"

namespace lowbit {

/// A model's code for one CPU: a module in the LLVM dialect.
struct ProgramVariant {
  std::string cpu;
  /// Machine by LLVM's name; empty for this one.
  std::string triple;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// An input or output.
struct ProgramTensor {
  TensorSpec spec;
  /// The member of the C structure that stands for it.
  std::string field;
};

/// See above.
struct ProgramInterface {
  /// How all names of the interface begin.
  std::string name;
  /// `computeStructure` of the module that the code was lowered from.
  std::string structure;
  /// The module's provenance as JSON; empty where it has none.
  std::string provenance;
  std::vector<ProgramTensor> inputs, outputs;
  /// Names of dimensions that inputs have; an extent that is called otherwise
  /// is known only after a run.
  std::vector<std::string> symbols;
  std::vector<Requirement> requirements;
  /// What the rows of `activation_ranges` are of, if the model counts.
  std::vector<RangeCount> ranges;
  /// Weights of all variants, and which of them each variant's table has.
  std::vector<SafetensorsEntry> weights;
  std::vector<std::vector<int64_t>> tables;
  WeightStorage storage;
  /// Whether the object holds the weights; else they are in a file called
  /// `weightsFile`.
  bool embedsWeights = false;
  std::string weightsFile;
  /// Bytes of the safetensors file that holds the weights.
  uint64_t weightsBytes = 0;
  /// Whether the code runs on OpenMP threads.
  bool usesThreads = false;
  /// Processors that the code is for, and the platform.
  std::vector<std::string> cpus;
  std::string triple;

  /// Of a decoder with a cache: tokens that it has room for; else 0. Inputs are
  /// those of `@prefill`: tokens, position and states.
  int64_t maxLength = 0;
  /// Functions that the code has: `@main`, or `@prefill` and `@decode`; their
  /// arguments are outputs, inputs and a workspace.
  std::vector<std::string> functions;

  bool isDecoder() const { return maxLength != 0; }

  /// The position of `dimension` in `symbols`, or nothing.
  std::optional<size_t> findSymbol(llvm::StringRef dimension) const;
};

/// An identifier of C and C++ made from any text: what no identifier may hold
/// becomes an underscore, and keywords get one.
std::string makeIdentifier(llvm::StringRef text);

/// The interface of `module`, with `@main` or with a cache, before it was
/// lowered to the variants; `name` must be an identifier.
/// Weights are those of the variants, which `lowbit-cpu-weight-table` has seen.
/// A weight without data, or with other data in another variant, is an error.
llvm::Expected<std::unique_ptr<ProgramInterface>>
createInterface(llvm::StringRef name, mlir::ModuleOp module,
                llvm::ArrayRef<ProgramVariant> variants);

/// Prints the C header.
void printHeader(const ProgramInterface &program, llvm::raw_ostream &os);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_PROGRAMINTERFACE_H
