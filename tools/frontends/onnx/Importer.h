//===- Importer.h - from an ONNX graph to a module --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What operators are written in terms of: values by name, and a few emitters
// (elementwise, reduction, reshape, contraction) that know about views and
// symbolic extents. An operator's own code says only what it means.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_IMPORTER_H
#define LOWBIT_FRONTENDS_ONNX_IMPORTER_H

#include "Node.h"
#include "QuantizedWeight.h"
#include "Support.h"
#include "Value.h"

#include "lowbit/Frontends/ONNX.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringSet.h"

#include <deque>
#include <map>

namespace lowbit::frontend {

using Dims = llvm::SmallVector<Expr, 4>;
using Axes = llvm::SmallVector<int64_t, 4>;

/// Builds the scalar expression of an elementwise operator inside a region.
struct ScalarBuilder {
  mlir::OpBuilder &builder;
  mlir::Location loc;
  int32_t type;       ///< ONNX type of the first operand.
  int32_t resultType; ///< ONNX type of the result.

  template <typename Op, typename... Args> mlir::Value make(Args &&...args) {
    return Op::create(builder, loc, std::forward<Args>(args)...);
  }
  /// A constant of the type of `like`.
  mlir::Value constant(mlir::Value like, double value);
};

/// A dimension of a function argument, and what it is equal to.
struct InputDim {
  unsigned argument, axis;
  Expr extent;
};

using Body = llvm::function_ref<mlir::Value(ScalarBuilder &,
                                            llvm::ArrayRef<mlir::Value>)>;
/// Computes one element at import, or nothing where that is not possible.
using Fold = std::optional<Scalar> (*)(Symbols &, llvm::ArrayRef<Scalar>,
                                       int32_t resultType);

enum class ReduceKind { Sum, Prod, Max, Min };

/// How elements of a type are folded into one.
class Reducer {
public:
  Reducer(ReduceKind kind, int32_t type, bool ignoreNaN = false);

  /// ONNX type of the accumulator: f32 where 16-bit floats would lose digits.
  int32_t accumulated;
  /// The element of the accumulator's type that changes nothing.
  mlir::TypedAttr neutral(mlir::Type element) const;
  mlir::Value combine(mlir::OpBuilder &b, mlir::Location loc,
                      mlir::Value element, mlir::Value accumulator) const;

private:
  ReduceKind kind;
  int32_t type;
  bool ignoreNaN;
};

/// What survives when import starts again with a new assumption.
struct ImportSession {
  Symbols symbols;
  /// Whether something has been assumed since import began.
  bool learned = false;
  /// Data of weights by symbol: a name in the context is taken once only.
  llvm::StringMap<mlir::DenseResourceElementsAttr> resources;
  /// Weights in another type, by the data they come from and the type.
  std::map<std::pair<const char *, int32_t>, TensorData> casts;
};

class Importer {
public:
  Importer(ModelFile &file, mlir::MLIRContext &context,
           const ONNXImportOptions &options, ImportSession &session);

  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> run();

  //===--- Values by name
  //---------------------------------------------------===//

  /// Input `i` of `node`, which must be given.
  const Value &in(const Node &node, int i);
  void set(const Node &node, int i, Value value);
  /// Output `i` of `node`, which has been set.
  const Value &output(const Node &node, int i);
  /// `expected` as output 0 of `node`, or its error.
  llvm::Error result(const Node &node, llvm::Expected<Value> expected);

  /// The value called `name`, or null.
  const Value *find(llvm::StringRef name) const;
  /// Takes back a name that the model does not give.
  void forget(llvm::StringRef name) { values.erase(name); }
  /// The outputs of a graph inside of `node`, which may use all values so far,
  /// on `inputs`. Names of the graph mean nothing after it.
  llvm::Expected<std::vector<Value>> runGraph(const Node &node,
                                              const onnx::GraphProto &graph,
                                              llvm::ArrayRef<Value> inputs);

  //===--- Errors and checks
  //------------------------------------------------===//

  llvm::Error error(const Node &node, const llvm::Twine &message) const;
  /// The expression, or an error where arithmetic on extents gave up.
  llvm::Expected<Expr> checked(const Node &node, std::optional<Expr> e) const;
  /// Dimensions as text, for errors: `[1, seq, 256]`.
  std::string str(llvm::ArrayRef<Expr> dims) const;
  /// What dynamic extents are called, empty for others; null without any.
  mlir::ArrayAttr dimensionNames(llvm::ArrayRef<Expr> dims);
  /// Advice on how to make `e` a number: `; give --shape seq=<value>`.
  std::string advice(const Expr &e) const;
  /// `axis` counted from the front, for a value of `rank` dimensions.
  llvm::Expected<int64_t> axis(const Node &node, int64_t axis,
                               int64_t rank) const;
  /// Axes counted from the front, ascending, each at most once.
  llvm::Expected<Axes> axes(const Node &node, llvm::ArrayRef<int64_t> axes,
                            int64_t rank) const;
  /// Integers of input `i`, which must depend on shapes alone.
  llvm::Expected<Dims> shapeInput(const Node &node, int i);
  /// Integers of input `i`, which must be numbers.
  llvm::Expected<Axes> constantInput(const Node &node, int i);
  /// Errors that are taken back if a == b, or e >= 0, can be taken for granted:
  /// import then starts again.
  llvm::Error needEqual(const Node &node, const Expr &a, const Expr &b,
                        const llvm::Twine &message);
  llvm::Error needNonNegative(const Node &node, const Expr &e,
                              const llvm::Twine &message);
  /// Extents within bounds, so that MLIR's own arithmetic can't overflow.
  llvm::Error checkSize(const Node &node, const Value &value) const;
  /// Operand types that an operator does not take are an error.
  llvm::Error requireFloat(const Node &node, const Value &value) const;
  llvm::Error requireSameType(const Node &node, const Value &a,
                              const Value &b) const;

