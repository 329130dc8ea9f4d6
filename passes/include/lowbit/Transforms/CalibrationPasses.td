//===- CalibrationPasses.td - calibration, precision -------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of Passes.td: what layers read is observed, and each layer is given an
// encoding.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_CALIBRATIONPASSES
#define LOWBIT_TRANSFORMS_CALIBRATIONPASSES

include "mlir/Pass/PassBase.td"

def InsertObserversPass : Pass<"lowbit-insert-observers", "::mlir::ModuleOp"> {
  let summary = "Observe the inputs of layers";
  let description = [{
    A `lowbit.observe` for the input of each `lowbit.linear`, one for all layers
    that share it. A record is named after the first of its layers, and layers
    after their weights. Inputs of layers that share a weight go to one record.

    Needs: `lowbit-raise`. Guarantees: nothing else changes. Layers whose weight is
    no constant, or whose input is quantized, are not observed.

    ```mlir
    %q = lowbit.linear %x, %wq : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %k = lowbit.linear %x, %wk : tensor<?x64xf32>, tensor<16x64xf32> -> tensor<?x16xf32>
    ```

    becomes, with the weights @q and @k,

    ```mlir
    lowbit.observe %x as "q" layers ["q", "k"] with columns|histogram : tensor<?x64xf32>
    ```

    before both layers.
  }];
  let options = [
    ListOption<"selected", "layers", "std::string",
               "Globs of names of layers to observe; all where none is given">,
    ListOption<"recorded", "statistics", "std::string",
               "What to record: columns, histogram, second_moment">,
  ];
  let statistics = [
    Statistic<"numObservers", "observers", "Observers inserted">,
    Statistic<"numSkipped", "skipped", "Layers that can't be observed">,
  ];
  let dependentDialects = ["::lowbit::LowbitDialect"];
}

