//===- ProgramInterface.cpp - a compiled model as C sees it ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramInterface.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Transforms/Cache.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

using namespace lowbit;

/// Words that C99, C11 or C++17 keep for themselves and that a member could be
/// called otherwise.
static constexpr llvm::StringLiteral kKeywords[] = {
    "alignas",      "alignof",  "and",           "and_eq",
    "asm",          "auto",     "bitand",        "bitor",
    "bool",         "break",    "case",          "catch",
    "char",         "char16_t", "char32_t",      "class",
    "compl",        "const",    "const_cast",    "constexpr",
    "continue",     "decltype", "default",       "delete",
    "do",           "double",   "dynamic_cast",  "else",
    "enum",         "explicit", "export",        "extern",
    "false",        "float",    "for",           "friend",
    "goto",         "if",       "inline",        "int",
    "long",         "mutable",  "namespace",     "new",
    "noexcept",     "not",      "not_eq",        "nullptr",
    "operator",     "or",       "or_eq",         "private",
    "protected",    "public",   "register",      "reinterpret_cast",
    "restrict",     "return",   "short",         "signed",
    "sizeof",       "static",   "static_assert", "static_cast",
    "struct",       "switch",   "template",      "this",
    "thread_local", "throw",    "true",          "try",
    "typedef",      "typeid",   "typename",      "union",
    "unsigned",     "using",    "virtual",       "void",
    "volatile",     "wchar_t",  "while",         "xor",
    "xor_eq"};

std::string lowbit::makeIdentifier(llvm::StringRef text) {
  std::string result;
  for (char c : text)
    result += llvm::isAlnum(c) ? c : '_';
  // A leading underscore is the implementation's.
  llvm::StringRef rest = llvm::StringRef(result).ltrim('_');
  if (rest.empty() || llvm::isDigit(rest.front()))
    return "x" + rest.str();
  result = rest.str();
  if (llvm::is_contained(kKeywords, result))
    result += '_';
  return result;
}

static std::vector<ProgramTensor> nameTensors(std::vector<TensorSpec> specs) {
  std::vector<ProgramTensor> tensors;
  llvm::StringSet<> taken;
  for (TensorSpec &spec : specs) {
    std::string base = makeIdentifier(spec.name), field = base;
    for (unsigned i = 2; !taken.insert(field).second; ++i)
      field = base + "_" + llvm::utostr(i);
    tensors.push_back({std::move(spec), std::move(field)});
  }
  return tensors;
}

std::optional<size_t>
ProgramInterface::findSymbol(llvm::StringRef dimension) const {
  auto found = llvm::find(symbols, dimension);
  if (dimension.empty() || found == symbols.end())
    return std::nullopt;
  return found - symbols.begin();
}

/// Adds the weights of a variant to those that are known. `known` has the index
/// and the data of each.
static llvm::Error
addWeights(ProgramInterface &program, mlir::ModuleOp module,
           llvm::StringMap<std::pair<int64_t, mlir::Attribute>> &known) {
  auto table = module->getAttrOfType<mlir::ArrayAttr>(kWeightTableAttrName);
  if (!table)
    return makeError("the module has no attribute '" + kWeightTableAttrName +
                     "': lowbit-cpu-weight-table must run first");
  auto data = module->getAttrOfType<mlir::DictionaryAttr>(kWeightsAttrName);
  std::vector<int64_t> &indices = program.tables.emplace_back();
  for (auto symbol : table.getAsRange<mlir::StringAttr>()) {
    mlir::Attribute bytes = data ? data.get(symbol) : mlir::Attribute();
    auto [entry, isNew] = known.insert(
        {symbol.strref(), {int64_t(program.weights.size()), bytes}});
    indices.push_back(entry->second.first);
    if (!isNew && entry->second.second == bytes)
      continue;
    if (!isNew)
      return makeError("weight '" + getWeightName(symbol.strref()) +
                       "': requires the same data for all CPUs, found others");
    llvm::Expected<SafetensorsEntry> weight =
        getBoundWeight(module, symbol, program.storage);
    if (!weight)
      return weight.takeError();
    program.weights.push_back(std::move(*weight));
  }
  return llvm::Error::success();
}

/// The signature of a decoder with a cache: of `@prefill`, without the results
/// that are states.
static llvm::Expected<Signature>
readDecoder(mlir::ModuleOp module, llvm::ArrayRef<ProgramVariant> variants) {
  llvm::Expected<Signature> signature = getSignature(module, kPrefillFunction);
  if (!signature)
    return signature.takeError();
  llvm::Expected<Signature> lowered =
      getLoweredSignature(variants.front().module.get(), kDecodeFunction);
  if (!lowered)
    return lowered.takeError();
  std::vector<TensorSpec> &inputs = signature->inputs;
  auto fits = [&] {
    if (inputs.size() < 3 || lowered->inputs.size() != inputs.size() ||
        lowered->states.size() + 2 != inputs.size() ||
        lowered->states.front() != 2 || inputs[2].shape.size() < 2 ||
        lowered->outputs.size() > signature->outputs.size())
      return false;
    for (size_t i = 2; i < inputs.size(); ++i)
      if (inputs[i].shape != lowered->inputs[i].shape ||
          llvm::is_contained(inputs[i].shape, -1))
        return false;
    return (inputs[0].type == ElementType::I64 ||
            inputs[0].type == ElementType::I32) &&
           inputs[0].shape.size() == 2 && inputs[0].shape[0] == 1 &&
           lowered->inputs[0].shape == llvm::ArrayRef<int64_t>({1, 1}) &&
           inputs[1].type == ElementType::I64 && inputs[1].shape.empty();
  };
  if (!fits())
    return makeError("a program with a KV cache requires functions @prefill "
                     "and @decode of tokens, a position and states, as "
                     "lowbit-add-cache makes them");
  signature->outputs.resize(lowered->outputs.size());
  return signature;
}

llvm::Expected<std::unique_ptr<ProgramInterface>>
lowbit::createInterface(llvm::StringRef name, mlir::ModuleOp module,
                        llvm::ArrayRef<ProgramVariant> variants) {
  auto program = std::make_unique<ProgramInterface>();
  program->name = name.str();
  bool isDecoder = module.lookupSymbol(kDecodeFunction);
  llvm::Expected<Signature> read =
      isDecoder ? readDecoder(module, variants) : getSignature(module);
  if (!read)
    return read.takeError();
  Signature &signature = *read;
  program->functions = {kMainFunction.str()};
  if (isDecoder) {
    llvm::ArrayRef<int64_t> keys = signature.inputs[2].shape;
    program->maxLength = keys[keys.size() - 2];
    program->functions = {kPrefillFunction.str(), kDecodeFunction.str()};
  }
  program->inputs = nameTensors(std::move(signature.inputs));
  program->outputs = nameTensors(std::move(signature.outputs));
  program->requirements = std::move(signature.requirements);
  if (std::optional<RangeCounts> counts = RangeCounts::read(module))
    program->ranges = counts->getInputs().vec();
  for (const ProgramTensor &input : program->inputs)
    for (const std::string &dimension : input.spec.dimensions)
      if (!dimension.empty() && !program->findSymbol(dimension))
        program->symbols.push_back(dimension);
  llvm::StringMap<std::pair<int64_t, mlir::Attribute>> known;
  for (const ProgramVariant &variant : variants)
    if (llvm::Error error = addWeights(*program, variant.module.get(), known))
      return std::move(error);
  return program;
}
