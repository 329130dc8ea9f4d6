//===- Export.cpp - low-bit weights back into an ONNX graph ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A weight may be an initializer or what a few operators make of one (a cast
// from f16, a transposition): its value is given another producer, and what
// nothing reads any more is dropped.
//
//===----------------------------------------------------------------------===//

#include "ModelFile.h"
#include "lowbit/Frontends/ONNXExport.h"
#include "lowbit/Numerics/Float16.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/MappedFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace lowbit;
using onnx::GraphProto;
using onnx::NodeProto;
using onnx::TensorProto;

namespace {

/// Builds the nodes and initializers that make one weight.
class WeightBuilder {
public:
  WeightBuilder(const ONNXWeight &weight, int64_t opset, GraphProto &graph,
                std::vector<NodeProto> &nodes)
      : weight(weight), opset(opset), graph(graph), nodes(nodes),
        groups(weight.group ? (weight.columns + weight.group - 1) / weight.group
                            : 1) {}

  void build();

private:
  void buildBlocked();
  void buildByRows();
  void buildNumbers();
  bool fitsBlocked() const;

  std::string name(llvm::StringRef part) const {
    return weight.value + "." + part.str();
  }
  /// Adds a node with one output and returns that.
  std::string addNode(llvm::StringRef op, std::vector<std::string> inputs,
                      llvm::StringRef part);
  NodeProto &last() { return nodes.back(); }
  void addInt(llvm::StringRef attribute, int64_t value);
  std::string addTensor(llvm::StringRef part, int32_t type,
                        std::vector<int64_t> dims, std::string bytes);
  std::string addFloats(llvm::StringRef part, std::vector<int64_t> dims,
                        llvm::ArrayRef<float> numbers);
  std::string addIndices(llvm::StringRef part, llvm::ArrayRef<int64_t> numbers);
  /// Integers as elements of `bits` bits, 4 or 8.
  static std::string pack(llvm::ArrayRef<int16_t> integers, unsigned bits);
  int32_t getCodeType(unsigned bits) const {
    if (bits == 4)
      return weight.isUnsigned ? frontend::uint4Type : frontend::int4Type;
    return weight.isUnsigned ? TensorProto::UINT8 : TensorProto::INT8;
  }
  /// Gives the weight's value to the last node, after a cast if it needs one.
  void finish(const std::string &result);

  const ONNXWeight &weight;
  int64_t opset;
  GraphProto &graph;
  std::vector<NodeProto> &nodes;
  int64_t groups;
};

} // namespace

std::string WeightBuilder::addNode(llvm::StringRef op,
                                   std::vector<std::string> inputs,
                                   llvm::StringRef part) {
  NodeProto &node = nodes.emplace_back();
  node.set_op_type(op.str());
  node.set_name(name(part));
  for (const std::string &input : inputs)
    node.add_input(input);
  node.add_output(name(part));
  return name(part);
}

void WeightBuilder::addInt(llvm::StringRef attribute, int64_t value) {
  onnx::AttributeProto *added = last().add_attribute();
  added->set_name(attribute.str());
  added->set_type(onnx::AttributeProto::INT);
  added->set_i(value);
}

std::string WeightBuilder::addTensor(llvm::StringRef part, int32_t type,
                                     std::vector<int64_t> dims,
                                     std::string bytes) {
  TensorProto *tensor = graph.add_initializer();
  tensor->set_name(name(part));
  tensor->set_data_type(type);
  for (int64_t dim : dims)
    tensor->add_dims(dim);
  tensor->set_raw_data(std::move(bytes));
  return name(part);
}

std::string WeightBuilder::addFloats(llvm::StringRef part,
                                     std::vector<int64_t> dims,
                                     llvm::ArrayRef<float> numbers) {
  std::string bytes(reinterpret_cast<const char *>(numbers.data()),
                    numbers.size() * sizeof(float));
  return addTensor(part, TensorProto::FLOAT, std::move(dims), std::move(bytes));
}

std::string WeightBuilder::addIndices(llvm::StringRef part,
                                      llvm::ArrayRef<int64_t> numbers) {
  std::string bytes(reinterpret_cast<const char *>(numbers.data()),
                    numbers.size() * sizeof(int64_t));
  return addTensor(part, TensorProto::INT64, {int64_t(numbers.size())},
                   std::move(bytes));
}

std::string WeightBuilder::pack(llvm::ArrayRef<int16_t> integers,
                                unsigned bits) {
  std::string bytes((integers.size() * bits + 7) / 8, '\0');
  for (auto [i, integer] : llvm::enumerate(integers)) {
    if (bits == 8)
      bytes[i] = char(integer);
    else
      bytes[i / 2] |= char((integer & 15) << (4 * (i % 2)));
  }
  return bytes;
}

