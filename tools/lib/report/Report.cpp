//===- Report.cpp - totals, and the file that a report becomes ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Forms.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Path.h"

using namespace lowbit;

bool Report::hasQuantized() const {
  return llvm::any_of(
      layers, [](const ReportLayer &layer) { return layer.isQuantized; });
}

uint64_t Report::getBytes() const {
  uint64_t bytes = 0;
  for (const ReportSize &size : sizes)
    bytes += size.bytes;
  return bytes;
}

uint64_t Report::getNumbers() const {
  uint64_t numbers = 0;
  for (const ReportSize &size : sizes)
    numbers += size.numbers;
  return numbers;
}

double Report::getBitsPerWeight() const {
  uint64_t bytes[2] = {}, weights[2] = {};
  for (const ReportLayer &layer : layers) {
    bytes[layer.isQuantized] += layer.bytes;
    weights[layer.isQuantized] += layer.getWeights();
  }
  bool low = weights[true] != 0;
  return weights[low] ? 8.0 * double(bytes[low]) / double(weights[low]) : 0.0;
}

llvm::Expected<ReportForm> lowbit::getReportForm(llvm::StringRef path) {
  auto form = llvm::StringSwitch<std::optional<ReportForm>>(
                  llvm::sys::path::extension(path))
                  .Case(".txt", ReportForm::Text)
                  .Case(".json", ReportForm::JSON)
                  .Case(".html", ReportForm::HTML)
                  .Default(std::nullopt);
  if (form)
    return *form;
  return makeFileError(path,
                       "a report requires the extension .txt, .json or .html");
}

void lowbit::printReport(const Report &report, ReportForm form,
                         llvm::raw_ostream &os) {
  switch (form) {
  case ReportForm::Text:
    return printTextReport(report, os);
  case ReportForm::JSON:
    return printJsonReport(report, os);
  case ReportForm::HTML:
    return printHtmlReport(report, os);
  }
}

llvm::Expected<AtomicOutput> lowbit::prepareReport(const Report &report,
                                                   llvm::StringRef path) {
  llvm::Expected<ReportForm> form = getReportForm(path);
  if (!form)
    return form.takeError();
  llvm::Expected<AtomicOutput> output = AtomicOutput::create(path);
  if (!output)
    return output.takeError();
  printReport(report, *form, output->os());
  if (llvm::Error error = output->finish())
    return std::move(error);
  return output;
}

llvm::Error lowbit::writeReport(const Report &report, llvm::StringRef path) {
  llvm::Expected<AtomicOutput> output = prepareReport(report, path);
  return output ? output->commit() : output.takeError();
}
