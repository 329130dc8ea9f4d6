//===- Calibration.cpp - run a model to learn what layers read ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Calibration.h"
#include "CalibrationFiles.h"
#include "Collector.h"
#include "LossSeed.h"
#include "lowbit/Tools/CalibrationData.h"
#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Executable.h"
#include "lowbit/Tools/FloatProgram.h"
#include "lowbit/Tools/MappedFile.h"
#include "lowbit/Tools/Signature.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Threading.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/xxhash.h"
#include <unistd.h>

using namespace lowbit;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// Provenance
//===----------------------------------------------------------------------===//

static std::string printHash(llvm::StringRef bytes) {
  return llvm::utohexstr(llvm::xxh3_64bits(bytes), /*LowerCase=*/true,
                         /*Width=*/16);
}

/// A hash over names, types and bytes of all weights.
static std::string hashModel(mlir::ModuleOp module) {
  std::vector<std::string> lines;
  module.walk([&](GlobalOp global) {
    std::string &line = lines.emplace_back(global.getSymName());
    llvm::raw_string_ostream os(line);
    os << ": " << global.getType();
    for (mlir::NamedAttribute component : global.getComponents()) {
      auto elements = mlir::dyn_cast<mlir::ElementsAttr>(component.getValue());
      llvm::ArrayRef<char> bytes =
          elements ? getRawBytes(elements) : llvm::ArrayRef<char>();
      os << " " << component.getName().strref() << "="
         << printHash({bytes.data(), bytes.size()});
      // The one element of a splat.
      if (bytes.empty())
        os << component.getValue();
    }
    os << "\n";
  });
  llvm::sort(lines);
  return printHash(llvm::join(lines, ""));
}

/// The statistics that are recorded, as an option of the pass.
static std::vector<std::string> getWanted(const CalibrationOptions &options) {
  std::vector<std::string> wanted = {"columns", "histogram"};
  if (options.secondMoments)
    wanted.push_back("second_moment");
  if (options.columnRanges)
    wanted.push_back("column_ranges");
  return wanted;
}

llvm::Expected<StatisticsSource>
lowbit::getProvenance(mlir::ModuleOp module,
                      const CalibrationOptions &options) {
  StatisticsSource provenance;
  provenance.model = hashModel(module);
  if (options.data.empty())
    return provenance;
  llvm::Expected<MappedFile> file = mapFile(options.data);
  if (!file)
    return file.takeError();
  provenance.data = printHash((*file)->getBuffer());
  provenance.statistics = llvm::join(getWanted(options), "|");
  if (options.gradients != OutputModel::None) {
    llvm::Expected<Loss> loss = resolveLoss(module, options);
    if (!loss)
      return loss.takeError();
    provenance.statistics += "|gradients:" + loss->describe();
  }
  llvm::raw_string_ostream os(provenance.options);
  os << "samples=" << options.samples;
  if (StringRef(options.data).ends_with(".bin"))
    os << " window=" << options.window;
  if (!options.layers.empty())
    os << " layers=" << llvm::join(options.layers, ",");
  return provenance;
}

