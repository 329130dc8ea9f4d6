/*===- Program.h - what a compiled model tells the run time -------*- C -*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* The contract between objects that quant-opt writes and the run-time        *|
|* library that loads their weights and runs them. Programs use the header    *|
|* that is written beside the object instead: its functions call these.       *|
|*                                                                            *|
|* All structures consist of words of 64 bits, so that the compiler can write *|
|* them as constants without knowing the C compiler of the program.           *|
\*===----------------------------------------------------------------------===*/

#ifndef LOWBIT_RUNTIME_PROGRAM_H
#define LOWBIT_RUNTIME_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Version of the structures below. An object of another version is refused. */
#define LOWBIT_ABI 3

/** Extents of a tensor that are known only when the model runs: one without a
    name, and the symbol with number 0. Symbol `i` is `LOWBIT_SYMBOL - i`. */
#define LOWBIT_UNKNOWN (-1)
#define LOWBIT_SYMBOL (-2)

/** The largest rank of a tensor. */
#define LOWBIT_MAX_RANK 16

/** An input, an output or a weight. */
typedef struct lowbit_tensor {
  const char *name;
  /** Element type as a safetensors header spells it, such as "F32". */
  const char *type;
  uint64_t element_bytes;
  uint64_t rank;
  /** `rank` extents; negative ones as above. */
  const int64_t *shape;
  /** Rows of the embedding that an input's elements, signed integers, are
      indices into; 0 for other tensors. */
  uint64_t table_rows;
} lowbit_tensor;

/** Code that extends a text: by some tokens, or by one. Arguments are those of
    `run` below, and behind the inputs the workspace, if there is one. */
typedef struct lowbit_step {
  void (*run)(void **arguments, const void *const *weights);
  /** Bytes that it computes in, or LOWBIT_UNKNOWN for one that allocates. */
  int64_t workspace;
} lowbit_step;

/** Code for one kind of processor. */
typedef struct lowbit_variant {
  /** The processor's name, as the compiler was told. */
  const char *cpu;
  /** What the processor must have, by LLVM's names, separated by commas. */
  const char *features;
  /** Which of the program's weights the code reads. */
  uint64_t num_weights;
  const uint64_t *weights;
  /** Runs the model. `arguments` are a buffer for the memref descriptors of all
      outputs, one after another (if there are any), and a descriptor for each
      input; `weights` has the addresses of the weights above. */
  void (*run)(void **arguments, const void *const *weights);
  /** In the place of `run` where the program has states: for some tokens, and
      for one. */
  const lowbit_step *steps;
} lowbit_variant;

/** What extents of the inputs must satisfy beyond their types. */
typedef struct lowbit_requirement {
  /** For people, such as "64 >= past + seq". */
  const char *text;
  /** Pairs of an input's number and an axis. */
  uint64_t num_extents;
  const uint64_t *extents;
  /** Whether the values of these extents, in their order, satisfy it. */
  int (*holds)(const int64_t *values);
} lowbit_requirement;

/** A compiled model. */
typedef struct lowbit_program {
  uint64_t abi;
  const char *name;
  /** What the weights are, beyond names, types and shapes: a digest of their
      encodings and layouts, which a file of weights for this program repeats.
   */
  const char *structure;
  uint64_t num_inputs;
  const lowbit_tensor *inputs;
  uint64_t num_outputs;
  const lowbit_tensor *outputs;
  uint64_t num_weights;
  const lowbit_tensor *weights;
  /** Names of the symbols in shapes. */
  uint64_t num_symbols;
  const char *const *symbols;
  uint64_t num_requirements;
  const lowbit_requirement *requirements;
  /** Variants in order of preference. */
  uint64_t num_variants;
  const lowbit_variant *variants;
  /** A safetensors file inside of the program, or null. */
  const void *embedded;
  uint64_t embedded_bytes;
  /** Inputs that are states of a text, the last ones: behind its tokens, [1,
     ?], and the position of the first of them. 0 for other programs. Inputs are
      those of the step of some tokens; outputs of the other one differ in
      extents alone. */
  uint64_t num_states;
  /** Tokens that fit into the states. */
  int64_t max_length;
} lowbit_program;

