"""Pictures: a schedule's curve, and an optimizer's path on a test function.

>>> import mxcore as mx, mxcore.plotting
>>> cosine = mx.lr_scheduler.create("cosine", max_update=500, warmup_steps=50)
>>> figure = mxcore.plotting.schedules({"cosine": cosine})
>>> figure = mxcore.plotting.paths({"adam": mx.optimizer.create("adam", learning_rate=0.05)}, "beale", steps=200)
>>> mxcore.plotting.save(figure, "path.svg")  # doctest: +SKIP

Every picture of this project has the :func:`style` of these; matplotlib, the extra ``plot``, is imported by the first.
"""

from __future__ import annotations

from mxcore.plotting.curves import schedules
from mxcore.plotting.descent import paths
from mxcore.plotting.style import COLOURS, new_figure, render, save, style

__all__ = ["COLOURS", "new_figure", "paths", "render", "save", "schedules", "style"]
