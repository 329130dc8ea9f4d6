// RUN: not quant-opt %s --lowbit-raise-linear=disable-patterns=qkv 2>&1 | FileCheck %s --check-prefix=RAISE
// RUN: not quant-opt %s --lowbit-raise-attention=disable-patterns=softmax 2>&1 | FileCheck %s --check-prefix=ATTENTION
// RUN: not quant-opt %s --lowbit-fuse-epilogue=disable-patterns=bias 2>&1 | FileCheck %s --check-prefix=EPILOGUE
// RUN: not quant-opt %s --lowbit-merge-linears=disable-patterns=conv 2>&1 | FileCheck %s --check-prefix=MERGE
// RUN: not quant-opt %s --lowbit-fuse=disable-patterns=linear 2>&1 | FileCheck %s --check-prefix=PHASE
// RUN: not quant-opt %s --quantize=int4 --disable-patterns=qkv,all -o %t.mlir 2>&1 | FileCheck %s --check-prefix=DRIVER

// A name that no pattern has is an error that lists the names of the phase; the
// driver takes those of all phases.

// RAISE: error: 'lowbit-raise-linear' knows the patterns linear, embedding, conv, attention_pattern, found 'qkv'
// ATTENTION: error: 'lowbit-raise-attention' knows the patterns linear, embedding, conv, attention_pattern, found 'softmax'
// EPILOGUE: error: 'lowbit-fuse-epilogue' knows the patterns linear_bias, linear_activation, linear_residual, gated_linear, qkv, found 'bias'
// MERGE: error: 'lowbit-merge-linears' knows the patterns linear_bias, linear_activation, linear_residual, gated_linear, qkv, found 'conv'
// PHASE: error: 'lowbit-fuse-epilogue' knows the patterns {{.*}}, found 'linear'
// DRIVER: the patterns are linear, embedding, conv, attention_pattern, linear_bias, linear_activation, linear_residual, gated_linear, qkv; found 'all'
