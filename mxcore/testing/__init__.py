"""The conformance kit: checks that an algorithm does what every user of mxcore relies on.

In the tests of a plugin, one line:

.. code-block:: python

    from mxcore.testing import parametrize_with_checks

    @parametrize_with_checks(Swift)
    def test_conformance(check):
        check()

From the command line, ``mxcore check swift`` or ``pytest --mxcore-check swift``; from a program:

>>> import mxcore as mx
>>> from mxcore.testing import check_lr_scheduler
>>> report = check_lr_scheduler(mx.lr_scheduler.FactorScheduler)
>>> report.broken
[]

A class declares what it can and cannot do (see ``docs/guides/conformance.md``): ``examples`` and ``bad_examples``,
arguments that must work and arguments that must be refused; ``expected_failures``, checks that it does not pass, in
general or with some argument, each with the reason; and for an optimizer ``elementwise``, ``moves_at_rate_zero`` and
``descent``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mxcore.testing.check import CHECKS, Broken, Check, NotRun
    from mxcore.testing.run import (
        Case,
        Outcome,
        Report,
        cases,
        check_initializer,
        check_lr_scheduler,
        check_optimizer,
        check_package,
        parametrize_with_checks,
    )

__all__ = [
    "CHECKS",
    "Broken",
    "Case",
    "Check",
    "NotRun",
    "Outcome",
    "Report",
    "cases",
    "check_initializer",
    "check_lr_scheduler",
    "check_optimizer",
    "check_package",
    "parametrize_with_checks",
]


def __getattr__(name: str) -> Any:
    """Return a public name, imported on first use.

    Every run of pytest and every ``mxcore --help`` imports this package, and the checks take longer than the core.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mxcore.testing import check, run

    return getattr(run if hasattr(run, name) else check, name)


def __dir__() -> list[str]:
    """Return the public names, whether imported or not."""
    return sorted({*globals(), *__all__})
