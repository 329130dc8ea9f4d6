//===- DiffModels.cpp - how two models differ -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/CompareArtefacts.h"
#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Provenance.h"
#include "lowbit/Tools/Signature.h"
#include "lowbit/Tools/TextTable.h"
#include "lowbit/Tools/WeightParts.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <cstring>

using namespace lowbit;

namespace {

/// A weight of one of the models.
struct Weight {
  std::string name, encoding;
  int64_t rows = 0, columns = 0;
  uint64_t bytes = 0;
  /// One of them: rows of a low-bit global, or a float matrix.
  GlobalOp global;
  WeightPart part;
  std::optional<ConstantMatrix> matrix;

  std::string getShape() const {
    return std::to_string(rows) + " x " + std::to_string(columns);
  }
};

/// The weights of a model in its order, and its other tensors.
struct Side {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  llvm::MapVector<llvm::StringRef, Weight> weights;

  explicit Side(const mlir::DialectRegistry &registry) : context(registry) {
    context.printOpOnDiagnostic(false);
  }
  llvm::Error load(llvm::StringRef path, const LoadOptions &options);
  /// The bytes of plain tensors that are no layer's weight, by name.
  llvm::StringMap<llvm::ArrayRef<char>> getOthers();

private:
  void add(mlir::Value value);
  llvm::StringSet<> known;
};

/// Rows of a weight as floats.
class RowReader {
public:
  static llvm::Expected<RowReader> open(const Weight &weight) {
    RowReader reader(weight);
    if (weight.matrix)
      return std::move(reader);
    DiagnosticText errors(*weight.global->getContext());
    GlobalOp global = weight.global;
    llvm::FailureOr<QuantizedWeight> numbers = QuantizedWeight::read(global);
    if (llvm::failed(numbers))
      return errors.takeError("a weight cannot be read");
    reader.quantized = std::move(*numbers);
    return std::move(reader);
  }

  std::vector<float> read(int64_t row) const {
    if (weight->matrix)
      return weight->matrix->readRows(row, row + 1);
    std::vector<float> numbers(weight->columns);
    quantized->readRow(weight->part.first + row * weight->part.step,
                       numbers.data());
    return numbers;
  }

private:
  explicit RowReader(const Weight &weight) : weight(&weight) {}

  const Weight *weight;
  std::optional<QuantizedWeight> quantized;
};

} // namespace

template <typename T> static std::string toText(T printable) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << printable;
  return text;
}

void Side::add(mlir::Value value) {
  auto insert = [&](Weight weight) {
    llvm::StringRef name = known.insert(weight.name).first->getKey();
    weights.insert({name, std::move(weight)});
  };
  if (auto type = llvm::dyn_cast<QuantizedTensorType>(value.getType())) {
    auto read = value.getDefiningOp<WeightOp>();
    GlobalOp global = read ? read.getGlobalOp() : GlobalOp();
    if (!global)
      return;
    int64_t rows = std::max<int64_t>(type.getDimSize(0), 1);
    for (const WeightPart &part : getWeightParts(global)) {
      Weight weight;
      weight.name = part.name;
      weight.encoding = toText(type.getEncoding());
      weight.rows = part.count;
      weight.columns = type.getDimSize(1);
      weight.bytes = uint64_t(double(global.getStoredBytes()) *
                              double(part.count) / double(rows));
      weight.global = global;
      weight.part = part;
      insert(std::move(weight));
    }
    return;
  }
  std::optional<ConstantMatrix> matrix = matchConstantMatrix(value);
  if (!matrix)
    return;
  Weight weight;
  weight.name = matrix->name();
  weight.encoding = toText(matrix->data.getElementType());
  weight.rows = matrix->rows;
  weight.columns = matrix->columns;
  weight.bytes = uint64_t(weight.rows * weight.columns) *
                 matrix->data.getElementType().getIntOrFloatBitWidth() / 8;
  weight.matrix = std::move(matrix);
  insert(std::move(weight));
}

llvm::Error Side::load(llvm::StringRef path, const LoadOptions &options) {
  LoadOptions how = options;
  how.recordsSources = true;
  // Dimensions are for models that have names for them.
  if (llvm::sys::path::extension(path) != ".onnx")
    how.dimensions.clear();
  auto loaded = loadModule(path, context, how);
  if (!loaded)
    return loaded.takeError();
  module = std::move(*loaded);
  if (llvm::Error error = compileModule(*module, Phase::Raise, {}))
    return makeFileError(path, llvm::toString(std::move(error)));
  module->walk([&](EmbeddingOp op) { add(op.getWeight()); });
  module->walk([&](LinearOp op) { add(op.getWeight()); });
  return llvm::Error::success();
}

