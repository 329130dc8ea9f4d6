//===- Compiler.cpp - C API: models in, artefacts and results out ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit-c/Compiler.h"
#include "lowbit/Compiler.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/PrintableText.h"
#include <cstring>
#include <deque>
#include <iterator>

using namespace lowbit;

struct LowbitError {
  std::string message;
};

/// By the number that C knows them by.
static constexpr ElementType kElementTypes[] = {
    ElementType::Bool,   ElementType::I8,     ElementType::U8,
    ElementType::I16,    ElementType::U16,    ElementType::I32,
    ElementType::U32,    ElementType::I64,    ElementType::U64,
    ElementType::F8E4M3, ElementType::F8E5M2, ElementType::F16,
    ElementType::BF16,   ElementType::F32,    ElementType::F64,
    ElementType::F8E8M0};
static_assert(kElementTypes[LowbitElementTypeI64] == ElementType::I64);
static_assert(kElementTypes[LowbitElementTypeF8E8M0] == ElementType::F8E8M0);
static_assert(std::size(kElementTypes) == size_t(ElementType::F64) + 1,
              "all types that a model can have");

static std::optional<ElementType> fromC(LowbitElementType type) {
  auto index = static_cast<size_t>(type);
  if (index >= std::size(kElementTypes))
    return std::nullopt;
  return kElementTypes[index];
}

static LowbitElementType toC(ElementType type) {
  return static_cast<LowbitElementType>(llvm::find(kElementTypes, type) -
                                        std::begin(kElementTypes));
}

namespace {

/// Tensors as C sees them, with what their pointers point to.
class TensorList {
public:
  explicit TensorList(llvm::ArrayRef<TensorSpec> specs) {
    for (const TensorSpec &spec : specs)
      add(spec.name, spec.type, spec.shape, nullptr);
  }

  void add(llvm::StringRef name, ElementType type,
           llvm::ArrayRef<int64_t> shape, const void *data) {
    const std::string &keptName = names.emplace_back(name);
    const auto &keptShape = shapes.emplace_back(shape);
    tensors.push_back({keptName.c_str(), toC(type), keptShape.size(),
                       keptShape.data(), data});
  }

  llvm::ArrayRef<LowbitTensor> get() const { return tensors; }

private:
  // Deques, because their elements stay where they are.
  std::deque<std::string> names;
  std::deque<llvm::SmallVector<int64_t, 4>> shapes;
  std::vector<LowbitTensor> tensors;
};

/// Collects the remarks of a call, one per line, for the caller's function.
class Remarks {
public:
  /// Where they are written; null if nobody listens.
  llvm::raw_ostream *getStream(const LowbitCompileOptions &options) {
    return options.remark ? &os : nullptr;
  }

  void deliver(const LowbitCompileOptions &options) {
    llvm::SmallVector<llvm::StringRef> lines;
    llvm::StringRef(text).split(lines, '\n', -1, /*KeepEmpty=*/false);
    for (llvm::StringRef line : lines)
      options.remark(line.str().c_str(), options.remarkData);
    text.clear();
  }

private:
  std::string text;
  llvm::raw_string_ostream os{text};
};

} // namespace

struct LowbitModel {
  LowbitModel(std::unique_ptr<Remarks> remarks, std::unique_ptr<Model> loaded)
      : remarks(std::move(remarks)), model(std::move(loaded)),
        inputs(model->getInputs()), outputs(model->getOutputs()) {}

  /// The model's context may write there as long as it lives.
  std::unique_ptr<Remarks> remarks;
  std::unique_ptr<Model> model;
  TensorList inputs, outputs;
};

struct LowbitResults {
  std::vector<HostTensor> values;
  TensorList outputs{{}};
};

static LowbitError *toC(llvm::Error error) {
  if (!error)
    return nullptr;
  return new LowbitError{makePrintable(llvm::toString(std::move(error)))};
}

const char *lowbitErrorGetMessage(const LowbitError *error) {
  return error ? error->message.c_str() : "";
}

