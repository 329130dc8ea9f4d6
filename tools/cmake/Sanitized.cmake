#===- Sanitized.cmake - the build of tests that watches itself -------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# For `cmake -C`: fuzzers and tests with AddressSanitizer and
# UndefinedBehaviorSanitizer. One build has both, as all of its code is
# instrumented the same way. Assertions stay in, and optimisation is light: both
# find more.
#===-----------------------------------------------------------------------===#
set(CMAKE_C_COMPILER clang-22 CACHE STRING "")
set(CMAKE_CXX_COMPILER clang++-22 CACHE STRING "")
set(CMAKE_C_FLAGS_RELEASE -O1 CACHE STRING "")
set(CMAKE_CXX_FLAGS_RELEASE -O1 CACHE STRING "")
set(LOWBIT_BUILD_TESTS ON CACHE BOOL "" FORCE)
set(LOWBIT_BUILD_BENCHMARKS OFF CACHE BOOL "" FORCE)
set(LOWBIT_BUILD_FUZZERS ON CACHE BOOL "" FORCE)
set(LOWBIT_SANITIZE address,undefined CACHE STRING "" FORCE)
