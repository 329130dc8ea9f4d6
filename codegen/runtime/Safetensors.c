/*===- Safetensors.c - weights in a file that nobody vouches for ----------===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* Eight bytes with the length of a JSON header, the header, the data. Of     *|
|* JSON the header has objects, arrays of integers, and strings.              *|
\*===----------------------------------------------------------------------===*/

#include "Internal.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kLengthBytes = 8 };

typedef struct parser {
  const char *at, *end;
  /** Where the next decoded string goes. No string is longer decoded than in
      the header with its quotes, so memory of the header's size is enough. */
  char *out;
} parser;

static int malformed(const char *what) {
  return lowbit_fail(LOWBIT_ERROR_FORMAT,
                     "the header of the weights is malformed: %s", what);
}

static void skip_space(parser *p) {
  while (p->at < p->end && strchr(" \t\r\n", *p->at) && *p->at)
    ++p->at;
}

/** Whether `c` is next; if so, goes past it. */
static int accept(parser *p, char c) {
  skip_space(p);
  if (p->at == p->end || *p->at != c)
    return 0;
  ++p->at;
  return 1;
}

static int parse_hex(parser *p, uint32_t *code) {
  if (p->end - p->at < 4)
    return 0;
  *code = 0;
  for (int i = 0; i < 4; ++i) {
    const char *digits = "0123456789abcdef0123456789ABCDEF";
    const char *digit = *p->at ? strchr(digits, *p->at) : NULL;
    if (!digit)
      return 0;
    *code = *code * 16 + (uint32_t)(digit - digits) % 16;
    ++p->at;
  }
  return 1;
}

static void put_utf8(parser *p, uint32_t code) {
  int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static const unsigned char kFirst[] = {0x00, 0xC0, 0xE0, 0xF0};
  *p->out++ = (char)(kFirst[more] | (code >> (6 * more)));
  while (more-- > 0)
    *p->out++ = (char)(0x80 | ((code >> (6 * more)) & 0x3F));
}

/** What follows a backslash. */
static int parse_escape(parser *p) {
  static const char kNames[] = "\"\\/bfnrt", kValues[] = "\"\\/\b\f\n\r\t";
  char c = p->at < p->end ? *p->at++ : '\0';
  const char *found = c ? strchr(kNames, c) : NULL;
  if (found) {
    *p->out++ = kValues[found - kNames];
    return 1;
  }
  uint32_t code, low;
  if (c != 'u' || !parse_hex(p, &code))
    return 0;
  // The second half of a pair, alone, is no character.
  if (code >= 0xDC00 && code <= 0xDFFF)
    return 0;
  if (code >= 0xD800 && code < 0xDC00) {
    if (p->end - p->at < 2 || p->at[0] != '\\' || p->at[1] != 'u')
      return 0;
    p->at += 2;
    if (!parse_hex(p, &low) || low < 0xDC00 || low > 0xDFFF)
      return 0;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  // A zero would end the name early, and make two names one.
  if (code == 0)
    return 0;
  put_utf8(p, code);
  return 1;
}

static int parse_string(parser *p, const char **text) {
  if (!accept(p, '"'))
    return malformed("a string is required");
  *text = p->out;
  while (p->at < p->end && *p->at != '"') {
    char c = *p->at++;
    if ((unsigned char)c < 0x20)
      return malformed("a string has a control character");
    if (c != '\\')
      *p->out++ = c;
    else if (!parse_escape(p))
      return malformed("a string has a bad escape");
  }
  if (!accept(p, '"'))
    return malformed("a string has no end");
  *p->out++ = '\0';
  return LOWBIT_OK;
}

/** An array of at most `capacity` non-negative integers. */
static int parse_integers(parser *p, int64_t *values, uint64_t capacity,
                          uint64_t *count) {
  *count = 0;
  if (!accept(p, '['))
    return malformed("an array of integers is required");
  if (accept(p, ']'))
    return LOWBIT_OK;
  do {
    skip_space(p);
    int64_t value = 0;
    const char *start = p->at;
    for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; ++p->at)
      if (__builtin_mul_overflow(value, 10, &value) ||
          __builtin_add_overflow(value, *p->at - '0', &value))
        return malformed("an integer is too large");
    if (p->at == start || *count == capacity)
      return malformed("a short array of integers from 0 is required");
    values[(*count)++] = value;
  } while (accept(p, ','));
  return accept(p, ']') ? LOWBIT_OK : malformed("an array has no end");
}

static int parse_metadata(parser *p, lowbit_file *file) {
  if (!accept(p, '{'))
    return malformed("'__metadata__' must be an object");
  if (accept(p, '}'))
    return LOWBIT_OK;
  do {
    const char *key, *value;
    int error = parse_string(p, &key);
    if (!error && !accept(p, ':'))
      error = malformed("a colon is required");
    if (!error)
      error = parse_string(p, &value);
    if (error)
      return error;
    if (strcmp(key, "checksum") == 0)
      file->checksum = value;
    if (strcmp(key, "structure") == 0)
      file->structure = value;
  } while (accept(p, ','));
  return accept(p, '}') ? LOWBIT_OK : malformed("an object has no end");
}

