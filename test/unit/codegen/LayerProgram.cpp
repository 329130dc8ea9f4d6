//===- LayerProgram.cpp - layers compiled together and run ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerProgram.h"
#include "GuardedProgram.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Numerics/Packer.h"
#include "lowbit/Numerics/Quantizer.h"
#include "lowbit/Tools/Registration.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"
#include <cmath>
#include <numeric>
#include <random>

using namespace lowbit;
using namespace lowbit::test;

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

std::vector<float> test::createNumbers(int64_t count, uint32_t seed) {
  uint32_t state = seed * 2654435761u + 12345;
  std::vector<float> numbers(count);
  for (float &number : numbers) {
    state = state * 1664525u + 1013904223u;
    number = std::ldexp(static_cast<float>(state >> 8), -23) - 1;
  }
  return numbers;
}

static HostTensor createTensor(llvm::ArrayRef<int64_t> shape, uint32_t seed) {
  HostTensor tensor = HostTensor::allocate(ElementType::F32, shape);
  std::vector<float> numbers = createNumbers(tensor.getNumElements(), seed);
  llvm::copy(numbers, tensor.getMutableAs<float>().begin());
  return tensor;
}

/// A shape with `extent` in place of dynamic dimensions.
static std::vector<int64_t> getShape(llvm::ArrayRef<int64_t> leading,
                                     int64_t last, int64_t extent) {
  std::vector<int64_t> shape(leading);
  for (int64_t &dimension : shape)
    if (dimension < 0)
      dimension = extent;
  shape.push_back(last);
  return shape;
}

/// "tensor<?x2x37xf32>".
static std::string getType(llvm::ArrayRef<int64_t> leading, int64_t last,
                           llvm::StringRef element = "f32") {
  std::string text = "tensor<";
  for (int64_t extent : leading)
    text += (extent < 0 ? "?" : std::to_string(extent)) + "x";
  return text + std::to_string(last) + "x" + element.str() + ">";
}

int64_t test::getStoredColumn(int64_t column, int64_t columns) {
  int64_t step = 7;
  while (std::gcd(step, columns) != 1)
    ++step;
  return (column * step + 3) % columns;
}

std::string test::describe(const LayerSpec &spec) {
  mlir::MLIRContext context;
  context.loadDialect<LowbitDialect>();
  std::string text;
  llvm::raw_string_ostream os(text);
  os << EncodingAttr::get(&context, spec.encoding) << " N=" << spec.rows
     << " input " << getType(spec.leading, spec.columns) << " "
     << spec.activation << (spec.hasBias ? " bias" : "")
     << (spec.hasResidual ? " residual" : "")
     << (spec.quantizesInput
             ? " a" + std::to_string(spec.inputBits) + spec.float8
             : "")
     << (spec.inputScale ? " scaled" : "")
     << (spec.scalesPerToken ? " per token" : "")
     << (spec.hasExactSums ? " exact" : "")
     << (spec.computesInBFloat ? " abf16" : "")
     << (spec.isPermuted ? " permuted " : " ") << spec.element;
  return text;
}

/// Codes that overlap are found by another search, and the best ones are no
/// exact test; any will do.
static void createCodes(const LayerSpec &spec, uint32_t seed,
                        numerics::QuantizedMatrix &weight) {
  weight.reset(spec.encoding, spec.rows, spec.columns);
  std::minstd_rand generator(seed);
  uint32_t last = spec.encoding.element.codeCount() - 1;
  for (int64_t n = 0; n < spec.rows; ++n)
    for (int64_t k = 0; k < spec.columns; ++k)
      weight.setCode(n, k, generator() >> 8 & last);
  for (float &scale : weight.scales)
    scale = 0.0625f * float(1 + generator() % 16);
  for (numerics::QuantizedMatrix &stored : weight.stored) {
    uint32_t lastStored = stored.encoding.element.codeCount() - 1;
    for (uint8_t &code : stored.codes)
      code = generator() >> 8 & lastStored;
    for (float &scale : stored.scales)
      scale = std::ldexp(1.0f, -8 - int(generator() % 3));
  }
  weight.readStored();
}

