//===- Program.cpp - models as objects and libraries ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Program.h"
#include "ElfSection.h"
#include "Linker.h"
#include "ProgramCode.h"
#include "ReplacedSidecar.h"
#include "StackNeed.h"
#include "WasmModule.h"
#include "WidenBoundary.h"
#include "lowbit/CodeGen/CPU/Passes.h"
#include "lowbit/Tools/Artefact.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Profile.h"
#include "lowbit/Tools/Provenance.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/TargetParser/Triple.h"

using namespace lowbit;

namespace path = llvm::sys::path;

namespace {
/// A program in the making.
class ProgramWriter {
public:
  ProgramWriter(llvm::StringRef output, const ProgramOptions &options,
                AtomicOutput *companion = nullptr)
      : output(output), options(options), companion(companion) {}

  llvm::Error check();
  llvm::Expected<ProgramFiles> nameAndCheck();
  llvm::Expected<ProgramFiles> write(mlir::ModuleOp packed,
                                     const CompileOptions &compile);

private:
  bool isText() const {
    return options.form == ProgramForm::LLVM ||
           options.form == ProgramForm::Assembly;
  }
  /// Known once a model is lowered.
  bool isWasm() const { return !wasmVariants.empty(); }
  llvm::Error nameFiles();
  llvm::Error lower(mlir::ModuleOp packed, CompileOptions compile);
  llvm::Error readInterface(mlir::ModuleOp packed);
  llvm::Error prepare(mlir::ModuleOp packed, const CompileOptions &compile);
  llvm::Error generate(const CompileOptions &compile);
  llvm::Error writeText();
  llvm::Error writeObject(AtomicOutput &object);
  llvm::Error writeFiles();
  llvm::Error link(AtomicOutput &library);
  llvm::Error nameWasmFiles();
  llvm::Error generateWasm();
  llvm::Error linkWasmVariant(size_t index, AtomicOutput &module);
  llvm::Error writeWasm();
  llvm::Expected<bool> needsWeights();

  llvm::StringRef output;
  const ProgramOptions &options;
  AtomicOutput *companion;
  ProgramFiles files;
  std::string name;
  std::string runtime;
  std::string structure;
  bool writesWeights = false;
  std::vector<ProgramVariant> variants;
  mlir::OwningOpRef<mlir::ModuleOp> widened;
  std::unique_ptr<ProgramInterface> program;
  ProgramCode code;
  /// Of WebAssembly: modules for all CPUs, and the code of each.
  std::vector<WasmVariant> wasmVariants;
  std::vector<ProgramCode> wasmCodes;
  std::map<std::string, std::string> metadata;
};
} // namespace

/// Finds the names of all files, and of the program.
llvm::Error ProgramWriter::nameFiles() {
  files.code = output.str();
  if (isText())
    return llvm::Error::success();
  llvm::StringRef extension = path::extension(output);
  if (extension == ".h" || extension == ".safetensors")
    return makeFileError(output, "is the name of a header or of weights; code "
                                 "is written to .o or .so");
  if (llvm::sys::fs::exists(output) && !llvm::sys::fs::is_regular_file(output))
    return makeFileError(output, "must be a regular file: more files are "
                                 "written beside it");
  if (options.form == ProgramForm::WebAssembly)
    return nameWasmFiles();
  llvm::SmallString<128> base = path::parent_path(output);
  path::append(base, path::stem(output));
  if (options.form == ProgramForm::Shared)
    base = getLibraryBase(output);
  files.header = (base + ".h").str();
  if (!options.embedWeights)
    files.weights = (base + ".safetensors").str();
  return llvm::Error::success();
}

/// The last CPU's module, the one that needs least, has the output's own name.
llvm::Error ProgramWriter::nameWasmFiles() {
  llvm::SmallString<128> base = path::parent_path(output);
  path::append(base, path::stem(output));
  for (llvm::StringRef cpu : llvm::drop_end(options.cpus))
    files.modules.push_back((base + "." + cpu + ".wasm").str());
  files.script = files.code + ".js";
  files.types = files.code + ".d.ts";
  if (!options.embedWeights)
    files.weights = (base + ".safetensors").str();
  return llvm::Error::success();
}

