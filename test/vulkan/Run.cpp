//===- Run.cpp - a SPIR-V model on a Vulkan device ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   lowbit-vulkan-run model.json --input ids=ids.npy --output logits=y.npy
//   lowbit-vulkan-run decoder.json --tokens ids.npy --generate 8
//
// Which driver is the loader's choice: VK_ICD_FILENAMES names one.
//
//===----------------------------------------------------------------------===//

#include "Text.h"
#include "Variants.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Npy.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lowbit;

static llvm::cl::opt<std::string> manifestPath(llvm::cl::Positional,
                                               llvm::cl::Required,
                                               llvm::cl::desc("model.json"));
static llvm::cl::list<std::string>
    inputs("input", llvm::cl::desc("An input: NAME=FILE.npy"));
static llvm::cl::list<std::string>
    outputs("output", llvm::cl::desc("Where an output goes: NAME=FILE.npy"));
static llvm::cl::opt<unsigned>
    iterations("iterations", llvm::cl::desc("Runs; the fastest is printed"),
               llvm::cl::init(1));
static llvm::cl::opt<uint64_t> copyBytes(
    "copy-bytes",
    llvm::cl::desc("Also measure how fast the device copies so many bytes"));
static llvm::cl::opt<std::string>
    tokensPath("tokens", llvm::cl::desc("A text to extend: FILE.npy"));
static llvm::cl::opt<unsigned> prefillCount(
    "prefill",
    llvm::cl::desc("How many of its tokens @prefill takes, all but "
                   "the last one at most"),
    llvm::cl::init(~0u));
static llvm::cl::opt<unsigned>
    generate("generate", llvm::cl::desc("How many tokens to append"));
static llvm::cl::opt<bool>
    validate("validate", llvm::cl::desc("Let the validation layer watch"));

static llvm::cl::opt<std::string> variantName(
    "variant",
    llvm::cl::desc("A variant of the kernels, or features with a + behind "
                   "them, of which the device chooses one; without, the first "
                   "for which it has the features; f16 is then for activations "
                   "of 16 bits alone"));

static llvm::ExitOnError exitOnError("lowbit-vulkan-run: error: ");

/// Fails unless the pairs of --`option` are NAME=FILE, of `names`, each once.
static void checkNames(llvm::StringRef option,
                       llvm::ArrayRef<std::string> pairs,
                       llvm::ArrayRef<llvm::StringRef> names) {
  llvm::StringSet<> seen;
  for (llvm::StringRef pair : pairs) {
    auto [name, file] = pair.split('=');
    if (name.empty() || file.empty())
      exitOnError(makeError("--" + option + " requires NAME=FILE.npy, found '" +
                            pair + "'"));
    if (!llvm::is_contained(names, name))
      exitOnError(makeError("--" + option + "=" + pair + ": the model has no " +
                            option + " '" + name + "'; it has '" +
                            llvm::join(names, "', '") + "'"));
    if (!seen.insert(name).second)
      exitOnError(
          makeError("--" + option + " names '" + name + "' more than once"));
  }
}

/// Names of the buffers of a kind, such as "input".
static llvm::SmallVector<llvm::StringRef>
getNames(const ManifestFunction &function, llvm::StringRef kind) {
  llvm::SmallVector<llvm::StringRef> names;
  for (const ManifestBuffer &buffer : function.buffers)
    if (buffer.kind == kind)
      names.push_back(buffer.name);
  return names;
}

/// Each option has an effect on the kind of run that it is given for.
static void checkOptions(const Manifest &manifest) {
  if (iterations == 0)
    exitOnError(makeError("--iterations requires at least 1, found 0"));
  bool isText = tokensPath.getNumOccurrences();
  const ManifestFunction *function = manifest.find(isText ? "decode" : "main");
  if (!function)
    exitOnError(isText ? makeError("--tokens requires a model with a KV cache, "
                                   "found one without; compile with --kv-cache")
                       : makeError("a model without @main requires --tokens"));
  if (isText && !inputs.empty())
    exitOnError(makeError("--input is for models without a KV cache, --tokens "
                          "for those with one; leave one of them out"));
  for (const llvm::cl::Option *option :
       std::initializer_list<const llvm::cl::Option *>{&generate,
                                                       &prefillCount})
    if (!isText && option->getNumOccurrences())
      exitOnError(makeError("--" + option->ArgStr + " requires --tokens"));
  checkNames("input", inputs, getNames(*function, "input"));
  checkNames("output", outputs, getNames(*function, "output"));
}

/// The file for `name` among NAME=FILE pairs.
static std::optional<llvm::StringRef>
findFile(const llvm::cl::list<std::string> &pairs, llvm::StringRef name) {
  for (llvm::StringRef pair : pairs)
    if (pair.split('=').first == name)
      return pair.split('=').second;
  return std::nullopt;
}

