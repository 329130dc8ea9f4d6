//===- FinishedGroups.cpp - what a run that was ended has done ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FinishedGroups.h"
#include "lowbit/Tools/Artefact.h"
#include "lowbit/Tools/Calibration.h"
#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Provenance.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/LayerNames.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace lowbit;

/// The attribute of a group's module that says what it depends on.
static constexpr llvm::StringLiteral kSourceAttrName = "lowbit.tuned_from";

/// What somebody has decided on for layers one by one, as a digest.
static std::string describeLayers(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module.walk([&](LinearOp layer) {
    os << getLayerName(layer).value_or("");
    for (llvm::StringRef name :
         {kEncodingAttrName, kRatesAttrName, kScaleFactorAttrName})
      if (mlir::Attribute attribute = layer->getAttr(name))
        os << " " << attribute;
    os << "\n";
  });
  auto bytes = reinterpret_cast<const uint8_t *>(text.data());
  return llvm::toHex(llvm::BLAKE3::hash<8>({bytes, text.size()}),
                     /*LowerCase=*/true);
}

/// What statistics from a file are of.
static llvm::Expected<StatisticsSource>
getSource(mlir::ModuleOp module, const CompileOptions &options) {
  auto source = getProvenance(module, options.calibration);
  if (!source || !options.calibration.data.empty() ||
      options.statistics.empty())
    return source;
  auto statistics = readStatistics(options.statistics);
  if (!statistics)
    return statistics.takeError();
  source->data = statistics->provenance.data;
  source->options = statistics->provenance.options;
  source->statistics = statistics->provenance.statistics;
  return source;
}

llvm::Expected<FinishedGroups>
FinishedGroups::open(llvm::StringRef folder, mlir::ModuleOp module,
                     const CompileOptions &options) {
  FinishedGroups result;
  if (folder.empty())
    return result;
  if (std::error_code error = llvm::sys::fs::create_directories(folder))
    return llvm::createFileError(folder, error);
  auto provenance = getSource(module, options);
  if (!provenance)
    return provenance.takeError();
  result.folder = folder.str();
  result.source = {{"the version", getLowbitVersion().str()},
                   {"the model", provenance->model},
                   {"the data", provenance->data},
                   {"the samples", provenance->options},
                   {"the kinds of statistics", provenance->statistics},
                   {"the options", describeRecipe(options)},
                   {"the encodings of layers", describeLayers(module)}};
  return result;
}

/// Whether `found` is what the weights here depend on; the error names the
/// first thing that isn't.
llvm::Error FinishedGroups::checkSource(mlir::DictionaryAttr found) const {
  for (const auto &[what, wanted] : source) {
    auto text =
        found ? found.getAs<mlir::StringAttr>(what) : mlir::StringAttr();
    llvm::StringRef is = text ? text.getValue() : "nothing that is known";
    if (is != wanted)
      return makeError("requires weights of " + what + " " + wanted +
                       ", found those of " + is +
                       "; remove the folder or name another one");
  }
  return llvm::Error::success();
}

std::string FinishedGroups::getPath(size_t index) const {
  llvm::SmallString<128> path(folder);
  std::string number = std::to_string(index);
  llvm::sys::path::append(path, "group-" + number + ".mlirbc");
  return path.str().str();
}

/// Makes `layer` read `global` in place of a float weight, and erases what
/// computed that.
static void replaceWeight(LinearOp layer, GlobalOp global) {
  mlir::OpBuilder builder(layer);
  mlir::Operation *producer = layer.getWeight().getDefiningOp();
  layer.getWeightMutable().assign(WeightOp::create(
      builder, layer.getLoc(), global.getType(), global.getSymName()));
  while (producer && producer->use_empty() &&
         mlir::isMemoryEffectFree(producer)) {
    mlir::Operation *next = producer->getNumOperands()
                                ? producer->getOperand(0).getDefiningOp()
                                : nullptr;
    producer->erase();
    producer = next;
  }
}

