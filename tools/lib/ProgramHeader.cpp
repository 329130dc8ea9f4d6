//===- ProgramHeader.cpp - the C header of a compiled model ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The header documents one model; it includes nothing of Lowbit, so that a
// program needs no include path to it. Structures have the layout that
// `lowbit_run` of the run time expects.
//
//===----------------------------------------------------------------------===//

#include "ProgramInterface.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Runtime/Program.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace lowbit;

namespace {
/// How C spells an element type, and a remark where it has no name for it.
struct CType {
  llvm::StringLiteral name, remark;
};
} // namespace

/// Indexed by ElementType.
static constexpr CType kTypes[] = {{"uint8_t", " (0 or 1)"},
                                   {"int8_t", ""},
                                   {"uint8_t", ""},
                                   {"int16_t", ""},
                                   {"uint16_t", ""},
                                   {"int32_t", ""},
                                   {"uint32_t", ""},
                                   {"int64_t", ""},
                                   {"uint64_t", ""},
                                   {"uint8_t", " (bits of an f8E8M0)"},
                                   {"uint8_t", " (bits of an f8E4M3)"},
                                   {"uint8_t", " (bits of an f8E5M2)"},
                                   {"uint16_t", " (bits of an f16)"},
                                   {"uint16_t", " (bits of a bf16)"},
                                   {"float", ""},
                                   {"double", ""}};
static_assert(std::size(kTypes) == static_cast<unsigned>(ElementType::F64) + 1);

/// Text from a model inside of a comment, which it must not end or nest.
static std::string quote(llvm::StringRef text) {
  std::string result;
  for (char c : text) {
    bool isMark = (c == '/' || c == '*') && !result.empty() &&
                  result.back() == (c == '/' ? '*' : '/');
    if (isMark)
      result += ' ';
    result += llvm::isPrint(c) ? c : '?';
  }
  return result;
}

static std::string describeShape(const TensorSpec &spec) {
  std::string text = "[";
  for (size_t i = 0; i < spec.shape.size(); ++i) {
    text += i ? ", " : "";
    llvm::StringRef name =
        i < spec.dimensions.size() ? spec.dimensions[i] : llvm::StringRef();
    text += spec.shape[i] >= 0 ? llvm::itostr(spec.shape[i])
            : name.empty()     ? "?"
                               : quote(name);
  }
  return text + "]";
}

namespace {
class HeaderPrinter {
public:
  HeaderPrinter(const ProgramInterface &program, llvm::raw_ostream &os)
      : program(program), name(program.name), os(os) {}

  void print() {
    printIntroduction();
    printErrors();
    if (program.isDecoder())
      return printDecoder();
    for (const ProgramTensor &input : program.inputs)
      printInput(input);
    for (const ProgramTensor &output : program.outputs)
      printOutput(output);
    printAll("inputs", "input", program.inputs);
    printAll("outputs", "output", program.outputs);
    printLoading();
    printFunctions();
    printEnd();
  }

private:
  void printIntroduction();
  void printRequirements();
  void printRanges();
  void printErrors();
  void printInput(const ProgramTensor &tensor);
  void printOutput(const ProgramTensor &tensor);
  void printAll(llvm::StringRef suffix, llvm::StringRef kind,
                llvm::ArrayRef<ProgramTensor> tensors);
  void printLoading();
  void printFunctions();
  void printEnd();
  void printDecoder();
  void printTextOutput(const ProgramTensor &tensor);
  void printTextFunctions();

  void printShape(const ProgramTensor &tensor) {
    if (!tensor.spec.shape.empty())
      os << "  int64_t shape[" << tensor.spec.shape.size() << "];\n";
  }
  llvm::StringRef getType(const ProgramTensor &tensor) {
    return kTypes[static_cast<unsigned>(tensor.spec.type)].name;
  }
  void printTitle(const ProgramTensor &tensor, llvm::StringRef kind) {
    os << "/** " << kind << " '" << quote(tensor.spec.name)
       << "': " << getType(tensor)
       << kTypes[static_cast<unsigned>(tensor.spec.type)].remark << " "
       << describeShape(tensor.spec) << ", row-major.";
  }

