//===- WasmModule.cpp - modules of WebAssembly and their script -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WasmModule.h"
#include "lowbit/CodeGen/Web/WasmRuntime.h"
#include "lowbit/Runtime/Program.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/LEB128.h"

using namespace lowbit;

namespace json = llvm::json;

void lowbit::appendWasmSection(llvm::StringRef name, uint64_t size,
                               llvm::raw_ostream &os) {
  constexpr uint8_t kCustomSection = 0;
  os << char(kCustomSection);
  llvm::encodeULEB128(llvm::getULEB128Size(name.size()) + name.size() + size,
                      os);
  llvm::encodeULEB128(name.size(), os);
  os << name;
}

std::string lowbit::getScriptTypeName(ElementType type) {
  return type == ElementType::Bool ? "i1" : getSafetensorsName(type).lower();
}

/// Extents; symbols by name, -1 for one that only a run tells.
static json::Array describeShape(const ProgramInterface &program,
                                 const TensorSpec &spec) {
  json::Array shape;
  for (size_t i = 0; i < spec.shape.size(); ++i) {
    llvm::StringRef name =
        i < spec.dimensions.size() ? spec.dimensions[i] : llvm::StringRef();
    if (spec.shape[i] < 0 && program.findSymbol(name))
      shape.push_back(name);
    else
      shape.push_back(spec.shape[i]);
  }
  return shape;
}

static json::Array describeTensors(const ProgramInterface &program,
                                   llvm::ArrayRef<ProgramTensor> tensors) {
  json::Array result;
  for (const ProgramTensor &tensor : tensors) {
    json::Object object{{"name", tensor.spec.name},
                        {"type", getScriptTypeName(tensor.spec.type)},
                        {"shape", describeShape(program, tensor.spec)}};
    if (tensor.spec.tableRows)
      object["tableRows"] = int64_t(tensor.spec.tableRows);
    result.push_back(std::move(object));
  }
  return result;
}

static json::Array describeWeights(const ProgramInterface &program) {
  json::Array weights;
  for (const SafetensorsEntry &weight : program.weights)
    weights.push_back(json::Object{{"name", weight.name},
                                   {"type", getSafetensorsName(weight.type)},
                                   {"shape", json::Array(weight.shape)}});
  return weights;
}

static json::Array describeRequirements(const ProgramInterface &program) {
  json::Array requirements;
  for (const Requirement &requirement : program.requirements) {
    json::Array extents;
    for (size_t i = 0; i < requirement.dims.size(); i += 2)
      extents.push_back(
          json::Array{requirement.dims[i], requirement.dims[i + 1]});
    requirements.push_back(json::Object{{"text", requirement.text},
                                        {"extents", std::move(extents)}});
  }
  return requirements;
}

static json::Array describeVariants(const ProgramInterface &program,
                                    llvm::ArrayRef<WasmVariant> variants) {
  json::Array result;
  for (auto [variant, table] : llvm::zip_equal(variants, program.tables)) {
    json::Object functions;
    for (auto [name, entry] :
         llvm::zip_equal(program.functions, variant.entries)) {
      json::Object function{{"export", entry.name}};
      if (entry.workspace)
        function["workspace"] = int64_t(*entry.workspace);
      functions[name] = std::move(function);
    }
    result.push_back(json::Object{{"name", variant.cpu},
                                  {"file", variant.file},
                                  {"functions", std::move(functions)},
                                  {"weights", json::Array(table)}});
  }
  return result;
}

void lowbit::printWasmScript(const ProgramInterface &program,
                             llvm::ArrayRef<WasmVariant> variants,
                             llvm::raw_ostream &os) {
  json::Object manifest{{"model", program.name},
                        {"structure", program.structure},
                        {"inputs", describeTensors(program, program.inputs)},
                        {"outputs", describeTensors(program, program.outputs)},
                        {"weights", describeWeights(program)},
                        {"weightsFile", program.weightsFile},
                        {"weightsBytes", int64_t(program.weightsBytes)},
                        {"requirements", describeRequirements(program)},
                        {"variants", describeVariants(program, variants)}};
  if (llvm::Expected<json::Value> provenance = json::parse(program.provenance))
    manifest["provenance"] = std::move(*provenance);
  else
    llvm::consumeError(provenance.takeError());
  if (program.isDecoder())
    manifest["maxLength"] = program.maxLength;
  os << "// A model compiled by Lowbit; see the .d.ts beside it for its "
        "types.\n\nconst MANIFEST = "
     << llvm::formatv("{0:2}", json::Value(std::move(manifest))) << ";\n\n"
     << getWasmRuntime();
}

void lowbit::printWasmTypes(llvm::raw_ostream &os) {
  os << getWasmDeclarations();
}
