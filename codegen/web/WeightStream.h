//===- WeightStream.h - what the shards of a web module hold ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One stream of bytes, in the order in which dispatches read weights: buffers
// as they are, and the float rows of weights that the page rounds and packs.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WEB_WEIGHTSTREAM_H
#define LOWBIT_CODEGEN_WEB_WEIGHTSTREAM_H

#include "lowbit/CodeGen/GPU/GPUSchedule.h"
#include "lowbit/Numerics/RowPacker.h"
#include "lowbit/Transforms/FloatSource.h"
#include "mlir/IR/BuiltinOps.h"
#include <optional>
#include <string>

namespace lowbit {

/// A weight's buffer.
struct WebWeight {
  std::string name;
  /// Those of its buffer; the data may be a few less.
  int64_t bytes;
  /// Its place in the stream; -1 where the page makes it.
  int64_t offset;
  mlir::ElementsAttr data;
};

/// A form in which the page packs a weight.
struct WebPacking {
  numerics::PackRecipe recipe;
  /// What all rows share.
  std::vector<float> shared;
  /// The weights that it fills, as places in the list of them; -1 for those
  /// that are stored, or not there. By RowPacker's buffers.
  std::array<int64_t, numerics::RowPacker::bufferCount> weights;
};

/// A weight that comes as floats. What reads it in several forms reads the same
/// ones.
struct WebSource {
  std::string name;
  FloatSource floats;
  mlir::Type element;
  int64_t rows, columns;
  /// Shards have multiples of so many rows of it.
  int64_t unit = 1;
  int64_t offset = 0;
  std::vector<WebPacking> packings;

  int64_t rowBytes() const {
    return columns * (element.getIntOrFloatBitWidth() / 8);
  }
  int64_t bytes() const { return rows * rowBytes(); }
};

/// All of it.
struct WeightStream {
  std::vector<WebWeight> weights;
  std::vector<WebSource> sources;
  /// Bytes of the stream.
  int64_t bytes = 0;

  /// Bytes [begin, begin + size); zeros fill the room between a weight's data
  /// and the end of its buffer.
  std::string read(int64_t begin, int64_t size) const;

  /// Where it is cut, as (begin, bytes): into shards that suit its size, but
  /// for what is left before and behind large floats, which have shards of
  /// their own. With the bytes that the model has in f32, those are cut by the
  /// weight's size and the model's alone, so that each precision of the model
  /// has the same shards of the same floats. Floats that the page rounds are
  /// cut between units of rows; the size of their shards goes by all floats,
  /// and small ones share theirs.
  std::vector<std::pair<int64_t, int64_t>>
  plan(std::optional<int64_t> floatBytes) const;
};

/// Bytes of a shard, of weights of `total` bytes: see the pass.
int64_t chooseShardBytes(int64_t total);

/// The bytes of a weight as they lie in memory; one element of a splat.
llvm::ArrayRef<char> getWeightBytes(mlir::ElementsAttr data);

/// The weights of `schedules`, those that are read first before others, with
/// the data that the module's `lowbit.weights` has for them, and what its
/// `lowbit.float_sources` says of them. Fails with an error at a weight without
/// data, and where rounding its floats doesn't give it.
mlir::FailureOr<WeightStream>
makeWeightStream(mlir::ModuleOp module, llvm::ArrayRef<GPUSchedule> schedules);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WEB_WEIGHTSTREAM_H
