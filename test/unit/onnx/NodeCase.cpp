//===- NodeCase.cpp - one of ONNX's own node tests ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NodeCase.h"

#include "lowbit/Tools/Errors.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <cmath>

using namespace lowbit;
using namespace lowbit::testing;
using onnx::TensorProto;

int64_t NodeCase::opset() const {
  for (const auto &import : model.opset_import())
    if (import.domain().empty() || import.domain() == "ai.onnx")
      return import.version();
  return 0;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

template <typename Message>
static bool parse(const llvm::Twine &path, Message &message) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer && message.ParseFromArray((*buffer)->getBufferStart(),
                                          (*buffer)->getBufferSize());
}

/// The element types that the model declares are those of its tensors: files
/// hold brain floats as 16-bit integers.
static void setTypes(
    const google::protobuf::RepeatedPtrField<onnx::ValueInfoProto> &declared,
    std::vector<TensorProto> &tensors) {
  for (auto [value, tensor] : llvm::zip_equal(declared, tensors))
    tensor.set_data_type(value.type().tensor_type().elem_type());
}

/// The tensors `<kind>_0.pb`, `<kind>_1.pb`, ... of a folder.
static llvm::Expected<std::vector<TensorProto>>
readTensors(const std::string &folder, llvm::StringRef kind, int count) {
  std::vector<TensorProto> tensors;
  for (int i = 0; i < count; ++i) {
    TensorProto tensor;
    if (!parse(folder + "/" + kind + "_" + llvm::Twine(i) + ".pb", tensor))
      return makeError("a value that is no tensor");
    if (llvm::Error error = toHostTensor(tensor).takeError())
      return std::move(error);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

llvm::Expected<NodeCase> lowbit::testing::readNodeCase(llvm::StringRef folder) {
  NodeCase result;
  result.name = llvm::sys::path::filename(folder).str();
  if (!parse(folder + "/model.onnx", result.model))
    return makeError("no model");
  const onnx::GraphProto &graph = result.model.graph();
  for (const auto *list : {&graph.input(), &graph.output()})
    for (const onnx::ValueInfoProto &value : *list)
      if (!value.type().has_tensor_type())
        return makeError("a value that is no tensor");
  std::string data = (folder + "/test_data_set_0").str();
  auto inputs = readTensors(data, "input", graph.input_size());
  if (!inputs)
    return inputs.takeError();
  auto outputs = readTensors(data, "output", graph.output_size());
  if (!outputs)
    return outputs.takeError();
  setTypes(graph.input(), *inputs);
  setTypes(graph.output(), *outputs);
  result.inputs = std::move(*inputs);
  result.outputs = std::move(*outputs);
  return result;
}

void lowbit::testing::bindInputs(NodeCase &nodeCase, bool onlyIntegers) {
  onnx::GraphProto *graph = nodeCase.model.mutable_graph();
  std::vector<TensorProto> left;
  for (int i = graph->input_size(); i-- > 0;) {
    int32_t type = nodeCase.inputs[i].data_type();
    bool isInteger = type == TensorProto::INT64 || type == TensorProto::INT32;
    if (onlyIntegers && !isInteger) {
      left.insert(left.begin(), nodeCase.inputs[i]);
      continue;
    }
    TensorProto *constant = graph->add_initializer();
    *constant = nodeCase.inputs[i];
    constant->set_name(graph->input(i).name());
    graph->mutable_input()->DeleteSubrange(i, 1);
  }
  nodeCase.inputs = std::move(left);
}

//===----------------------------------------------------------------------===//
// Merging
//===----------------------------------------------------------------------===//

namespace {
class Renamer {
public:
  explicit Renamer(std::string prefix) : prefix(std::move(prefix)) {}

  void rename(onnx::GraphProto &graph) const {
    for (auto *list : {graph.mutable_input(), graph.mutable_output()})
      for (onnx::ValueInfoProto &value : *list)
        rename(*value.mutable_name());
    for (TensorProto &constant : *graph.mutable_initializer())
      rename(*constant.mutable_name());
    for (onnx::NodeProto &node : *graph.mutable_node())
      rename(node);
  }

private:
  void rename(std::string &name) const {
    if (!name.empty())
      name = prefix + name;
  }
  void rename(onnx::NodeProto &node) const {
    node.set_name(prefix + node.name());
    for (auto *names : {node.mutable_input(), node.mutable_output()})
      for (std::string &name : *names)
        rename(name);
    for (onnx::AttributeProto &attribute : *node.mutable_attribute())
      if (attribute.has_g())
        rename(*attribute.mutable_g());
  }

  std::string prefix;
};
} // namespace

onnx::ModelProto
lowbit::testing::mergeCases(llvm::ArrayRef<const NodeCase *> cases) {
  onnx::ModelProto merged = cases.front()->model;
  onnx::GraphProto *all = merged.mutable_graph();
  *all = onnx::GraphProto();
  for (auto [number, nodeCase] : llvm::enumerate(cases)) {
    onnx::GraphProto graph = nodeCase->model.graph();
    Renamer("c" + llvm::utostr(number) + "_").rename(graph);
    all->mutable_input()->MergeFrom(graph.input());
    all->mutable_output()->MergeFrom(graph.output());
    all->mutable_initializer()->MergeFrom(graph.initializer());
    all->mutable_node()->MergeFrom(graph.node());
  }
  return merged;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

static std::optional<ElementType> elementTypeOf(int32_t type) {
  switch (type) {
  case TensorProto::BOOL:
    return ElementType::Bool;
  case TensorProto::INT8:
    return ElementType::I8;
  case TensorProto::UINT8:
    return ElementType::U8;
  case TensorProto::INT16:
    return ElementType::I16;
  case TensorProto::UINT16:
    return ElementType::U16;
  case TensorProto::INT32:
    return ElementType::I32;
  case TensorProto::UINT32:
    return ElementType::U32;
  case TensorProto::INT64:
    return ElementType::I64;
  case TensorProto::UINT64:
    return ElementType::U64;
  case TensorProto::FLOAT16:
    return ElementType::F16;
  case TensorProto::BFLOAT16:
    return ElementType::BF16;
  case TensorProto::FLOAT:
    return ElementType::F32;
  case TensorProto::DOUBLE:
    return ElementType::F64;
  default:
    return std::nullopt;
  }
}

template <typename Element, typename Field>
static std::string narrow(const Field &field) {
  std::string bytes;
  for (auto value : field) {
    auto element = static_cast<Element>(value);
    bytes.append(reinterpret_cast<const char *>(&element), sizeof(element));
  }
  return bytes;
}

static std::string bytesOf(const TensorProto &tensor, ElementType type) {
  if (tensor.has_raw_data())
    return tensor.raw_data();
  switch (tensor.data_type()) {
  case TensorProto::FLOAT:
    return narrow<float>(tensor.float_data());
  case TensorProto::DOUBLE:
    return narrow<double>(tensor.double_data());
  case TensorProto::INT64:
    return narrow<int64_t>(tensor.int64_data());
  case TensorProto::UINT32:
    return narrow<uint32_t>(tensor.uint64_data());
  case TensorProto::UINT64:
    return narrow<uint64_t>(tensor.uint64_data());
  default:
    break;
  }
  switch (getByteSize(type)) {
  case 1:
    return narrow<uint8_t>(tensor.int32_data());
  case 2:
    return narrow<uint16_t>(tensor.int32_data());
  default:
    return narrow<uint32_t>(tensor.int32_data());
  }
}

llvm::Expected<HostTensor>
lowbit::testing::toHostTensor(const TensorProto &tensor) {
  std::optional<ElementType> type = elementTypeOf(tensor.data_type());
  if (!type)
    return makeError("a tensor of a type that is not numeric");
  llvm::SmallVector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
  HostTensor result = HostTensor::allocate(*type, shape);
  std::string bytes = bytesOf(tensor, *type);
  if (bytes.size() != result.getBytes().size())
    return makeError("a tensor of the wrong size");
  llvm::copy(bytes, result.getMutableBytes().begin());
  return result;
}

std::string lowbit::testing::compareTensors(const HostTensor &actual,
                                            const HostTensor &expected,
                                            double ofLargest) {
  if (actual.getShape() != expected.getShape() ||
      actual.getType() != expected.getType())
    return "expected " + expected.describe() + ", found " + actual.describe();
  double largest = 0;
  for (uint64_t i = 0; ofLargest > 0 && i < expected.getNumElements(); ++i)
    largest = std::max(largest, std::fabs(expected.getElement(i)));
  for (uint64_t i = 0; i < expected.getNumElements(); ++i) {
    double a = actual.getElement(i), e = expected.getElement(i);
    if (a == e || (std::isnan(a) && std::isnan(e)) ||
        std::fabs(a - e) <= 1e-7 + 1e-3 * std::fabs(e) + ofLargest * largest)
      continue;
    std::string text;
    llvm::raw_string_ostream(text)
        << "element " << i << ": expected " << llvm::format("%g", e)
        << ", found " << llvm::format("%g", a);
    return text;
  }
  return "";
}
