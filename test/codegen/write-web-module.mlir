// What is no lowered model is refused, and leaves no file.

// RUN: rm -rf %t && mkdir %t
// RUN: not quant-opt %s -lowbit-write-web-module="output=%t/m.js" -o /dev/null 2>&1 | FileCheck %s
// RUN: not quant-opt %s -lowbit-write-web-module="output=%t/m.json" -o /dev/null 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: %python -c "import os; print(os.listdir('%t'))" | FileCheck %s --check-prefix=FILES

// CHECK: a web module requires a function that launches kernels, found none; lower the model first (one that computes no numbers has no kernels)
// NAME: output requires a name that ends in .js, found '{{.*}}m.json'
// FILES: []
func.func @main() { return }
