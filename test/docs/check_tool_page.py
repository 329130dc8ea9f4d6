#===- check_tool_page.py - a tool's page and its help agree ---------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: check_tool_page.py PAGE TOOL

The page of a tool explains every option that `TOOL --help` shows, and none that
`TOOL --help-hidden` doesn't know. A page may quote options of other programs,
or of the project's other tools, in blocks of code only.

Prints each lack and fails.
"""

import pathlib
import re
import subprocess
import sys

OPTION = re.compile(r"^  --([\w-]+)", re.MULTILINE)


def options(tool, flag):
    text = subprocess.run([tool, flag], check=True, capture_output=True,
                          text=True).stdout
    return set(OPTION.findall(text))


def main():
    page, tool = sys.argv[1:]
    text = pathlib.Path(page).read_text()
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    named = set(re.findall(r"`--([\w-]+)", prose)) | set(
        re.findall(r"`-(o) ", prose))
    shown, known = options(tool, "--help"), options(tool, "--help-hidden")
    lacks = [f"--{name}: on no line of the page" for name in shown - named]
    lacks += [f"--{name}: unknown to the tool"
              for name in named - known - {"o", "help-hidden"}]
    for lack in sorted(lacks):
        print(lack)
    print(f"{len(shown)} options, {len(lacks)} lacks")
    sys.exit(bool(lacks))


if __name__ == "__main__":
    main()