LayerProgram::LayerProgram(std::vector<LayerSpec> specs) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  context.appendDialectRegistry(registry);
  context.loadDialect<LowbitDialect>();
  for (LayerSpec &spec : specs) {
    Layer &layer = layers.emplace_back();
    layer.spec = spec;
    layer.input = getInput(spec);
    std::vector<float> weights =
        createNumbers(spec.rows * spec.columns, layers.size());
    const numerics::ElementFormat &element = spec.encoding.element;
    if (element.windowBits() > element.codeBits() || spec.hasExactSums) {
      createCodes(spec, layers.size(), layer.weight);
    } else {
      numerics::Status status = numerics::quantize(
          weights.data(), spec.rows, spec.columns, spec.encoding,
          {numerics::ScaleSearch::AbsMax, nullptr}, layer.weight);
      EXPECT_TRUE(status.ok()) << status.message;
    }
    layer.values.resize(weights.size());
    numerics::dequantize(layer.weight, layer.values.data());
  }
}

size_t LayerProgram::getInput(const LayerSpec &spec) {
  for (auto [index, input] : llvm::enumerate(inputs))
    if (input.leading == spec.leading && input.columns == spec.columns)
      return index;
  inputs.push_back({spec.leading, spec.columns});
  return inputs.size() - 1;
}

//===----------------------------------------------------------------------===//
// Assembly
//===----------------------------------------------------------------------===//

EncodingAttr LayerProgram::getEncoding(const LayerSpec &spec) {
  auto encoding = EncodingAttr::get(&context, spec.encoding);
  return EncodingAttr::get(
      &context, encoding.getElement(), encoding.getZeroPoint(),
      encoding.getMinimum(), encoding.getGranularity(), encoding.getScale(),
      spec.isPermuted, encoding.getOuterScale(), encoding.getStoredScale(),
      encoding.getColumnScale());
}

/// How the layer's input is quantized.
EncodingAttr LayerProgram::getActivationEncoding(const LayerSpec &spec) {
  EncodingAttr encoding = getEncoding(spec);
  if (spec.float8.empty())
    return encoding.getActivationEncoding(
        IntAttr::get(&context, spec.inputBits, /*restricted=*/false),
        spec.scalesPerToken);
  auto type =
      llvm::cast<mlir::FloatType>(mlir::parseType(spec.float8, &context));
  return encoding.getActivationEncoding(SmallFloatAttr::get(&context, type),
                                        spec.scalesPerToken);
}

static std::string getWeightType(const numerics::QuantizedMatrix &matrix,
                                 EncodingAttr encoding,
                                 llvm::StringRef element) {
  std::string text;
  llvm::raw_string_ostream(text)
      << "!lowbit.tensor<" << matrix.rows << "x" << matrix.columns << "x"
      << element << ", " << encoding << ">";
  return text;
}

static std::string getElements(const std::vector<uint8_t> &bytes,
                               mlir::Type type) {
  std::string text;
  llvm::raw_string_ostream(text)
      << "dense<\"0x" << llvm::toHex(bytes) << "\"> : " << type;
  return text;
}

template <typename Number>
static std::vector<uint8_t> getBytes(const std::vector<Number> &numbers) {
  auto raw = reinterpret_cast<const uint8_t *>(numbers.data());
  return {raw, raw + numbers.size() * sizeof(Number)};
}

static numerics::PackedMatrix
packDense(const numerics::QuantizedMatrix &matrix) {
  numerics::BoundLayout layout(
      numerics::Layout::dense(matrix.encoding.element.codeBits()),
      matrix.encoding, matrix.rows, matrix.columns);
  return numerics::pack(layout, matrix);
}

/// The bytes of a dense weight's parameter.
static std::vector<uint8_t>
getParameter(const numerics::QuantizedMatrix &matrix,
             const numerics::PackedMatrix &packed, llvm::StringRef name) {
  if (name == component::kOuterScale)
    return getBytes(matrix.outerScales);
  if (name == component::kTable)
    return getBytes(matrix.tables);
  unsigned buffer = 1;
  for (llvm::StringRef kind :
       {component::kScale, component::kZeroPoint, component::kMinimum}) {
    if (name == kind)
      return packed.buffers[buffer];
    if (name.starts_with(kind) && name != kind)
      return packDense(matrix.stored[buffer - 1]).buffers[1];
    ++buffer;
  }
  ADD_FAILURE() << "no parameter is called " << name.str();
  return {};
}

