"""Save a run and go on with it, to the same bits as if it had not stopped.

The state of an updater is what its optimizer keeps for each parameter, the counters, the position of the schedule and
of the random numbers, and the hyper-parameters; and, so that a reader knows what wrote it, the plugin and its version.
It is one safetensors file: arrays that any tool can read, and a JSON manifest as its metadata. There is no pickle.

>>> import numpy as np, mxcore as mx, tempfile, os
>>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
>>> def start():
...     return mx.optimizer.get_updater(mx.optimizer.create("adam", learning_rate=0.1))
>>> weight, updater = np.ones(3), start()
>>> updater("w", np.ones(3), weight)
>>> mx.save_state(path, updater, {"w": weight})
>>> updater = start()
>>> weight = mx.load_state(path, updater)["w"]
>>> updater.optimizer.num_update
1
"""

from __future__ import annotations

from mxcore.state.save import dump, load_state, save_state
from mxcore.state.tensorfile import load_arrays, map_arrays, save_arrays

__all__ = ["dump", "load_arrays", "load_state", "map_arrays", "save_arrays", "save_state"]
