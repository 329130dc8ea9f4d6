//===- AttentionBuilder.h - parts of attention's kernel ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_ATTENTIONBUILDER_H
#define LOWBIT_LIB_CODEGEN_GPU_ATTENTIONBUILDER_H

#include "AttentionKernel.h"
#include "KernelParts.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace lowbit {

/// Emits one kernel.
class AttentionBuilder : KernelParts {
public:
  AttentionBuilder(mlir::ImplicitLocOpBuilder &builder,
                   const GPUAttentionSpec &spec);

  llvm::SmallVector<mlir::Type> getArgumentTypes();
  /// Emits the body; returns the grid.
  std::array<int64_t, 3> build(mlir::gpu::GPUFuncOp kernel);
  /// The same for devices that are processors, on the same grid.
  void buildOwn(mlir::gpu::GPUFuncOp kernel, std::array<int64_t, 3> grid);

private:
  /// The least score, and what stands for one that isn't seen: exp of that less
  /// any score is 0, and nothing overflows, which WGSL leaves undefined.
  static constexpr float kLeast = -1e30f, kHidden = -1e38f;

  /// What a query has so far: the largest score, the sum of exp(score -
  /// largest) and of these times the values, of which a thread has a part.
  struct QueryState {
    mlir::Value largest, sum, values;
  };
  /// A head, and the number of a query in that.
  struct Place {
    Index head, row;
  };
  /// Of a query of the workgroup: the head's number in the group and the
  /// query's number in the head, which may be beyond the last ones.
  struct HeldPlace {
    Index inGroup, row;
  };

  void takeArguments(mlir::gpu::GPUFuncOp kernel);
  HeldPlace getHeld(const Index &query);
  Place getPlace(const HeldPlace &held);
  /// Whether a query of the workgroup is one, `held`; null if all are.
  mlir::Value exists(const HeldPlace &held);
  Index getQueryRow(const Place &place) {
    return indices.add(indices.multiply(place.head, spec.queries), place.row);
  }
  void takeGroup(const std::array<int64_t, 3> &grid);
  void findPart(const Index &number);
  Index getResultRow(const Index &row);
  void storeState(mlir::Value largest, mlir::Value sum, const Index &row);
  Index clampKey(const Index &at);
  static void nameStates(mlir::scf::ForOp loop);
  void loadQueries();
  void findKeys(const Index &lastRow);
  llvm::SmallVector<QueryState> buildRound(const Index &first,
                                           llvm::ArrayRef<QueryState> states);
  llvm::SmallVector<mlir::Value> scoreKey(const Index &key);
  mlir::Value finishScore(mlir::Value score, mlir::Value scale, const Place &of,
                          const Index &at, const Index &key);
  mlir::Value addMask(mlir::Value score, const Place &of, const Index &key);
  llvm::SmallVector<QueryState> addValues(const Index &first,
                                          llvm::ArrayRef<QueryState> states);
  std::pair<mlir::Value, mlir::Value>
  addSlices(const Index &query, const Index &column, mlir::Value totals);
  void writeResults(llvm::ArrayRef<QueryState> states);

  int64_t countOwnRows() const;
  Place getOwnPlace(int64_t row);
  Index getOwnStep(int64_t row, const Index &step);
  Index getOwnResult(int64_t row);
  void takeOwnRows(std::array<int64_t, 3> grid);
  llvm::SmallVector<mlir::Value> multiplyOwnKeys(llvm::ArrayRef<Index> keyRows);
  llvm::SmallVector<mlir::Value> scoreOwnKeys(llvm::ArrayRef<Index> at,
                                              llvm::ArrayRef<Index> keyRows);
  void addOwnValues(llvm::ArrayRef<Index> valueRows, mlir::Value isFirst,
                    mlir::ValueRange factors, mlir::ValueRange weights);
  llvm::SmallVector<mlir::Value> buildOwnRound(const Index &first,
                                               mlir::ValueRange states);
  void divideOwn(mlir::ValueRange states);
  void storeOwnStates(mlir::ValueRange states);

  llvm::SmallVector<mlir::Value> flatten(llvm::ArrayRef<QueryState> states) {
    llvm::SmallVector<mlir::Value> values;
    for (const QueryState &state : states)
      values.append({state.largest, state.sum, state.values});
    return values;
  }
  llvm::SmallVector<QueryState> gather(mlir::ValueRange values) {
    llvm::SmallVector<QueryState> states;
    for (size_t i = 0; i < values.size(); i += 3)
      states.push_back({values[i], values[i + 1], values[i + 2]});
    return states;
  }
  mlir::Value multiplyAdd(mlir::Value lhs, mlir::Value rhs, mlir::Value sum) {
    return mlir::math::FmaOp::create(b, lhs, rhs, sum);
  }
  mlir::Value getLarger(mlir::Value lhs, mlir::Value rhs) {
    mlir::Value isLarger = mlir::arith::CmpFOp::create(
        b, mlir::arith::CmpFPredicate::OGT, lhs, rhs);
    return mlir::arith::SelectOp::create(b, isLarger, lhs, rhs);
  }
  /// exp(lhs - rhs).
  mlir::Value getWeight(mlir::Value lhs, mlir::Value rhs) {
    return mlir::math::ExpOp::create(b,
                                     mlir::arith::SubFOp::create(b, lhs, rhs));
  }

  const GPUAttentionSpec &spec;
  RowReader keys, values;
  mlir::Type number, numbers;
  /// Steps of a row of keys and of values; queries of a workgroup, of how many
  /// heads; threads along a row of values, and how many rows are read at once.
  int64_t steps, valueSteps, queries, held, lanes, slices;
  mlir::Value query, mask, length, result;
  /// Workgroup memory: queries, and of each a number for each thread.
  mlir::Value heldQueries, weights;
  Index own, group, firstHeld, firstRow;
  /// The part of the keys, and what follows its last one.
  Index part;
  mlir::Value firstKey, lastKey;
  /// Rows of a thread that shares nothing, of those of its group.
  int64_t ownRows;
  /// Keys that query 0 of the text's last ones sees, and all of these queries.
  mlir::Value firstSeen, end;
};

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_ATTENTIONBUILDER_H