std::string test::printWeight(llvm::StringRef name,
                              const numerics::QuantizedMatrix &matrix,
                              EncodingAttr encoding,
                              llvm::StringRef permutation,
                              llvm::StringRef element) {
  numerics::PackedMatrix packed = packDense(matrix);
  auto codes = mlir::RankedTensorType::get(
      {static_cast<int64_t>(packed.buffers[0].size())},
      mlir::IntegerType::get(encoding.getContext(), 8));
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "lowbit.global @" << name << " : "
     << getWeightType(matrix, encoding, element)
     << " {codes = " << getElements(packed.buffers[0], codes);
  for (llvm::StringRef parameter : encoding.getParameterNames())
    if (parameter != component::kPermutation)
      os << ", " << parameter << " = "
         << getElements(getParameter(matrix, packed, parameter),
                        encoding.getParameterType(parameter, matrix.rows,
                                                  matrix.columns));
  if (!permutation.empty())
    os << ", permutation = " << permutation;
  os << "}\n";
  return text;
}

std::string LayerProgram::getGlobal(size_t index) {
  const LayerSpec &spec = layers[index].spec;
  std::string permutation;
  llvm::raw_string_ostream os(permutation);
  if (spec.isPermuted) {
    os << "dense<[";
    for (int64_t k = 0; k < spec.columns; ++k)
      os << (k ? ", " : "") << getStoredColumn(k, spec.columns);
    os << "]> : tensor<" << spec.columns << "xi32>";
  }
  return printWeight("w" + std::to_string(index), layers[index].weight,
                     getEncoding(spec), permutation,
                     spec.computesInBFloat ? "bf16" : "f32");
}

/// Converts between f32 and the layer's element type, one number at a time.
static std::string getConversion(llvm::StringRef result, llvm::StringRef input,
                                 const LayerSpec &spec, int64_t columns,
                                 bool isNarrowing) {
  std::string wide = getType(spec.leading, columns);
  std::string narrow = getType(spec.leading, columns, spec.element);
  if (!isNarrowing)
    std::swap(wide, narrow);
  std::string text, from = "f32", to = spec.element;
  if (!isNarrowing)
    std::swap(from, to);
  llvm::raw_string_ostream os(text);
  std::string extents;
  for (auto [i, extent] : llvm::enumerate(spec.leading))
    if (extent < 0) {
      os << result << ".c" << i << " = arith.constant " << i << " : index\n"
         << result << ".d" << i << " = tensor.dim " << input << ", " << result
         << ".c" << i << " : " << wide << "\n";
      extents += (extents.empty() ? "" : ", ") + result.str() + ".d" +
                 std::to_string(i);
    }
  os << result << ".e = tensor.empty(" << extents << ") : " << narrow << "\n"
     << result << " = linalg.map { arith." << (isNarrowing ? "truncf" : "extf")
     << " } ins(" << input << " : " << wide << ") outs(" << result
     << ".e : " << narrow << ")\n";
  return text;
}

std::string LayerProgram::getLayer(size_t index) {
  const Layer &layer = layers[index];
  const LayerSpec &spec = layer.spec;
  EncodingAttr encoding = getEncoding(spec);
  std::string weight = getWeightType(layer.weight, encoding,
                                     spec.computesInBFloat ? "bf16" : "f32");
  std::string name = std::to_string(index), text;
  std::string input = "%x" + std::to_string(layer.input), result = "%y" + name;
  std::string inputType = getType(spec.leading, spec.columns, spec.element);
  std::string resultType = getType(spec.leading, spec.rows, spec.element);
  std::string residual = "%r" + name;
  llvm::raw_string_ostream os(text);
  os << "%w" << index << " = lowbit.weight @w" << index << " : " << weight
     << "\n";
  bool converts = spec.element != "f32";
  if (converts) {
    os << getConversion(input + "." + name, input, spec, spec.columns, true);
    input += "." + name;
    if (spec.hasResidual)
      os << getConversion(residual + ".", residual, spec, spec.rows, true);
    residual += ".";
    result += ".";
  }
  if (spec.computesInBFloat) {
    LayerSpec rounded = spec;
    rounded.element = "bf16";
    os << getConversion(input + "." + name, input, rounded, spec.columns, true);
    input += "." + name;
    inputType = getType(spec.leading, spec.columns, "bf16");
  }
  if (spec.quantizesInput) {
    std::string quantized;
    llvm::raw_string_ostream type(quantized);
    llvm::StringRef shape = llvm::StringRef(inputType).drop_back();
    shape.consume_front("tensor<");
    type << "!lowbit.tensor<" << shape << ", " << getActivationEncoding(spec)
         << ">";
    os << "%q" << index << " = lowbit.quantize " << input;
    if (spec.inputScale)
      os << " scale " << spec.inputScale;
    os << " : " << inputType << " -> " << quantized << "\n";
    input = "%q" + name;
    inputType = quantized;
  }
  os << result << " = lowbit.linear " << input << ", %w" << index;
  if (spec.hasBias)
    os << " bias %b" << index;
  if (!spec.activation.empty())
    os << " activation " << spec.activation;
  if (spec.hasResidual)
    os << " residual " << residual;
  os << " : " << inputType << ", " << weight << " -> " << resultType;
  if (spec.hasBias && converts)
    os << ", bias " << getType({}, spec.rows);
  os << "\n";
  if (converts)
    os << getConversion("%y" + name, result, spec, spec.rows, false);
  return text;
}

