#===- summary.py - counts test cases --------------------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ctest counts programs and lit counts files; people want to know how many
# cases there are. A program that dies before it can report counts as one
# failure.
#
#===-----------------------------------------------------------------------===#
"""Usage: summary.py RESULTS [REPORT ...]

RESULTS holds gtest/*.json and, each if it was produced, ctest.xml, lit.xml and
fuzz.xml.
A REPORT that is not in RESULTS counts as a failure: its tests never ran. What
lit left out, for this machine lacks what it requires, is named.
"""

import json
import pathlib
import sys
import xml.etree.ElementTree as ET


def count_gtest(folder):
    """Cases of all GoogleTest reports: passed, names of those that failed."""
    passed, failed = 0, []
    for path in sorted(folder.glob("*.json")):
        for suite in json.loads(path.read_text())["testsuites"]:
            for case in suite["testsuite"]:
                if case["status"] != "RUN" or case["result"] == "SKIPPED":
                    continue
                if "failures" in case:
                    failed.append(f"{path.stem}: {suite['name']}.{case['name']}")
                else:
                    passed += 1
    return passed, failed


def count_junit(path, ignore=lambda name: False):
    """Cases of a JUnit file, without those whose name `ignore` accepts."""
    passed, failed = 0, []
    if not path.exists():
        return passed, failed
    for case in ET.parse(path).getroot().iter("testcase"):
        if ignore(case.get("name")) or case.find("skipped") is not None:
            continue
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(f"{case.get('classname')}/{case.get('name')}")
        else:
            passed += 1
    return passed, failed


def find_left_out(path):
    """Names of cases of lit's report that did not run, and why."""
    if not path.exists():
        return []
    return [f"{case.get('classname')}/{case.get('name')}: {skipped.get('message')}"
            for case in ET.parse(path).getroot().iter("testcase")
            for skipped in case.findall("skipped")]


def main():
    results = pathlib.Path(sys.argv[1])
    reported = {path.stem for path in (results / "gtest").glob("*.json")}
    counts = [
        count_gtest(results / "gtest"),
        count_junit(results / "ctest.xml", lambda name: name in reported),
        count_junit(results / "lit.xml"),
        count_junit(results / "fuzz.xml"),
    ]
    passed = sum(count for count, _ in counts)
    failed = [name for _, names in counts for name in names]
    for name in sys.argv[2:]:
        if not (results / name).exists():
            failed.append(f"{name}: the report is missing")
    for case in find_left_out(results / "lit.xml"):
        print(f"not run: {case}")
    for name in failed:
        print(f"failed: {name}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