/// The identifier with which the program's names begin.
static llvm::Expected<std::string> findName(llvm::StringRef wanted,
                                            llvm::StringRef fallback) {
  if (wanted.empty())
    return makeIdentifier(fallback);
  if (makeIdentifier(wanted) == wanted)
    return wanted.str();
  return makeError("--name: requires an identifier of C, found '" + wanted +
                   "'; such as '" + makeIdentifier(wanted) + "'");
}

/// Settles everything that the model has no say in.
llvm::Error ProgramWriter::check() {
  if (llvm::Error error = nameFiles())
    return error;
  llvm::Expected<std::string> identifier =
      findName(options.name,
               path::stem(files.header.empty() ? files.code : files.header));
  if (!identifier)
    return identifier.takeError();
  name = std::move(*identifier);
  bool isWasm = options.form == ProgramForm::WebAssembly;
  if (options.form != ProgramForm::Shared && !isWasm)
    return llvm::Error::success();
  llvm::Expected<std::string> linker =
      isWasm ? findWasmLinker(options.linker) : findLinker(options.linker);
  if (!linker)
    return linker.takeError();
  files.linker = std::move(*linker);
  llvm::Expected<std::string> archive =
      isWasm ? findWasmRuntime(options.runtime) : findRuntime(options.runtime);
  if (!archive)
    return archive.takeError();
  runtime = std::move(*archive);
  return llvm::Error::success();
}

/// Lowers the model for each CPU.
llvm::Error ProgramWriter::lower(mlir::ModuleOp packed,
                                 CompileOptions compile) {
  mlir::MLIRContext *context = packed.getContext();
  for (const std::string &cpu : options.cpus) {
    variants.push_back({cpu, compile.triple, packed.clone()});
    mlir::ModuleOp module = *variants.back().module;
    compile.cpu = cpu;
    if (llvm::Error error =
            compileModule(module, Phase::Lower, compile, Phase::Lower))
      return error;
    DiagnosticText errors(*context);
    mlir::PassManager manager(context);
    manager.addPass(createCPUWeightTablePass());
    if (mlir::failed(manager.run(module)))
      return errors.takeError("a pass failed without a reason");
  }
  return llvm::Error::success();
}

llvm::Error ProgramWriter::readInterface(mlir::ModuleOp packed) {
  auto created = createInterface(name, packed, variants);
  if (!created)
    return created.takeError();
  program = std::move(*created);
  program->structure = structure;
  if (std::optional<Provenance> provenance = getProvenance(packed))
    program->provenance = printProvenance(*provenance);
  program->embedsWeights = options.embedWeights;
  program->weightsFile = path::filename(files.weights).str();
  metadata = makeSidecarMetadata(computeChecksum(program->weights), packed);
  SafetensorsSize size = measureSafetensors(program->weights, metadata);
  program->weightsBytes = size.header + size.data;
  return llvm::Error::success();
}

llvm::Error ProgramWriter::writeText() {
  llvm::Expected<AtomicOutput> file = AtomicOutput::create(output);
  if (!file)
    return file.takeError();
  if (options.form == ProgramForm::LLVM) {
    code.module->print(file->os(), nullptr);
    return AtomicOutput::commitAll({companion, &*file});
  }
  llvm::SmallVector<char, 0> text;
  if (llvm::Error error =
          assemble(code, llvm::CodeGenFileType::AssemblyFile, text))
    return error;
  file->os() << llvm::StringRef(text.data(), text.size());
  return AtomicOutput::commitAll({companion, &*file});
}

llvm::Error ProgramWriter::writeObject(AtomicOutput &object) {
  llvm::SmallVector<char, 0> bytes;
  if (llvm::Error error =
          assemble(code, llvm::CodeGenFileType::ObjectFile, bytes))
    return error;
  llvm::StringRef text(bytes.data(), bytes.size());
  if (!program->embedsWeights) {
    object.os() << text;
    return llvm::Error::success();
  }
  std::string symbol = getEmbeddedSymbol(program->name);
  return appendElfSection(
      text, {".lowbit.weights", symbol, program->weightsBytes}, object.os(),
      [&] {
        return writeSafetensors(object, program->weights, metadata).takeError();
      });
}