  const ProgramInterface &program;
  llvm::StringRef name;
  llvm::raw_ostream &os;
};
} // namespace

void HeaderPrinter::printIntroduction() {
  os << "/* The C interface of the compiled model '" << name
     << "', written by quant-opt.\n *\n * Code for " << program.triple << ", "
     << llvm::join(program.cpus, ", ") << ".\n";
  if (program.embedsWeights)
    os << " * The weights, " << program.weightsBytes
       << " bytes, are inside of the object.\n";
  else
    os << " * The weights, " << program.weightsBytes << " bytes, are in "
       << quote(program.weightsFile) << ".\n";
  os << " *\n * Link the object with liblowbit_runtime.a"
     << (program.usesThreads ? ", -lomp (LLVM's OpenMP)" : "")
     << " and -lm; a shared library\n * has the first inside.\n";
  printRequirements();
  printRanges();
  os << R"( *
 * A model does not change after it is loaded: any number of threads may run it
 * at once, each with inputs and outputs of its own, and any number of models
 * may be loaded. Only setting threads and freeing must not happen while another
 * thread uses the same model.
 */
)";
  os << "#ifndef LOWBIT_PROGRAM_" << name << "_H\n#define LOWBIT_PROGRAM_"
     << name
     << "_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n"
        "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
}

/// What a run checks beyond each shape.
void HeaderPrinter::printRequirements() {
  if (program.requirements.empty())
    return;
  os << " *\n * The extents of the inputs must satisfy, which each run "
        "checks:\n";
  for (const Requirement &requirement : program.requirements)
    os << " *   " << quote(requirement.text) << "\n";
}

/// What a model that counts yields.
void HeaderPrinter::printRanges() {
  if (program.ranges.empty())
    return;
  os << " *\n * '" << kRangesOutputName
     << "' has for each input that is quantized with a scale of\n"
        " * calibration: the least and the largest number, the mean of "
        "squares, "
        "how many\n * numbers are beyond the codes, and how many there are. "
        "Layers, and the codes:\n";
  for (const RangeCount &input : program.ranges) {
    os << " *   ";
    llvm::interleaveComma(input.layers, os, [&](const std::string &layer) {
      os << quote(layer);
    });
    os << llvm::format(": %.6g to %.6g\n", input.low, input.high);
  }
}

void HeaderPrinter::printErrors() {
  static constexpr std::pair<int, llvm::StringLiteral> kErrors[] = {
      {LOWBIT_OK, "OK"},
      {LOWBIT_ERROR_FILE, "ERROR_FILE"},
      {LOWBIT_ERROR_FORMAT, "ERROR_FORMAT"},
      {LOWBIT_ERROR_CHECKSUM, "ERROR_CHECKSUM"},
      {LOWBIT_ERROR_WEIGHTS, "ERROR_WEIGHTS"},
      {LOWBIT_ERROR_ARGUMENT, "ERROR_ARGUMENT"},
      {LOWBIT_ERROR_CAPACITY, "ERROR_CAPACITY"},
      {LOWBIT_ERROR_MEMORY, "ERROR_MEMORY"},
      {LOWBIT_ERROR_PROCESSOR, "ERROR_PROCESSOR"}};
  os << "/** What functions return. */\nenum {\n";
  for (auto [i, error] : llvm::enumerate(kErrors))
    os << "  /** " << lowbit_describe(error.first) << " */\n  " << name << "_"
       << error.second << " = " << error.first
       << (i + 1 < std::size(kErrors) ? ",\n" : "\n};\n\n");
  os << "/** A loaded model. */\ntypedef struct " << name << "_model " << name
     << "_model;\n\n";
}

