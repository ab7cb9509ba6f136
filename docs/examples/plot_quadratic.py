r"""
Two steps
=========

A placeholder until the gallery is there.
"""

import numpy as np

import mxcore as mx

weight = np.ones(2)
update = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.5))
update("w", weight.copy(), weight)
print(weight)
