/*===- Errors.c - results in words ----------------------------------------===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* A code for programs, a message for people. The message belongs to the      *|
|* calling thread, as errno does.                                             *|
\*===----------------------------------------------------------------------===*/

#include "Internal.h"
#include <stdarg.h>
#include <stdio.h>

static _Thread_local char message[768];

int lowbit_fail(int error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof(message), format, arguments);
  va_end(arguments);
  return error;
}

const char *lowbit_message(void) { return message; }

const char *lowbit_describe(int error) {
  switch (error) {
  case LOWBIT_OK:
    return "success";
  case LOWBIT_ERROR_FILE:
    return "the file with the weights cannot be read";
  case LOWBIT_ERROR_FORMAT:
    return "the weights are no valid safetensors file";
  case LOWBIT_ERROR_CHECKSUM:
    return "the weights are damaged: they do not match their checksum";
  case LOWBIT_ERROR_WEIGHTS:
    return "the weights are not those of this program";
  case LOWBIT_ERROR_ARGUMENT:
    return "an argument is wrong, such as a tensor's shape";
  case LOWBIT_ERROR_CAPACITY:
    return "a buffer is too small for an output";
  case LOWBIT_ERROR_MEMORY:
    return "out of memory";
  case LOWBIT_ERROR_PROCESSOR:
    return "the program has no code for this processor";
  default:
    return "unknown error";
  }
}
