"""How far rounded activations, and f16, take logits from those of float activations.

  compare_rounded.py FLOAT HALF F32...

All are .npy files. HALF has products in f16 and each F32 has none, in other orders of
sums. Prints whether HALF has the likeliest tokens of FLOAT, whether its error is at
most 1.1 times the largest of an F32, and whether it differs from the nearest of these
by at most twice what two of them differ by.
"""
import itertools
import sys

import numpy

exact, half, *floats = (numpy.load(file).astype(numpy.float64) for file in sys.argv[1:])


def distance(lhs, rhs):
    return numpy.sqrt(((lhs - rhs) ** 2).mean() / (exact ** 2).mean())


own = distance(half, exact)
others = max(distance(each, exact) for each in floats)
orders = max(distance(*pair) for pair in itertools.combinations(floats, 2))
print(f"half: {own:.1e}, in f32 {others:.1e}; likeliest tokens: {(half.argmax(-1) == exact.argmax(-1)).all()}")
print(f"as near as f32: {own <= 1.1 * others}; "
      f"as orders of sums differ: {min(distance(half, each) for each in floats) <= 2 * orders}")
