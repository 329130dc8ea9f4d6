//===- LayerProgram.h - layers compiled with their truth --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiling costs more than running, so tests put many layers into one
// function: each has a result of its own and shares its input with the layers
// of the same width. What a layer should give is computed in double from the
// dequantized weight.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_CODEGEN_LAYERPROGRAM_H
#define LOWBIT_TEST_UNIT_CODEGEN_LAYERPROGRAM_H

#include "CrossProgram.h"
#include "WasmProgram.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Numerics/Matrix.h"
#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Executable.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include <string>
#include <vector>

namespace lowbit::test {

/// One `lowbit.linear` with a quantized weight.
struct LayerSpec {
  numerics::Encoding encoding;
  int64_t rows = 1, columns = 1;
  /// Leading dimensions of the input; negative ones are dynamic.
  std::vector<int64_t> leading = {-1};
  /// As the assembly has it, with arguments; empty for none.
  std::string activation;
  bool hasBias = false, hasResidual = false;
  /// Whether the input is quantized before it is multiplied, to how many bits,
  /// and by which scale; 0: scales are taken from its values.
  bool quantizesInput = false;
  unsigned inputBits = 8;
  float inputScale = 0;
  /// The FP8 type that it becomes, as the assembly has it, and whether a row
  /// has one scale; int8 if empty.
  std::string float8;
  bool scalesPerToken = false;
  /// Whether the weight's columns are stored in another order.
  bool isPermuted = false;
  /// f32, or f16 or bf16: input, residual and result are converted.
  std::string element = "f32";
  /// Whether codes are any, and scales small multiples of powers of two: sums
  /// of their products with codes of activations, under such a scale, have no
  /// rounding.
  bool hasExactSums = false;
  /// Whether input and weight are rounded to bf16, as `-abf16` asks.
  bool computesInBFloat = false;
};

/// For test messages.
std::string describe(const LayerSpec &spec);

/// Where a permuted weight of `columns` columns keeps column `column`.
int64_t getStoredColumn(int64_t column, int64_t columns);

/// Random numbers of about [-1, 1), the same everywhere.
std::vector<float> createNumbers(int64_t count, uint32_t seed);

/// A global that holds `matrix`, dense; its permutation as assembly, if it has
/// one.
std::string printWeight(llvm::StringRef name,
                        const numerics::QuantizedMatrix &matrix,
                        EncodingAttr encoding, llvm::StringRef permutation = "",
                        llvm::StringRef element = "f32");

class LayerProgram {
public:
  explicit LayerProgram(std::vector<LayerSpec> layers);

  /// Runs the phases up to `last` on a fresh module. Null after a failure,
  /// which is recorded.
  mlir::OwningOpRef<mlir::ModuleOp> build(Phase last,
                                          const CompileOptions &options);
  /// Compiles everything for this machine, or for the one that the options
  /// name. A failure is recorded.
  void compile(const CompileOptions &options, unsigned optLevel = 3);

  /// Runs every layer with dynamic dimensions of `extent`, here on one thread
  /// and then on two, whose results must be the same bytes. Expects the largest
  /// error of each layer within `tolerance` times the size of its results.
  void check(int64_t extent, double tolerance);

  /// Runs every layer with dynamic dimensions of each of `extents`, in rising
  /// order, and expects the first rows to be the same bytes each time.
  void checkFirstRows(llvm::ArrayRef<int64_t> extents);

  /// Compiles for code among guard pages and runs every layer there with
  /// dynamic dimensions of each of `extents`. Expects the same of the results.
  void checkGuarded(const CompileOptions &options,
                    llvm::ArrayRef<int64_t> extents, double tolerance);

  mlir::MLIRContext &getContext() { return context; }
  /// The module as assembly.
  std::string getText();

private:
  struct Layer {
    LayerSpec spec;
    numerics::QuantizedMatrix weight;
    std::vector<float> values;
    size_t input = 0;
  };
  /// An argument that layers share.
  struct Input {
    std::vector<int64_t> leading;
    int64_t columns;
  };

  struct Truth {
    std::vector<double> results;
    /// The largest result, or sum of as many products with random signs: one
    /// result alone may be small by cancellation.
    double magnitude = 0;
  };

  llvm::Expected<std::unique_ptr<ForeignProgram>>
  createForeign(const CompileOptions &options);
  size_t getInput(const LayerSpec &spec);
  EncodingAttr getEncoding(const LayerSpec &spec);
  EncodingAttr getActivationEncoding(const LayerSpec &spec);
  std::string getGlobal(size_t index);
  std::string getLayer(size_t index);
  std::vector<HostTensor> createArguments(int64_t extent) const;
  std::vector<HostTensor> runHere(llvm::ArrayRef<HostTensor> arguments);
  std::vector<HostTensor> runForeign(llvm::ArrayRef<HostTensor> arguments);
  void expectResults(llvm::ArrayRef<HostTensor> arguments,
                     llvm::ArrayRef<HostTensor> results, double tolerance);
  Truth computeTruth(const Layer &layer, const HostTensor &input,
                     const HostTensor *bias, const HostTensor *residual) const;

  std::vector<Layer> layers;
  std::vector<Input> inputs;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<Executable> executable;
  std::unique_ptr<ForeignProgram> foreign;
};

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_CODEGEN_LAYERPROGRAM_H
