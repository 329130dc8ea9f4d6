/*===- Processor.c - code for the processor at hand -----------------------===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* A program may hold its code several times, for several processors, and is  *|
|* refused where none of them fits: an unknown instruction would end the      *|
|* process instead. Tiles have to be asked for, too.                          *|
\*===----------------------------------------------------------------------===*/

#include "Internal.h"
#include "lowbit/Runtime/Tiles.h"
#include <stdlib.h>
#include <string.h>

typedef struct feature {
  const char *name;
  int present;
} feature;

#if defined(__x86_64__)
/* The names are literals by the rules of the builtin. */
#define LOWBIT_FEATURE(name) {name, __builtin_cpu_supports(name) != 0}
static int has_feature(const char *name) {
  __builtin_cpu_init();
  const feature features[] = {
      LOWBIT_FEATURE("sse3"),         LOWBIT_FEATURE("ssse3"),
      LOWBIT_FEATURE("sse4.1"),       LOWBIT_FEATURE("sse4.2"),
      LOWBIT_FEATURE("popcnt"),       LOWBIT_FEATURE("avx"),
      LOWBIT_FEATURE("avx2"),         LOWBIT_FEATURE("fma"),
      LOWBIT_FEATURE("bmi"),          LOWBIT_FEATURE("bmi2"),
      LOWBIT_FEATURE("avx512f"),      LOWBIT_FEATURE("avx512bw"),
      LOWBIT_FEATURE("avx512cd"),     LOWBIT_FEATURE("avx512dq"),
      LOWBIT_FEATURE("avx512vl"),     LOWBIT_FEATURE("avx512vbmi"),
      LOWBIT_FEATURE("avx512vbmi2"),  LOWBIT_FEATURE("avx512vnni"),
      LOWBIT_FEATURE("avx512bitalg"), LOWBIT_FEATURE("avx512vpopcntdq"),
      LOWBIT_FEATURE("avx512bf16"),   LOWBIT_FEATURE("avx512fp16"),
      LOWBIT_FEATURE("avx512ifma"),   LOWBIT_FEATURE("gfni"),
      LOWBIT_FEATURE("vpclmulqdq"),   LOWBIT_FEATURE("avxvnni"),
      LOWBIT_FEATURE("f16c"),         LOWBIT_FEATURE("lzcnt"),
      LOWBIT_FEATURE("movbe"),        LOWBIT_FEATURE("amx-tile"),
      LOWBIT_FEATURE("amx-int8"),     LOWBIT_FEATURE("amx-bf16")};
  for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); ++i)
    if (strcmp(features[i].name, name) == 0)
      return features[i].present &&
             (strcmp(name, "amx-tile") != 0 || lowbit_request_tiles());
  return 0;
}
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
static int has_feature(const char *name) {
  unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
  const feature features[] = {{"neon", (first & HWCAP_ASIMD) != 0},
                              {"fullfp16", (first & HWCAP_ASIMDHP) != 0},
                              {"dotprod", (first & HWCAP_ASIMDDP) != 0},
                              {"lse", (first & HWCAP_ATOMICS) != 0},
                              {"sve", (first & HWCAP_SVE) != 0},
                              {"sve2", (second & HWCAP2_SVE2) != 0},
                              {"i8mm", (second & HWCAP2_I8MM) != 0},
                              {"bf16", (second & HWCAP2_BF16) != 0}};
  for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); ++i)
    if (strcmp(features[i].name, name) == 0)
      return features[i].present;
  return 0;
}
#else
static int has_feature(const char *name) { return 0; }
#endif

/** The first of a variant's features that is missing here, or null. */
static const char *find_missing(const lowbit_variant *variant,
                                char name[static 64]) {
  for (const char *at = variant->features; *at;) {
    size_t length = strcspn(at, ",");
    size_t kept = length < 63 ? length : 63;
    memcpy(name, at, kept);
    name[kept] = '\0';
    if (length && !has_feature(name))
      return name;
    at += length + (at[length] == ',');
  }
  return NULL;
}

int lowbit_choose_variant(const lowbit_program *program,
                          const lowbit_variant **variant) {
  const char *wanted = getenv("LOWBIT_CPU"), *missing = NULL;
  char name[64];
  if (wanted && !*wanted)
    wanted = NULL;
  const lowbit_variant *refused = NULL;
  for (uint64_t i = 0; i < program->num_variants; ++i) {
    *variant = &program->variants[i];
    if (wanted && strcmp((*variant)->cpu, wanted) != 0)
      continue;
    missing = find_missing(*variant, name);
    if (!missing)
      return LOWBIT_OK;
    refused = *variant;
  }
  if (!refused)
    return lowbit_fail(LOWBIT_ERROR_PROCESSOR,
                       "the program has no code for '%s', which LOWBIT_CPU "
                       "asks for",
                       wanted ? wanted : "");
  return lowbit_fail(LOWBIT_ERROR_PROCESSOR,
                     "the code for %s requires '%s', which this processor "
                     "doesn't have",
                     refused->cpu, missing);
}
