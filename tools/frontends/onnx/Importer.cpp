//===- Importer.cpp - from an ONNX graph to a module ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order of things: check every node against the operator table, bind
// inputs and initializers, emit node by node, return the outputs, drop what
// nothing uses, verify.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "OperatorTable.h"

#include "lowbit/IR/Lowbit.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringExtras.h"

using namespace lowbit::frontend;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;
using onnx::TensorProto;

Importer::Importer(ModelFile &file, mlir::MLIRContext &context,
                   const ONNXImportOptions &options, ImportSession &session)
    : symbols(session.symbols), session(session), file(file),
      graph(file.model().graph()), context(context), options(options),
      builder(mlir::UnknownLoc::get(&context), &context) {}

Expected<mlir::OwningOpRef<mlir::ModuleOp>> Importer::run() {
  context.loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect,
                      mlir::linalg::LinalgDialect, mlir::math::MathDialect,
                      mlir::scf::SCFDialect, mlir::tensor::TensorDialect,
                      LowbitDialect>();
  mlir::Location loc =
      mlir::NameLoc::get(mlir::StringAttr::get(&context, file.path()));
  module = mlir::ModuleOp::create(loc);
  builder.setLoc(loc);
  builder.setInsertionPointToEnd(module->getBody());
  function = mlir::func::FuncOp::create(
      builder, "main", mlir::FunctionType::get(&context, {}, {}));
  function.addEntryBlock();
  builder.setInsertionPointToStart(&function.getBody().front());

  noteConsumers();
  for (Error (Importer::*step)() :
       {&Importer::readOpsets, &Importer::checkOperators,
        &Importer::addInitializers, &Importer::addSymbols, &Importer::addInputs,
        &Importer::checkOptions, &Importer::addNodes, &Importer::addOutputs,
        &Importer::addRequirements, &Importer::verifyModule})
    if (Error failed = (this->*step)())
      return std::move(failed);
  return std::move(module);
}

//===----------------------------------------------------------------------===//
// Errors and checks
//===----------------------------------------------------------------------===//

Error Importer::error(const Node &node, const Twine &message) const {
  return failure(file.path() + ": " + node.title() + ": " + message);
}

Expected<Expr> Importer::checked(const Node &node,
                                 std::optional<Expr> e) const {
  if (e)
    return *e;
  return error(node, "extents are too large or too complicated to compute");
}

std::string Importer::str(llvm::ArrayRef<Expr> dims) const {
  std::string text = "[";
  for (const Expr &dim : dims)
    text += (text.size() > 1 ? ", " : "") + symbols.str(dim);
  return text + "]";
}

std::string Importer::advice(const Expr &e) const {
  std::string name = symbols.firstDim(e);
  return name.empty() ? "" : "; give --shape " + name + "=<value>";
}

Expected<int64_t> Importer::axis(const Node &node, int64_t axis,
                                 int64_t rank) const {
  if (axis < -rank || axis >= rank)
    return error(node, "axis " + Twine(axis) + " is out of range for rank " +
                           Twine(rank));
  return axis < 0 ? axis + rank : axis;
}

Expected<Axes> Importer::axes(const Node &node, llvm::ArrayRef<int64_t> given,
                              int64_t rank) const {
  Axes result;
  for (int64_t raw : given) {
    Expected<int64_t> one = axis(node, raw, rank);
    if (!one)
      return one.takeError();
    if (llvm::is_contained(result, *one))
      return error(node, "axis " + Twine(raw) + " is given twice");
    result.push_back(*one);
  }
  llvm::sort(result);
  return result;
}

Expected<Dims> Importer::shapeInput(const Node &node, int i) {
  const Value &value = in(node, i);
  StringRef name = node.getProto().input(i);
  if (!isInteger(value.type) || value.rank() > 1)
    return error(node, "input '" + name + "' must be a vector of integers");
  std::optional<int64_t> size = value.size();
  if (!value.known || !size || *size > 4096)
    return error(node, "input '" + name +
                           "' must depend on shapes and constants only");
  Dims result;
  for (int64_t k = 0; k < *size; ++k)
    result.push_back(value.element(k).integer);
  return result;
}