/// Links `library` from an object that exists only as long.
llvm::Error ProgramWriter::link(AtomicOutput &library) {
  llvm::Expected<AtomicOutput> object = AtomicOutput::create(files.code + ".o");
  if (!object)
    return object.takeError();
  if (llvm::Error error = writeObject(*object))
    return error;
  if (llvm::Error error = object->finish())
    return error;
  if (llvm::Error error =
          linkShared({files.linker, runtime, object->getTemporaryPath().str(),
                      library.getTemporaryPath().str(),
                      path::filename(files.code).str(), program->usesThreads}))
    return error;
  return library.reopen();
}

/// Whether a file of weights is to be written. One with the same weights is
/// shared, and one that an artefact of the same name reads stays as it is.
llvm::Expected<bool> ProgramWriter::needsWeights() {
  if (files.weights.empty() || !llvm::sys::fs::exists(files.weights))
    return !files.weights.empty();
  llvm::Expected<SafetensorsFile> old = SafetensorsFile::open(files.weights);
  if (old && old->getMetadata() == metadata &&
      computeChecksum(old->getEntries()) == metadata["checksum"])
    return false;
  llvm::consumeError(old.takeError());
  if (llvm::Error error =
          checkSidecarUnread(files.weights, {output, structure, metadata}))
    return std::move(error);
  return true;
}

llvm::Error ProgramWriter::linkWasmVariant(size_t index, AtomicOutput &module) {
  const WasmVariant &variant = wasmVariants[index];
  llvm::Expected<AtomicOutput> object = AtomicOutput::create(files.code + ".o");
  if (!object)
    return object.takeError();
  llvm::SmallVector<char, 0> bytes;
  StackNeed stack(*wasmCodes[index].module);
  if (llvm::Error error =
          assemble(wasmCodes[index], llvm::CodeGenFileType::ObjectFile, bytes))
    return error;
  object->os() << llvm::StringRef(bytes.data(), bytes.size());
  if (llvm::Error error = object->finish())
    return error;
  std::vector<std::string> functions;
  for (const EntryCode &entry : variant.entries)
    functions.push_back(entry.name);
  for (size_t i = 0; i < program->requirements.size(); ++i)
    functions.push_back(program->name + "_holds_" + std::to_string(i));
  LinkJob job{files.linker, runtime, object->getTemporaryPath().str(),
              module.getTemporaryPath().str(), variant.file};
  job.stackBytes = stack.getBytes();
  if (llvm::Error error = linkWasm(job, functions))
    return error;
  if (llvm::Error error = module.reopen())
    return error;
  if (!program->embedsWeights)
    return llvm::Error::success();
  appendWasmSection("lowbit.weights", program->weightsBytes, module.os());
  return writeSafetensors(module, program->weights, metadata).takeError();
}

llvm::Error ProgramWriter::writeWasm() {
  // The script comes last: it is what pages import.
  std::vector<AtomicOutput> outputs;
  std::vector<std::string> names;
  if (writesWeights)
    names.push_back(files.weights);
  llvm::append_range(names, files.modules);
  names.insert(names.end(), {files.code, files.types, files.script});
  for (const std::string &name : names) {
    llvm::Expected<AtomicOutput> output = AtomicOutput::create(name);
    if (!output)
      return output.takeError();
    outputs.push_back(std::move(*output));
  }
  AtomicOutput *next = outputs.data();
  if (writesWeights) {
    if (llvm::Error error =
            writeSafetensors(*next++, program->weights, metadata).takeError())
      return error;
  } else if (!files.weights.empty()) {
    AtomicOutput::removeLeftovers(files.weights);
  }
  for (size_t i = 0; i < wasmVariants.size(); ++i)
    if (llvm::Error error = linkWasmVariant(i, *next++))
      return error;
  printWasmTypes((next++)->os());
  printWasmScript(*program, wasmVariants, next->os());
  llvm::SmallVector<AtomicOutput *> all = {companion};
  for (AtomicOutput &output : outputs)
    all.push_back(&output);
  return AtomicOutput::commitAll(all);
}

