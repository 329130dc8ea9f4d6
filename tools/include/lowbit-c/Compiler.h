/*===-- lowbit-c/Compiler.h - models in, artefacts and results out -*- C -*-==*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* Compiling and running a model. Nothing here needs a header or an object of *|
|* MLIR.                                                                      *|
|*                                                                            *|
|* Ownership: the caller owns what a function returns or writes through a     *|
|* pointer to a pointer, and releases it with the Destroy function of its     *|
|* kind; each of those takes null. Strings and arrays reached through an      *|
|* object live as long as the object. Arguments are never kept.               *|
|*                                                                            *|
|* Errors: functions that can fail return null on success, or an error with a *|
|* message in UTF-8, and then write nothing through their pointers and leave  *|
|* no file behind. A null that is not allowed is such an error; functions     *|
|* that only look at an object find nothing in null.                          *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef LOWBIT_C_COMPILER_H
#define LOWBIT_C_COMPILER_H

#include "lowbit-c/Support.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Why a call failed. */
typedef struct LowbitError LowbitError;

LOWBIT_EXPORTED const char *lowbitErrorGetMessage(const LowbitError *error);
LOWBIT_EXPORTED void lowbitErrorDestroy(LowbitError *error);

/*===----------------------------------------------------------------------===*\
|* Compiling                                                                  *|
\*===----------------------------------------------------------------------===*/

/** How a model is compiled. Set `size` with LOWBIT_COMPILE_OPTIONS_INIT, which
 * leaves every other member at its default, zero; members are added at the end
 * only, and a library takes those it doesn't find for zero. */
typedef struct LowbitCompileOptions {
  /** Bytes of the structure that the caller was compiled with. */
  size_t size;
  /** Quantization method, such as "int4-g32"; null keeps weights as they are.
   */
  const char *method;
  /** How scales are found: "mse" (also if null) or "absmax". */
  const char *scaleSearch;
  /** CPU to pack for by LLVM's name, "native" or "portable"; null leaves
   * weights dense in an artefact, and means this machine for a model that is
   * run. */
  const char *cpu;
  /** Quantize embedding tables and the output head, too. */
  bool includeEmbeddings;
  /** Fail if a weight stays float that was to be quantized. */
  bool strict;
  /** "name=value" for symbolic dimensions of an ONNX model. */
  const char *const *dimensions;
  size_t numDimensions;
  /** Threads of a model that is run; 0 leaves the choice to OpenMP. */
  unsigned threads;
  /** Called with each remark, such as that a layer has no kernel, before the
   * call that made it returns; null drops them. */
  void (*remark)(const char *text, void *remarkData);
  void *remarkData;
} LowbitCompileOptions;

#define LOWBIT_COMPILE_OPTIONS_INIT                                            \
  {sizeof(LowbitCompileOptions), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/** Compiles the model at `input` (.onnx, or .mlir and .mlirbc with their
 * sidecar) and writes the artefact `output` (.mlir, or .mlirbc for bytecode)
 * with its sidecar. Null `options` are the defaults. */
LOWBIT_EXPORTED LowbitError *lowbitCompile(const char *input,
                                           const char *output,
                                           const LowbitCompileOptions *options);

/*===----------------------------------------------------------------------===*\
|* Running                                                                    *|
\*===----------------------------------------------------------------------===*/

/** Element types of inputs and outputs. Numbers never change; new ones come
 * last. */
typedef enum LowbitElementType LOWBIT_ANY_INT {
  LowbitElementTypeBool = 0,
  LowbitElementTypeI8 = 1,
  LowbitElementTypeU8 = 2,
  LowbitElementTypeI16 = 3,
  LowbitElementTypeU16 = 4,
  LowbitElementTypeI32 = 5,
  LowbitElementTypeU32 = 6,
  LowbitElementTypeI64 = 7,
  LowbitElementTypeU64 = 8,
  LowbitElementTypeF8E4M3 = 9,
  LowbitElementTypeF8E5M2 = 10,
  LowbitElementTypeF16 = 11,
  LowbitElementTypeBF16 = 12,
  LowbitElementTypeF32 = 13,
  LowbitElementTypeF64 = 14,
  LowbitElementTypeF8E8M0 = 15,
} LowbitElementType;

/** Bytes of one element; 0 for what is no element type. */
LOWBIT_EXPORTED size_t lowbitElementTypeGetSize(LowbitElementType type);

/** A dense row-major tensor, or the description of one. */
typedef struct LowbitTensor {
  /** Name of an input or output; ignored in arguments of lowbitRun. */
  const char *name;
  LowbitElementType type;
  size_t rank;
  /** Extents; -1 in a description is known only when the model runs. */
  const int64_t *shape;
  /** The elements; null in a description. Aligned for the element type. */
  const void *data;
} LowbitTensor;

/** A model that was loaded and compiled for this machine. Models are
 * independent of each other; one model runs on one thread at a time. */
typedef struct LowbitModel LowbitModel;

/** Reads the same files as lowbitCompile, an artefact usually, and makes a
 * model that runs; the file's weights stay mapped. */
LOWBIT_EXPORTED LowbitError *
lowbitModelLoad(const char *path, const LowbitCompileOptions *options,
                LowbitModel **model);
LOWBIT_EXPORTED void lowbitModelDestroy(LowbitModel *model);

/** Inputs and outputs of a model, in the order in which lowbitRun takes and
 * gives them. They belong to the model. */
LOWBIT_EXPORTED size_t lowbitModelGetNumInputs(const LowbitModel *model);
LOWBIT_EXPORTED const LowbitTensor *
lowbitModelGetInputs(const LowbitModel *model);
LOWBIT_EXPORTED size_t lowbitModelGetNumOutputs(const LowbitModel *model);
LOWBIT_EXPORTED const LowbitTensor *
lowbitModelGetOutputs(const LowbitModel *model);

/** What a run returned. */
typedef struct LowbitResults LowbitResults;

/** Runs `model` on `inputs`, which are read only. An input whose type, rank or
 * extent differs from the model's is an error. */
LOWBIT_EXPORTED LowbitError *lowbitRun(LowbitModel *model,
                                       const LowbitTensor *inputs,
                                       size_t numInputs,
                                       LowbitResults **results);
LOWBIT_EXPORTED void lowbitResultsDestroy(LowbitResults *results);

/** The outputs. They belong to the results, which outlive their model if need
 * be. */
LOWBIT_EXPORTED size_t lowbitResultsGetNumOutputs(const LowbitResults *results);
LOWBIT_EXPORTED const LowbitTensor *
lowbitResultsGetOutputs(const LowbitResults *results);

#ifdef __cplusplus
}
#endif

#endif /* LOWBIT_C_COMPILER_H */
