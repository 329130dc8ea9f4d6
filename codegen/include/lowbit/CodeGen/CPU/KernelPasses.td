//===- KernelPasses.td - layers to CPU kernels -------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_KERNELPASSES
#define LOWBIT_CODEGEN_CPU_KERNELPASSES

include "mlir/Pass/PassBase.td"

def SetCPUTargetPass : Pass<"lowbit-set-cpu-target", "::mlir::ModuleOp"> {
  let summary = "Choose the CPU that packing and lowering work for";
  let description = [{
    Sets the module attribute `lowbit.target` from a CPU's name.

    ```mlir
    module {}
    ```
    becomes, with `cpu=znver5`,
    ```mlir
    module attributes {lowbit.target = #lowbit.cpu<avx512_bf16>} {}
    ```
  }];
  let options = [
    Option<"cpu", "cpu", "std::string", "\"native\"",
           "native (this machine), portable, or a CPU's name as LLVM knows it">,
    Option<"triple", "triple", "std::string", "\"\"",
           "LLVM's name of the machine, such as aarch64-linux-gnu; empty for this one">,
    Option<"replace", "replace", "bool", "true",
           "Replace a target that the module has already">,
    Option<"keepsOthers", "keep-others", "bool", "false",
           "Leave a target that the module has already if it is no CPU">];
  let dependentDialects = ["::lowbit::LowbitDialect"];
  let statistics = [Statistic<"numSet", "set", "Targets set">];
}

def LowerToCPUKernelsPass
    : Pass<"lowbit-lower-to-cpu-kernels", "::mlir::ModuleOp"> {
  let summary = "Replace packed linear layers by calls of generated kernels";
  let description = [{
    Needs weights packed for `#lowbit.cpu` (`lowbit-pack-weights`) and inputs
    quantized in the segments that go with them. Each `lowbit.quantize` becomes
    a call of a panel kernel and each `lowbit.linear` a call of a product
    kernel; the kernels, emitted once per encoding, panel and epilogue, read the
    packed bits. Shapes are arguments of the kernels. Kernels compute in f32;
    inputs and results of f16 and bf16 are converted around them. Columns that
    `lowbit-reorder-columns` gathers are gathered by the panel kernel. A `lowbit.embedding` of a dense quantized
    table becomes a call of a kernel that decodes rows. A layer that has no kernel
    keeps its form, for `lowbit-lower-to-linalg`, and a remark says why.

    ```mlir
    %q = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a16>
    %y = lowbit.linear %q, %w : !lowbit.tensor<?x64xf32, #a16>,
        !lowbit.tensor<32x64xf32, #int4, #lowbit.planes<rows = 32, padding = 4>> -> tensor<?x32xf32>
    ```
    becomes
    ```mlir
    %p = lowbit.call_kernel @lowbit_panel_a16x32 tiles(%rows) grain(%g0)
        ins(%xs, %k : tensor<?xf32>, index) outs(%e0 : tensor<?xi8>)
    %y = lowbit.call_kernel @lowbit_linear_encoding_int_4_... tiles(%blocks) grain(%g1)
        ins(%w, %p, ... : ...) outs(%e1 : tensor<?xf32>)
    ```
  }];
  let options = [
    Option<"floatActivations", "float-activations", "bool", "false",
           "Multiply by f32 activations instead of their quantized form, where "
           "a 16-bit quantization was the target's own choice">,
    Option<"rowTile", "row-tile", "int64_t", "CPUTuning().kernelRows",
           "Most rows of activations that share decoded codes, as far as the "
           "target has registers, a power of two; twice as many share codes "
           "that are joined of several fields">,
    Option<"columnChunk", "column-chunk", "int64_t", "CPUTuning().kernelColumns",
           "Columns of the innermost loop's body">,
    Option<"prefetchBytes", "prefetch-bytes", "int64_t", "CPUTuning().prefetchBytes",
           "Bytes that packed codes are prefetched ahead for a single row; 0 for "
           "not at all">,
    Option<"prefetchLevel", "prefetch-level", "int64_t", "CPUTuning().prefetchLevel",
           "The first cache that they are prefetched into, 1 to 3">,
    Option<"chainedSums", "chained-sums", "int64_t", "CPUTuning().chainedSums",
           "Most accumulators of a single row that get a second chain of "
           "products, so that none waits for the one before">,
    Option<"tileRows", "tile-rows", "int64_t", "CPUTuning().tileRows",
           "Where the target multiplies tiles: the least rows of activations, of "
           "16, that are multiplied so; half as many again where segments have "
           "less than 64 columns. Layers in bf16 need more: in tiles twice as "
           "many, or sixteen times where tiles of bytes are full; in registers, "
           "where there are no tiles, four times">,
    Option<"unpackedRows", "unpacked-rows", "int64_t", "CPUTuning().unpackedRows",
           "Rows of weights that are decoded for tiles at a time; a power of two">,
    Option<"taskProducts", "task-products", "int64_t", "CPUTuning().taskProducts",
           "Products that are worth handing to another thread">,
    Option<"taskValues", "task-values", "int64_t", "CPUTuning().taskValues",
           "Values that are worth the same where they are only quantized or "
           "decoded">];
  let dependentDialects = [
    "::mlir::amx::AMXDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect",
    "::mlir::vector::VectorDialect", "::mlir::x86vector::X86VectorDialect",
    "::lowbit::LowbitDialect"];
  let statistics = [
    Statistic<"numCalls", "linear-calls", "Linear layers that call a kernel">,
    Statistic<"numEmbeddings", "embedding-calls", "Embeddings that call a kernel">,
    Statistic<"numKernels", "kernels", "Kernels emitted">];
}

