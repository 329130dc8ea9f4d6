#===- LowbitSanitize.cmake - code that watches itself ----------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# LOWBIT_SANITIZE instruments this project's code; LLVM's libraries stay as they
# are. Any report ends the program by a signal, so that no test takes it for an
# error of its input. LOWBIT_BUILD_FUZZERS adds what libFuzzer needs to see which
# code has run.
#===-----------------------------------------------------------------------===#
set(LOWBIT_SANITIZE_FLAGS "")
set(LOWBIT_SANITIZE_ENVIRONMENT "")
set(LOWBIT_SANITIZE_BIN "")
if(LOWBIT_SANITIZE)
  set(LOWBIT_SANITIZE_FLAGS -fsanitize=${LOWBIT_SANITIZE})
  add_compile_options(${LOWBIT_SANITIZE_FLAGS} -fno-sanitize-recover=all
    -fno-omit-frame-pointer -g1)
  add_link_options(${LOWBIT_SANITIZE_FLAGS})
  # User poisoning: bump allocators that LLVM's code and this project's share
  # mark their memory in only one of them.
  list(APPEND LOWBIT_SANITIZE_ENVIRONMENT
    "ASAN_OPTIONS=abort_on_error=1:allow_user_poisoning=0:allocator_may_return_null=1"
    "UBSAN_OPTIONS=abort_on_error=1:print_stacktrace=1"
    "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/test/leaks.txt:print_suppressions=0")
  # mlir-opt loads the plugin, and has no run time of its own.
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libclang_rt.asan-${CMAKE_SYSTEM_PROCESSOR}.so
    OUTPUT_VARIABLE runtime OUTPUT_STRIP_TRAILING_WHITESPACE)
  set(LOWBIT_SANITIZE_BIN ${PROJECT_BINARY_DIR}/sanitized)
  file(CONFIGURE OUTPUT ${LOWBIT_SANITIZE_BIN}/mlir-opt
    CONTENT "#!/bin/sh\nLD_PRELOAD=${runtime} exec ${LLVM_TOOLS_BINARY_DIR}/mlir-opt \"$@\"\n")
  file(CHMOD ${LOWBIT_SANITIZE_BIN}/mlir-opt
    PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endif()
if(LOWBIT_BUILD_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
