//===- Compiler.cpp - C API: models in, artefacts and results out ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit-c/Compiler.h"
#include "lowbit/Compiler.h"
#include "lowbit/Tools/Errors.h"
#include <cstring>
#include <deque>

using namespace lowbit;

struct LowbitError {
  std::string message;
};

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
    tensors.push_back({keptName.c_str(), static_cast<LowbitElementType>(type),
                       keptShape.size(), keptShape.data(), data});
  }

  llvm::ArrayRef<LowbitTensor> get() const { return tensors; }

private:
  // Deques, because their elements stay where they are.
  std::deque<std::string> names;
  std::deque<llvm::SmallVector<int64_t, 4>> shapes;
  std::vector<LowbitTensor> tensors;
};

} // namespace

struct LowbitModel {
  explicit LowbitModel(std::unique_ptr<Model> loaded)
      : model(std::move(loaded)), inputs(model->getInputs()),
        outputs(model->getOutputs()) {}

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
  return new LowbitError{llvm::toString(std::move(error))};
}

const char *lowbitErrorGetMessage(const LowbitError *error) {
  return error->message.c_str();
}

void lowbitErrorDestroy(LowbitError *error) { delete error; }

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
  result.replaceTarget = options.cpu != nullptr;
  result.includeEmbeddings = options.includeEmbeddings;
  result.strict = options.strict;
  return result;
}

static LoadOptions getLoadOptions(const LowbitCompileOptions &options) {
  LoadOptions result;
  result.dimensions.assign(options.dimensions,
                           options.dimensions + options.numDimensions);
  result.threads = options.threads;
  return result;
}

LowbitError *lowbitCompile(const char *input, const char *output,
                           const LowbitCompileOptions *options) {
  llvm::Expected<LowbitCompileOptions> read = readOptions(options);
  if (!read)
    return toC(read.takeError());
  llvm::Expected<ArtefactSize> size = compileToArtefact(
      input, output, getCompileOptions(*read),
      read->cpu ? Phase::Pack : Phase::Fuse, getLoadOptions(*read));
  return toC(size.takeError());
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

// One order on both sides, so that types are cast.
static_assert(static_cast<int>(ElementType::I64) == LowbitElementTypeI64 &&
              static_cast<int>(ElementType::F64) == LowbitElementTypeF64);

static bool isElementType(LowbitElementType type) {
  return type >= LowbitElementTypeBool && type <= LowbitElementTypeF64;
}

size_t lowbitElementTypeGetSize(LowbitElementType type) {
  return isElementType(type) ? getByteSize(static_cast<ElementType>(type)) : 0;
}

LowbitError *lowbitModelLoad(const char *path,
                             const LowbitCompileOptions *options,
                             LowbitModel **model) {
  llvm::Expected<LowbitCompileOptions> read = readOptions(options);
  if (!read)
    return toC(read.takeError());
  CompileOptions compileOptions = getCompileOptions(*read);
  // Code is for this machine, whichever the artefact was made for.
  compileOptions.replaceTarget = true;
  llvm::Expected<std::unique_ptr<Model>> loaded =
      compileToModel(path, compileOptions, getLoadOptions(*read));
  if (!loaded)
    return toC(loaded.takeError());
  *model = new LowbitModel(std::move(*loaded));
  return nullptr;
}

void lowbitModelDestroy(LowbitModel *model) { delete model; }

size_t lowbitModelGetNumInputs(const LowbitModel *model) {
  return model->inputs.get().size();
}

const LowbitTensor *lowbitModelGetInputs(const LowbitModel *model) {
  return model->inputs.get().data();
}

size_t lowbitModelGetNumOutputs(const LowbitModel *model) {
  return model->outputs.get().size();
}

const LowbitTensor *lowbitModelGetOutputs(const LowbitModel *model) {
  return model->outputs.get().data();
}

/// An input of the model as a view of the caller's bytes.
static llvm::Expected<HostTensor> readTensor(const LowbitTensor &tensor,
                                             const TensorSpec &spec) {
  llvm::ArrayRef<int64_t> shape(tensor.shape, tensor.rank);
  if (!isElementType(tensor.type))
    return makeError("input '" + spec.name +
                     "' requires an element type, found the number " +
                     llvm::Twine(static_cast<int>(tensor.type)));
  auto type = static_cast<ElementType>(tensor.type);
  std::optional<uint64_t> bytes = getByteSize(type, shape);
  if (!bytes)
    return makeError("input '" + spec.name + "' has no size: found " +
                     describe(type, shape));
  auto address = reinterpret_cast<uintptr_t>(tensor.data);
  if ((address == 0 && *bytes != 0) || address % getByteSize(type) != 0)
    return makeError("input '" + spec.name + "' requires data aligned to " +
                     llvm::Twine(getByteSize(type)) +
                     " bytes, found the "
                     "address 0x" +
                     llvm::Twine::utohexstr(address));
  // Inputs are read only.
  char *data = const_cast<char *>(static_cast<const char *>(tensor.data));
  return HostTensor::view(type, shape, {data, static_cast<size_t>(*bytes)},
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
  return results->outputs.get().size();
}

const LowbitTensor *lowbitResultsGetOutputs(const LowbitResults *results) {
  return results->outputs.get().data();
}