def ExpandKernelCallsPass
    : Pass<"lowbit-expand-kernel-calls", "::mlir::func::FuncOp"> {
  let summary = "Turn kernel calls on buffers into parallel loops over tiles";
  let description = [{
    Needs bufferized `lowbit.call_kernel` ops. Each becomes an `scf.parallel`
    whose tasks call the kernel for `grain` tiles. Tasks write disjoint parts of
    the output, so the result doesn't depend on how they are scheduled.

    ```mlir
    lowbit.call_kernel @k tiles(%n) grain(%g) ins(%w : memref<?xi8>) outs(%y : memref<?xf32>)
    ```
    becomes
    ```mlir
    scf.parallel (%t) = (%c0) to (%n) step (%g) {
      %next = arith.addi %t, %g : index
      %end = arith.minsi %next, %n : index
      func.call @k(%w, %y, %t, %end) : (...)
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
  let statistics = [Statistic<"numExpanded", "expanded", "Calls turned into loops">];
}

def LowerDot4Pass : Pass<"lowbit-lower-dot4", "::mlir::ModuleOp"> {
  let summary = "Lower the four-way dot product for the module's target";
  let description = [{
    The op becomes what the module's `lowbit.target` has (`portable` without
    one): `vpdpbusd`, `usdot` or `sdot`, each one instruction; `vpmaddubsw`,
    `smull` or a multiplication of vectors of 16-bit integers, whose results
    can't hold four products of any bytes. There, as many ops of a chain as
    their `upto` bounds allow are added before one widening; an op without a
    bound is multiplied in wider steps. Every form is exact. Products of 16-bit
    words whose neighbours are added become `i32x4.dot_i16x8_s`, which LLVM does
    not find behind masks. Two conversions to bf16 whose numbers alternate, as
    factors of `vdpbf16ps` do, become one `vcvtne2ps2bf16` and a permutation.

    ```mlir
    %r = lowbit.dot4 %a, %u, %s : vector<16xi32>, vector<64xi8>
    ```
    becomes
    ```mlir
    %r = llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%a, %u, %s) : ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::vector::VectorDialect"];
  let statistics = [Statistic<"numLowered", "lowered", "Dot products lowered">];
}

def LowerLutPass : Pass<"lowbit-lower-lut", "::mlir::ModuleOp"> {
  let summary = "Lower tables of bytes for the module's target";
  let description = [{
    The op becomes what the module's `lowbit.target` has (`portable` without
    one): `vpermb` and `vpermi2b`, `vpshufb`, or `tbl`. A table that is larger
    than what these take is cut in halves, among which bits of the index select.
    Elsewhere, and where there would be too many parts, bytes are loaded from a
    constant of the module. `lowbit.windows` becomes `vpermb` and
    `vpmultishiftqb`, or shifts of lanes.

    ```mlir
    %r = lowbit.lut %i, [1, 2] : vector<64xi8>
    ```
    becomes
    ```mlir
    %t = arith.constant dense<[1, 2, 1, 2, ...]> : vector<64xi8>
    %r = llvm.call_intrinsic "llvm.x86.avx512.permvar.qi.512"(%t, %i) : ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect"];
  let statistics = [Statistic<"numLowered", "lowered", "Look-ups lowered">];
}

def EmulateTilesPass : Pass<"lowbit-emulate-tiles", "::mlir::func::FuncOp"> {
  let summary = "Compute tiles of AMX without it";
  let description = [{
    Replaces ops of the `amx` dialect by loops over rows of buffers, which
    compute the same numbers on every machine: so kernels for tiles are tested
    where there are none. A tile of a type is what its shape has of the 16 rows
    of 64 bytes of a register. Products of bytes wrap around in 32 bits, as those
    of `tdpbssd` and its kind do; those of bf16 are added up in the order of
    `tdpbf16ps`, even and odd columns apart, and subnormal numbers are zeros.

    Tiles may be carried by loops as long as each sum stays in its place.

    ```mlir
    %c = amx.tile_zero : !amx.tile<16x16xi32>
    ```
    becomes
    ```mlir
    scf.for %row = %c0 to %c16 step %c1 {
      %i = arith.muli %row, %c64 : index
      vector.store %zero, %buffer[%i] : memref<1024xi8>, vector<64xi8>
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
  let statistics = [Statistic<"numEmulated", "emulated", "Operations replaced">];
}

#endif // LOWBIT_CODEGEN_CPU_KERNELPASSES