void WeightBuilder::finish(const std::string &result) {
  if (weight.type != TensorProto::FLOAT) {
    addNode("Cast", {result}, "cast");
    addInt("to", weight.type);
  }
  last().set_output(0, weight.value);
}

/// Whether opset 21's blocks say it all.
bool WeightBuilder::fitsBlocked() const {
  return opset >= 21 && weight.offsets.empty() && weight.dims.size() == 2;
}

void WeightBuilder::build() {
  if (weight.integers.empty())
    buildNumbers();
  else if (fitsBlocked())
    buildBlocked();
  else
    buildByRows();
}

/// Codes in the value's own shape, scales along the axis of the columns.
void WeightBuilder::buildBlocked() {
  int64_t rows = weight.rows, columns = weight.columns;
  auto arrange = [&](const auto &matrix, int64_t width) {
    auto result = matrix;
    if (weight.isTransposed)
      for (int64_t n = 0; n < rows; ++n)
        for (int64_t k = 0; k < width; ++k)
          result[k * rows + n] = matrix[n * width + k];
    return result;
  };
  unsigned bits = weight.bits <= 4 ? 4 : 8;
  std::vector<int64_t> scaleDims = {rows, groups};
  if (groups == 1)
    scaleDims = {rows};
  else if (weight.isTransposed)
    scaleDims = {groups, rows};
  std::vector<std::string> inputs = {
      addTensor("codes", getCodeType(bits), weight.dims,
                pack(arrange(weight.integers, columns), bits)),
      addFloats("scale", scaleDims, arrange(weight.scales, groups))};
  if (!weight.zeroPoints.empty()) {
    std::vector<float> points = arrange(weight.zeroPoints, groups);
    std::vector<int16_t> integers(points.begin(), points.end());
    inputs.push_back(addTensor("zero_point", getCodeType(bits), scaleDims,
                               pack(integers, bits)));
  }
  std::string result = addNode("DequantizeLinear", inputs, "dequantized");
  int64_t columnAxis = weight.isTransposed ? 0 : 1;
  addInt("axis", groups == 1 ? 1 - columnAxis : columnAxis);
  if (groups != 1)
    addInt("block_size", weight.group);
  finish(result);
}

/// Each group is a row of its own, so that one scale per axis is enough.
void WeightBuilder::buildByRows() {
  int64_t rows = weight.rows, columns = weight.columns;
  int64_t group = weight.group ? weight.group : columns;
  int64_t padded = groups * group;
  std::vector<int16_t> integers(rows * padded);
  for (int64_t n = 0; n < rows; ++n)
    std::copy_n(weight.integers.begin() + n * columns, columns,
                integers.begin() + n * padded);
  std::vector<std::string> inputs = {
      addTensor("codes", getCodeType(8), {rows * groups, group},
                pack(integers, 8)),
      addFloats("scale", {rows * groups}, weight.scales)};
  if (!weight.zeroPoints.empty()) {
    std::vector<int16_t> points(weight.zeroPoints.begin(),
                                weight.zeroPoints.end());
    inputs.push_back(addTensor("zero_point", getCodeType(8), {rows * groups},
                               pack(points, 8)));
  }
  std::string result = addNode("DequantizeLinear", inputs, "groups");
  addInt("axis", 0);
  if (!weight.offsets.empty())
    result = addNode(
        "Add",
        {result, addFloats("offset", {rows * groups, 1}, weight.offsets)},
        "shifted");
  result =
      addNode("Reshape", {result, addIndices("padded_shape", {rows, padded})},
              "padded");
  if (padded != columns)
    result = addNode("Slice",
                     {result, addIndices("starts", {0}),
                      addIndices("ends", {columns}), addIndices("axes", {1})},
                     "matrix");
  if (weight.isTransposed)
    result = addNode("Transpose", {result}, "transposed");
  std::vector<int64_t> shape = {rows, columns};
  if (weight.isTransposed)
    std::swap(shape[0], shape[1]);
  if (weight.dims != shape)
    result = addNode("Reshape", {result, addIndices("shape", weight.dims)},
                     "shaped");
  finish(result);
}

/// The numbers themselves.
void WeightBuilder::buildNumbers() {
  std::vector<float> numbers = weight.numbers;
  if (weight.isTransposed)
    for (int64_t n = 0; n < weight.rows; ++n)
      for (int64_t k = 0; k < weight.columns; ++k)
        numbers[k * weight.rows + n] = weight.numbers[n * weight.columns + k];
  std::string tensor = addFloats("numbers", weight.dims, numbers);
  finish(addNode("Identity", {tensor}, "value"));
}

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

