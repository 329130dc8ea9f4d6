# -*- Python -*-
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import platform
import shutil
import subprocess

import lit.formats
import lit.util

config.name = "Lowbit"
config.test_format = lit.formats.ShTest(not lit.util.which("bash"))
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "unit", "models", "harness", "vulkan", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.lowbit_build, "test")

for folder in (config.llvm_tools, os.path.join(config.lowbit_build, "bin")):
    config.environment["PATH"] = folder + os.pathsep + config.environment["PATH"]

# Code under sanitizers, if the build has any: their options, their run time for
# programs that link it, and for mlir-opt, which loads it as a plugin.
if config.sanitize_flags:
    config.environment.update(pair.split("=", 1) for pair in config.sanitize_environment.split(";"))
    config.environment["PATH"] = config.sanitize_bin + os.pathsep + config.environment["PATH"]
    config.cmake_compilers += "".join(f" -DCMAKE_{kind}_LINKER_FLAGS={config.sanitize_flags}"
                                      for kind in ("EXE", "SHARED", "MODULE"))
else:
    config.available_features.add("plain")

# Benchmarks are left out of some builds.
if os.path.exists(os.path.join(config.lowbit_build, "bin", "lowbit-bench")):
    config.available_features.add("benchmarks")

# The bundled model and small programs that tests run.
config.substitutions += [
    ("%model", os.path.join(config.test_source_root, "models", "llama-5m")),
    ("%python", config.python),
    ("%source", config.lowbit_source),
    ("%bin", os.path.join(config.lowbit_build, "bin")),
    ("%unit", os.path.join(config.lowbit_build, "test", "unit")),
    ("%lib", os.path.join(config.lowbit_build, "lib")),
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

# The software driver that comes with Chromium, for shaders on Dawn, and a second
# one for SPIR-V beside the loader's first.
def find_swiftshader():
    """The driver's manifest: of Debian's package, or beside the browser's program."""
    found = []
    if shutil.which("dpkg-query"):
        # A package that isn't there is an error, and the other one is listed.
        files = subprocess.run(["dpkg-query", "--listfiles", "chromium", "chromium-common"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        found += files.stdout.splitlines()
    for browser in ("chromium", "chromium-browser", "google-chrome", "microsoft-edge"):
        if program := shutil.which(browser):
            found.append(os.path.join(os.path.dirname(os.path.realpath(program)), "vk_swiftshader_icd.json"))
    return next((path for path in found if os.path.basename(path) == "vk_swiftshader_icd.json"
                 and os.path.exists(path)), None)


harness = os.path.join(config.test_source_root, "web", "harness", "node_modules")
swiftshader = find_swiftshader()
if swiftshader:
    # The layer that chooses among devices knows no SwiftShader.
    environment = f"VK_ICD_FILENAMES={swiftshader} NODEVICE_SELECT=1"
    dawn_environment = f"LD_LIBRARY_PATH={os.path.dirname(swiftshader)} {environment}"
    config.available_features.add("swiftshader")
    config.substitutions += [
        ("%swiftshader", f"env {environment}"),
        ("%dawn_environment", dawn_environment),
        ("%dawn", f"env {dawn_environment} node"),
    ]
    if lit.util.which("node") and os.path.isdir(harness):
        config.available_features.add("webgpu")
    # Harnesses that an earlier tools/setup installed lack the compiler.
    if "webgpu" in config.available_features and os.path.isdir(os.path.join(harness, "typescript")):
        config.available_features.add("typescript")
if lit.util.which("chromium") and "webgpu" in config.available_features:
    config.available_features.add("chromium")
if lit.util.which("firefox") and "webgpu" in config.available_features:
    config.available_features.add("firefox")
    # Its adapters have f16 where the drivers do.
    has_f16 = os.path.join(config.test_source_root, "web", "Inputs", "has_f16.py")
    if subprocess.run([config.python, has_f16]).returncode == 0:
        config.available_features.add("firefox-f16")
# The numerics as WebAssembly, where the build has them, run on node alone.
quantizer = os.path.join(config.lowbit_build, "codegen", "web", "quantizer", "quantizer.wasm")
if lit.util.which("node") and os.path.exists(quantizer):
    config.available_features.add("web-quantizer")
config.substitutions += [("%quantizer", quantizer)]
# Modules of WebAssembly run in node. Engines before relaxed SIMD was a standard
# have it behind a flag, which later ones don't know; node 20's compiler of code
# that runs for the first time gets its products wrong. Where there is none, the
# tests of it are left out, as unsupported.
def run_node(*arguments):
    return subprocess.run(["node", *arguments], capture_output=True).returncode == 0


wasm_flags = []
if lit.util.which("node"):
    config.available_features.add("node")
if lit.util.which("node") and (lit.util.which("wasm-ld-22") or lit.util.which("wasm-ld")):
    config.available_features.add("wasm")
    flags = ["--experimental-wasm-relaxed-simd", "--no-liftoff"]
    if run_node(*flags, "-e", "0"):
        wasm_flags = flags
    engine = os.path.join(config.test_source_root, "integration", "wasm", "Inputs", "has_relaxed.mjs")
    if run_node(*wasm_flags, engine):
        config.available_features.add("wasm-relaxed")
config.substitutions.append(("%wasm_node", " ".join(["node", *wasm_flags])))

# What tests that run SPIR-V require.
if config.vulkan:
    config.available_features.add("vulkan")

# What tests of code for one architecture require.
config.available_features.add(platform.machine())
