"""Plots: the curves of schedules, the paths of optimizers on a test function, and the values that initializers draw.

>>> import mxcore as mx
>>> cosine = mx.lr_scheduler.create("cosine", max_update=500, warmup_steps=50)
>>> figure = mx.plot.schedules({"cosine": cosine})
>>> figure = mx.plot.paths({"adam": mx.optimizer.create("adam", learning_rate=0.05)}, "beale", steps=200)
>>> figure = mx.plot.values({"xavier": mx.init.create("xavier")})
>>> mx.plot.save(figure, "values.svg")  # doctest: +SKIP

All plots of this project share this :func:`style`; matplotlib is imported with the first.
"""

from __future__ import annotations

from mxcore_plot.curves import schedules
from mxcore_plot.descent import paths
from mxcore_plot.style import COLOURS, new_figure, render, save, style
from mxcore_plot.values import values

__all__ = ["COLOURS", "new_figure", "paths", "render", "save", "schedules", "style", "values"]
