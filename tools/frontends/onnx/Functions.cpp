//===- Functions.cpp - model-local functions, inlined ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exporters write what they have no operator for as a function of the model. A
// call is replaced by the function's nodes before anything else looks at the
// graph; names inside get the call's name in front.
//
//===----------------------------------------------------------------------===//

#include "Functions.h"
#include "OperatorTable.h"
#include "Support.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

#include <map>

using namespace lowbit::frontend;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;
using onnx::AttributeProto;
using onnx::FunctionProto;
using onnx::GraphProto;
using onnx::NodeProto;

// Bounds on what a hostile model can make of a few bytes.
static constexpr unsigned maxDepth = 32;
static constexpr size_t maxNodes = 1 << 18;
static constexpr size_t maxBytes = 1 << 28;

namespace {
using Nodes = google::protobuf::RepeatedPtrField<NodeProto>;

/// What names of a function's body become at one call.
class Scope {
public:
  Scope(const FunctionProto &function, const NodeProto &call,
        std::string prefix)
      : call(call), prefix(std::move(prefix)) {
    for (int i = 0; i < function.input_size(); ++i)
      names[function.input(i)] = i < call.input_size() ? call.input(i) : "";
    for (int i = 0; i < function.output_size(); ++i)
      if (i < call.output_size() && !call.output(i).empty())
        names[function.output(i)] = call.output(i);
  }

  void apply(NodeProto &node) {
    node.set_name(prefix + node.name());
    for (auto *list : {node.mutable_input(), node.mutable_output()})
      for (std::string &name : *list)
        rename(name);
    for (int i = node.attribute_size(); i-- > 0;) {
      AttributeProto *attribute = node.mutable_attribute(i);
      if (!attribute->ref_attr_name().empty() && !bind(*attribute))
        node.mutable_attribute()->DeleteSubrange(i, 1);
      else if (attribute->has_g())
        apply(*attribute->mutable_g());
    }
  }

private:
  void apply(GraphProto &graph) {
    for (auto *list : {graph.mutable_input(), graph.mutable_output()})
      for (onnx::ValueInfoProto &value : *list)
        rename(*value.mutable_name());
    for (onnx::TensorProto &constant : *graph.mutable_initializer())
      rename(*constant.mutable_name());
    for (NodeProto &node : *graph.mutable_node())
      apply(node);
  }

  void rename(std::string &name) {
    if (name.empty())
      return;
    auto found = names.find(name);
    name = found == names.end() ? prefix + name : found->second;
  }

  /// Takes the call's attribute; false if the call has none.
  bool bind(AttributeProto &attribute) {
    for (const AttributeProto &given : call.attribute())
      if (given.name() == attribute.ref_attr_name()) {
        std::string name = attribute.name();
        attribute = given;
        attribute.set_name(name);
        return true;
      }
    return false;
  }

  const NodeProto &call;
  std::string prefix;
  std::map<std::string, std::string> names;
};

class Inliner {
public:
  explicit Inliner(onnx::ModelProto &model) : model(model) {
    for (const FunctionProto &function : model.functions())
      functions[keyOf(function.domain(), function.name())] = &function;
  }

  Error run() {
    if (functions.empty())
      return Error::success();
    for (const FunctionProto &function : model.functions())
      if (Error failed = checkOpsets(function))
        return failed;
    return expand(*model.mutable_graph(), 0);
  }

private:
  static std::string keyOf(StringRef domain, StringRef name) {
    return (canonicalDomain(domain) + ":" + name).str();
  }

  /// The operator sets of a function must be those of the model.
  Error checkOpsets(const FunctionProto &function) {
    for (const auto &import : function.opset_import()) {
      bool found = false;
      for (const auto &own : model.opset_import()) {
        if (canonicalDomain(own.domain()) != canonicalDomain(import.domain()))
          continue;
        found = true;
        if (own.version() != import.version())
          return failure("function '" + function.name() + "' imports version " +
                         Twine(import.version()) + " of domain '" +
                         import.domain() + "', the model " +
                         Twine(own.version()));
      }
      if (!found)
        *model.add_opset_import() = import;
    }
    return Error::success();
  }

  Error expand(GraphProto &graph, unsigned depth) {
    Nodes old;
    old.Swap(graph.mutable_node());
    for (NodeProto &node : old)
      if (Error failed = add(node, *graph.mutable_node(), depth))
        return failed;
    return Error::success();
  }

  Error add(NodeProto &node, Nodes &nodes, unsigned depth) {
    if (depth > maxDepth || ++count > maxNodes)
      return failure("functions call each other without end, or make more "
                     "than " +
                     Twine(maxNodes) + " nodes");
    auto found = functions.find(keyOf(node.domain(), node.op_type()));
    if (found == functions.end()) {
      for (AttributeProto &attribute : *node.mutable_attribute())
        if (attribute.has_g())
          if (Error failed = expand(*attribute.mutable_g(), depth + 1))
            return failed;
      nodes.Add(std::move(node));
      return Error::success();
    }
    std::string name =
        node.name().empty() ? "call" + llvm::utostr(count) : node.name();
    Scope scope(*found->second, node, name + "/");
    for (NodeProto inner : found->second->node()) {
      scope.apply(inner);
      bytes += inner.ByteSizeLong();
      if (bytes > maxBytes)
        return failure("functions are called so often that they make more "
                       "than " +
                       Twine(maxBytes) + " bytes");
      if (Error failed = add(inner, nodes, depth + 1))
        return failed;
    }
    return Error::success();
  }

  onnx::ModelProto &model;
  llvm::StringMap<const FunctionProto *> functions;
  size_t count = 0, bytes = 0;
};
} // namespace

Error lowbit::frontend::inlineFunctions(onnx::ModelProto &model) {
  return Inliner(model).run();
}
