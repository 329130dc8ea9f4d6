//===- Report.h - what a model's precision costs and gains ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A report is plain data: what is known of the weights without running the
// model, and what was measured by running it. It prints as text for terminals,
// as JSON (tools/lib/report/README.md documents the schema), and as one HTML
// page that needs no network. Equal reports give equal bytes; nothing in them
// depends on the day, the folder or the number of cores.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_REPORT_H
#define LOWBIT_TOOLS_REPORT_H

#include "lowbit/Tools/AtomicOutput.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>
#include <string>
#include <vector>

namespace lowbit {

class AtomicOutput;

/// The `schema` of JSON reports. The number grows when a key changes its
/// meaning or goes; keys may be added without that.
inline constexpr llvm::StringLiteral kReportSchema = "lowbit-report/1";

/// How far numbers are from those that they stand for.
struct WeightError {
  /// Mean squared difference.
  double mse = 0.0;
  /// 10 log10 of the numbers' mean square over `mse`, in dB; nothing where the
  /// two are equal, for that would be infinite.
  std::optional<double> snr;
  /// Cosine of the angle between both as vectors.
  double cosine = 1.0;
  /// The largest magnitude of a difference.
  double maxError = 0.0;
};

/// Where weights lie relative to the numbers that their codes stand for.
struct WeightHistogram {
  /// The range of all bins together. In units of the group's scale, after zero
  /// point and minimum, for low-bit weights; plain numbers for float ones.
  double first = 0.0, last = 0.0;
  /// Weights per bin; what lies outside counts for the nearest.
  std::vector<uint64_t> counts;
  /// The numbers of the codes in those units; empty where codes overlap or
  /// stand for several numbers.
  std::vector<double> codes;
  /// Share of weights that lie more than half a step outside of all codes.
  double clipped = 0.0;
};

/// What one more bit per weight would give, by rounding to nearest.
struct OneMoreBit {
  /// Estimated mean squared error.
  double mse = 0.0;
  /// Bytes that it would cost.
  uint64_t bytes = 0;
  /// Estimated fall of the divergence in nats per token, where it was measured.
  std::optional<double> divergence;
};

/// One weight of a layer.
struct ReportLayer {
  std::string name;
  /// `linear` or `embedding`.
  std::string kind;
  int64_t rows = 0, columns = 0;
  /// As the dialect prints it, or the element type of a float weight.
  std::string encoding;
  bool isQuantized = false;
  /// Of a low-bit weight: bits of a code, and whether codes are integers.
  unsigned codeBits = 0;
  bool isInteger = false;
  /// Bytes in the model that was read (4 per weight where that is not at hand),
  /// and bytes stored, parameters included.
  uint64_t sourceBytes = 0, bytes = 0;
  /// The kernel that computes it, or empty; then `reason` says why. `reason` is
  /// also why a weight is float.
  std::string kernel, reason;
  std::optional<WeightError> error;
  std::optional<WeightHistogram> histogram;
  std::optional<OneMoreBit> oneMoreBit;
  /// Mean KL divergence per token in nats if this weight alone is low-bit.
  std::optional<double> divergence;

  uint64_t getWeights() const { return uint64_t(rows) * uint64_t(columns); }
  double getBits() const {
    return getWeights() ? 8.0 * double(bytes) / double(getWeights()) : 0.0;
  }
};

/// A part of the model's size.
struct ReportSize {
  std::string part;
  uint64_t tensors = 0, numbers = 0, bytes = 0;
};

/// A window of text and how both models did on it.
struct ReportWindow {
  size_t index = 0, firstToken = 0;
  double divergence = 0.0, perplexity = 0.0, referencePerplexity = 0.0;
};

/// What running the model showed.
struct ReportMeasurement {
  /// Files by their names without folders.
  std::string tokens, reference;
  size_t window = 0, windows = 0;
  double perplexity = 0.0;
  std::optional<double> referencePerplexity, divergence, top1;
  /// Pairs (q, KL per token in nats that a share q of all tokens stays below).
  std::vector<std::pair<double, double>> quantiles;
  /// The windows of largest divergence, the worst first.
  std::vector<ReportWindow> worst;
  /// Windows that each layer's own divergence was measured on; 0 if it wasn't.
  size_t layerWindows = 0;
  /// Median seconds of a run, where timing was asked for.
  std::optional<double> secondsPerRun, referenceSecondsPerRun;
};

/// What is known of the numbers that some layers read.
struct ReportActivation {
  /// The layers' weights, which share it.
  std::vector<std::string> layers;
  uint64_t columns = 0;
  double minimum = 0.0, maximum = 0.0, rms = 0.0;
  /// A moving average of the range, where that was recorded.
  std::optional<std::pair<double, double>> moving;
  /// Root mean square of the loudest column over that of all.
  double loudest = 0.0;
};

/// A point of a trade-off between size and error.
struct ParetoPoint {
  double bits = 0.0, error = 0.0;
  bool isChosen = false;
  /// The encoding, where all layers have the same.
  std::string uniform = {};
  /// Bytes of the weights; predicted seconds of all layers on one row; bytes of
  /// the compiled model with its activations.
  uint64_t bytes = 0;
  std::optional<double> seconds = {};
  std::optional<uint64_t> memory = {};
  /// What was found on samples that had no part in the choice.
  std::optional<double> measured = {}, accuracy = {};
};

/// A bound and what was found.
struct ReportCheck {
  /// As the user wrote it, such as `perplexity<1.02x`.
  std::string text;
  double value = 0.0, limit = 0.0;
  bool passed = false;
};

/// See above.
struct Report {
  /// The model's name, and provenance as `toJson` gives it.
  std::string model;
  llvm::json::Object provenance;
  std::vector<ReportLayer> layers;
  /// Parts of the whole: `low-bit weights`, `float weights`, `other tensors`.
  std::vector<ReportSize> sizes;
  /// What could not be done as asked, in the compiler's words.
  std::vector<std::string> remarks;
  std::optional<ReportMeasurement> measurement;
  std::vector<ReportCheck> checks;
  /// Sizes and errors that were to choose from; empty where nothing was chosen.
  std::vector<ParetoPoint> pareto;
  /// What `pareto` counts as error, and what was measured on samples.
  std::string paretoError, paretoMeasure;
  /// In the order of the model; empty where it was not calibrated.
  std::vector<ReportActivation> activations;

  /// Whether any layer's weight is low-bit.
  bool hasQuantized() const;
  uint64_t getBytes() const;
  uint64_t getNumbers() const;
  /// Bits per low-bit weight; of all matrices where none is low-bit.
  double getBitsPerWeight() const;
};

/// The forms of a report.
enum class ReportForm { Text, JSON, HTML };

/// The form that a file's extension names: `.txt`, `.json` or `.html`.
llvm::Expected<ReportForm> getReportForm(llvm::StringRef path);

/// Prints the report. HTML is a whole page with style, charts and script
/// inside.
void printReport(const Report &report, ReportForm form, llvm::raw_ostream &os);

/// Writes it whole to the disk beside `path`, whose name it takes when it is
/// committed.
llvm::Expected<AtomicOutput> prepareReport(const Report &report,
                                           llvm::StringRef path);

/// Writes it to a file that appears whole or not at all.
llvm::Error writeReport(const Report &report, llvm::StringRef path);

} // namespace lowbit

#endif // LOWBIT_TOOLS_REPORT_H