llvm::StringMap<llvm::ArrayRef<char>> Side::getOthers() {
  llvm::DenseSet<mlir::Attribute> matrices;
  for (auto &[name, weight] : weights)
    if (weight.matrix)
      matrices.insert(weight.matrix->data);
  llvm::StringMap<llvm::ArrayRef<char>> others;
  for (GlobalOp global : module->getOps<GlobalOp>())
    if (mlir::ElementsAttr data = global.getComponent(component::kData);
        data && !matrices.contains(data))
      others[global.getSymName()] = getRawBytes(data);
  return others;
}

//===----------------------------------------------------------------------===//
// Comparing
//===----------------------------------------------------------------------===//

static llvm::Error compareNumbers(const Weight &first, const Weight &second,
                                  WeightDifference &difference) {
  llvm::Expected<RowReader> a = RowReader::open(first);
  if (!a)
    return a.takeError();
  llvm::Expected<RowReader> b = RowReader::open(second);
  if (!b)
    return b.takeError();
  double error = 0.0, square = 0.0, other = 0.0, product = 0.0, largest = 0.0;
  difference.areEqual = true;
  for (int64_t row = 0; row < first.rows; ++row) {
    std::vector<float> x = a->read(row), y = b->read(row);
    difference.areEqual &= x == y;
    for (auto [p, q] : llvm::zip_equal(x, y)) {
      double distance = double(p) - double(q);
      error += distance * distance;
      square += double(p) * p;
      other += double(q) * q;
      product += double(p) * q;
      largest = std::max(largest, std::fabs(distance));
    }
  }
  double count = std::max(1.0, double(first.rows) * double(first.columns));
  WeightError result;
  result.mse = error / count;
  if (error > 0.0)
    result.snr = 10.0 * std::log10(square / error);
  double norms = std::sqrt(square) * std::sqrt(other);
  result.cosine = norms > 0.0 ? product / norms : double(square == other);
  result.maxError = largest;
  difference.error = result;
  return llvm::Error::success();
}

static void fillSide(const Weight &weight, unsigned side,
                     WeightDifference &difference) {
  difference.name = weight.name;
  difference.encoding[side] = weight.encoding;
  difference.shape[side] = weight.getShape();
  difference.bytes[side] = weight.bytes;
  double count = std::max(1.0, double(weight.rows) * double(weight.columns));
  difference.bits[side] = 8.0 * double(weight.bytes) / count;
}

bool ModelDifference::areEqual() const {
  return others.empty() && llvm::all_of(weights, [](const auto &weight) {
           return weight.areEqual && weight.encoding[0] == weight.encoding[1];
         });
}