/** Results of the functions below. Generated headers repeat them. */
enum {
  LOWBIT_OK = 0,
  LOWBIT_ERROR_FILE = 1,
  LOWBIT_ERROR_FORMAT = 2,
  LOWBIT_ERROR_CHECKSUM = 3,
  LOWBIT_ERROR_WEIGHTS = 4,
  LOWBIT_ERROR_ARGUMENT = 5,
  LOWBIT_ERROR_CAPACITY = 6,
  LOWBIT_ERROR_MEMORY = 7,
  LOWBIT_ERROR_PROCESSOR = 8
};

/** A program with its weights. */
typedef struct lowbit_model lowbit_model;

/** Maps the weights at `path`, which must keep its contents while it is in use,
    checks them and binds them. */
int lowbit_load_file(const lowbit_program *program, const char *path,
                     lowbit_model **model);

/** The same with the weights read into the process's own memory, in large pages
    where the system has them. */
int lowbit_load_resident(const lowbit_program *program, const char *path,
                         lowbit_model **model);

/** The same for weights in memory, which stay the caller's and must outlive the
    model. Null stands for the weights inside of the program. */
int lowbit_load_memory(const lowbit_program *program, const void *bytes,
                       uint64_t size, lowbit_model **model);

/** Frees a model; null is allowed. */
void lowbit_free(lowbit_model *model);

/** Threads of later runs; 0 leaves the choice to OpenMP. */
void lowbit_set_threads(lowbit_model *model, int threads);

/** The variant that was chosen for this processor. */
const char *lowbit_get_cpu(const lowbit_model *model);

/**
 * Runs a model. `inputs` holds, for each input, a pointer to its elements and
 * then `rank` extents. `outputs` holds, for each output, a pointer to its
 * elements, `rank` extents, the capacity in bytes, and a pointer that is not
 * null if the run time owns the elements.
 */
int lowbit_run(lowbit_model *model, const void *inputs, void *outputs);

/** Sets the extents of `outputs` that follow from those of `inputs`; others
    become -1. Elements are not looked at. */
int lowbit_infer(const lowbit_program *program, const void *inputs,
                 void *outputs);

/** Frees the elements that the run time owns, and clears `outputs`. */
void lowbit_release(const lowbit_program *program, void *outputs);

/** A text in the making: states, and memory to compute in. */
typedef struct lowbit_text lowbit_text;

/** An empty text. It must be freed before the model. */
int lowbit_create_text(lowbit_model *model, lowbit_text **text);

/** Frees a text and the outputs that lie in it; null is allowed. */
void lowbit_free_text(lowbit_text *text);

/** Extends a text, whose tokens from `position` on are forgotten. `outputs`
    holds, for each output, a pointer to its elements, which stay the text's
    until it is next extended, and `rank` extents. */
int lowbit_prefill(lowbit_text *text, const void *tokens, int64_t count,
                   int64_t position, void *outputs);

/** The same by one token. */
int lowbit_decode(lowbit_text *text, int64_t token, int64_t position,
                  void *outputs);

/** Bytes of a text's states. */
uint64_t lowbit_get_cache_bytes(const lowbit_program *program);

/** What a result means, in a sentence. */
const char *lowbit_describe(int error);

/** What was wrong in the last call of this thread that failed. Valid until the
    next one. */
const char *lowbit_message(void);

/** Memory of compiled code, aligned to 64 bytes. */
void *lowbit_allocate(size_t size);
void lowbit_deallocate(void *memory);

#ifdef __cplusplus
}
#endif

#endif /* LOWBIT_RUNTIME_PROGRAM_H */
