// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=znver5 | FileCheck %s --check-prefix=VNNI
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=haswell | FileCheck %s --check-prefix=PORTABLE
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=portable | FileCheck %s --check-prefix=PORTABLE
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=znver5 \
// RUN:   --lowbit-set-cpu-target="cpu=portable replace=false" | FileCheck %s --check-prefix=VNNI
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=native | FileCheck %s
// RUN: not quant-opt %s --lowbit-set-cpu-target=cpu=z80 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// VNNI: module attributes {lowbit.target = #lowbit.cpu<avx512_vnni>}
// PORTABLE: module attributes {lowbit.target = #lowbit.cpu<portable>}
// CHECK: module attributes {lowbit.target = #lowbit.cpu<
// UNKNOWN: cpu: requires native, portable or a name that LLVM knows for {{.*}}, found 'z80'
module {}
