// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=znver5 | FileCheck %s -DTABLE=avx512_bf16
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=znver4 | FileCheck %s -DTABLE=avx512_bf16
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=sapphirerapids | FileCheck %s -DTABLE=avx512_amx
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=emeraldrapids | FileCheck %s -DTABLE=avx512_amx
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=graniterapids | FileCheck %s -DTABLE=avx512_amx
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=icelake-server | FileCheck %s -DTABLE=avx512_vbmi
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=cooperlake | FileCheck %s -DTABLE=avx512_vnni
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=sierraforest | FileCheck %s -DTABLE=avx_vnni
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=haswell | FileCheck %s -DTABLE=avx2
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=x86-64-v3 | FileCheck %s -DTABLE=avx2
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=nehalem | FileCheck %s -DTABLE=portable
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=portable | FileCheck %s -DTABLE=portable

// Other machines by LLVM's names.
// RUN: quant-opt %s --lowbit-set-cpu-target="triple=aarch64-linux-gnu cpu=neoverse-v1" | FileCheck %s -DTABLE=neon_i8mm
// RUN: quant-opt %s --lowbit-set-cpu-target="triple=aarch64-linux-gnu cpu=neoverse-n1" | FileCheck %s -DTABLE=neon_dotprod
// RUN: quant-opt %s --lowbit-set-cpu-target="triple=aarch64-linux-gnu cpu=cortex-a72" | FileCheck %s -DTABLE=neon
// RUN: quant-opt %s --lowbit-set-cpu-target="triple=aarch64-linux-gnu cpu=portable" | FileCheck %s -DTABLE=portable
// RUN: quant-opt %s --lowbit-set-cpu-target="triple=riscv64-linux-gnu cpu=sifive-u74" | FileCheck %s -DTABLE=portable

// WebAssembly has extensions in place of processors; LLVM has names for some
// sets of them.
// RUN: quant-opt %s --lowbit-set-cpu-target="triple=wasm32 cpu=relaxed-simd" | FileCheck %s -DTABLE=wasm_relaxed
// RUN: quant-opt %s --lowbit-set-cpu-target="triple=wasm32 cpu=simd128" | FileCheck %s -DTABLE=wasm
// RUN: quant-opt %s --lowbit-set-cpu-target="triple=wasm32 cpu=bleeding-edge" | FileCheck %s -DTABLE=wasm_relaxed
// RUN: quant-opt %s --lowbit-set-cpu-target="triple=wasm32 cpu=portable" | FileCheck %s -DTABLE=portable
// RUN: not quant-opt %s --lowbit-set-cpu-target="triple=wasm32 cpu=znver5" 2>&1 | FileCheck %s --check-prefix=WASM
// RUN: not quant-opt %s --lowbit-set-cpu-target=cpu=simd128 2>&1 | FileCheck %s --check-prefix=NOWASM
// RUN: not quant-opt %s --lowbit-set-cpu-target="triple=wasm64 cpu=simd128" 2>&1 | FileCheck %s --check-prefix=WASM64
// WASM: cpu: requires native, portable, simd128, relaxed-simd or a name that LLVM knows for wasm32{{.*}}, found 'znver5'
// NOWASM: cpu: requires native, portable or a name that LLVM knows for {{.*}}, found 'simd128'
// WASM64: triple: requires a processor that LLVM's just-in-time compiler knows, or wasm32, found 'wasm64'

// A target that is there already stays if it is wanted.
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=znver5 \
// RUN:   --lowbit-set-cpu-target="cpu=portable replace=false" | FileCheck %s -DTABLE=avx512_bf16
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=znver5 \
// RUN:   --lowbit-set-cpu-target="cpu=portable keep-others" | FileCheck %s -DTABLE=portable
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=native | FileCheck %s --check-prefix=NATIVE

// One that is no CPU stays if it is wanted.
// RUN: echo 'module attributes {lowbit.target = "abacus"} {}' > %t
// RUN: quant-opt %t --lowbit-set-cpu-target="cpu=portable keep-others" | FileCheck %s --check-prefix=OTHER
// RUN: quant-opt %t --lowbit-set-cpu-target=cpu=portable | FileCheck %s -DTABLE=portable
// OTHER: module attributes {lowbit.target = "abacus"}

// RUN: not quant-opt %s --lowbit-set-cpu-target=cpu=z80 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not quant-opt %s --lowbit-set-cpu-target="triple=abacus cpu=z80" 2>&1 | FileCheck %s --check-prefix=TRIPLE
// RUN: not quant-opt %s --lowbit-set-cpu-target=triple=riscv64-linux-gnu 2>&1 | FileCheck %s --check-prefix=ELSEWHERE

// CHECK: module attributes {lowbit.target = #lowbit.cpu<[[TABLE]]>}
// NATIVE: module attributes {lowbit.target = #lowbit.cpu<
// UNKNOWN: cpu: requires native, portable or a name that LLVM knows for {{.*}}, found 'z80'
// TRIPLE: triple: requires one that LLVM knows, found 'abacus'
// ELSEWHERE: cpu: requires a name for riscv64-unknown-linux-gnu, since this machine is {{.*}}, found native
module {}
