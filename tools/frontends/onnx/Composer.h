//===- Composer.h - operators in terms of others ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fused operators are written as the graph that they stand for. The first error
// is kept and what follows it does nothing, so that a formula reads as one.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_COMPOSER_H
#define LOWBIT_FRONTENDS_ONNX_COMPOSER_H

#include "Importer.h"

#include <variant>

namespace lowbit::frontend {

/// An attribute of an operator.
struct Attribute {
  llvm::StringRef name;
  std::variant<int64_t, float, std::string, Axes> value;
};

/// Values are only looked into where `ok`: after an error they are empty.
class Composer {
public:
  Composer(Importer &importer, const Node &node)
      : im(importer), node(node), ops(importer.ops()) {}
  ~Composer();

  bool ok() { return !failed; }
  /// Keeps `error`, unless there is one already.
  void fail(llvm::Error error);
  /// Fails with `message` unless `condition` holds.
  void require(bool condition, const llvm::Twine &message);

  /// Input `i`, which must be given.
  const Value &in(int i) { return im.in(node, i); }
  bool has(int i) const { return node.hasInput(i); }

  /// The first output of an operator of the default domain in its version 18.
  Value apply(llvm::StringRef op, llvm::ArrayRef<Value> inputs,
              llvm::ArrayRef<Attribute> attributes = {});
  /// All `count` outputs of one without attributes.
  llvm::SmallVector<Value> applyAll(llvm::StringRef op,
                                    llvm::ArrayRef<Value> inputs, int count);
  /// The same with the attributes of this node, but for those in `without`.
  Value applySelf(llvm::StringRef op, llvm::ArrayRef<Value> inputs,
                  llvm::ArrayRef<llvm::StringRef> without = {});
  /// The same on the first `inputs` inputs of this node.
  Value applySelf(llvm::StringRef op, int inputs,
                  llvm::ArrayRef<llvm::StringRef> without = {});
  Value add(const Value &a, const Value &b);
  Value sub(const Value &a, const Value &b);
  Value mul(const Value &a, const Value &b);
  Value scale(const Value &a, double factor);
  Value matmul(const Value &a, const Value &b);
  Value cast(const Value &a, int32_t type);
  Value reshape(const Value &a, llvm::ArrayRef<Expr> dims);
  Value transpose(const Value &a, llvm::ArrayRef<int64_t> permutation);
  /// Positions [offset, offset + size) along `axis`.
  Value slice(const Value &a, int64_t axis, const Expr &offset,
              const Expr &size);
  Value concat(llvm::ArrayRef<Value> parts, int64_t axis);
  /// The softmax along all dimensions from `axis` on together, as before
  /// version 13; `axis` may count from the end.
  Value softmaxFrom(const Value &a, int64_t axis);
  /// A vector of integers.
  static Value integers(llvm::ArrayRef<Expr> values);
  Value unwrap(llvm::Expected<Value> value);

  Expr product(const Expr &a, const Expr &b);
  Expr sum(const Expr &a, const Expr &b);
  Expr difference(const Expr &a, const Expr &b);
  /// a / b, which must leave nothing over.
  Expr quotient(const Expr &a, const Expr &b);
  /// Fails unless a and b are equal, or can be taken to be.
  void requireEqual(const Expr &a, const Expr &b, const llvm::Twine &message);

  /// Defines output `i` of the node, unless something failed.
  void define(int i, const Value &value);
  /// What failed first.
  llvm::Error finish();

  Importer &im;
  const Node &node;
  mlir::ImplicitLocOpBuilder &ops;

private:
  Expr unwrap(std::optional<Expr> e);
  llvm::SmallVector<Value> emit(llvm::StringRef op,
                                llvm::ArrayRef<Value> inputs,
                                onnx::NodeProto &&proto, int outputs = 1);
  /// A name that no value has, until the composer ends.
  std::string fresh();
  /// What the graph calls `value`, or a new name.
  std::string nameOf(const Value &value);

  bool failed = false;
  llvm::Error problem = llvm::Error::success();
  unsigned count = 0;
  llvm::SmallVector<std::string> names;
};

/// 0, 1, ... size - 1, as int64 along `axis` of `rank` dimensions.
Value countAlong(Composer &c, const Expr &size, int64_t axis, int64_t rank);

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_COMPOSER_H
