#===- LowbitSanitize.cmake - code that watches itself ----------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# LOWBIT_SANITIZE instruments this project's code; LLVM's libraries stay as they
# are. Any report ends the program, so that no test passes over one.
# LOWBIT_BUILD_FUZZERS adds what libFuzzer needs to see which code has run.
#===-----------------------------------------------------------------------===#
if(LOWBIT_SANITIZE)
  add_compile_options(-fsanitize=${LOWBIT_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${LOWBIT_SANITIZE})
endif()
if(LOWBIT_BUILD_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
