/*===-- lowbit-c/Passes.h - C API of the passes -------------------*- C -*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* Passes and pipelines by name, for `mlirParsePassPipeline` and              *|
|* `mlirOpPassManagerAddPipeline`.                                            *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef LOWBIT_C_PASSES_H
#define LOWBIT_C_PASSES_H

#include "mlir-c/Support.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Registers the project's passes and pipelines, such as `lowbit-raise` and
 * `lowbit-quantize`, and the upstream passes that are useful between them.
 * Further calls do nothing. */
MLIR_CAPI_EXPORTED void lowbitRegisterPasses(void);

#ifdef __cplusplus
}
#endif

#endif /* LOWBIT_C_PASSES_H */
