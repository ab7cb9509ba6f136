"""Prints, fills the error stream, leaves a thread behind, and is an optimizer all the same."""

import sys
import threading

from mxcore.optimizer import Optimizer

print("[1, 2]", flush=True)
print("Timeout (0:00:01)!" * 20_000, file=sys.stderr)
threading.Thread(target=threading.Event().wait).start()


class Alive(Optimizer):
    """Does nothing."""
