// RUN: not quant-opt %s --lowbit-lower-to-cpu-kernels=row-tile=3 2>&1 | FileCheck %s --check-prefix=ROWS
// ROWS: error: row-tile requires a power of two from 1 to 16, found 3
// RUN: not quant-opt %s --lowbit-lower-to-cpu-kernels=prefetch-bytes=-64 2>&1 | FileCheck %s --check-prefix=BYTES
// BYTES: error: prefetch-bytes requires an integer from 0 to 65536, found -64
// RUN: not quant-opt %s --lowbit-lower-to-cpu-kernels=task-products=0 2>&1 | FileCheck %s --check-prefix=TASK
// TASK: error: task-products requires a power of two from 1024 to 1073741824, found 0

module {}
