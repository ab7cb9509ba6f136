"""What every class must provide: documentation, and errors for bad arguments."""

from __future__ import annotations

import inspect
import re

from mxcore.testing.check import check, expect, refuses
from mxcore.testing.subject import Subject, own_fields


def documentation_is_complete(subject: Subject) -> None:
    """The docstring has the formula, an example, each hyper-parameter, and the source.

    ``mxcore show`` and the reference show nothing else.
    """
    doc = inspect.getdoc(subject.cls) or ""
    parts = {".. math::": "a formula", ">>> ": "an example", "References:": "the source"}
    missing = [f"{what} ({mark.strip()})" for mark, what in parts.items() if mark not in doc]
    missing += [field.alias for field in own_fields(subject.cls) if not re.search(rf"^ +{field.alias}: ", doc, re.M)]
    expect(not missing, f"the docstring lacks {', '.join(missing)}")


def bad_examples_are_refused(subject: Subject) -> None:
    """Creating an instance with arguments from ``bad_examples`` raises a ValueError.

    A wrong argument should be reported where it is passed, not in the hundredth update.
    """
    for bad in subject.cls.bad_examples:
        refuses(lambda bad=bad: subject.cls(**bad), str(Subject(subject.cls, bad)))  # type: ignore[misc]


for _kind in ("optimizer", "initializer", "lr_scheduler"):
    for _function in (documentation_is_complete, bad_examples_are_refused):
        check(_kind)(_function)
