/*===-- lowbit-c/Support.h - what all C headers share -------------*- C -*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef LOWBIT_C_SUPPORT_H
#define LOWBIT_C_SUPPORT_H

#if defined(__GNUC__)
#define LOWBIT_EXPORTED __attribute__((visibility("default")))
#else
#define LOWBIT_EXPORTED
#endif

/** After an enumeration's name. C lets any number stand in one; so C++ may read
 * one only if its numbers are those of `int`, and then say that it is none. */
#ifdef __cplusplus
#define LOWBIT_ANY_INT : int
#else
#define LOWBIT_ANY_INT
#endif

#endif /* LOWBIT_C_SUPPORT_H */
