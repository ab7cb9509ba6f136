"""The loss that an optimizer was told, as a function of the update count."""

import math


class Observed:
    """Gives an update the loss that was observed since the update before it.

    Its attributes are saved with the state of an optimizer, as those of schedules are.

    >>> observed = Observed()
    >>> observed.observe(3.0)
    >>> observed(1), observed(1)
    (3.0, 3.0)
    """

    def __init__(self) -> None:
        self.sum, self.count = 0.0, 0
        self.update = 0
        """The update that has asked for the loss."""

    def __repr__(self) -> str:
        return "None"

    def observe(self, loss: float) -> None:
        """Take notice of a loss; several before an update have their mean.

        Raises:
            TypeError, ValueError: it is not a number.
        """
        value = float(loss)
        if self.update:
            self.sum, self.count, self.update = 0.0, 0, 0
        self.sum, self.count = self.sum + value, self.count + 1

    def __call__(self, update: int) -> float:
        """Return the loss of an update.

        Raises:
            ValueError: none was observed since the last one, or one that is not finite.
        """
        if not self.count or self.update not in (0, update):
            raise ValueError(f"update {update} needs its loss: call optimizer.observe(loss) before each update")
        if not math.isfinite(loss := self.sum / self.count):
            raise ValueError(f"the loss of update {update} must be finite, got {loss}")
        self.update = update
        return loss
