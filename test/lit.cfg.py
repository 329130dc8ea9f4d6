# -*- Python -*-
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os

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
]
