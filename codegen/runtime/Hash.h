/*===- Hash.h - what weights are checked by -----------------------*- C -*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef LOWBIT_RUNTIME_HASH_H
#define LOWBIT_RUNTIME_HASH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** XXH3 in 64 bits. */
uint64_t lowbit_hash(const void *bytes, uint64_t size);

#ifdef __cplusplus
}
#endif

#endif /* LOWBIT_RUNTIME_HASH_H */
