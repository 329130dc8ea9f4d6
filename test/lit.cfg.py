# -*- Python -*-
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import platform

import lit.formats
import lit.util

config.name = "Lowbit"
config.test_format = lit.formats.ShTest(not lit.util.which("bash"))
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "unit", "models", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.lowbit_build, "test")

for folder in (config.llvm_tools, os.path.join(config.lowbit_build, "bin")):
    config.environment["PATH"] = folder + os.pathsep + config.environment["PATH"]

# The bundled model and small programs that tests run.
config.substitutions += [
    ("%model", os.path.join(config.test_source_root, "models", "llama-5m")),
    ("%python", config.python),
    ("%source", config.lowbit_source),
    ("%bin", os.path.join(config.lowbit_build, "bin")),
    ("%docs", os.path.join(config.lowbit_build, "docs")),
    ("%llvm_include", config.llvm_include),
    ("%plugin", os.path.join(config.lowbit_build, "lib", "LowbitPlugin.so")),
    # CMake, with the compilers that built Lowbit.
    ("%configure", "cmake -G Ninja --log-level=WARNING " + config.cmake_compilers),
    ("%install", f"cmake --install {config.lowbit_build}"),
]
# A compiler launcher that tests use finds its cache.
config.environment.update(
    {name: value for name, value in os.environ.items() if name.startswith("CCACHE_")})

# How programs are built with compiled models: by the compiler that builds
# Lowbit, or another one, with the run time and LLVM's threads.
config.substitutions += [
    ("%cc", config.cc),
    ("%cxx", config.cxx),
    ("%link", os.path.join(config.lowbit_build, "lib", "liblowbit_runtime.a")
     + " -lomp -lm"),
]

# What tests of code for one architecture require.
config.available_features.add(platform.machine())
