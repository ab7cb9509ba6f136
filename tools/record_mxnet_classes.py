"""Record what the classes of ``tests/mxnet_classes.py`` compute with MXNet: ``python tools/record_mxnet_classes.py``.

It needs Python 3.8 with mxnet 1.9.1 and numpy 1.23, and writes ``tests/golden/mxnet-classes.npz``.
"""

import sys
from pathlib import Path

import mxnet as mx
import numpy as np

TESTS = Path(__file__).parent.parent / "tests"
sys.path.insert(0, str(TESTS))
from mxnet_classes import results  # noqa: E402

if __name__ == "__main__":
    np.savez_compressed(str(TESTS / "golden" / "mxnet-classes.npz"), **results(mx))
