//===- Json.cpp - a report for programs -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// README.md in this folder documents every key; a test holds both together.
//
//===----------------------------------------------------------------------===//

#include "Forms.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace lowbit;
namespace json = llvm::json;

/// JSON has no infinity and no NaN.
static json::Value toNumber(double value) {
  return std::isfinite(value) ? json::Value(value) : json::Value(nullptr);
}

static json::Value toNumber(const std::optional<double> &value) {
  return value ? toNumber(*value) : json::Value(nullptr);
}

static json::Object toJson(const WeightError &error) {
  return json::Object{{"mse", toNumber(error.mse)},
                      {"snr_db", toNumber(error.snr)},
                      {"cosine", toNumber(error.cosine)},
                      {"max", toNumber(error.maxError)}};
}

static json::Object toJson(const WeightHistogram &histogram) {
  return json::Object{{"first", toNumber(histogram.first)},
                      {"last", toNumber(histogram.last)},
                      {"counts", json::Array(histogram.counts)},
                      {"codes", json::Array(histogram.codes)},
                      {"clipped", toNumber(histogram.clipped)}};
}

static json::Object toJson(const Report &report, const ReportLayer &layer) {
  json::Object object{{"name", json::fixUTF8(layer.name)},
                      {"kind", layer.kind},
                      {"shape", json::Array{layer.rows, layer.columns}},
                      {"encoding", layer.encoding},
                      {"quantized", layer.isQuantized},
                      {"bits_per_weight", toNumber(layer.getBits())},
                      {"source_bytes", layer.sourceBytes},
                      {"bytes", layer.bytes}};
  if (!layer.kernel.empty())
    object["kernel"] = layer.kernel;
  if (!layer.reason.empty())
    object["reason"] = json::fixUTF8(layer.reason);
  if (layer.error)
    object["error"] = toJson(*layer.error);
  if (layer.histogram)
    object["histogram"] = toJson(*layer.histogram);
  if (layer.oneMoreBit) {
    json::Object one{{"mse", toNumber(layer.oneMoreBit->mse)},
                     {"bytes", layer.oneMoreBit->bytes}};
    if (layer.oneMoreBit->divergence)
      one["kl"] = toNumber(layer.oneMoreBit->divergence);
    object["one_more_bit"] = std::move(one);
  }
  if (layer.divergence) {
    object["kl"] = toNumber(layer.divergence);
    object["kl_share"] = toNumber(getDivergenceShare(report, layer));
  }
  return object;
}

static json::Object toJson(const ReportMeasurement &measurement) {
  json::Object object{{"tokens", json::fixUTF8(measurement.tokens)},
                      {"window", measurement.window},
                      {"windows", measurement.windows},
                      {"perplexity", toNumber(measurement.perplexity)}};
  if (measurement.divergence) {
    object["against"] = json::fixUTF8(measurement.reference);
    object["reference_perplexity"] = toNumber(measurement.referencePerplexity);
    object["kl"] = toNumber(measurement.divergence);
    object["top1"] = toNumber(measurement.top1);
    json::Array quantiles, worst;
    for (auto [q, value] : measurement.quantiles)
      quantiles.push_back(json::Array{q, toNumber(value)});
    for (const ReportWindow &window : measurement.worst)
      worst.push_back(json::Object{
          {"window", window.index},
          {"first_token", window.firstToken},
          {"kl", toNumber(window.divergence)},
          {"perplexity", toNumber(window.perplexity)},
          {"reference_perplexity", toNumber(window.referencePerplexity)}});
    object["kl_quantiles"] = std::move(quantiles);
    object["worst_windows"] = std::move(worst);
  }
  if (measurement.layerWindows)
    object["layer_windows"] = measurement.layerWindows;
  if (measurement.secondsPerRun)
    object["seconds_per_run"] = toNumber(measurement.secondsPerRun);
  if (measurement.referenceSecondsPerRun)
    object["reference_seconds_per_run"] =
        toNumber(measurement.referenceSecondsPerRun);
  return object;
}

static json::Object toJson(const ParetoPoint &point) {
  json::Object object{{"bits_per_weight", toNumber(point.bits)},
                      {"error", toNumber(point.error)},
                      {"chosen", point.isChosen},
                      {"bytes", point.bytes}};
  if (!point.uniform.empty())
    object["uniform"] = point.uniform;
  if (point.seconds)
    object["predicted_seconds_per_row"] = toNumber(point.seconds);
  if (point.memory)
    object["memory_bytes"] = *point.memory;
  if (point.measured)
    object["measured"] = toNumber(point.measured);
  if (point.accuracy)
    object["accuracy"] = toNumber(point.accuracy);
  return object;
}

static json::Object toJson(const ReportActivation &entry) {
  json::Array layers;
  for (const std::string &layer : entry.layers)
    layers.push_back(json::fixUTF8(layer));
  json::Object object{{"layers", std::move(layers)},
                      {"columns", entry.columns},
                      {"minimum", toNumber(entry.minimum)},
                      {"maximum", toNumber(entry.maximum)},
                      {"rms", toNumber(entry.rms)},
                      {"loudest_column", toNumber(entry.loudest)}};
  if (entry.moving)
    object["moving_range"] = json::Array{toNumber(entry.moving->first),
                                         toNumber(entry.moving->second)};
  return object;
}

static json::Object getTotals(const Report &report) {
  json::Array parts;
  for (const ReportSize &size : report.sizes)
    parts.push_back(json::Object{{"part", size.part},
                                 {"tensors", size.tensors},
                                 {"numbers", size.numbers},
                                 {"bytes", size.bytes}});
  return json::Object{{"bytes", report.getBytes()},
                      {"f32_bytes", 4 * report.getNumbers()},
                      {"f16_bytes", 2 * report.getNumbers()},
                      {"bits_per_weight", toNumber(report.getBitsPerWeight())},
                      {"parts", std::move(parts)}};
}

void lowbit::printJsonReport(const Report &report, llvm::raw_ostream &os) {
  json::Array layers, checks, remarks;
  for (const ReportLayer &layer : report.layers)
    layers.push_back(toJson(report, layer));
  for (const ReportCheck &check : report.checks)
    checks.push_back(json::Object{{"require", json::fixUTF8(check.text)},
                                  {"value", toNumber(check.value)},
                                  {"limit", toNumber(check.limit)},
                                  {"passed", check.passed}});
  for (const std::string &remark : report.remarks)
    remarks.push_back(json::fixUTF8(remark));
  json::Object object{{"schema", kReportSchema},
                      {"model", json::fixUTF8(report.model)},
                      {"provenance", json::Object(report.provenance)},
                      {"size", getTotals(report)},
                      {"layers", std::move(layers)},
                      {"remarks", std::move(remarks)}};
  if (report.measurement)
    object["measured"] = toJson(*report.measurement);
  if (!report.checks.empty())
    object["checks"] = std::move(checks);
  if (!report.pareto.empty()) {
    json::Array points;
    for (const ParetoPoint &point : report.pareto)
      points.push_back(toJson(point));
    object["pareto"] = json::Object{{"error", report.paretoError},
                                    {"measure", report.paretoMeasure},
                                    {"points", std::move(points)}};
  }
  if (!report.activations.empty()) {
    json::Array activations;
    for (const ReportActivation &entry : report.activations)
      activations.push_back(toJson(entry));
    object["activations"] = std::move(activations);
  }
  os << llvm::formatv("{0:2}", json::Value(std::move(object))) << "\n";
}
