"""The first tokens of a file as an input: tokens.py FILE.bin COUNT OUT.npy"""
import sys

import numpy

ids = numpy.fromfile(sys.argv[1], dtype="<u2", count=int(sys.argv[2]))
numpy.save(sys.argv[3], ids.astype(numpy.int64)[None])
