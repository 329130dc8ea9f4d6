//===- CacheFormat.h - how a KV cache stores its rows -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A cache is one or more plain tensors, its states. A format says which, and
// how rows of floats go into them and come out.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CACHE_CACHEFORMAT_H
#define LOWBIT_CACHE_CACHEFORMAT_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include <memory>
#include <optional>

namespace lowbit {

/// One of the tensors of a cache.
struct CacheState {
  /// What is appended to the cache's name: empty for the numbers themselves.
  llvm::StringRef suffix;
  mlir::RankedTensorType type;
};

class CacheFormat {
public:
  virtual ~CacheFormat() = default;

  /// The states of a cache of `rows` [..., length, width], static.
  virtual llvm::SmallVector<CacheState>
  getStates(mlir::RankedTensorType rows) const = 0;

  /// Why rows of `width` numbers can't be stored; nothing where they can.
  virtual std::optional<std::string> refuses(int64_t width) const {
    return std::nullopt;
  }

  /// The states once `rows` [..., new, width] stand at `position`.
  virtual llvm::SmallVector<mlir::Value>
  insert(mlir::OpBuilder &b, mlir::Location loc, mlir::Value rows,
         mlir::ValueRange states, mlir::OpFoldResult position) const = 0;

  /// The first `length` rows, [..., length, width], as floats.
  virtual mlir::Value read(mlir::OpBuilder &b, mlir::Location loc,
                           mlir::ValueRange states,
                           mlir::OpFoldResult length) const = 0;
};

/// Names of all formats.
llvm::ArrayRef<llvm::StringLiteral> getCacheFormatNames();

/// The format called `name`, or null.
std::unique_ptr<CacheFormat> createCacheFormat(llvm::StringRef name);

} // namespace lowbit

#endif // LOWBIT_CACHE_CACHEFORMAT_H