  Symbols &symbols;

  //===--- Emitters
  //---------------------------------------------------------===//

  mlir::ImplicitLocOpBuilder &ops() { return builder; }
  mlir::Type elementType(int32_t type);
  /// Materialises an extent as a number or as a value of type index.
  mlir::OpFoldResult extent(const Expr &e);
  mlir::Value indexValue(const Expr &e);
  /// An extent that `count`, of type index, is when the model runs.
  llvm::Expected<Expr> computedExtent(const Node &node, mlir::Value count);
  llvm::SmallVector<mlir::OpFoldResult> extents(llvm::ArrayRef<Expr> dims);
  mlir::RankedTensorType tensorType(mlir::Type element,
                                    llvm::ArrayRef<Expr> dims);
  mlir::Value empty(mlir::Type element, llvm::ArrayRef<Expr> dims);
  /// A tensor filled with a number.
  mlir::Value filled(mlir::Type element, llvm::ArrayRef<Expr> dims,
                     double number);
  mlir::Value constantScalar(mlir::Type element, const Scalar &scalar);

  /// `value` as a tensor in the IR that may still be a view.
  Value emitted(const Value &value);
  /// `value` as a tensor of all its dimensions.
  mlir::Value full(const Value &value);
  /// The value of a tensor that has all dimensions.
  Value fromTensor(int32_t type, llvm::ArrayRef<Expr> dims,
                   mlir::Value tensor) const;

  /// The dimensions that `inputs` broadcast to.
  llvm::Expected<Dims> broadcast(const Node &node,
                                 llvm::ArrayRef<const Value *> inputs);
  llvm::Expected<Value> elementwise(const Node &node,
                                    llvm::ArrayRef<const Value *> inputs,
                                    int32_t resultType, Body body,
                                    Fold fold = nullptr);
  /// Folds over `axes` (ascending). 16-bit floats are accumulated in f32.
  llvm::Expected<Value> reduce(const Node &node, const Value &input,
                               llvm::ArrayRef<int64_t> axes, ReduceKind kind,
                               bool keepDims, bool ignoreNaN = false);
  /// The mean over `axes`.
  llvm::Expected<Value> mean(const Node &node, const Value &input,
                             llvm::ArrayRef<int64_t> axes, bool keepDims);
  llvm::Expected<Value> reshape(const Node &node, const Value &input,
                                llvm::ArrayRef<Expr> dims);
  llvm::Expected<Value> transpose(const Node &node, const Value &input,
                                  llvm::ArrayRef<int64_t> permutation);
  llvm::Expected<Value> matmul(const Node &node, const Value &a,
                               const Value &b);
  llvm::Expected<Value> cast(const Node &node, const Value &input,
                             int32_t type);
  /// The integer that `value`, a tensor of one number, was cast from, if that
  /// depends on shapes alone.
  std::optional<Expr> castFrom(const Value &value) const;
  /// Extents [offset, offset + size) along `axis`.
  Value slice(const Value &input, int64_t axis, const Expr &offset,
              const Expr &size, int64_t step = 1);

  /// A view of `input` whose dimensions differ only in extents of 1, if the
  /// input's tensor allows one.
  std::optional<Value> unitReshape(const Value &input,
                                   llvm::ArrayRef<Expr> dims);
  /// Binary arithmetic for composed operators.
  llvm::Expected<Value> add(const Node &node, const Value &a, const Value &b);
  llvm::Expected<Value> sub(const Node &node, const Value &a, const Value &b);
  llvm::Expected<Value> mul(const Node &node, const Value &a, const Value &b);
  llvm::Expected<Value> div(const Node &node, const Value &a, const Value &b);
  /// A known scalar of the type of `like`.
  static Value scalar(const Value &like, double number);

