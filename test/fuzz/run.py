#===- run.py - runs the fuzzers -------------------------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Each fuzzer begins with the same seeds and the same random numbers, at the same
# addresses, and by default tries a number of inputs: the same ones on any
# machine. With a time, how far it comes depends on the machine.
#
#===-----------------------------------------------------------------------===#
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import seeds

# Bytes of the longest input of a reader, and seconds after which one input has
# taken too long on a busy machine.
MAX_BYTES = {"npy": 1024, "json": 1024, "safetensors": 1024, "onnx": 4096, "ir": 4096}
TIMEOUT = 30
# Inputs that one processor tries in about half a minute.
RUNS = {"npy": 4_000_000, "json": 1_200_000, "safetensors": 900_000, "onnx": 80_000, "ir": 160_000}
MEMORY_MB = 4096
SHOWN_LINES = 40


def at_fixed_addresses():
    """What to run a program by so that its pointers are the same each time.

    Pointers are keys of tables, and their order decides which inputs are tried. Some
    containers refuse, and some systems have no setarch; the inputs differ there from
    run to run.
    """
    command = ["setarch", "--addr-no-randomize"]
    allowed = (shutil.which(command[0]) and
               subprocess.run([*command, "true"], stderr=subprocess.DEVNULL).returncode == 0)
    return command if allowed else []


def run(reader, options):
    """Runs one fuzzer; returns what happened in a line, and what is wrong."""
    folder = (options.folder / reader).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    seeds.write_seeds(reader, options.source, folder / "seeds")
    for name in ("corpus", "found"):
        (folder / name).mkdir()
    fuzzer = options.bin.resolve() / f"fuzz-{reader}"
    command = [*at_fixed_addresses(), fuzzer, f"-seed={options.seed}", f"-max_len={MAX_BYTES[reader]}",
               f"-timeout={TIMEOUT}", f"-rss_limit_mb={MEMORY_MB}", "-detect_leaks=0", "-reload=0", "-print_final_stats=1",
               f"-artifact_prefix={folder / 'found'}/",
               f"-max_total_time={options.seconds}" if options.seconds and not options.runs else
               f"-runs={options.runs or RUNS[reader]}"]
    words = options.source / "test" / "fuzz" / "dictionaries" / f"{reader}.dict"
    if words.exists():
        command.append(f"-dict={words.resolve()}")
    with open(folder / "log", "w+b") as log:
        status = subprocess.run([*command, "corpus", "seeds"], cwd=folder, stdin=subprocess.DEVNULL, stdout=log,
                                stderr=subprocess.STDOUT).returncode
        log.seek(0)
        lines = log.read().decode(errors="replace").splitlines()
    count = re.findall(r"number_of_executed_units: (\d+)", "\n".join(lines[-SHOWN_LINES:]))
    line = f"{reader}: {int(count[-1]) if count else 0:,} inputs"
    if status == 0 and count:
        return line, None
    found = sorted((folder / "found").iterdir())
    hint = f"\nagain by: {fuzzer} {found[0]}" if found else ""
    return line, "\n".join(lines[-SHOWN_LINES:]) + f"\nstatus {status}{hint}"


def write_report(path, results):
    """A JUnit file with one case for each reader."""
    suite = ET.Element("testsuite", name="fuzz")
    for reader, (_, problem) in results.items():
        case = ET.SubElement(suite, "testcase", classname="fuzz", name=reader)
        if problem:
            # XML can't hold what hostile inputs may print.
            ET.SubElement(case, "failure").text = re.sub(r"[^\t\n\x20-\x7e]", "?", problem)
    ET.ElementTree(suite).write(path)


def take_count(least):
    """Reads a whole number of `least` at least."""
    def take(text):
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"requires a whole number of at least {least}, found '{text}'")
        return int(text)
    return take


def main():
    parser = argparse.ArgumentParser(
        prog="tools/fuzz", description="Builds a fuzzer for each reader of files, with AddressSanitizer and "
        "UndefinedBehaviorSanitizer, and runs them, as many at once as there are processors. What makes a reader fail "
        "stays in build/fuzz/run/READER/found.")
    parser.add_argument("bin", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("source", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("folder", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("readers", metavar="READER", nargs="*", choices=[[], *seeds.READERS],
                        help=f"what to fuzz: {', '.join(seeds.READERS)} (default: all)")
    parser.add_argument("--runs", type=take_count(1), help="inputs for each reader (default: as many as take about half a minute)")
    parser.add_argument("--seconds", type=take_count(0), default=os.environ.get("LOWBIT_FUZZ_SECONDS", "0"),
                        help="time for each reader, instead of a number of inputs (default: LOWBIT_FUZZ_SECONDS, or none)")
    parser.add_argument("--seed", type=take_count(1), default=1, help="of the random numbers (default: 1)")
    parser.add_argument("--report", type=pathlib.Path, help="write a JUnit report to this file")
    parser.add_argument("--only-arguments", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_intermixed_args()
    if options.only_arguments:
        return 0
    readers = options.readers or list(seeds.READERS)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = dict(zip(readers, pool.map(lambda reader: run(reader, options), readers)))
    for line, problem in results.values():
        print(f"fuzz: {line}" + (", then\n" + problem if problem else ", none makes it fail"))
    if options.report:
        write_report(options.report, results)
    return 1 if any(problem for _, problem in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
