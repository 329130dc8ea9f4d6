/*===- Load.c - binding weights to a program ------------------------------===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* Weights are used where they lie, in a mapped file or in the program. A     *|
|* model is not changed after it is loaded, but for the memory that runs hand *|
|* on, so that any number of threads can run it at once.                      *|
\*===----------------------------------------------------------------------===*/

#include "Internal.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/** Writes a shape as "[1, 256]". */
static const char *print_shape(const int64_t *shape, uint64_t rank,
                               char text[static 256]) {
  int used = snprintf(text, 256, "[");
  for (uint64_t i = 0; i < rank && used < 230; ++i)
    used += snprintf(text + used, 256 - used, "%s%" PRId64, i ? ", " : "",
                     shape[i]);
  snprintf(text + used, 256 - used, "]");
  return text;
}

/** The bytes of a weight of the program in the file. */
static int find_weight(const lowbit_file *file, const lowbit_tensor *weight,
                       const void **data, uint64_t *size) {
  const lowbit_entry *entry = lowbit_find_entry(file, weight->name);
  if (!entry)
    return lowbit_fail(LOWBIT_ERROR_WEIGHTS,
                       "the weights have no tensor '%s': they are not for "
                       "this program",
                       weight->name);
  *size = weight->element_bytes;
  for (uint64_t i = 0; i < weight->rank; ++i)
    *size *= (uint64_t)weight->shape[i];
  char wanted[256], found[256];
  if (strcmp(entry->type, weight->type) != 0 || entry->rank != weight->rank ||
      memcmp(entry->shape, weight->shape, 8 * weight->rank) != 0)
    return lowbit_fail(LOWBIT_ERROR_WEIGHTS,
                       "tensor '%s' must be %s %s, the weights have %s %s: "
                       "they are not for this program",
                       weight->name, weight->type,
                       print_shape(weight->shape, weight->rank, wanted),
                       entry->type,
                       print_shape(entry->shape, entry->rank, found));
  if (entry->end - entry->begin != *size)
    return lowbit_fail(LOWBIT_ERROR_FORMAT,
                       "tensor '%s' must have %" PRIu64
                       " bytes, the weights have %" PRIu64,
                       weight->name, *size, entry->end - entry->begin);
  *data = file->data + entry->begin;
  return LOWBIT_OK;
}

static int bind(lowbit_model *model, const lowbit_file *file) {
  const lowbit_program *program = model->program;
  // Tensors of one name, type and shape can be codes of different encodings.
  if (file->structure && strcmp(file->structure, program->structure) != 0)
    return lowbit_fail(LOWBIT_ERROR_WEIGHTS,
                       "the weights must have structure %s, found %.16s: they "
                       "are not for this program",
                       program->structure, file->structure);
  for (uint64_t i = 0; i < model->variant->num_weights; ++i) {
    const lowbit_tensor *weight = &program->weights[model->variant->weights[i]];
    uint64_t size = 0;
    int error = find_weight(file, weight, &model->weights[i], &size);
    if (error)
      return error;
    if ((uintptr_t)model->weights[i] % weight->element_bytes == 0)
      continue;
    model->copies[i] = lowbit_allocate_block(size);
    if (!model->copies[i])
      return lowbit_fail(LOWBIT_ERROR_MEMORY, "no memory for weight '%s'",
                         weight->name);
    model->weights[i] = memcpy(model->copies[i], model->weights[i], size);
  }
  return LOWBIT_OK;
}

static int create(const lowbit_program *program, lowbit_model **model) {
  *model = NULL;
  if (program->abi != LOWBIT_ABI)
    return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                       "the program was compiled for version %" PRIu64
                       " of the run time, this is %d",
                       program->abi, LOWBIT_ABI);
  const lowbit_variant *variant;
  int error = lowbit_choose_variant(program, &variant);
  if (error)
    return error;
  lowbit_model *result = calloc(1, sizeof(lowbit_model));
  size_t count = variant->num_weights + 1;
  if (result) {
    result->program = program;
    result->variant = variant;
    result->weights = calloc(count, sizeof(void *));
    result->copies = calloc(count, sizeof(void *));
  }
  if (!result || !result->weights || !result->copies) {
    lowbit_free(result);
    return lowbit_fail(LOWBIT_ERROR_MEMORY, "no memory for a model");
  }
  *model = result;
  return LOWBIT_OK;
}