static int parse_entry(parser *p, lowbit_entry *entry, uint64_t data_bytes) {
  if (!accept(p, '{'))
    return malformed("a tensor must be an object");
  uint64_t ends = 0;
  int64_t offsets[2] = {0, 0};
  int has_shape = 0;
  do {
    const char *key;
    int error = parse_string(p, &key);
    if (!error && !accept(p, ':'))
      error = malformed("a colon is required");
    if (error)
      return error;
    if (strcmp(key, "dtype") == 0) {
      error = parse_string(p, &entry->type);
    } else if (strcmp(key, "shape") == 0) {
      error = parse_integers(p, entry->shape, LOWBIT_MAX_RANK, &entry->rank);
      has_shape = 1;
    } else if (strcmp(key, "data_offsets") == 0) {
      error = parse_integers(p, offsets, 2, &ends);
    } else {
      error = malformed("a tensor has a key that safetensors doesn't know");
    }
    if (error)
      return error;
  } while (accept(p, ','));
  if (!accept(p, '}') || !entry->type || !has_shape || ends != 2)
    return malformed("a tensor requires 'dtype', 'shape' and 'data_offsets'");
  if (offsets[0] > offsets[1] || (uint64_t)offsets[1] > data_bytes)
    return lowbit_fail(LOWBIT_ERROR_FORMAT,
                       "the weights are cut short or malformed: tensor '%s' "
                       "ends at byte %" PRId64 " of %" PRIu64,
                       entry->name, offsets[1], data_bytes);
  entry->begin = (uint64_t)offsets[0];
  entry->end = (uint64_t)offsets[1];
  return LOWBIT_OK;
}

static int parse_header(parser *p, lowbit_file *file) {
  if (!accept(p, '{'))
    return malformed("an object is required");
  size_t capacity = 0;
  for (int is_first = 1; !accept(p, '}'); is_first = 0) {
    if (!is_first && !accept(p, ','))
      return malformed("a comma is required");
    const char *name;
    int error = parse_string(p, &name);
    if (!error && !accept(p, ':'))
      error = malformed("a colon is required");
    if (error)
      return error;
    if (strcmp(name, "__metadata__") == 0) {
      error = parse_metadata(p, file);
      if (error)
        return error;
      continue;
    }
    if (file->count == capacity) {
      capacity = capacity ? 2 * capacity : 64;
      void *grown = realloc(file->entries, capacity * sizeof(lowbit_entry));
      if (!grown)
        return lowbit_fail(LOWBIT_ERROR_MEMORY, "no memory for a header");
      file->entries = grown;
    }
    lowbit_entry *entry = &file->entries[file->count++];
    memset(entry, 0, sizeof(*entry));
    entry->name = name;
    error = parse_entry(p, entry, file->data_bytes);
    if (error)
      return error;
  }
  skip_space(p);
  return p->at == p->end ? LOWBIT_OK : malformed("text follows the object");
}

static int compare_entries(const void *a, const void *b) {
  return strcmp(((const lowbit_entry *)a)->name,
                ((const lowbit_entry *)b)->name);
}

int lowbit_parse_file(const void *bytes, uint64_t size, lowbit_file *file) {
  memset(file, 0, sizeof(*file));
  uint64_t length = 0;
  if (size >= kLengthBytes)
    memcpy(&length, bytes, kLengthBytes);
  if (size < kLengthBytes || length > size - kLengthBytes)
    return lowbit_fail(LOWBIT_ERROR_FORMAT,
                       "the weights are no safetensors file, or cut short");
  file->data = (const unsigned char *)bytes + kLengthBytes + length;
  file->data_bytes = size - kLengthBytes - length;
  file->strings = malloc(length + 1);
  if (!file->strings)
    return lowbit_fail(LOWBIT_ERROR_MEMORY, "no memory for a header");
  parser p = {(const char *)bytes + kLengthBytes, (const char *)file->data,
              file->strings};
  int error = parse_header(&p, file);
  if (!error && file->count)
    qsort(file->entries, file->count, sizeof(lowbit_entry), compare_entries);
  for (size_t i = 1; !error && i < file->count; ++i)
    if (compare_entries(&file->entries[i - 1], &file->entries[i]) == 0)
      error = malformed("two tensors have one name");
  if (error)
    lowbit_free_file(file);
  return error;
}

void lowbit_free_file(lowbit_file *file) {
  free(file->entries);
  free(file->strings);
  memset(file, 0, sizeof(*file));
}

const lowbit_entry *lowbit_find_entry(const lowbit_file *file,
                                      const char *name) {
  lowbit_entry key = {0};
  key.name = name;
  return file->count == 0 ? NULL
                          : bsearch(&key, file->entries, file->count,
                                    sizeof(key), compare_entries);
}

int lowbit_check_file(const lowbit_file *file) {
  if (!file->checksum)
    return LOWBIT_OK;
  uint64_t *digests = malloc((file->count + 1) * sizeof(uint64_t));
  if (!digests)
    return lowbit_fail(LOWBIT_ERROR_MEMORY, "no memory for a checksum");
  for (size_t i = 0; i < file->count; ++i) {
    const lowbit_entry *entry = &file->entries[i];
    digests[i] =
        lowbit_hash(file->data + entry->begin, entry->end - entry->begin);
  }
  char text[17];
  snprintf(text, sizeof(text), "%016" PRIx64,
           lowbit_hash(digests, file->count * sizeof(uint64_t)));
  free(digests);
  if (strcmp(text, file->checksum) == 0)
    return LOWBIT_OK;
  return lowbit_fail(LOWBIT_ERROR_CHECKSUM,
                     "the weights are damaged: their checksum is %s, the one "
                     "that they carry %.16s",
                     text, file->checksum);
}