void HeaderPrinter::printInput(const ProgramTensor &tensor) {
  printTitle(tensor, "Input");
  if (tensor.spec.tableRows)
    os << "\n    Ids of 0 to " << tensor.spec.tableRows - 1 << ".";
  os << "\n    The memory is the caller's; a run only reads it. */\n"
     << "typedef struct " << name << "_input_" << tensor.field << " {\n"
     << "  const " << getType(tensor) << " *data;\n";
  printShape(tensor);
  os << "} " << name << "_input_" << tensor.field << ";\n\n";
}

void HeaderPrinter::printOutput(const ProgramTensor &tensor) {
  printTitle(tensor, "Output");
  os << "\n    See " << name << "_run for whose the memory is. */\n"
     << "typedef struct " << name << "_output_" << tensor.field << " {\n"
     << "  " << getType(tensor) << " *data;\n";
  printShape(tensor);
  os << "  /** Bytes at `data`. */\n  uint64_t capacity;\n"
     << "  /** Not null if the memory is the model's. */\n  void *owned;\n"
     << "} " << name << "_output_" << tensor.field << ";\n\n";
}

void HeaderPrinter::printAll(llvm::StringRef suffix, llvm::StringRef kind,
                             llvm::ArrayRef<ProgramTensor> tensors) {
  os << "typedef struct " << name << "_" << suffix << " {\n";
  for (const ProgramTensor &tensor : tensors)
    os << "  " << name << "_" << kind << "_" << tensor.field << " "
       << tensor.field << ";\n";
  // C knows no empty structures.
  if (tensors.empty())
    os << "  char none;\n";
  os << "} " << name << "_" << suffix << ";\n\n";
}

/// Prints `text` with the model's name for each '@'.
static void printNamed(llvm::raw_ostream &os, llvm::StringRef text,
                       llvm::StringRef name) {
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, '@');
  os << llvm::join(parts, name);
}

void HeaderPrinter::printLoading() {
  printNamed(
      os,
      R"(/** Loads the weights from the file at `path`, checks them and sets `*model`. The
    file is mapped into memory: it must not change while the model exists. Other
    files of weights than the one written with the program are welcome if their
    tensors have the same names, types and shapes. */
int @_load(const char *path, @_model **model);

/** The same, but the file is read into memory of the process's own, in pages of
    2 MB where the system has them, and may change afterwards. Where memory is
    what limits the model, as with one row at a time, it runs up to a quarter
    faster; but processes don't share the weights. */
int @_load_resident(const char *path, @_model **model);

/** The same from memory that holds such a file. It stays the caller's and must
    exist as long as the model. It should be aligned to 64 bytes; weights that
    are not aligned for their type are copied. */
int @_load_memory(const void *bytes, uint64_t size, @_model **model);

)",
      name);
  if (program.embedsWeights)
    printNamed(
        os, R"(/** The same with the weights that are inside of the object. */
int @_load_embedded(@_model **model);

)",
        name);
  printNamed(os,
             R"(/** Frees a model; null is allowed. Outputs stay as they are. */
void @_free(@_model *model);

/** Threads for each later run; 0, as at first, leaves the choice to OpenMP
    (OMP_NUM_THREADS, or all processors). Results are the same for any number. */
void @_set_threads(@_model *model, int threads);

/** The processor that the chosen code is for. The environment variable
    LOWBIT_CPU chooses among several when the model is loaded. */
const char *@_cpu(const @_model *model);

)",
             name);
}

