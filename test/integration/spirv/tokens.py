"""The first tokens of a file as an input: tokens.py FILE.bin COUNT OUT.npy [WORDS]

With WORDS they are remainders by it, for a model that knows so many.
"""
import sys

import numpy

ids = numpy.fromfile(sys.argv[1], dtype="<u2", count=int(sys.argv[2]))
if len(sys.argv) > 4:
    ids %= int(sys.argv[4])
numpy.save(sys.argv[3], ids.astype(numpy.int64)[None])
