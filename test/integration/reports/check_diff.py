#===- check_diff.py - a comparison says what a report says ----------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: check_diff.py DIFF.json REPORT.json

The error of a low-bit model against its source is the one that the report has.
"""

import json
import math
import pathlib
import sys


def main():
    diff, report = (json.loads(pathlib.Path(path).read_text()) for path in sys.argv[1:])
    assert diff["schema"] == "lowbit-diff/1" and not diff["equal"] and not diff["other_tensors"]
    layers = {layer["name"]: layer for layer in report["layers"]}
    assert [weight["name"] for weight in diff["weights"]] == list(layers)
    checked = 0
    for weight in diff["weights"]:
        layer = layers[weight["name"]]
        assert weight["equal"] == (not layer["quantized"])
        if layer["quantized"]:
            for key in ("mse", "snr_db", "cosine", "max"):
                assert math.isclose(weight["error"][key], layer["error"][key], rel_tol=1e-9), (weight, layer["error"])
            checked += 1
    print(f"{len(layers)} weights, {checked} with the report's error")


if __name__ == "__main__":
    main()