llvm::Expected<ModelDifference>
lowbit::diffModels(llvm::StringRef first, llvm::StringRef second,
                   const mlir::DialectRegistry &registry,
                   const LoadOptions &load) {
  Side sides[] = {Side(registry), Side(registry)};
  llvm::StringRef paths[] = {first, second};
  ModelDifference result;
  for (unsigned i = 0; i < 2; ++i) {
    if (llvm::Error error = sides[i].load(paths[i], load))
      return std::move(error);
    result.files[i] = llvm::sys::path::filename(paths[i]).str();
    result.bytes[i] = getWeightSize(*sides[i].module).allBytes;
    if (std::optional<Provenance> found = getProvenance(*sides[i].module))
      result.provenance[i] = toJson(*found);
  }
  for (auto &[name, weight] : sides[0].weights) {
    WeightDifference difference;
    fillSide(weight, 0, difference);
    auto other = sides[1].weights.find(name);
    if (other != sides[1].weights.end()) {
      fillSide(other->second, 1, difference);
      if (weight.getShape() == other->second.getShape())
        if (llvm::Error error =
                compareNumbers(weight, other->second, difference))
          return std::move(error);
    }
    result.weights.push_back(std::move(difference));
  }
  for (auto &[name, weight] : sides[1].weights)
    if (!sides[0].weights.contains(name))
      fillSide(weight, 1, result.weights.emplace_back());
  auto others = sides[0].getOthers(), theirs = sides[1].getOthers();
  for (auto &entry : theirs)
    others.try_emplace(entry.getKey(), llvm::ArrayRef<char>());
  for (auto &entry : others)
    if (!theirs.contains(entry.getKey()) ||
        theirs[entry.getKey()] != entry.getValue())
      result.others.push_back(entry.getKey().str());
  llvm::sort(result.others);
  return std::move(result);
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

static llvm::json::Value orNull(const std::optional<double> &value) {
  return value && std::isfinite(*value) ? llvm::json::Value(*value)
                                        : llvm::json::Value(nullptr);
}

static llvm::json::Object makeObject(const WeightDifference &weight) {
  llvm::json::Object object{
      {"name", llvm::json::fixUTF8(weight.name)},
      {"encoding", llvm::json::Array{weight.encoding[0], weight.encoding[1]}},
      {"shape", llvm::json::Array{weight.shape[0], weight.shape[1]}},
      {"bytes", llvm::json::Array{weight.bytes[0], weight.bytes[1]}},
      {"equal", weight.areEqual}};
  if (weight.error)
    object["error"] =
        llvm::json::Object{{"mse", orNull(weight.error->mse)},
                           {"snr_db", orNull(weight.error->snr)},
                           {"cosine", orNull(weight.error->cosine)},
                           {"max", orNull(weight.error->maxError)}};
  return object;
}

/// The encoding without what every encoding has.
static std::string shorten(llvm::StringRef encoding) {
  if (encoding.consume_front("#lowbit.encoding<"))
    encoding.consume_back(">");
  return encoding.empty() ? "none" : encoding.str();
}

static void printText(const ModelDifference &models, llvm::raw_ostream &os) {
  for (unsigned i = 0; i < 2; ++i) {
    os << (i ? "to    " : "from  ") << models.files[i] << "  "
       << formatBytes(models.bytes[i]);
    if (auto recipe = models.provenance[i].getString("recipe");
        recipe && !recipe->empty())
      os << "  " << *recipe;
    os << "\n";
  }
  TextTable table({"weight", "shape", "bits", "to", "bytes", "to", "SNR dB",
                   "max error", "encoding"},
                  /*lastTexts=*/1);
  size_t same = 0;
  for (const WeightDifference &weight : models.weights) {
    bool sameForm = weight.encoding[0] == weight.encoding[1];
    if (weight.areEqual && sameForm) {
      ++same;
      continue;
    }
    unsigned shown = weight.shape[0].empty();
    auto side = [&](unsigned i, const std::string &text) {
      return weight.shape[i].empty() ? "-" : text;
    };
    std::string snr = "-", largest = "-";
    if (weight.error) {
      snr = weight.error->snr ? formatNumber("%.2f", *weight.error->snr)
                              : "equal";
      largest = formatNumber("%.3g", weight.error->maxError);
    }
    std::string shape = weight.shape[shown];
    if (!weight.shape[0].empty() && !weight.shape[1].empty() &&
        weight.shape[0] != weight.shape[1])
      shape += " to " + weight.shape[1];
    table.add({weight.name, shape,
               side(0, formatNumber("%.3f", weight.bits[0])),
               side(1, formatNumber("%.3f", weight.bits[1])),
               side(0, std::to_string(weight.bytes[0])),
               side(1, std::to_string(weight.bytes[1])), snr, largest,
               sameForm ? shorten(weight.encoding[0])
                        : shorten(weight.encoding[0]) + " to " +
                              shorten(weight.encoding[1])});
  }
  if (same != models.weights.size())
    table.print(os);
  os << same << " of " << models.weights.size() << " weights are the same\n";
  for (llvm::StringRef name : models.others)
    os << "other tensor " << name << " differs\n";
}

void ModelDifference::print(llvm::raw_ostream &os, bool json) const {
  if (!json)
    return printText(*this, os);
  llvm::json::Array models, list, names;
  for (unsigned i = 0; i < 2; ++i)
    models.push_back(
        llvm::json::Object{{"file", llvm::json::fixUTF8(files[i])},
                           {"bytes", bytes[i]},
                           {"provenance", llvm::json::Object(provenance[i])}});
  for (const WeightDifference &weight : weights)
    list.push_back(makeObject(weight));
  for (const std::string &name : others)
    names.push_back(llvm::json::fixUTF8(name));
  llvm::json::Object object{{"schema", "lowbit-diff/1"},
                            {"equal", areEqual()},
                            {"models", std::move(models)},
                            {"weights", std::move(list)},
                            {"other_tensors", std::move(names)}};
  os << llvm::formatv("{0:2}", llvm::json::Value(std::move(object))) << "\n";
}