std::string LayerProgram::getText() {
  std::string globals, body;
  std::vector<std::string> arguments, results, types;
  for (auto [index, input] : llvm::enumerate(inputs))
    arguments.push_back("%x" + std::to_string(index) + ": " +
                        getType(input.leading, input.columns));
  for (auto [index, layer] : llvm::enumerate(layers)) {
    globals += getGlobal(index);
    body += getLayer(index);
    std::string type = getType(layer.spec.leading, layer.spec.rows);
    results.push_back("%y" + std::to_string(index));
    types.push_back(type);
    if (layer.spec.hasBias)
      arguments.push_back("%b" + std::to_string(index) + ": " +
                          getType({}, layer.spec.rows));
    if (layer.spec.hasResidual)
      arguments.push_back("%r" + std::to_string(index) + ": " + type);
  }
  return globals + "func.func @main(" + llvm::join(arguments, ", ") + ") -> (" +
         llvm::join(types, ", ") + ") {\n" + body + "return " +
         llvm::join(results, ", ") + " : " + llvm::join(types, ", ") + "\n}\n";
}

mlir::OwningOpRef<mlir::ModuleOp>
LayerProgram::build(Phase last, const CompileOptions &options) {
  auto result = mlir::parseSourceString<mlir::ModuleOp>(getText(), &context);
  if (!result) {
    ADD_FAILURE() << "the text is not a module";
    return {};
  }
  if (llvm::Error error = compileModule(*result, last, options)) {
    ADD_FAILURE() << llvm::toString(std::move(error));
    return {};
  }
  return result;
}

/// For another machine than this one.
llvm::Expected<std::unique_ptr<ForeignProgram>>
LayerProgram::createForeign(const CompileOptions &options) {
  std::vector<int64_t> ranks;
  for (const Layer &layer : layers)
    ranks.push_back(layer.spec.leading.size() + 1);
  if (options.triple == kWasmTriple)
    return WasmProgram::create(*module, options, ranks);
  return CrossProgram::create(*module, options.cpu, ranks,
                              createArguments(1).size());
}

void LayerProgram::compile(const CompileOptions &options, unsigned optLevel) {
  // A program as users get it is lowered as it is written.
  module = build(options.triple == kWasmTriple ? Phase::Pack : Phase::Lower,
                 options);
  if (!module)
    return;
  if (!options.triple.empty()) {
    auto created = createForeign(options);
    if (created)
      foreign = std::move(*created);
    else
      ADD_FAILURE() << llvm::toString(created.takeError());
    return;
  }
  ExecutableOptions execution;
  execution.optLevel = optLevel;
  // Where tiles are emulated, the CPU that has them is another one.
  execution.cpu = options.emulateTiles ? "native" : options.cpu;
  auto created = Executable::create(*module, execution);
  if (!created) {
    ADD_FAILURE() << llvm::toString(created.takeError());
    return;
  }
  executable = std::move(*created);
}

//===----------------------------------------------------------------------===//
// Check
//===----------------------------------------------------------------------===//

/// In the order of the function's arguments. Every third row of an input is
/// zero, as padding and dead channels are.
std::vector<HostTensor> LayerProgram::createArguments(int64_t extent) const {
  std::vector<HostTensor> arguments;
  for (const Input &input : inputs) {
    HostTensor &tensor = arguments.emplace_back(
        createTensor(getShape(input.leading, input.columns, extent),
                     100 + arguments.size()));
    auto values = tensor.getMutableAs<float>();
    for (size_t row = 2; (row + 1) * input.columns <= values.size(); row += 3)
      std::fill_n(values.begin() + row * input.columns, input.columns, 0.0f);
  }
  for (const Layer &layer : layers) {
    uint32_t seed = 1000 + arguments.size();
    if (layer.spec.hasBias)
      arguments.push_back(createTensor({layer.spec.rows}, seed));
    if (layer.spec.hasResidual)
      arguments.push_back(createTensor(
          getShape(layer.spec.leading, layer.spec.rows, extent), seed + 1));
  }
  return arguments;
}