static void printSpeed(const Device &device, const llvm::Twine &text) {
  llvm::outs() << device.getName() << (device.isSoftware() ? " (software)" : "")
               << ": " << text << "\n";
}

static std::string formatMilliseconds(double seconds) {
  return llvm::formatv("{0:f3} ms", seconds * 1e3).str();
}

/// The fastest run of what is recorded, as text.
static std::string measure(llvm::function_ref<double()> run) {
  double best = run();
  for (unsigned i = 1; i < iterations; ++i)
    best = std::min(best, run());
  return formatMilliseconds(best);
}

/// What the device's memory gives: a buffer of its own copied to another.
static void measureCopy(Device &device) {
  DeviceBuffer from = device.allocateLocal(copyBytes, 0);
  DeviceBuffer to = device.allocateLocal(copyBytes, 0);
  DeviceCommands commands = device.begin(0, 0);
  device.copy(commands, from, to, copyBytes);
  device.end(commands);
  printSpeed(device, llvm::Twine(copyBytes) + " bytes copied, " +
                         measure([&] { return device.run(commands); }));
}

/// Runs the only function, from files to files.
static void runOnce(ModelMemory &memory, const ManifestFunction &function) {
  Program program = exitOnError(Program::create(memory, function));
  for (const ManifestBuffer &buffer : function.buffers)
    if (buffer.kind == "input") {
      auto file = findFile(inputs, buffer.name);
      if (!file)
        exitOnError(makeError("input '" + buffer.name + "' requires --input=" +
                              buffer.name + "=FILE.npy, found none"));
      exitOnError(program.write(buffer.name, exitOnError(readNpy(*file))));
    }
  std::string time = measure([&] { return program.run(); });
  for (const ManifestBuffer &buffer : function.buffers)
    if (auto file = findFile(outputs, buffer.name))
      exitOnError(writeNpy(*file, exitOnError(program.read(buffer.name))));
  printSpeed(memory.getDevice(),
             llvm::Twine(function.dispatches.size()) + " dispatches, " + time);
}

/// Extends the tokens of a file: some of them by @prefill, the others and what
/// is generated by @decode. The output is that of the file's last token.
static void runText(ModelMemory &memory, const Manifest &manifest) {
  Text text = exitOnError(Text::create(memory, manifest));
  HostTensor file = exitOnError(readNpy(tokensPath));
  exitOnError(text.check(file, generate));
  std::vector<int64_t> tokens;
  for (uint64_t i = 0; i < file.getNumElements(); ++i)
    tokens.push_back(static_cast<int64_t>(file.getElement(i)));
  size_t first = std::min<size_t>(prefillCount, tokens.size() - 1);
  exitOnError(text.prefill(llvm::ArrayRef(tokens).take_front(first)));
  for (int64_t token : llvm::ArrayRef(tokens).drop_front(first))
    exitOnError(text.decode(token));
  if (auto path = findFile(outputs, "logits"))
    exitOnError(writeNpy(*path, exitOnError(text.readLogits())));
  llvm::outs() << "tokens:";
  for (unsigned i = 0; i < generate; ++i) {
    int64_t token = exitOnError(text.readToken());
    llvm::outs() << ' ' << token;
    // Of the last one nothing is computed, so that it needs no room.
    if (i + 1 < generate)
      exitOnError(text.decode(token));
  }
  llvm::outs() << '\n';
  printSpeed(memory.getDevice(),
             llvm::Twine(tokens.size() + generate) + " tokens, @prefill " +
                 formatMilliseconds(text.prefillSeconds) + ", @decode " +
                 formatMilliseconds(text.decodeSeconds));
}

int main(int argc, char **argv) {
  llvm::cl::ParseCommandLineOptions(argc, argv);
  Manifest manifest = exitOnError(readManifest(manifestPath));
  checkOptions(manifest);
  SafetensorsFile data = exitOnError(SafetensorsFile::open(manifest.data));
  Device device(validate);
  const ManifestVariant &variant =
      *exitOnError(chooseVariant(manifest, variantName, device));
  llvm::outs() << "variant: " << variant.name << "\n";
  std::string halves = describeHalves(manifest, variant, variantName, device);
  if (!halves.empty())
    llvm::outs() << "f16: " << halves << "\n";
  if (copyBytes)
    measureCopy(device);
  ModelMemory memory(device, data, variant);
  if (tokensPath.getNumOccurrences())
    runText(memory, manifest);
  else
    runOnce(memory, *manifest.find("main"));
  if (device.getMessages().empty())
    return 0;
  llvm::errs() << device.getMessages();
  return 1;
}
