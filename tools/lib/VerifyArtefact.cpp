//===- VerifyArtefact.cpp - is a file what quant-opt wrote? ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Artefact.h"
#include "lowbit/Tools/CompareArtefacts.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Provenance.h"
#include "lowbit/Tools/Safetensors.h"
#include "lowbit/Tools/WeightParts.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace lowbit;
namespace path = llvm::sys::path;

bool Verification::passed() const {
  return llvm::none_of(checks, [](const ArtefactCheck &check) {
    return check.state == ArtefactCheck::State::Failed;
  });
}

static llvm::StringRef getStateName(ArtefactCheck::State state) {
  switch (state) {
  case ArtefactCheck::State::Passed:
    return "passed";
  case ArtefactCheck::State::Failed:
    return "failed";
  case ArtefactCheck::State::Note:
    return "note";
  }
}

void Verification::print(llvm::raw_ostream &os, bool json) const {
  if (!json) {
    for (const ArtefactCheck &check : checks)
      os << llvm::left_justify(getStateName(check.state), 8) << check.text
         << "\n";
    return;
  }
  llvm::json::Array list;
  for (const ArtefactCheck &check : checks)
    list.push_back(
        llvm::json::Object{{"state", getStateName(check.state)},
                           {"check", llvm::json::fixUTF8(check.text)}});
  llvm::json::Object object{{"schema", "lowbit-verify/1"},
                            {"file", llvm::json::fixUTF8(file)},
                            {"passed", passed()},
                            {"checks", std::move(list)}};
  os << llvm::formatv("{0:2}", llvm::json::Value(std::move(object))) << "\n";
}

namespace {

/// Looks at one artefact.
class Verifier {
public:
  Verifier(llvm::StringRef path, const mlir::DialectRegistry &registry)
      : path(path), registry(registry) {
    result.file = path::filename(path).str();
  }

  void verifyIR();
  void verifySidecar();
  void verifyProgram();
  Verification take() { return std::move(result); }

private:
  void pass(const llvm::Twine &text) {
    result.checks.push_back({ArtefactCheck::State::Passed, text.str()});
  }
  void reject(const llvm::Twine &text) {
    result.checks.push_back({ArtefactCheck::State::Failed, text.str()});
  }
  void note(const llvm::Twine &text) {
    result.checks.push_back({ArtefactCheck::State::Note, text.str()});
  }
  void reject(llvm::Error error) { reject(llvm::toString(std::move(error))); }

  void verifyNumbers(mlir::ModuleOp module);
  void verifyPair(mlir::ModuleOp module);
  std::optional<Provenance> verifyTensors(const SafetensorsFile &file);
  void describe(const std::optional<Provenance> &provenance);
  void compareProvenance(const std::optional<Provenance> &first,
                         const std::optional<Provenance> &second,
                         llvm::StringRef where);
  void verifyEmbedded(llvm::StringRef bytes,
                      const std::optional<Provenance> &provenance);

  llvm::StringRef path;
  const mlir::DialectRegistry &registry;
  Verification result;
};

} // namespace

/// The sources that lie beside the artefact must still be what it was made of,
/// or somebody should know.
void Verifier::describe(const std::optional<Provenance> &provenance) {
  if (!provenance) {
    note("no provenance: another program has written it, or an early version");
    return;
  }
  pass("provenance: Lowbit " + provenance->version +
       (provenance->recipe.empty() ? "" : ", " + provenance->recipe));
  for (const auto *files : {&provenance->sources, &provenance->data})
    for (const FileDigest &file : *files) {
      llvm::SmallString<128> beside = path::parent_path(path);
      path::append(beside, file.name);
      std::string line = "made of " + file.name + ", blake3 " + file.blake3;
      if (path::filename(file.name) != file.name ||
          !llvm::sys::fs::is_regular_file(beside)) {
        note(line + ": not beside it");
        continue;
      }
      llvm::Expected<FileDigest> digest = digestFile(beside);
      if (!digest)
        reject(digest.takeError());
      else if (digest->blake3 == file.blake3)
        pass(line + ": the file beside it is the same");
      else
        note(line + ": the file beside it is another, " + digest->blake3);
    }
}

void Verifier::compareProvenance(const std::optional<Provenance> &first,
                                 const std::optional<Provenance> &second,
                                 llvm::StringRef where) {
  if (!first && !second)
    return;
  if (first && second && printProvenance(*first) == printProvenance(*second))
    pass(where + llvm::Twine(" has the same provenance"));
  else
    reject(where + llvm::Twine(" has another provenance"));
}

/// Scales, zero points and minima that are no numbers decode to none.
void Verifier::verifyNumbers(mlir::ModuleOp module) {
  uint64_t weights = 0, codes = 0;
  for (GlobalOp global : module.getOps<GlobalOp>()) {
    if (!llvm::isa<QuantizedTensorType>(global.getType()))
      continue;
    DiagnosticText errors(*module.getContext());
    llvm::FailureOr<QuantizedWeight> weight = QuantizedWeight::read(global);
    if (llvm::failed(weight))
      return reject(errors.takeError("a weight cannot be read"));
    const numerics::QuantizedMatrix &matrix = weight->getMatrix();
    for (const auto *numbers :
         {&matrix.scales, &matrix.zeroPoints, &matrix.minima})
      if (llvm::any_of(*numbers, [](float n) { return !std::isfinite(n); }))
        return reject("'" + global.getSymName() +
                      "' has parameters that are not finite");
    ++weights;
    codes += matrix.rows * matrix.columns;
  }
  pass(llvm::Twine(weights) + " low-bit weights, " + llvm::Twine(codes) +
       " numbers, all parameters finite");
}