/// Puts a copy of `saved` where the float weight of `layer` is, and that out of
/// the module where nothing else reads it.
static llvm::Error replaceGlobal(mlir::ModuleOp module, LinearOp layer,
                                 GlobalOp saved) {
  std::optional<ConstantMatrix> matrix = matchConstantMatrix(layer.getWeight());
  if (!matrix)
    return makeError("layer '" + saved.getSymName() +
                     "' requires a float weight, found another");
  llvm::SmallVector<LinearOp> users;
  module.walk([&](LinearOp op) {
    if (getLayerName(op) == matrix->name() &&
        !mlir::isa<QuantizedTensorType>(op.getWeight().getType()))
      users.push_back(op);
  });
  auto builder = mlir::OpBuilder::atBlockBegin(module.getBody());
  if (matrix->global)
    builder.setInsertionPoint(matrix->global);
  auto global = mlir::cast<GlobalOp>(builder.clone(*saved));
  global->setLoc(layer.getLoc());
  std::string name = global.getSymName().str();
  // Both have the name for a while.
  global.setSymName(name + ".quantized");
  for (LinearOp user : users)
    replaceWeight(user, global);
  if (matrix->global &&
      mlir::SymbolTable::symbolKnownUseEmpty(matrix->global, module))
    matrix->global->erase();
  if (module.lookupSymbol(name))
    return makeError("the weight '" + name +
                     "' requires a name that nothing else has");
  auto symbol = mlir::StringAttr::get(module.getContext(), name);
  if (mlir::failed(
          mlir::SymbolTable::replaceAllSymbolUses(global, symbol, module)))
    return makeError("the weight '" + name + "' cannot be named");
  global.setSymNameAttr(symbol);
  return llvm::Error::success();
}

llvm::Expected<bool>
FinishedGroups::restore(size_t index, mlir::ModuleOp module,
                        llvm::ArrayRef<LinearOp> layers) const {
  std::string path = getPath(index);
  if (folder.empty() || !llvm::sys::fs::exists(path))
    return false;
  auto saved = loadArtefact(path, *module.getContext());
  if (!saved)
    return saved.takeError();
  if (llvm::Error error = checkSource(
          (**saved)->getAttrOfType<mlir::DictionaryAttr>(kSourceAttrName)))
    return makeFileError(path, llvm::toString(std::move(error)));
  for (LinearOp layer : layers) {
    if (mlir::isa<QuantizedTensorType>(layer.getWeight().getType()))
      continue;
    std::string name = getLayerName(layer).value_or("");
    auto global = (**saved).lookupSymbol<GlobalOp>(name);
    auto type = global ? mlir::dyn_cast<QuantizedTensorType>(global.getType())
                       : QuantizedTensorType();
    if (!type || type.getShape() !=
                     mlir::cast<mlir::ShapedType>(layer.getWeight().getType())
                         .getShape())
      return makeFileError(path, "requires the weight '" + name +
                                     "', found none of its shape; remove the "
                                     "folder or name another one");
    if (llvm::Error error = replaceGlobal(module, layer, global))
      return makeFileError(path, llvm::toString(std::move(error)));
    layer->setAttr(kEncodingAttrName, type.getEncoding());
    // The encoding has them.
    layer->removeAttr(kRatesAttrName);
  }
  return true;
}

llvm::Error FinishedGroups::save(size_t index,
                                 llvm::ArrayRef<LinearOp> layers) const {
  if (folder.empty() || layers.empty())
    return llvm::Error::success();
  mlir::OpBuilder builder(LinearOp(layers.front()).getContext());
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(builder.getUnknownLoc());
  builder.setInsertionPointToStart(module->getBody());
  llvm::SetVector<GlobalOp> globals;
  for (LinearOp layer : layers) {
    auto weight = layer.getWeight().getDefiningOp<WeightOp>();
    // A part with weights that stay float is soon done again.
    if (!weight || !mlir::isa<QuantizedTensorType>(weight.getType()))
      return llvm::Error::success();
    globals.insert(weight.getGlobalOp());
  }
  for (GlobalOp global : globals)
    builder.clone(*global);
  llvm::SmallVector<mlir::NamedAttribute> attributes;
  for (const auto &[what, value] : source)
    attributes.push_back(
        builder.getNamedAttr(what, builder.getStringAttr(value)));
  (*module)->setAttr(kSourceAttrName, builder.getDictionaryAttr(attributes));
  return saveArtefact(*module, getPath(index), ArtefactFormat::Bytecode)
      .takeError();
}