void HeaderPrinter::printFunctions() {
  printNamed(os,
             R"(/** Runs the model. For each output, before the run:
    - `data` is null: the model allocates the elements, aligned to 64 bytes.
      They are the caller's until @_release;
    - `data` is not null and `owned` is null: the elements are written to this
      memory of the caller, which must have `capacity` bytes. If it has less,
      the result is @_ERROR_CAPACITY and `shape` says what is needed;
    - `owned` is not null: the elements of an earlier run are freed first.
    So initialize all outputs with zeros. After a run `shape` has the extents of
    the elements. */
int @_run(@_model *model, const @_inputs *inputs, @_outputs *outputs);

/** Sets only the shapes of `outputs`, from those of `inputs`. Extents that are
    known after a run alone become -1. */
int @_infer_shapes(const @_inputs *inputs, @_outputs *outputs);

/** Frees the elements that runs have allocated. */
void @_release(@_outputs *outputs);

)",
             name);
}

void HeaderPrinter::printEnd() {
  printNamed(os,
             R"(/** What a result means, in a sentence. */
const char *@_error(int error);

/** What was wrong in the last call of this thread that failed: which file,
    tensor or extent. Valid until the next failure. */
const char *@_message(void);

#ifdef __cplusplus
}
#endif

#endif
)",
             name);
}

//===----------------------------------------------------------------------===//
// Decoders with a cache
//===----------------------------------------------------------------------===//

void HeaderPrinter::printTextOutput(const ProgramTensor &tensor) {
  printTitle(tensor, "Output");
  os << "\n    A step of one token has 1 where others have more. */\n"
     << "typedef struct " << name << "_output_" << tensor.field << " {\n"
     << "  const " << getType(tensor) << " *data;\n";
  printShape(tensor);
  os << "} " << name << "_output_" << tensor.field << ";\n\n";
}

void HeaderPrinter::printTextFunctions() {
  const TensorSpec &tokens = program.inputs.front().spec;
  uint64_t bytes = 0;
  for (const ProgramTensor &state : llvm::drop_begin(program.inputs, 2))
    bytes += *getByteSize(state.spec.type, state.spec.shape);
  os << "/** A text that the model extends: its KV cache, " << bytes
     << " bytes, and memory to\n    compute in. */\ntypedef struct " << name
     << "_text " << name << "_text;\n\n/** Tokens of the longest text. */\n"
     << "enum { " << name << "_MAX_LENGTH = " << program.maxLength << " };\n\n";
  printNamed(
      os,
      R"(/** Makes an empty text and sets `*text`. It is the caller's, and must be freed
    before the model; it keeps all memory that it ever needs. Texts of one model
    don't know of each other: threads may extend different ones at once, but one
    text only in turns. */
int @_create_text(@_model *model, @_text **text);

/** Frees a text and with it the elements of its outputs; null is allowed. */
void @_free_text(@_text *text);

)",
      name);
  os << "/** Extends a text by `count` tokens, of which the first is at "
        "`position`: 0, or any\n"
        "    place up to the end of what is there; tokens from there on are "
        "forgotten.\n";
  if (tokens.tableRows)
    os << "    Tokens are 0 to " << tokens.tableRows - 1 << ".\n";
  printNamed(
      os,
      R"(    Sets `outputs`, whose elements stay the text's: they are valid until the text
    is next extended or freed. @_ERROR_ARGUMENT if the tokens don't fit, or
    aren't the model's; the text is then as before. */
int @_prefill(@_text *text, const )",
      name);
  os << kTypes[static_cast<unsigned>(tokens.type)].name;
  printNamed(os, R"( *tokens, int64_t count,
    int64_t position, @_outputs *outputs);

/** Extends a text by one token. Allocates no memory, unless the compiler knew no
    bound for what the step needs. */
int @_decode(@_text *text, int64_t token, int64_t position, @_outputs *outputs);

/** Bytes of a text's cache. */
uint64_t @_cache_bytes(void);

)",
             name);
}

void HeaderPrinter::printDecoder() {
  for (const ProgramTensor &output : program.outputs)
    printTextOutput(output);
  printAll("outputs", "output", program.outputs);
  printLoading();
  printTextFunctions();
  printEnd();
}

void lowbit::printHeader(const ProgramInterface &program,
                         llvm::raw_ostream &os) {
  HeaderPrinter(program, os).print();
}