Expected<Axes> Importer::constantInput(const Node &node, int i) {
  Expected<Dims> dims = shapeInput(node, i);
  if (!dims)
    return dims.takeError();
  Axes result;
  for (const Expr &dim : *dims) {
    if (!dim.isConstant())
      return error(node, "input '" + node.getProto().input(i) +
                             "' must be constant, found " + str(*dims) +
                             advice(dim));
    result.push_back(dim.constant());
  }
  return result;
}

Error Importer::needEqual(const Node &node, const Expr &a, const Expr &b,
                          const Twine &message) {
  session.learned |= symbols.assumeEqual(a, b);
  return error(node,
               message + advice(a) + (advice(a).empty() ? advice(b) : ""));
}

Error Importer::needNonNegative(const Node &node, const Expr &e,
                                const Twine &message) {
  session.learned |= symbols.assumeNonNegative(e);
  return error(node, message + advice(e));
}

Error Importer::requireFloat(const Node &node, const Value &value) const {
  if (isFloat(value.type))
    return Error::success();
  return error(node,
               "needs operands of a float type, found " + typeName(value.type));
}

Error Importer::requireSameType(const Node &node, const Value &a,
                                const Value &b) const {
  if (a.type == b.type)
    return Error::success();
  return error(node, "needs operands of the same type, found " +
                         typeName(a.type) + " and " + typeName(b.type));
}