/// Checksum and what the file says of itself.
std::optional<Provenance> Verifier::verifyTensors(const SafetensorsFile &file) {
  const auto &metadata = file.getMetadata();
  auto lookup = [&](llvm::StringRef key) {
    auto found = metadata.find(key.str());
    return found == metadata.end() ? std::string() : found->second;
  };
  std::string wanted = lookup("checksum");
  std::string found = computeChecksum(file.getEntries());
  llvm::Twine count(file.getEntries().size());
  if (wanted.empty())
    note("tensors without a checksum");
  else if (wanted == found)
    pass(count + " tensors, checksum " + found);
  else
    reject("the tensors' checksum must be " + wanted + ", it is " + found);
  return parseProvenance(lookup(kProvenanceKey));
}

/// What the sidecar says of itself must fit the module.
void Verifier::verifyPair(mlir::ModuleOp module) {
  auto name = module->getAttrOfType<mlir::StringAttr>(kSidecarAttrName);
  if (!name) {
    note("no sidecar: all data are in the IR");
    return;
  }
  llvm::SmallString<128> sidecar = path::parent_path(path);
  path::append(sidecar, name.strref());
  llvm::Expected<SafetensorsFile> file = SafetensorsFile::open(sidecar);
  if (!file)
    return reject(file.takeError());
  std::optional<Provenance> provenance = verifyTensors(*file);
  auto structure = file->getMetadata().find("structure");
  if (structure != file->getMetadata().end()) {
    if (structure->second == computeStructure(module))
      pass("names and types of the weights are those of the sidecar");
    else
      reject("names and types of the weights differ from the sidecar's");
  }
  compareProvenance(getProvenance(module), provenance, name.strref());
}

void Verifier::verifyIR() {
  mlir::MLIRContext context(registry);
  auto module = loadArtefact(path, context);
  if (!module)
    return reject(module.takeError());
  pass("the IR is valid, and every weight has data of its type");
  if (auto target = (**module)->getAttr(kTargetAttrName)) {
    std::string text;
    llvm::raw_string_ostream(text) << target;
    note("packed for " + text);
  }
  verifyPair(**module);
  verifyNumbers(**module);
  describe(getProvenance(**module));
}

void Verifier::verifySidecar() {
  llvm::Expected<SafetensorsFile> file = SafetensorsFile::open(path);
  if (!file)
    return reject(file.takeError());
  pass("the header agrees with the tensors' places");
  describe(verifyTensors(*file));
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/// The line of `.comment` that this project writes.
static std::optional<Provenance> findComment(llvm::StringRef comment) {
  llvm::SmallVector<llvm::StringRef> lines;
  comment.split(lines, '\0', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (llvm::StringRef line : lines)
    if (line.consume_front("Lowbit "))
      return parseProvenance(line);
  return std::nullopt;
}

void Verifier::verifyEmbedded(llvm::StringRef bytes,
                              const std::optional<Provenance> &provenance) {
  MappedFile copy =
      llvm::MemoryBuffer::getMemBuffer(bytes, "", /*RequiresNull=*/false);
  llvm::Expected<SafetensorsFile> file =
      SafetensorsFile::parse(std::move(copy), path);
  if (!file)
    return reject(file.takeError());
  compareProvenance(provenance, verifyTensors(*file), "the weights' section");
}

void Verifier::verifyProgram() {
  auto object = llvm::object::ObjectFile::createObjectFile(path);
  if (!object)
    return reject(object.takeError());
  pass("the file is an object of " + object->getBinary()->makeTriple().str());
  std::optional<Provenance> provenance;
  std::optional<llvm::StringRef> weights;
  for (const llvm::object::SectionRef &section :
       object->getBinary()->sections()) {
    llvm::Expected<llvm::StringRef> name = section.getName();
    llvm::Expected<llvm::StringRef> bytes = section.getContents();
    if (!name || !bytes) {
      llvm::consumeError(name.takeError());
      llvm::consumeError(bytes.takeError());
      continue;
    }
    if (*name == ".comment")
      provenance = findComment(*bytes);
    else if (name->contains("lowbit.weights"))
      weights = *bytes;
  }
  if (weights)
    verifyEmbedded(*weights, provenance);
  else if (std::string sidecar = path::extension(path) == ".so"
                                     ? getLibraryBase(path) + ".safetensors"
                                     : getSidecarPath(path);
           llvm::sys::fs::exists(sidecar)) {
    llvm::Expected<SafetensorsFile> file = SafetensorsFile::open(sidecar);
    if (file)
      compareProvenance(provenance, verifyTensors(*file),
                        path::filename(sidecar));
    else
      reject(file.takeError());
  } else {
    note("weights are neither in it nor beside it");
  }
  describe(provenance);
}

llvm::Expected<Verification>
lowbit::verifyArtefact(llvm::StringRef path,
                       const mlir::DialectRegistry &registry) {
  auto check = llvm::StringSwitch<void (Verifier::*)()>(path::extension(path))
                   .Cases({".mlir", ".mlirbc"}, &Verifier::verifyIR)
                   .Case(".safetensors", &Verifier::verifySidecar)
                   .Cases({".o", ".so"}, &Verifier::verifyProgram)
                   .Default(nullptr);
  if (!check)
    return makeFileError(path,
                         "--verify knows .mlir, .mlirbc, .safetensors, .o "
                         "and .so");
  Verifier verifier(path, registry);
  (verifier.*check)();
  return verifier.take();
}
