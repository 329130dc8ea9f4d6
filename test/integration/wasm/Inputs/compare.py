"""compare.py WANTED.npy FOUND.f32 TOLERANCE [FIRST]: compares raw f32 rows with
those of an array from row FIRST on, by the largest difference over the largest
number."""
import sys

import numpy as np

wanted = np.load(sys.argv[1])
wanted = wanted.reshape(-1, wanted.shape[-1])
found = np.fromfile(sys.argv[2], np.float32).reshape(-1, wanted.shape[-1])
first = int(sys.argv[4]) if len(sys.argv) > 4 else 0
wanted = wanted[first : first + len(found)]
error = np.abs(wanted - found).max() / np.abs(wanted).max()
print(f"{len(found)} rows differ by {error:.2e}")
sys.exit(not error <= float(sys.argv[3]))