def DifferentiatePass : Pass<"lowbit-differentiate", "::mlir::ModuleOp"> {
  let summary = "Compute the gradients of what layers yield";
  let description = [{
    Appends to `function` its backward pass: the gradient of one of its results is
    a new last argument, and from it those of what each `lowbit.linear` yields are
    computed, which `lowbit.observe` takes as `<weight>.gradient`. The mean squares
    of their columns are the diagonal of the layer's Fisher matrix.

    The adjoint of an operation takes the gradients of its results to its
    operands. There are adjoints for layers, for the operations on tensors that
    reshape, slice, join, pad and transpose, and for linalg in general: the
    operand's map becomes the result's, loops that it lacks are summed over, and
    the body is differentiated by the adjoints of arith and math. A
    `lowbit.attention` becomes what it means in linalg. Integers and comparisons
    have gradient zero. Operations on the way that have no adjoint are listed in
    one error. Only what lies between the first layers and the result is
    differentiated.

    Needs: `lowbit-raise`, float weights, layers without activations (which
    `lowbit-fuse` gives them). Guarantees: what the function computed stays.

    ```mlir
    func.func @main(%x: tensor<?x8xf32>) -> (tensor<?x4xf32> {lowbit.name = "y"}) {
      %w = lowbit.weight @fc : tensor<4x8xf32>
      %0 = lowbit.linear %x, %w : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
      %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
          ins(%0 : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
      ^bb0(%in: f32, %out: f32):
        %2 = math.exp %in : f32
        linalg.yield %2 : f32
      } -> tensor<?x4xf32>
      return %1 : tensor<?x4xf32>
    }
    ```

    becomes, with the new argument `%seed` called `y.gradient`,

    ```mlir
      ...
      %3 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
          ins(%0, %seed : tensor<?x4xf32>, tensor<?x4xf32>) outs(%e2 : tensor<?x4xf32>) {
      ^bb0(%in: f32, %gradient: f32, %out: f32):
        %4 = math.exp %in : f32
        %5 = arith.mulf %gradient, %4 : f32
        linalg.yield %5 : f32
      } -> tensor<?x4xf32>
      lowbit.observe %3 as "fc.gradient" layers ["fc"] with columns : tensor<?x4xf32>
      return %1 : tensor<?x4xf32>
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"main\"",
           "The function that is differentiated">,
    Option<"result", "result", "std::string", /*default=*/"",
           "The name (or number) of the result whose gradient is given; the only "
           "one of floats where none is named">,
    ListOption<"selected", "layers", "std::string",
               "Globs of names of layers whose gradients are observed; all where "
               "none is given">,
  ];
  let statistics = [
    Statistic<"numObserved", "observed", "Gradients that are observed">,
    Statistic<"numUnreached", "unreached", "Layers that the result does not depend on">,
  ];
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def ReturnObservedPass : Pass<"lowbit-return-observed", "::mlir::ModuleOp"> {
  let summary = "Return what calibration observed as results of functions";
  let description = [{
    Each `lowbit.observe` becomes a result of the function, called as the record.
    A module instrumented so is an ordinary model: any back end runs it, and who
    runs it gets what its layers read. With `drop-results` the function's own
    results, and what computes nothing else, go.

    Needs: observers in the body of `function` alone. Guarantees: no
    `lowbit.observe`.

    ```mlir
    func.func @main(%x: tensor<?x64xf32>) -> tensor<?x16xf32> {
      %0 = lowbit.linear %x, %w activation relu : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
      lowbit.observe %0 as "fc2" layers ["fc2"] with columns : tensor<?x64xf32>
      %1 = lowbit.linear %0, %v : tensor<?x64xf32>, tensor<16x64xf32> -> tensor<?x16xf32>
      return %1 : tensor<?x16xf32>
    }
    ```

    becomes, with `drop-results`,

    ```mlir
    func.func @main(%x: tensor<?x64xf32>) -> (tensor<?x64xf32> {lowbit.name = "fc2"}) {
      %0 = lowbit.linear %x, %w activation relu : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
      return %0 : tensor<?x64xf32>
    }
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"main\"",
           "The function that is run">,
    Option<"dropsResults", "drop-results", "bool", /*default=*/"false",
           "Leave out the function's own results">,
  ];
  let statistics = [
    Statistic<"numReturned", "returned", "Values that are returned now">,
  ];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

def CountRangesPass : Pass<"lowbit-count-ranges", "::mlir::ModuleOp"> {
  let summary = "Count what activations with static scales reach";
  let description = [{
    Scales that calibration chose hold as long as data are like those of
    calibration. Each function that quantizes activations with given scales gets
    one more result, `activation_ranges`, [inputs, 5] in f32: of each such input
    the least and the largest number of this call, the mean of squares, how many
    numbers are beyond what codes reach, and how many there are. The attribute
    `lowbit.ranges` of the result lists the inputs in that order: the layers that
    read them, and what their codes reach. Asymmetric ranges are those of the
    input as it is quantized, after its shift.

    Inputs that are quantized in a region, such as the body of a loop, are named
    in a remark and not counted.

    Needs: `lowbit.quantize` with scales. Guarantees: nothing else changes.

    ```mlir
    func.func @main(%x: tensor<?x64xf32>) -> tensor<?x16xf32> {
      %q = lowbit.quantize %x scale 1.562500e-02 : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a8>
      %y = lowbit.linear %q, %w : ...
      return %y : tensor<?x16xf32>
    }
    ```

    yields as its second result

    ```mlir
    tensor<1x5xf32> {lowbit.name = "activation_ranges", lowbit.ranges = [
      {high = 1.98437500 : f64, layers = ["fc"], low = -2.0 : f64} ]}
    ```
  }];
  let statistics = [
    Statistic<"numCounted", "counted", "Inputs that are counted">,
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"
  ];
}

def AssignPrecisionPass : Pass<"lowbit-assign-precision", "::mlir::ModuleOp"> {
  let summary = "Give each layer an encoding";
  let description = [{
    Sets `lowbit.encoding` on layers, or `lowbit.keep_float`, for
    `lowbit-quantize-weights` to heed. First come rules, a JSON object:

    | key | value: a method's name for |
    |---|---|
    | `default` | every layer |
    | `attention`, `feed_forward`, `head`, `embedding` | the layers of a component |
    | `first`, `last` | the layers of the first and the last block |
    | `blocks` | an object with a method for blocks, `"3"` or `"0-2"` |
    | `layers` | an object with a method for names or globs of layers |

    The most specific rule wins: a name, then globs (the one with more letters),
    then blocks, then `first` and `last`, then components, then `default`. A
    layer's block is the first number in its name. Layers of attention lead to
    or come from a `lowbit.attention`; the head maps to the rows of an embedding;
    all others are `feed_forward`. A rule that matches nothing is an error.

    Then, with `budget`, every layer of a method that a rule did not name gets
    one of `candidates`, such that the sum of costs is least and the
    weights fit into the budget (exactly: a multiple-choice knapsack). The cost
    of a method for a layer is, by `strategy`: `hessian`, the squared error of its
    output on calibration data over the output's norm (needs
    `lowbit.statistics`);
    `gradient`, what that error costs the model by the gradients of its outputs,
    in nats (needs `gradient_mean_square`, too; with `second_moment`, as if
    rounding feeds errors back);
    `entropy`, the least error by rate-distortion theory that a code of this size
    allows for weights of this entropy (needs no data). With `uniform` all get
    the largest candidate that fits. Floors on what the model is worth, budgets
    of time and costs that are measured need somebody who can run it: see
    `lowbit/Transforms/PrecisionAssignment.h` and `quant-opt --budget`.

    Needs: `lowbit-raise`. Guarantees: only the two attributes change.

    ```mlir
    %0 = lowbit.linear %x, %up : tensor<?x64xf32>, tensor<96x64xf32> -> tensor<?x96xf32>
    %1 = lowbit.linear %0, %down : tensor<?x96xf32>, tensor<64x96xf32> -> tensor<?x64xf32>
    ```

    becomes, with `rules={"default": "int4-g32", "layers": {"*.down": "int8"}}`,

    ```mlir
    %0 = lowbit.linear %x, %up {lowbit.encoding = #int4_g32_f16} : tensor<?x64xf32>, tensor<96x64xf32> -> tensor<?x96xf32>
    %1 = lowbit.linear %0, %down {lowbit.encoding = #int8_f16} : tensor<?x96xf32>, tensor<64x96xf32> -> tensor<?x64xf32>
    ```
  }];
  let options = [
    Option<"rules", "rules", "std::string", /*default=*/"",
           "The rules as JSON">,
    Option<"config", "config", "std::string", /*default=*/"",
           "A file with the rules as JSON">,
    Option<"strategy", "strategy", "std::string", /*default=*/"\"hessian\"",
           "What a budget is spent by: hessian, gradient, entropy or "
           "uniform">,
    Option<"budget", "budget", "std::string", /*default=*/"",
           "What the weights of the layers that get a candidate may take: bpw=3.5 "
           "(bits for each), bytes=1000000, or reduction=50% (of f16)">,
    ListOption<"candidates", "candidates", "std::string",
               "Methods to choose among with a budget">,
  ];
  let statistics = [
    Statistic<"numAssigned", "assigned", "Layers with an encoding now">,
    Statistic<"numBytes", "bytes", "Bytes of weights that the budget was spent on">,
  ];
  let dependentDialects = ["::lowbit::LowbitDialect"];
}

#endif // LOWBIT_TRANSFORMS_CALIBRATIONPASSES