/// The largest error; NaN if there is one.
static double getError(llvm::ArrayRef<float> found,
                       llvm::ArrayRef<double> wanted) {
  double error = 0;
  for (auto [f, w] : llvm::zip_equal(found, wanted))
    // A comparison that a NaN fails, too.
    if (!(std::abs(f - w) <= error))
      error = std::abs(f - w);
  return error;
}

std::vector<HostTensor>
LayerProgram::runHere(llvm::ArrayRef<HostTensor> arguments) {
  std::vector<HostTensor> first;
  for (unsigned threads : {1u, 2u, 2u}) {
    executable->setThreads(threads);
    auto results = executable->run(arguments);
    if (!results) {
      ADD_FAILURE() << llvm::toString(results.takeError());
      return {};
    }
    if (first.empty())
      first = std::move(*results);
    else
      for (auto [index, result] : llvm::enumerate(*results))
        EXPECT_EQ(result.getBytes(), first[index].getBytes())
            << describe(layers[index].spec) << " on " << threads << " threads";
  }
  return first;
}

std::vector<HostTensor>
LayerProgram::runForeign(llvm::ArrayRef<HostTensor> arguments) {
  auto results = foreign->run(arguments);
  if (results)
    return std::move(*results);
  ADD_FAILURE() << llvm::toString(results.takeError());
  return {};
}

void LayerProgram::check(int64_t extent, double tolerance) {
  if (!executable && !foreign)
    return;
  std::vector<HostTensor> arguments = createArguments(extent);
  std::vector<HostTensor> first =
      foreign ? runForeign(arguments) : runHere(arguments);
  SCOPED_TRACE("extent " + std::to_string(extent));
  if (!first.empty())
    expectResults(arguments, first, tolerance);
}

void LayerProgram::checkFirstRows(llvm::ArrayRef<int64_t> extents) {
  std::vector<HostTensor> fewer;
  for (int64_t extent : extents) {
    if (!executable && !foreign)
      return;
    std::vector<HostTensor> arguments = createArguments(extent);
    std::vector<HostTensor> results =
        foreign ? runForeign(arguments) : runHere(arguments);
    SCOPED_TRACE("extent " + std::to_string(extent));
    for (auto [index, few] : llvm::enumerate(fewer))
      EXPECT_TRUE(results[index].getBytes().take_front(few.getBytes().size()) ==
                  few.getBytes())
          << describe(layers[index].spec);
    fewer = std::move(results);
  }
}

void LayerProgram::checkGuarded(const CompileOptions &options,
                                llvm::ArrayRef<int64_t> extents,
                                double tolerance) {
  auto lowered = build(Phase::Lower, guarded(options));
  if (!lowered)
    return;
  std::vector<std::vector<HostTensor>> arguments;
  for (int64_t extent : extents)
    arguments.push_back(createArguments(extent));
  auto results = runGuarded(
      *lowered, options.emulateTiles ? "native" : options.cpu, arguments);
  for (auto [run, found] : llvm::enumerate(results)) {
    int64_t extent = extents[run % extents.size()];
    SCOPED_TRACE("extent " + std::to_string(extent));
    expectResults(arguments[run % extents.size()], found, tolerance);
  }
}

void LayerProgram::expectResults(llvm::ArrayRef<HostTensor> arguments,
                                 llvm::ArrayRef<HostTensor> results,
                                 double tolerance) {
  size_t next = inputs.size();
  for (auto [index, layer] : llvm::enumerate(layers)) {
    const HostTensor *bias = nullptr, *residual = nullptr;
    if (layer.spec.hasBias)
      bias = &arguments[next++];
    if (layer.spec.hasResidual)
      residual = &arguments[next++];
    Truth truth = computeTruth(layer, arguments[layer.input], bias, residual);
    llvm::ArrayRef<float> found = results[index].getAs<float>();
    ASSERT_EQ(found.size(), truth.results.size()) << describe(layer.spec);
    EXPECT_LE(getError(found, truth.results), tolerance * truth.magnitude)
        << describe(layer.spec);
  }
}