llvm::Expected<CalibrationData>
lowbit::readSamples(mlir::ModuleOp module, const CalibrationOptions &options) {
  llvm::Expected<Signature> signature = getSignature(module);
  if (!signature)
    return signature.takeError();
  auto samples = CalibrationData::read(options, signature->inputs);
  if (!samples)
    return samples.takeError();
  for (uint64_t i = 0; i < samples->size(); ++i)
    if (llvm::Error error =
            checkInputs(signature->inputs, samples->getSample(i)))
      return makeFileError(options.data, "sample " + llvm::Twine(i) + ": " +
                                             llvm::toString(std::move(error)));
  if (llvm::Error error = checkRequirements(*signature, samples->getSample(0)))
    return makeFileError(options.data, llvm::toString(std::move(error)));
  return samples;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

namespace {

/// Observers of a group of records, in the order of the module.
using Group = std::vector<ObserveOp>;

/// A calibration run.
class Run {
public:
  /// With a loss, what layers yield is observed, not what they read: its
  /// gradients.
  Run(mlir::ModuleOp module, const CalibrationOptions &options,
      const CompileOptions &compile, StatisticsSource source,
      std::optional<Loss> loss = std::nullopt)
      : loss(std::move(loss)), module(module), options(options),
        compile(compileAsItIs(compile)),
        kept(options.folder, this->loss ? "gradients" : "inputs",
             std::move(source)) {}

  llvm::Expected<std::vector<StatisticsRecord>> run();

private:
  llvm::Error instrument();
  llvm::Error makeGroups();
  llvm::Error addGroup(const Group &group);
  llvm::Expected<std::vector<StatisticsRecord>> runGroup(const Group &group);
  llvm::Expected<std::vector<HostTensor>> getInputs(uint64_t sample);
  llvm::Expected<std::unique_ptr<Executable>> compileGroup(const Group &group);
  llvm::Error collect(llvm::ArrayRef<HostTensor> outputs,
                      std::vector<Collector> &collectors,
                      llvm::ArrayRef<size_t> collectorOf);
  llvm::Error spill(StatisticsRecord &record);
  void showProgress(size_t group, uint64_t sample) const;

  std::optional<Loss> loss;
  std::unique_ptr<LossSeed> seeds;
  mlir::ModuleOp module;
  const CalibrationOptions &options;
  CompileOptions compile;
  CalibratedGroups kept;
  mlir::OwningOpRef<mlir::ModuleOp> instrumented;
  CalibrationData data;
  std::vector<Group> groups;
  std::vector<StatisticsRecord> records;
};

} // namespace

/// Lets one pass insert observers.
static llvm::Error insertObservers(mlir::ModuleOp module,
                                   std::unique_ptr<mlir::Pass> pass) {
  DiagnosticText errors(*module.getContext());
  mlir::PassManager manager(module.getContext());
  manager.addPass(std::move(pass));
  return mlir::failed(manager.run(module))
             ? errors.takeError("observers cannot be inserted")
             : llvm::Error::success();
}

static llvm::Error differentiate(mlir::ModuleOp module, const Loss &loss,
                                 const CalibrationOptions &options) {
  DifferentiatePassOptions pass;
  pass.result = std::to_string(loss.output);
  llvm::append_range(pass.selected, options.layers);
  return insertObservers(module, createDifferentiatePass(pass));
}

llvm::Error Run::instrument() {
  instrumented = module.clone();
  if (loss)
    return differentiate(*instrumented, *loss, options);
  InsertObserversPassOptions pass;
  llvm::append_range(pass.selected, options.layers);
  llvm::append_range(pass.recorded, getWanted(options));
  return insertObservers(*instrumented, createInsertObserversPass(pass));
}

/// Cuts the records into groups that fit into the memory. Observers of one
/// record stay together.
llvm::Error Run::makeGroups() {
  llvm::MapVector<mlir::StringAttr, Group> byRecord;
  auto main = instrumented->lookupSymbol(kMainFunction);
  main->walk([&](ObserveOp op) { byRecord[op.getNameAttr()].push_back(op); });
  if (byRecord.empty())
    return makeError("calibration requires layers to observe in '@" +
                     kMainFunction + "', found none");
  uint64_t rows = options.window, used = 0;
  for (auto &[name, observers] : byRecord) {
    uint64_t bytes = 0;
    for (ObserveOp observer : observers)
      bytes += Collector::getBytes(observer, rows);
    if (bytes > options.memory)
      return makeError("the statistics of '" + name.getValue() + "' require " +
                       llvm::Twine(bytes) +
                       " bytes of memory, found a limit of " +
                       llvm::Twine(options.memory));
    if (groups.empty() || used + bytes > options.memory) {
      groups.emplace_back();
      used = 0;
    }
    llvm::append_range(groups.back(), observers);
    used += bytes;
  }
  return llvm::Error::success();
}

/// A copy of the module that returns what `group` observes, compiled.
llvm::Expected<std::unique_ptr<Executable>>
Run::compileGroup(const Group &group) {
  mlir::IRMapping mapping;
  mlir::OwningOpRef<mlir::ModuleOp> copy =
      mlir::cast<mlir::ModuleOp>((*instrumented)->clone(mapping));
  llvm::SmallPtrSet<mlir::Operation *, 16> kept;
  for (ObserveOp observer : group)
    kept.insert(mapping.lookup(observer.getOperation()));
  copy->walk([&](ObserveOp op) {
    if (!kept.contains(op))
      op.erase();
  });
  DiagnosticText errors(*module.getContext());
  mlir::PassManager manager(module.getContext());
  ReturnObservedPassOptions back;
  back.dropsResults = true;
  manager.addPass(createReturnObservedPass(back));
  if (mlir::failed(manager.run(*copy)))
    return errors.takeError("what is observed cannot be returned");
  return linkRaised(*copy, compile);
}

void Run::showProgress(size_t group, uint64_t sample) const {
  if (!options.progress || !::isatty(STDERR_FILENO))
    return;
  llvm::errs() << "\rcalibrating: group " << group + 1 << " of "
               << groups.size() << ", sample " << sample + 1 << " of "
               << data.size() << "\x1b[K";
  if (group + 1 == groups.size() && sample + 1 == data.size())
    llvm::errs() << "\r\x1b[K";
}

llvm::Error Run::collect(llvm::ArrayRef<HostTensor> outputs,
                         std::vector<Collector> &collectors,
                         llvm::ArrayRef<size_t> collectorOf) {
  std::vector<std::string> problems(collectors.size());
  mlir::parallelFor(
      module.getContext(), 0, collectors.size(), [&](size_t which) {
        for (auto [i, output] : llvm::enumerate(outputs))
          if (collectorOf[i] == which && problems[which].empty())
            problems[which] = llvm::toString(
                collectors[which].addColumns(output.getAs<float>()));
        collectors[which].endSample();
      });
  for (const std::string &problem : problems)
    if (!problem.empty())
      return makeError(problem);
  for (auto [i, output] : llvm::enumerate(outputs))
    collectors[collectorOf[i]].addSecondMoment(output.getAs<float>(),
                                               module.getContext());
  return llvm::Error::success();
}

/// What is collected leaves memory to the groups that follow.
llvm::Error Run::spill(StatisticsRecord &record) {
  HostTensor &tensor = record.components[statistic::kSecondMoment.str()];
  llvm::Expected<HostTensor> moved = moveToFile(tensor);
  if (!moved)
    return moved.takeError();
  tensor = std::move(*moved);
  return llvm::Error::success();
}

/// The inputs of a run.
llvm::Expected<std::vector<HostTensor>> Run::getInputs(uint64_t sample) {
  std::vector<HostTensor> inputs = data.getSample(sample);
  if (!seeds)
    return inputs;
  llvm::Expected<HostTensor> seed = seeds->get(inputs, sample);
  if (!seed)
    return seed.takeError();
  inputs.push_back(std::move(*seed));
  return inputs;
}

/// Of a gradient, whose mean is zero, the squares alone are of interest.
static void keepGradient(StatisticsRecord &record) {
  auto squares = record.components.extract(statistic::kMeanSquare.str());
  squares.key() = statistic::kGradientMeanSquare.str();
  auto rows = record.components.extract(statistic::kGradientRows.str());
  record.components.clear();
  record.components.insert(std::move(squares));
  record.components.insert(std::move(rows));
}

llvm::Expected<std::vector<StatisticsRecord>>
Run::runGroup(const Group &group) {
  llvm::Expected<std::unique_ptr<Executable>> executable = compileGroup(group);
  if (!executable)
    return executable.takeError();
  std::vector<Collector> collectors;
  std::vector<size_t> collectorOf;
  for (ObserveOp observer : group) {
    if (collectors.empty() || collectors.back().getName() != observer.getName())
      collectors.emplace_back(observer, /*keepsRows=*/loss.has_value());
    else
      collectors.back().addLayers(observer);
    collectorOf.push_back(collectors.size() - 1);
  }
  for (uint64_t sample = 0; sample < data.size(); ++sample) {
    showProgress(&group - groups.data(), sample);
    auto inputs = getInputs(sample);
    if (!inputs)
      return makeError("sample " + llvm::Twine(sample) + ": " +
                       llvm::toString(inputs.takeError()));
    auto outputs = (*executable)->run(*inputs);
    if (!outputs)
      return outputs.takeError();
    for (HostTensor &output : *outputs)
      output = widen(output);
    if (llvm::Error error = collect(*outputs, collectors, collectorOf))
      return makeError("sample " + llvm::Twine(sample) + ": " +
                       llvm::toString(std::move(error)));
  }
  std::vector<StatisticsRecord> records;
  for (Collector &collector : collectors) {
    records.push_back(collector.take());
    if (loss)
      keepGradient(records.back());
    else if (groups.size() > 1 && options.secondMoments)
      if (llvm::Error error = spill(records.back()))
        return std::move(error);
  }
  return std::move(records);
}

/// The records of `group`: those that an earlier run has kept, or what a run
/// finds.
llvm::Error Run::addGroup(const Group &group) {
  size_t index = &group - groups.data();
  llvm::SetVector<StringRef> names;
  for (ObserveOp observer : group)
    names.insert(observer.getName());
  auto found = kept.read(index, names);
  if (!found)
    return found.takeError();
  if (found->empty()) {
    found = runGroup(group);
    if (!found)
      return found.takeError();
    if (llvm::Error error = kept.write(index, *found))
      return error;
  }
  llvm::move(*found, std::back_inserter(records));
  return llvm::Error::success();
}

llvm::Expected<std::vector<StatisticsRecord>> Run::run() {
  llvm::Expected<CalibrationData> samples = readSamples(module, options);
  if (!samples)
    return samples.takeError();
  data = std::move(*samples);
  if (llvm::Error error = instrument())
    return std::move(error);
  if (llvm::Error error = makeGroups())
    return std::move(error);
  if (loss) {
    auto created = LossSeed::create(module, *loss, compile);
    if (!created)
      return created.takeError();
    seeds = std::move(*created);
  }
  for (const Group &group : groups)
    if (llvm::Error error = addGroup(group))
      return std::move(error);
  return std::move(records);
}

llvm::Error lowbit::checkGradients(mlir::ModuleOp module,
                                   const CalibrationOptions &options) {
  llvm::Expected<Loss> loss = resolveLoss(module, options);
  if (!loss)
    return loss.takeError();
  mlir::OwningOpRef<mlir::ModuleOp> copy = module.clone();
  // What remains to be said is said when gradients are computed.
  mlir::ScopedDiagnosticHandler silence(
      module.getContext(), [](mlir::Diagnostic &diagnostic) {
        return llvm::success(diagnostic.getSeverity() !=
                             mlir::DiagnosticSeverity::Error);
      });
  return differentiate(*copy, *loss, options);
}

llvm::Expected<CalibrationStatistics>
lowbit::calibrate(mlir::ModuleOp module, const CalibrationOptions &options,
                  const CompileOptions &compile) {
  llvm::Expected<StatisticsSource> provenance = getProvenance(module, options);
  if (!provenance)
    return provenance.takeError();
  auto records = Run(module, options, compile, *provenance).run();
  if (!records)
    return records.takeError();
  if (options.gradients != OutputModel::None) {
    llvm::Expected<Loss> loss = resolveLoss(module, options);
    if (!loss)
      return loss.takeError();
    auto gradients =
        Run(module, options, compile, *provenance, std::move(*loss)).run();
    if (!gradients)
      return gradients.takeError();
    llvm::move(*gradients, std::back_inserter(*records));
  }
  return CalibrationStatistics{std::move(*provenance), std::move(*records)};
}