/** Checks and binds; on an error the model is freed. */
static int load(lowbit_model **model, const void *bytes, uint64_t size) {
  lowbit_file file;
  int error = lowbit_parse_file(bytes, size, &file);
  if (!error) {
    error = lowbit_check_file(&file);
    if (!error)
      error = bind(*model, &file);
    lowbit_free_file(&file);
  }
  if (error) {
    lowbit_free(*model);
    *model = NULL;
  }
  return error;
}

void *lowbit_map_memory(uint64_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return NULL;
#ifdef MADV_HUGEPAGE
  // It is only faster; a system without large pages says no.
  (void)madvise(memory, size, MADV_HUGEPAGE);
#endif
  return memory;
}

/** Reads the file into memory of its own. */
static int read_file(int descriptor, const char *path, uint64_t size,
                     void **mapping) {
  char *memory = lowbit_map_memory(size);
  if (!memory)
    return lowbit_fail(LOWBIT_ERROR_MEMORY,
                       "no memory for %" PRIu64 " bytes of weights", size);
  for (uint64_t done = 0; done < size;) {
    ssize_t count = read(descriptor, memory + done, size - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      const char *reason = count < 0 ? strerror(errno) : "became shorter";
      munmap(memory, size);
      return lowbit_fail(LOWBIT_ERROR_FILE, "%s: %s", path, reason);
    }
    done += (uint64_t)count;
  }
  *mapping = memory;
  return LOWBIT_OK;
}

/** The file's bytes, mapped, or read if they are to be `resident`. */
static int map_file(const char *path, int resident, void **mapping,
                    uint64_t *size) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (descriptor < 0 || fstat(descriptor, &status) != 0) {
    int error = lowbit_fail(LOWBIT_ERROR_FILE, "%s: %s", path, strerror(errno));
    if (descriptor >= 0)
      close(descriptor);
    return error;
  }
  if (!S_ISREG(status.st_mode) || status.st_size == 0) {
    close(descriptor);
    return lowbit_fail(LOWBIT_ERROR_FILE, "%s: is %s", path,
                       S_ISREG(status.st_mode) ? "empty" : "no regular file");
  }
  *size = (uint64_t)status.st_size;
  if (resident) {
    int error = read_file(descriptor, path, *size, mapping);
    close(descriptor);
    return error;
  }
  *mapping = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  int reason = errno;
  close(descriptor);
  if (*mapping == MAP_FAILED)
    return lowbit_fail(LOWBIT_ERROR_FILE, "%s: %s", path, strerror(reason));
  return LOWBIT_OK;
}

static int load_path(const lowbit_program *program, const char *path,
                     int resident, lowbit_model **model) {
  if (!model || !path)
    return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                       "loading requires a path and a place for the model");
  int error = create(program, model);
  if (error)
    return error;
  void *mapping;
  uint64_t size = 0;
  error = map_file(path, resident, &mapping, &size);
  if (error) {
    lowbit_free(*model);
    *model = NULL;
    return error;
  }
  (*model)->mapping = mapping;
  (*model)->mapping_bytes = size;
  return load(model, mapping, size);
}

int lowbit_load_file(const lowbit_program *program, const char *path,
                     lowbit_model **model) {
  return load_path(program, path, /*resident=*/0, model);
}

int lowbit_load_resident(const lowbit_program *program, const char *path,
                         lowbit_model **model) {
  return load_path(program, path, /*resident=*/1, model);
}

int lowbit_load_memory(const lowbit_program *program, const void *bytes,
                       uint64_t size, lowbit_model **model) {
  if (!model)
    return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                       "loading requires a place for the model");
  *model = NULL;
  if (!bytes) {
    bytes = program->embedded;
    size = program->embedded_bytes;
  }
  if (!bytes)
    return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                       "the program holds no weights: load them from a file");
  int error = create(program, model);
  return error ? error : load(model, bytes, size);
}

void lowbit_free(lowbit_model *model) {
  if (!model)
    return;
  for (uint64_t i = 0; model->copies && i < model->variant->num_weights; ++i)
    lowbit_deallocate(model->copies[i]);
  lowbit_free_blocks(model->spare);
  if (model->mapping)
    munmap(model->mapping, model->mapping_bytes);
  free(model->copies);
  free(model->weights);
  free(model);
}

void lowbit_set_threads(lowbit_model *model, int threads) {
  if (model)
    model->threads = threads < 0 ? 0 : threads;
}

const char *lowbit_get_cpu(const lowbit_model *model) {
  return model ? model->variant->cpu : NULL;
}
