"""Prints, fills stderr, leaves a thread running, and is nevertheless an optimizer."""

import sys
import threading

from mxcore.optimizer import Optimizer

print("[1, 2]", flush=True)
print("Timeout (0:00:01)!" * 20_000, file=sys.stderr)
threading.Thread(target=threading.Event().wait).start()


class Alive(Optimizer):
    """Does nothing."""