/// Names that the nodes of `graph` and of graphs inside it read, and outputs.
static void collectReads(const GraphProto &graph, llvm::StringSet<> &reads) {
  for (const NodeProto &node : graph.node()) {
    for (const std::string &input : node.input())
      reads.insert(input);
    for (const onnx::AttributeProto &attribute : node.attribute()) {
      if (attribute.has_g())
        collectReads(attribute.g(), reads);
      for (const GraphProto &inner : attribute.graphs())
        collectReads(inner, reads);
    }
  }
  for (const onnx::ValueInfoProto &output : graph.output())
    reads.insert(output.name());
}

/// Drops nodes, initializers and inputs that only the old weights needed.
static void dropUnread(GraphProto &graph, const llvm::StringSet<> &readBefore) {
  for (bool changed = true; changed;) {
    llvm::StringSet<> reads;
    collectReads(graph, reads);
    auto isLeft = [&](const std::string &name) {
      return readBefore.contains(name) && !reads.contains(name);
    };
    int before = graph.node_size() + graph.initializer_size();
    auto *nodes = graph.mutable_node();
    nodes->erase(std::remove_if(nodes->begin(), nodes->end(),
                                [&](const NodeProto &node) {
                                  return node.output_size() != 0 &&
                                         llvm::all_of(node.output(), isLeft);
                                }),
                 nodes->end());
    auto drop = [&](auto *list) {
      list->erase(
          std::remove_if(list->begin(), list->end(),
                         [&](const auto &item) { return isLeft(item.name()); }),
          list->end());
    };
    drop(graph.mutable_initializer());
    drop(graph.mutable_value_info());
    changed = graph.node_size() + graph.initializer_size() != before;
  }
}

/// Takes the value called `name` from its producer. False if none makes it.
static bool removeProducer(GraphProto &graph, const std::string &name) {
  auto *initializers = graph.mutable_initializer();
  for (int i = 0; i < initializers->size(); ++i)
    if (initializers->Get(i).name() == name) {
      initializers->DeleteSubrange(i, 1);
      // Old models list their initializers among the inputs.
      auto *inputs = graph.mutable_input();
      for (int j = inputs->size() - 1; j >= 0; --j)
        if (inputs->Get(j).name() == name)
          inputs->DeleteSubrange(j, 1);
      return true;
    }
  auto *nodes = graph.mutable_node();
  for (int i = 0; i < nodes->size(); ++i)
    if (nodes->Get(i).output_size() == 1 && nodes->Get(i).output(0) == name) {
      nodes->DeleteSubrange(i, 1);
      return true;
    }
  return false;
}

static int64_t getOpset(const onnx::ModelProto &model) {
  for (const auto &import : model.opset_import())
    if (import.domain().empty() || import.domain() == "ai.onnx")
      return import.version();
  return 1;
}

llvm::Error lowbit::exportONNX(llvm::StringRef path,
                               llvm::ArrayRef<ONNXWeight> weights,
                               const llvm::StringMap<std::string> &metadata,
                               llvm::raw_ostream &os) {
  llvm::Expected<MappedFile> file = mapFile(path);
  if (!file)
    return file.takeError();
  onnx::ModelProto model;
  llvm::StringRef bytes = (*file)->getBuffer();
  if (!model.ParseFromArray(bytes.data(), bytes.size()))
    return makeFileError(path, "is no ONNX model");
  int64_t opset = getOpset(model);
  if (opset < 13)
    return makeFileError(path,
                         "--emit=onnx requires opset 13 or later, found " +
                             llvm::Twine(opset));
  GraphProto &graph = *model.mutable_graph();
  llvm::StringSet<> readBefore;
  collectReads(graph, readBefore);
  std::vector<NodeProto> nodes;
  for (const ONNXWeight &weight : weights) {
    if (!removeProducer(graph, weight.value))
      return makeFileError(path, "has no constant '" + weight.value + "'");
    WeightBuilder(weight, opset, graph, nodes).build();
  }
  // What makes weights comes first: nodes stand in the order of their use.
  for (NodeProto &node : *graph.mutable_node())
    nodes.emplace_back().Swap(&node);
  graph.clear_node();
  for (NodeProto &node : nodes)
    graph.add_node()->Swap(&node);
  dropUnread(graph, readBefore);
  for (const auto &entry : metadata) {
    onnx::StringStringEntryProto *added = model.add_metadata_props();
    added->set_key(entry.getKey().str());
    added->set_value(entry.getValue());
  }
  std::string text;
  if (!model.SerializeToString(&text))
    return makeFileError(path, "the exported model is larger than 2 GiB");
  os << text;
  return llvm::Error::success();
}