Error Importer::checkSize(const Node &node, const Value &value) const {
  int64_t bytes = byteSize(value.type);
  for (const Expr &dim : value.dims) {
    if (symbols.upperBound(dim) < 0)
      return error(node, "result has a negative extent: " + str(value.dims));
    if (!dim.isConstant())
      continue;
    if (dim.constant() > maxExtent ||
        llvm::MulOverflow(bytes, std::max<int64_t>(dim.constant(), 1), bytes) ||
        bytes > maxTensorBytes)
      return error(node, "result is too large: " + str(value.dims));
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Before the nodes
//===----------------------------------------------------------------------===//

Error Importer::readOpsets() {
  for (const auto &import : file.model().opset_import())
    opsets[canonicalDomain(import.domain())] = import.version();
  if (opsets.empty())
    return failure(file.path() + ": imports no operator set");
  return Error::success();
}

Node Importer::nodeOf(const onnx::NodeProto &proto) const {
  return Node(proto, opsets.lookup(canonicalDomain(proto.domain())));
}

unsigned Importer::listUnsupported(const onnx::GraphProto &graph,
                                   std::string &list) {
  unsigned count = 0;
  for (const onnx::NodeProto &proto : graph.node()) {
    Node node = nodeOf(proto);
    std::string reason = OperatorTable::get().reasonAgainst(node);
    if (!reason.empty()) {
      ++count;
      list += "\n  " + node.title() + ": " + reason;
      continue;
    }
    for (const onnx::AttributeProto &attribute : proto.attribute())
      if (attribute.has_g())
        count += listUnsupported(attribute.g(), list);
  }
  if (graph.sparse_initializer_size() > 0) {
    ++count;
    list += "\n  graph: sparse initializers are not supported";
  }
  return count;
}

Error Importer::checkOperators() {
  std::string list;
  unsigned count = listUnsupported(graph, list);
  if (count == 0)
    return Error::success();
  return failure(file.path() + ": " + Twine(count) +
                 (count == 1 ? " node is" : " nodes are") +
                 " not supported:" + list);
}

Error Importer::addConstants(const onnx::GraphProto &graph) {
  for (const onnx::TensorProto &tensor : graph.initializer()) {
    std::string place =
        file.path().str() + ": initializer '" + tensor.name() + "': ";
    if (values.count(tensor.name()))
      return failure(place + "the name is defined twice");
    Expected<TensorData> data = file.readTensor(tensor);
    if (!data)
      return failure(place + llvm::toString(data.takeError()));
    values[tensor.name()] = makeConstant(tensor.name(), std::move(*data));
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Nodes and outputs
//===----------------------------------------------------------------------===//

const Value &Importer::in(const Node &node, int i) {
  return values.find(node.getProto().input(i))->second;
}

const Value &Importer::output(const Node &node, int i) {
  return values.find(node.getProto().output(i))->second;
}

void Importer::set(const Node &node, int i, Value value) {
  if (node.hasOutput(i))
    values[node.getProto().output(i)] = std::move(value);
}

Error Importer::result(const Node &node, Expected<Value> expected) {
  if (!expected)
    return expected.takeError();
  set(node, 0, std::move(*expected));
  return Error::success();
}

const Value *Importer::find(StringRef name) const {
  auto found = values.find(name);
  return found == values.end() ? nullptr : &found->second;
}

Expected<std::vector<Value>> Importer::runGraph(const Node &node,
                                                const onnx::GraphProto &graph,
                                                llvm::ArrayRef<Value> inputs) {
  if (graph.input_size() != int(inputs.size()))
    return error(node, "its graph has " + Twine(graph.input_size()) +
                           " inputs, the node gives it " +
                           Twine(inputs.size()));
  // Loops that are written out inside of each other multiply.
  constexpr size_t maxNodes = 1 << 18;
  graphNodes += 1 + size_t(graph.node_size());
  if (graphNodes > maxNodes)
    return error(node, "the graphs inside of nodes make more than " +
                           Twine(maxNodes) + " nodes");
  llvm::SmallVector<std::string> own;
  // What an input hides is there again after the graph.
  std::vector<std::pair<std::string, Value>> hidden;
  for (auto [input, value] : llvm::zip_equal(graph.input(), inputs)) {
    auto [entry, isNew] = values.try_emplace(input.name(), value);
    if (isNew) {
      own.push_back(input.name());
      continue;
    }
    hidden.emplace_back(input.name(), std::exchange(entry->second, value));
  }
  for (const onnx::TensorProto &tensor : graph.initializer())
    own.push_back(tensor.name());
  for (const onnx::NodeProto &inner : graph.node())
    own.append(inner.output().begin(), inner.output().end());
  if (Error failed = addConstants(graph))
    return std::move(failed);
  if (Error failed = addNodes(graph))
    return std::move(failed);
  std::vector<Value> results;
  for (const onnx::ValueInfoProto &output : graph.output()) {
    const Value *result = find(output.name());
    if (!result)
      return error(node, "output '" + output.name() +
                             "' of its graph is not defined");
    results.push_back(*result);
  }
  for (auto &[name, value] : llvm::reverse(hidden))
    values[name] = std::move(value);
  for (const std::string &name : own)
    values.erase(name);
  return results;
}

Error Importer::addNodes(const onnx::GraphProto &graph) {
  mlir::Location outer = builder.getLoc();
  for (const onnx::NodeProto &proto : graph.node()) {
    Node node = nodeOf(proto);
    builder.setLoc(mlir::NameLoc::get(builder.getStringAttr(
        proto.name().empty() ? proto.output(0) : proto.name())));
    if (Error failed = addNode(node))
      return failed;
  }
  builder.setLoc(outer);
  return Error::success();
}

Error Importer::addNode(const Node &node) {
  for (const std::string &input : node.getProto().input())
    if (!input.empty() && !values.count(input))
      return error(node, "input '" + input +
                             "' is not defined by anything before the node");
  for (const std::string &output : node.getProto().output())
    if (!output.empty() && values.count(output))
      return error(node, "output '" + output + "' is defined twice");
  const Operator *op = OperatorTable::get().find(node.getProto());
  for (const std::string &input : node.getProto().input())
    if (!input.empty() && values[input].sequence && !op->takesSequences)
      return error(node, "input '" + input + "' is a sequence of tensors");
  if (Error failed = op->emit(*this, node))
    return failed;
  for (const std::string &output : node.getProto().output()) {
    auto found = values.find(output);
    if (found == values.end() || found->second.sequence)
      continue;
    if (Error failed = checkSize(node, found->second))
      return failed;
  }
  return Error::success();
}

Error Importer::addOutputs() {
  llvm::SmallVector<mlir::Value> results;
  for (const onnx::ValueInfoProto &output : graph.output()) {
    auto found = values.find(output.name());
    if (found == values.end())
      return failure(file.path() + ": output '" + output.name() +
                     "' is not defined by any node");
    if (found->second.sequence)
      return failure(file.path() + ": output '" + output.name() +
                     "' is a sequence of tensors, which is not supported");
    results.push_back(full(found->second));
  }
  if (results.empty())
    return failure(file.path() + ": the graph has no outputs");
  mlir::func::ReturnOp::create(builder, results);
  function.setFunctionType(builder.getFunctionType(
      function.getArgumentTypes(), mlir::ValueRange(results).getTypes()));
  for (auto [i, output] : llvm::enumerate(graph.output())) {
    function.setResultAttr(i, kNameAttrName,
                           builder.getStringAttr(output.name()));
    if (mlir::ArrayAttr names = dimensionNames(values[output.name()].dims))
      function.setResultAttr(i, kDimensionsAttrName, names);
    if (isUnsigned(values[output.name()].type))
      function.setResultAttr(i, kUnsignedAttrName, builder.getUnitAttr());
  }
  eraseUnused();
  return Error::success();
}

void Importer::eraseUnused() {
  mlir::Block &entry = function.getBody().front();
  llvm::SmallVector<mlir::Operation *> all;
  for (mlir::Operation &op : entry.without_terminator())
    all.push_back(&op);
  for (mlir::Operation *op : llvm::reverse(all))
    if (mlir::isOpTriviallyDead(op))
      op->erase();
  llvm::StringMap<bool> used;
  for (auto fetch : entry.getOps<WeightOp>())
    used[fetch.getGlobal()] = true;
  for (auto global :
       llvm::make_early_inc_range(module->getBody()->getOps<GlobalOp>()))
    if (!used.count(global.getSymName()))
      global.erase();
}

Error Importer::verifyModule() {
  std::string messages;
  mlir::ScopedDiagnosticHandler handler(
      &context, [&](mlir::Diagnostic &diagnostic) {
        llvm::raw_string_ostream stream(messages);
        if (auto name = mlir::dyn_cast<mlir::NameLoc>(diagnostic.getLocation()))
          stream << "node '" << name.getName().getValue() << "': ";
        stream << diagnostic << "; ";
        return mlir::success();
      });
  if (mlir::succeeded(mlir::verify(*module)))
    return Error::success();
  return failure(file.path() + ": the imported module is not valid: " +
                 StringRef(messages).rtrim("; "));
}

//===----------------------------------------------------------------------===//
// Public interface
//===----------------------------------------------------------------------===//

Error lowbit::addDimension(ONNXImportOptions &options, StringRef spec) {
  auto [name, text] = spec.rsplit('=');
  int64_t value;
  if (name.empty() || text.getAsInteger(10, value) || value < 1 ||
      value > maxExtent)
    return failure("a dimension must be given as name=value with a positive "
                   "value, found '" +
                   spec + "'");
  auto [entry, isNew] = options.dimensions.try_emplace(name, value);
  if (!isNew && entry->second != value)
    return failure("dimension '" + name + "' is given twice, as " +
                   Twine(entry->second) + " and " + Twine(value));
  return Error::success();
}

static Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importFile(ModelFile &file, mlir::MLIRContext &context,
           const lowbit::ONNXImportOptions &options) {
  ImportSession session;
  for (;;) {
    session.learned = false;
    auto module = Importer(file, context, options, session).run();
    if (module && options.files)
      *options.files = file.getFiles();
    if (module || !session.learned)
      return module;
    // Something new is taken for granted: everything is resolved again.
    llvm::consumeError(module.takeError());
  }
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lowbit::importONNX(StringRef path, mlir::MLIRContext &context,
                   const ONNXImportOptions &options) {
  Expected<std::unique_ptr<ModelFile>> file = ModelFile::open(path);
  if (!file)
    return file.takeError();
  return importFile(**file, context, options);
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lowbit::importONNX(std::shared_ptr<const llvm::MemoryBuffer> bytes,
                   StringRef path, mlir::MLIRContext &context,
                   const ONNXImportOptions &options) {
  Expected<std::unique_ptr<ModelFile>> file =
      ModelFile::parse(std::move(bytes), path);
  if (!file)
    return file.takeError();
  return importFile(**file, context, options);
}
