//===- TuningSchema.cpp - what tuning files may hold ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The JSON Schema, from the tables that readers go by.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/MachineTuning.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace lowbit;
namespace json = llvm::json;

/// An object that has no other keys.
static json::Object makeObject(json::Object properties,
                               llvm::StringRef description) {
  return json::Object{{"type", "object"},
                      {"description", description},
                      {"properties", std::move(properties)},
                      {"additionalProperties", false}};
}

static json::Object makeText(llvm::StringRef description) {
  return json::Object{{"type", "string"}, {"description", description}};
}

static json::Object makeChoices() {
  json::Object choices;
  for (const TuningChoice &choice : getTuningChoices())
    choices[choice.name] = json::Object{
        {"type", "integer"},
        {"minimum", choice.least},
        {"maximum", choice.most},
        {"description", (choice.description + "; " + choice.describeRange() +
                         " (option " + choice.option + ")")
                            .str()}};
  return makeObject(std::move(choices),
                    "the choices; those left out follow from the constants, "
                    "as do those here that 'measured' has nothing about");
}

static json::Object makeConstants() {
  json::Object constants;
  for (const MachineConstant &constant : getMachineConstants())
    constants[constant.name] = json::Object{
        {"type", "number"},
        {"minimum", constant.least},
        {"maximum", constant.most},
        {"description",
         (constant.description + " (" + constant.unit + ")").str()}};
  return makeObject(std::move(constants),
                    "what the cost model goes by; those left out weren't "
                    "measured, and are the defaults'");
}

static json::Object makeCosts() {
  auto byBits = [](llvm::StringRef what) {
    json::Object costs;
    for (unsigned bits = 1; bits <= KernelCosts::kMostBits; ++bits)
      costs[std::to_string(bits)] =
          json::Object{{"type", "number"}, {"minimum", 0}, {"maximum", 1e6}};
    return makeObject(std::move(costs), what);
  };
  return makeObject(
      json::Object{{"integers", byBits("integers, by bits of a code")},
                   {"tables", byBits("codes of tables, by bits")}},
      "picoseconds to decode and multiply a weight on one row; "
      "--objective=latency goes by them; those left out weren't measured, and "
      "are the defaults'");
}

static json::Object makeName() {
  json::Object name = makeObject(
      json::Object{
          {"cpu", makeText("processor, as LLVM calls it")},
          {"architecture", makeText("such as x86_64; code for another one is "
                                    "refused")},
          {"kernels", makeText("instruction set of the kernels")},
          {"features",
           json::Object{{"type", "array"},
                        {"items", json::Object{{"type", "string"}}}}},
          {"threads", json::Object{{"type", "integer"}, {"minimum", 1}}},
          {"made-by", makeText("what wrote the file")}},
      "where it was measured");
  name["required"] = json::Array{"cpu", "architecture"};
  return name;
}

static json::Object makeEvidence() {
  json::Object times{{"type", "object"},
                     {"additionalProperties", json::Object{{"type", "number"}}},
                     {"description", "time with each value, as a share of that "
                                     "with what the cost model gives"}};
  json::Object entry = makeObject(json::Object{{"choice", makeText("its name")},
                                               {"on", makeText("what was run")},
                                               {"times", std::move(times)}},
                                  "what one choice goes by");
  return json::Object{{"type", "array"}, {"items", std::move(entry)}};
}

void lowbit::printTuningSchema(llvm::raw_ostream &os) {
  json::Object root = makeObject(
      json::Object{{"format", json::Object{{"const", "lowbit-tuning"}}},
                   {"version", json::Object{{"const", 1}}},
                   {"machine", makeName()},
                   {"constants", makeConstants()},
                   {"costs", makeCosts()},
                   {"choices", makeChoices()},
                   {"measured", makeEvidence()}},
      "what quant-opt --tune measures and --tuning reads");
  root["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  root["required"] = json::Array{"format", "version", "machine"};
  os << llvm::formatv("{0:2}", json::Value(std::move(root))) << "\n";
}
