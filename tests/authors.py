"""Classes with their own constructors, as authors write them."""

from typing import Any

import mxcore as mx


class Delegating(mx.optimizer.SGD):
    """Passes on arguments that it does not know."""

    def __init__(self, height: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height = height


class Demanding(mx.lr_scheduler.LRScheduler):
    """Passes nothing on, and is not decorated."""

    def __init__(self, height: int) -> None:
        super().__init__(base_lr=0.5)
        self.height = height