void lowbitErrorDestroy(LowbitError *error) { delete error; }

/// What a call cannot do without.
static llvm::Error checkGiven(
    llvm::StringRef function,
    std::initializer_list<std::pair<llvm::StringRef, const void *>> arguments) {
  for (const auto &[name, pointer] : arguments)
    if (!pointer)
      return makeError(function + " requires the argument '" + name +
                       "', found null");
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

/// The caller's options as far as it knows them; the rest is zero.
static llvm::Expected<LowbitCompileOptions>
readOptions(const LowbitCompileOptions *options) {
  LowbitCompileOptions result = LOWBIT_COMPILE_OPTIONS_INIT;
  if (!options)
    return result;
  if (options->size < sizeof(size_t) || options->size > sizeof(result))
    return makeError("compile options require a size of at most " +
                     llvm::Twine(sizeof(result)) + " bytes, found " +
                     llvm::Twine(options->size) +
                     "; initialize them with LOWBIT_COMPILE_OPTIONS_INIT, and "
                     "link a library "
                     "that is no older than the header");
  std::memcpy(&result, options, options->size);
  for (size_t i = 0; i < result.numDimensions; ++i)
    if (!result.dimensions || !result.dimensions[i])
      return makeError("compile options require " +
                       llvm::Twine(result.numDimensions) +
                       " dimensions, found null for number " + llvm::Twine(i));
  return result;
}

static CompileOptions getCompileOptions(const LowbitCompileOptions &options) {
  CompileOptions result;
  if (options.method)
    result.method = options.method;
  if (options.scaleSearch)
    result.scaleSearch = options.scaleSearch;
  if (options.cpu)
    result.cpu = options.cpu;
  result.includeEmbeddings = options.includeEmbeddings;
  result.strict = options.strict;
  return result;
}

static LoadOptions getLoadOptions(const LowbitCompileOptions &options,
                                  Remarks &remarks) {
  LoadOptions result;
  result.remarks = remarks.getStream(options);
  result.dimensions.assign(options.dimensions,
                           options.dimensions + options.numDimensions);
  result.threads = options.threads;
  return result;
}

LowbitError *lowbitCompile(const char *input, const char *output,
                           const LowbitCompileOptions *options) {
  if (llvm::Error error =
          checkGiven("lowbitCompile", {{"input", input}, {"output", output}}))
    return toC(std::move(error));
  llvm::Expected<LowbitCompileOptions> read = readOptions(options);
  if (!read)
    return toC(read.takeError());
  Remarks remarks;
  llvm::Expected<ArtefactSize> size = compileToArtefact(
      input, output, getCompileOptions(*read),
      read->cpu ? Phase::Pack : Phase::Fuse, getLoadOptions(*read, remarks));
  remarks.deliver(*read);
  return toC(size.takeError());
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

size_t lowbitElementTypeGetSize(LowbitElementType type) {
  std::optional<ElementType> known = fromC(type);
  return known ? getByteSize(*known) : 0;
}

LowbitError *lowbitModelLoad(const char *path,
                             const LowbitCompileOptions *options,
                             LowbitModel **model) {
  if (llvm::Error error =
          checkGiven("lowbitModelLoad", {{"path", path}, {"model", model}}))
    return toC(std::move(error));
  llvm::Expected<LowbitCompileOptions> read = readOptions(options);
  if (!read)
    return toC(read.takeError());
  auto remarks = std::make_unique<Remarks>();
  llvm::Expected<std::unique_ptr<Model>> loaded = compileToModel(
      path, getCompileOptions(*read), getLoadOptions(*read, *remarks));
  remarks->deliver(*read);
  if (!loaded)
    return toC(loaded.takeError());
  *model = new LowbitModel(std::move(remarks), std::move(*loaded));
  return nullptr;
}

void lowbitModelDestroy(LowbitModel *model) { delete model; }

size_t lowbitModelGetNumInputs(const LowbitModel *model) {
  return model ? model->inputs.get().size() : 0;
}

const LowbitTensor *lowbitModelGetInputs(const LowbitModel *model) {
  return model ? model->inputs.get().data() : nullptr;
}

size_t lowbitModelGetNumOutputs(const LowbitModel *model) {
  return model ? model->outputs.get().size() : 0;
}

const LowbitTensor *lowbitModelGetOutputs(const LowbitModel *model) {
  return model ? model->outputs.get().data() : nullptr;
}

/// An input of the model as a view of the caller's bytes.
static llvm::Expected<HostTensor> readTensor(const LowbitTensor &tensor,
                                             const TensorSpec &spec) {
  if (!tensor.shape && tensor.rank != 0)
    return makeError("input '" + spec.name + "' requires a shape of " +
                     llvm::Twine(tensor.rank) + " extents, found null");
  llvm::ArrayRef<int64_t> shape(tensor.shape, tensor.rank);
  std::optional<ElementType> type = fromC(tensor.type);
  if (!type)
    return makeError("input '" + spec.name +
                     "' requires an element type, found the number " +
                     llvm::Twine(static_cast<int>(tensor.type)));
  std::optional<uint64_t> bytes = getByteSize(*type, shape);
  if (!bytes)
    return makeError("input '" + spec.name + "' has no size: found " +
                     describe(*type, shape));
  auto address = reinterpret_cast<uintptr_t>(tensor.data);
  if ((address == 0 && *bytes != 0) || address % getByteSize(*type) != 0)
    return makeError("input '" + spec.name + "' requires data aligned to " +
                     llvm::Twine(getByteSize(*type)) +
                     " bytes, found the address 0x" +
                     llvm::Twine::utohexstr(address));
  // Inputs are read only.
  char *data = const_cast<char *>(static_cast<const char *>(tensor.data));
  return HostTensor::view(*type, shape, {data, static_cast<size_t>(*bytes)},
                          nullptr);
}

static llvm::Expected<std::vector<HostTensor>>
readInputs(const Model &model, llvm::ArrayRef<LowbitTensor> inputs) {
  llvm::ArrayRef<TensorSpec> specs = model.getInputs();
  if (inputs.size() != specs.size())
    return makeError("the model requires " + llvm::Twine(specs.size()) +
                     " inputs, found " + llvm::Twine(inputs.size()));
  std::vector<HostTensor> tensors;
  for (auto [input, spec] : llvm::zip_equal(inputs, specs)) {
    llvm::Expected<HostTensor> tensor = readTensor(input, spec);
    if (!tensor)
      return tensor.takeError();
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

LowbitError *lowbitRun(LowbitModel *model, const LowbitTensor *inputs,
                       size_t numInputs, LowbitResults **results) {
  if (llvm::Error error =
          checkGiven("lowbitRun", {{"model", model}, {"results", results}}))
    return toC(std::move(error));
  if (numInputs != 0)
    if (llvm::Error error = checkGiven("lowbitRun", {{"inputs", inputs}}))
      return toC(std::move(error));
  llvm::Expected<std::vector<HostTensor>> tensors =
      readInputs(*model->model, {inputs, numInputs});
  if (!tensors)
    return toC(tensors.takeError());
  llvm::Expected<std::vector<HostTensor>> values = model->model->run(*tensors);
  if (!values)
    return toC(values.takeError());
  auto made = std::make_unique<LowbitResults>();
  made->values = std::move(*values);
  for (auto [value, spec] :
       llvm::zip_equal(made->values, model->model->getOutputs()))
    made->outputs.add(spec.name, value.getType(), value.getShape(),
                      value.getBytes().data());
  *results = made.release();
  return nullptr;
}

void lowbitResultsDestroy(LowbitResults *results) { delete results; }

size_t lowbitResultsGetNumOutputs(const LowbitResults *results) {
  return results ? results->outputs.get().size() : 0;
}

const LowbitTensor *lowbitResultsGetOutputs(const LowbitResults *results) {
  return results ? results->outputs.get().data() : nullptr;
}
