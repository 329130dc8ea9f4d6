//===- LinearBuilder.h - parts of a matrix product's kernel -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_LINEARBUILDER_H
#define LOWBIT_LIB_CODEGEN_GPU_LINEARBUILDER_H

#include "KernelParts.h"
#include "WeightReader.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include <optional>

namespace lowbit {

/// Emits one kernel.
class LinearBuilder : KernelParts {
public:
  LinearBuilder(mlir::ImplicitLocOpBuilder &builder, const GPULinearSpec &spec)
      : KernelParts(builder), spec(spec) {
    floats = mlir::VectorType::get({kGPUStep}, b.getF32Type());
    halves = mlir::VectorType::get({kGPUStep}, b.getF16Type());
  }

  llvm::SmallVector<mlir::Type> getArgumentTypes();
  /// Emits the body; returns the grid.
  std::array<int64_t, 3> build(mlir::gpu::GPUFuncOp kernel);
  /// The same for devices that are processors, on the same grid.
  void buildOwn(mlir::gpu::GPUFuncOp kernel, std::array<int64_t, 3> grid);
  /// The same in f16, of tiles.
  void buildHalf(mlir::gpu::GPUFuncOp kernel, std::array<int64_t, 3> grid);

private:
  /// Rows of weights and of activations of a tile, and results of a thread.
  static constexpr int64_t kTile = 32, kOwn = 4;

  /// What meets in workgroup memory: [32 rows, 8 steps] of activations and of
  /// the weight. In f16, each half of a row has a number in `inputScales` or
  /// `weightScales` with which it is to be multiplied.
  struct Tiles {
    mlir::Value inputs, weights, inputScales, weightScales;
  };

  /// Rows of activations and of the weight that one thread multiplies.
  struct OwnRows {
    llvm::SmallVector<Index> rows, columns;
  };

  /// Which four rows and columns of a tile's results are this thread's.
  Index threadRow() {
    return named(indices.divide(thread(), kTile / kOwn), "thread_row");
  }
  Index threadColumn() {
    return named(indices.remainder(thread(), kTile / kOwn), "thread_column");
  }

  void takeArguments(mlir::gpu::GPUFuncOp kernel);
  std::array<int64_t, 3> buildVector(mlir::gpu::GPUFuncOp kernel);
  std::array<int64_t, 3> buildTiles();
  void buildOwnVector(mlir::gpu::GPUFuncOp kernel);
  void buildOwnTiles(std::array<int64_t, 3> grid);
  int64_t countLanes() const;
  mlir::Value loadInput(const Index &row, const Index &column);
  void addAtom(const Index &row, const Index &atom,
               llvm::MutableArrayRef<mlir::Value> sums);
  void addCodedAtom(const Index &row, const Index &atom,
                    llvm::MutableArrayRef<mlir::Value> sums);
  void writeRows(mlir::ValueRange sums, const Index &row, int64_t lanes);
  Index getUnit(const Index &row, const Index &atom, const Index &step);
  mlir::Value addUnit(mlir::Value product, mlir::Value unit,
                      const WeightParameters &parameters, mlir::Value sum);
  Tiles allocateTiles();
  void loadTiles(const Tiles &tiles, const Index &firstRow,
                 const Index &firstWeight, const Index &atom);
  void loadCodedInputs(mlir::Value inputs, const Index &firstRow,
                       const Index &atom);
  void loadWeightTile(
      const Index &firstWeight, const Index &atom,
      llvm::function_ref<void(mlir::Value numbers, const Index &at)> take);
  void loadHalfTiles(const Tiles &tiles, const Index &firstRow,
                     const Index &firstWeight, const Index &atom);
  void storeHalves(llvm::ArrayRef<mlir::Value> numbers, mlir::Value tile,
                   mlir::Value scales);
  llvm::SmallVector<mlir::Value> loadOwn(mlir::Value from, const Index &which,
                                         int64_t width, const Index &at);
  llvm::SmallVector<mlir::Value> multiplySteps(
      mlir::Value inputs, mlir::Value weights, const Index &first,
      int64_t count, mlir::ValueRange sums,
      llvm::function_ref<mlir::Value(mlir::Value input, mlir::Value weight,
                                     mlir::Value sum)>
          multiply);
  llvm::SmallVector<mlir::Value> multiplyTiles(const Tiles &tiles,
                                               mlir::ValueRange sums);
  llvm::SmallVector<mlir::Value> multiplyCodedTiles(const Tiles &tiles,
                                                    const Index &firstRow,
                                                    const Index &firstWeight,
                                                    const Index &atom,
                                                    mlir::ValueRange sums);
  llvm::SmallVector<mlir::Value> multiplyHalfTiles(const Tiles &tiles,
                                                   mlir::ValueRange sums);
  llvm::SmallVector<mlir::Value> addHalves(const Tiles &tiles,
                                           const Index &half,
                                           llvm::ArrayRef<mlir::Value> products,
                                           mlir::ValueRange sums);
  void writeTile(llvm::ArrayRef<mlir::Value> sums, const Index &firstRow);
  int64_t countOwnCode(int64_t columns) const;
  int64_t limitOwnColumns(int64_t most) const;
  llvm::SmallVector<mlir::Value>
  addOwnTurn(const OwnRows &own, const Index &atom, const Index &turn,
             llvm::ArrayRef<WeightParameters> parameters,
             mlir::ValueRange sums);
  llvm::SmallVector<mlir::Value>
  addOwnAtom(const OwnRows &own, const Index &atom, mlir::ValueRange sums);
  llvm::SmallVector<mlir::Value>
  multiplyOwnCodes(const OwnRows &own, const Index &atom, const Index &turn,
                   int64_t first, int64_t count, mlir::ValueRange products);
  llvm::SmallVector<mlir::Value>
  addOwnUnit(const OwnRows &own, const Index &atom, const Index &step,
             mlir::ValueRange products, mlir::ValueRange sums);
  llvm::SmallVector<mlir::Value>
  addOwnCodedAtom(const OwnRows &own, const Index &atom, mlir::ValueRange sums);
  void writeOwn(llvm::ArrayRef<mlir::Value> sums, const Index &row,
                const Index &firstColumn);
  /// Calls what a loop adds up after the row and the column of a thread's own:
  /// `sum_r0c1`.
  void nameSums(mlir::scf::ForOp loop, int64_t rows, llvm::StringRef word);
  llvm::SmallVector<mlir::Value> accumulate(
      llvm::StringRef name, int64_t count, int64_t rows, mlir::ValueRange sums,
      llvm::function_ref<llvm::SmallVector<mlir::Value>(const Index &,
                                                        mlir::ValueRange)>
          body);
  void multiplyOwn(const Index &firstRow, int64_t rows, int64_t mostRows,
                   const Index &firstColumn, int64_t columns,
                   int64_t mostColumns);
  /// Writes a result from the sums of its rows of the weight.
  void finish(const Index &row, const Index &column,
              llvm::ArrayRef<mlir::Value> sums);

  const GPULinearSpec &spec;
  mlir::VectorType floats, halves;
  /// Whether tiles are multiplied in f16.
  bool isHalf = false;
  std::optional<WeightReader> weight;
  WeightBuffers buffers;
  /// Activations, and where they are codes a scale, and the scale times the sum
  /// of codes, for each unit.
  mlir::Value input, units, bias, residual, result;
};

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_LINEARBUILDER_H