llvm::Error ProgramWriter::writeFiles() {
  if (options.form == ProgramForm::WebAssembly)
    return writeWasm();
  llvm::Expected<AtomicOutput> codeFile = AtomicOutput::create(files.code);
  if (!codeFile)
    return codeFile.takeError();
  llvm::Expected<AtomicOutput> header = AtomicOutput::create(files.header);
  if (!header)
    return header.takeError();
  if (llvm::Error error = options.form == ProgramForm::Shared
                              ? link(*codeFile)
                              : writeObject(*codeFile))
    return error;
  if (isWasm())
    printWasmHeader(*program, wasmVariants.front().entries, header->os());
  else
    printHeader(*program, header->os());
  // Code comes last: it is what programs are linked from.
  if (!writesWeights) {
    AtomicOutput::removeLeftovers(files.weights);
    return AtomicOutput::commitAll({companion, &*header, &*codeFile});
  }
  llvm::Expected<AtomicOutput> weights = AtomicOutput::create(files.weights);
  if (!weights)
    return weights.takeError();
  if (llvm::Error error =
          writeSafetensors(*weights, program->weights, metadata).takeError())
    return error;
  return AtomicOutput::commitAll({companion, &*weights, &*header, &*codeFile});
}

llvm::Error ProgramWriter::generateWasm() {
  bool isLinked = options.form == ProgramForm::WebAssembly;
  if (!isLinked && variants.size() > 1)
    return makeError("code for WebAssembly requires one CPU, unless it is "
                     "linked to modules, found " +
                     llvm::Twine(variants.size()));
  for (auto [i, variant] : llvm::enumerate(variants)) {
    llvm::StringRef file =
        i < files.modules.size() ? files.modules[i] : files.code;
    WasmVariant &made = wasmVariants.emplace_back();
    made.cpu = variant.cpu;
    made.file = path::filename(file).str();
    auto generated = generateWasmCode(*program, variant, made.entries);
    if (!generated)
      return generated.takeError();
    wasmCodes.push_back(std::move(*generated));
  }
  // Other forms are of one variant.
  if (!isLinked)
    code = std::move(wasmCodes.front());
  return llvm::Error::success();
}

/// Everything that must be known of the weights; errors are the model's.
llvm::Error ProgramWriter::prepare(mlir::ModuleOp packed,
                                   const CompileOptions &compile) {
  structure = computeStructure(packed);
  if (options.form == ProgramForm::WebAssembly) {
    widened = packed.clone();
    packed = *widened;
    widenBoundary(packed);
  }
  if (llvm::Error error = lower(packed, compile))
    return error;
  return readInterface(packed);
}

/// The code in memory; errors are the model's.
llvm::Error ProgramWriter::generate(const CompileOptions &compile) {
  llvm::Triple triple(llvm::Triple::normalize(compile.triple));
  if (triple.isWasm())
    return generateWasm();
  auto generated = generateCode(*program, variants);
  if (!generated)
    return generated.takeError();
  code = std::move(*generated);
  return llvm::Error::success();
}

llvm::Expected<ProgramFiles> ProgramWriter::nameAndCheck() {
  if (llvm::Error error = check())
    return std::move(error);
  return files;
}

llvm::Expected<ProgramFiles>
ProgramWriter::write(mlir::ModuleOp packed, const CompileOptions &compile) {
  Profile::Scope scope(compile.profile, "emit");
  if (llvm::Error error = check())
    return std::move(error);
  if (llvm::Error error = prepare(packed, compile))
    return makeFileError(options.input, llvm::toString(std::move(error)));
  llvm::Expected<bool> isNew = needsWeights();
  if (!isNew)
    return isNew.takeError();
  writesWeights = *isNew;
  if (llvm::Error error = generate(compile))
    return makeFileError(options.input, llvm::toString(std::move(error)));
  if (llvm::Error error = isText() ? writeText() : writeFiles())
    return std::move(error);
  return files;
}

llvm::Expected<ProgramFiles>
lowbit::checkProgram(llvm::StringRef output, const ProgramOptions &options) {
  return ProgramWriter(output, options).nameAndCheck();
}

llvm::Expected<ProgramFiles> lowbit::writeProgram(mlir::ModuleOp packed,
                                                  llvm::StringRef output,
                                                  const ProgramOptions &options,
                                                  CompileOptions compile,
                                                  AtomicOutput *companion) {
  return ProgramWriter(output, options, companion).write(packed, compile);
}
