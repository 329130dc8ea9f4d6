//===- WasmHeader.cpp - the C header of an object for WebAssembly ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The object is code alone: what loads weights and checks arguments on other
// machines is the host's part there, or that of a program that links it.
//
//===----------------------------------------------------------------------===//

#include "WasmModule.h"
#include "lowbit/Runtime/Program.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lowbit;

/// Text from a model inside of a comment.
static std::string quote(llvm::StringRef text) {
  std::string result;
  for (char c : text)
    result += c == '*' || !llvm::isPrint(c) ? '?' : c;
  return result;
}

static std::string describeTensor(const TensorSpec &spec) {
  std::string text = "'" + quote(spec.name) +
                     "': " + getSafetensorsName(spec.type).str() + " [";
  for (size_t i = 0; i < spec.shape.size(); ++i) {
    bool hasName = i < spec.dimensions.size() && !spec.dimensions[i].empty();
    text += i ? ", " : "";
    text += spec.shape[i] >= 0 ? llvm::itostr(spec.shape[i])
            : hasName          ? quote(spec.dimensions[i])
                               : std::string("?");
  }
  return text + "]";
}

static void printArguments(const ProgramInterface &program,
                           llvm::raw_ostream &os) {
  if (!program.outputs.empty())
    os << " *   room for the descriptors of all outputs, one after another:\n";
  for (const ProgramTensor &output : program.outputs)
    os << " *     " << describeTensor(output.spec) << "\n";
  for (const ProgramTensor &input : program.inputs)
    os << " *   the descriptor of " << describeTensor(input.spec) << "\n";
}

static void printFunctions(const ProgramInterface &program,
                           llvm::ArrayRef<EntryCode> entries,
                           llvm::raw_ostream &os) {
  for (const EntryCode &entry : entries) {
    if (entry.workspace)
      os << "/** The last argument is the descriptor of a workspace of "
         << *entry.workspace << " bytes, where\n    outputs lie, too. */\n";
    os << "void " << entry.name
       << "(void **arguments, const void *const *weights);\n\n";
  }
  for (auto [i, requirement] : llvm::enumerate(program.requirements)) {
    os << "/** Whether extents satisfy " << quote(requirement.text) << ":";
    for (size_t k = 0; k < requirement.dims.size(); k += 2)
      os << llvm::formatv("{0} axis {1} of '{2}'", k ? "," : "",
                          requirement.dims[k + 1],
                          quote(program.inputs[requirement.dims[k]].spec.name));
    os << ". */\nint " << program.name << "_holds_" << i
       << "(const int64_t *extents);\n\n";
  }
}

void lowbit::printWasmHeader(const ProgramInterface &program,
                             llvm::ArrayRef<EntryCode> entries,
                             llvm::raw_ostream &os) {
  os << "/* Code of the compiled model '" << program.name
     << "' for WebAssembly (" << llvm::join(program.cpus, ", ")
     << "),\n * written by quant-opt. Arguments are not checked.\n *\n"
        " * Link it with wasm-ld and liblowbit_runtime_wasm32.a. The weights, "
     << program.weightsBytes << " bytes,\n * are in "
     << quote(program.weightsFile)
     << ". A descriptor has two addresses of 32 bits, both\n"
        " * of the elements, and words of 64 bits: an offset (0), extents and "
        "strides, in\n * elements. Arguments, in this order:\n";
  printArguments(program, os);
  os << " *\n * `weights` has the addresses of these tensors:\n";
  for (int64_t index : program.tables.front()) {
    const SafetensorsEntry &weight = program.weights[index];
    TensorSpec spec;
    spec.name = weight.name;
    spec.type = weight.type;
    spec.shape = weight.shape;
    os << " *   " << describeTensor(spec) << "\n";
  }
  os << " */\n#ifndef LOWBIT_PROGRAM_" << program.name
     << "_H\n#define LOWBIT_PROGRAM_" << program.name
     << "_H\n\n#include <stdint.h>\n\n"
        "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  printFunctions(program, entries, os);
  os << "/** Frees what the last call has allocated: outputs that lie in no "
        "workspace. */\nvoid lowbit_sweep(void);\n\n"
        "#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
}
