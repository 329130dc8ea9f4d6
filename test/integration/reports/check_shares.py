#===- check_shares.py - layers' divergences add up ------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: check_shares.py REPORT.json

Each layer alone costs something, and all of them about what they cost together:
half to twice of it, for the layers are measured on fewer windows and their
errors don't only add.
"""

import json
import pathlib
import sys


def main():
    report = json.loads(pathlib.Path(sys.argv[1]).read_text())
    parts = [layer["kl"] for layer in report["layers"] if "kl" in layer]
    assert parts and min(parts) > 0, parts
    whole = report["measured"]["kl"]
    assert 0.5 < sum(parts) / whole < 2, (sum(parts), whole)
    print("sum of the layers is near the whole")


if __name__ == "__main__":
    main()