  /// A float weight as a weight of another type of 16 or 32 bits, rounded to
  /// nearest, called after output 0 of `node`; nothing for other values. Models
  /// that store halves and compute in f32, or store f32 and compute in halves,
  /// then look like models that store what they compute in.
  std::optional<Value> castWeight(const Node &node, const Value &input,
                                  int32_t type);
  /// `count` positions of the first dimension of `input`; without a count, the
  /// one at `first`, and no such dimension. A part of a weight is a weight.
  llvm::Expected<Value> part(const Node &node, const Value &input,
                             int64_t first,
                             std::optional<int64_t> count = std::nullopt);
  /// A constant that is called `name`.
  Value makeConstant(llvm::StringRef name, TensorData data);
  /// The tensor that attribute `t` of a node holds, as a value.
  llvm::Expected<Value> constantTensor(const Node &node,
                                       const onnx::TensorProto &tensor);
  /// A weight of codes as the value of a global, which is called as input `i`
  /// of `node`, where the codes come from. Called again with an equal `key`, it
  /// gives the value that the first call gave.
  mlir::Value quantizedWeight(const Node &node, int i, llvm::StringRef key,
                              llvm::function_ref<QuantizedWeight()> build);
  /// x [..., K] of type float times a quantized weight [N, K], plus a bias [N]
  /// if there is one.
  Value linear(const Value &x, mlir::Value weight, mlir::Value bias = nullptr);
  /// The first node that reads `name` and the number of the input; null if
  /// nothing does.
  std::pair<const onnx::NodeProto *, int> consumerOf(llvm::StringRef name) {
    return firstConsumer.lookup(name);
  }

private:
  friend class RegionScope;
  llvm::Error readOpsets();
  llvm::Error checkOperators();
  llvm::Error checkOptions();
  llvm::Error addInputs();
  llvm::Error addSymbols();
  llvm::Error addRequirements();
  llvm::Error addInitializers() { return addConstants(graph); }
  llvm::Error addConstants(const onnx::GraphProto &graph);
  llvm::Error addNodes() { return addNodes(graph); }
  llvm::Error addNodes(const onnx::GraphProto &graph);
  /// Appends what is not supported in `graph` to `list`, one line each.
  unsigned listUnsupported(const onnx::GraphProto &graph, std::string &list);
  llvm::Error addNode(const Node &node);
  llvm::Error addOutputs();
  llvm::Error verifyModule();
  void eraseUnused();

  llvm::Expected<Dims> inputDims(const onnx::ValueInfoProto &input,
                                 unsigned argument);
  bool isArgument(const onnx::ValueInfoProto &input) const;
  Expr symbolFor(llvm::StringRef name, unsigned argument, unsigned axis);
  std::optional<Expr> knownSymbol(llvm::StringRef name);
  Node nodeOf(const onnx::NodeProto &proto) const;

  std::string globalName(llvm::StringRef name);
  std::string takeName(const Weight &weight);
  /// A weight of codes in another shape, still a weight: tied embeddings read
  /// the head's bytes so.
  Value reshapedCodes(const Value &input, llvm::ArrayRef<Expr> dims);
  void noteConsumers();
  /// Moves the builder before the op of the function that holds its place.
  void leaveRegions();
  mlir::Value fetchWeight(const Weight &weight);
  Value emitKnown(const Value &value);
  mlir::Value denseConstant(const Value &value, llvm::ArrayRef<int64_t> shape);
  mlir::Value broadcastTo(const Value &view);
  llvm::Error undecided(const Node &node, llvm::ArrayRef<Expr> a,
                        llvm::ArrayRef<Expr> b, const Expr &da, const Expr &db);
  llvm::Expected<Value> contract(const Node &node, const Value &a,
                                 const Value &b, const Dims &batch);
  llvm::Expected<Value> matmulRows(const Node &node, const Value &a,
                                   const Value &b);

  ImportSession &session;
  ModelFile &file;
  const onnx::GraphProto &graph;
  mlir::MLIRContext &context;
  const ONNXImportOptions &options;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  mlir::ImplicitLocOpBuilder builder;

  llvm::StringMap<int64_t> opsets;
  llvm::StringMap<Value> values;
  /// Dimensions of arguments, in the order of arguments and axes.
  std::vector<InputDim> inputDimensions;
  llvm::StringMap<bool> usedOptions;
  llvm::StringMap<std::pair<const onnx::NodeProto *, int>> firstConsumer;
  llvm::StringMap<unsigned> globalNames;
  std::deque<Weight> weights;
  std::map<const Weight *, mlir::Value> fetched;
  llvm::StringMap<mlir::Value> quantized;
  llvm::StringSet<> takenNames;
  std::map<Expr, mlir::Value> indexCache;
  llvm::DenseMap<mlir::Value, Expr> castIntegers;
  /// Nodes of graphs inside of nodes so far, each as often as it was read.
  size_t graphNodes = 0;
  /// How many extents each node has computed: one of a loop that is written out
  /// computes one at each step.
  llvm::StringMap<unsigned> computedExtents;
};

/// While it lives, ops are built at the end of `block`, and what is known of
/// values that are computed there is forgotten after it.
class RegionScope {
public:
  RegionScope(Importer &importer, mlir::Block *block);
  ~RegionScope();

private:
  Importer &importer;
  mlir::OpBuilder::InsertionGuard guard;
  std::map<Expr, mlir::Value> indexCache;
  llvm::DenseMap<mlir::Value, Expr> castIntegers;
};

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_IMPORTER_H
