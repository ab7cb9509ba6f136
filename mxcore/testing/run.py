"""Run checks, all of a class or one at a time for pytest, and report the outcomes."""

from __future__ import annotations

import importlib
import pkgutil
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import attrs

from mxcore.testing import checks
from mxcore.testing.check import CHECKS, Broken, Check, NotRun
from mxcore.testing.subject import Subject, kind_of, subjects

__all__ = [
    "Case",
    "Outcome",
    "Report",
    "cases",
    "check_initializer",
    "check_lr_scheduler",
    "check_optimizer",
    "check_package",
    "parametrize_with_checks",
]

for _module in pkgutil.iter_modules(checks.__path__, f"{checks.__name__}."):
    importlib.import_module(_module.name)  # registers its checks

Status = Literal["passed", "broken", "expected", "not run"]


@attrs.frozen
class Outcome:
    """The outcome of a check: passed, broken, broken as the class expects, or not run; with an explanation.

    The string of a broken one has everything needed to reproduce it:

    >>> import mxcore as mx
    >>> from mxcore.testing import cases
    >>> class Counting(mx.lr_scheduler.LRScheduler):
    ...     asked = 0
    ...     def __call__(self, num_update):
    ...         self.asked += 1
    ...         return 1 / self.asked
    >>> (case,) = cases(Counting, only=["schedules_are_pure"])
    >>> outcome = case.run()
    >>> outcome.status
    'broken'
    >>> print(outcome)
    Counting breaks a claim: schedules_are_pure
      claimed   Any number of calls in any order gives the same rates, and changes nothing.
      seen      update 0 has the rate ..., but had 1.0
      with      Counting()
      rerun     mxcore check Counting --only schedules_are_pure
      more      mxcore check --explain schedules_are_pure; docs/guides/conformance.md
    """

    target: str
    check: Check = attrs.field(repr=False)
    status: Status
    seen: str = ""
    settings: str = ""

    def __str__(self) -> str:
        if self.status != "broken":
            return f"{self.target}: {self.check.name}: {self.status}" + f" ({self.seen})" * bool(self.seen)
        return "\n".join(
            [
                f"{self.target} breaks a claim: {self.check.name}",
                f"  claimed   {self.check.claim}",
                f"  seen      {self.seen}",
                *([f"  with      {self.settings}"] if self.settings else []),
                f"  rerun     mxcore check {self.target} --only {self.check.name}",
                f"  more      mxcore check --explain {self.check.name}; docs/guides/conformance.md",
            ]
        )


@attrs.frozen
class Case:
    """A check of a class or distribution.

    >>> import mxcore as mx
    >>> from mxcore.testing import cases
    >>> (case,) = cases(mx.lr_scheduler.PolyScheduler, only=["schedules_are_pure"])
    >>> case.label
    'PolyScheduler-schedules_are_pure'
    >>> case.run().status
    'passed'
    >>> case()  # as a pytest test: fails if the claim does not hold
    """

    target: str
    check: Check
    subjects: Sequence[Any] = attrs.field(repr=False)
    expected: Mapping[str, str] = attrs.field(factory=dict)
    """The expected reasons of failure, by the argument that causes it; "" stands for any arguments."""

    @property
    def label(self) -> str:
        """The class and the check, as one identifier."""
        return f"{self.target}-{self.check.name}"

    def run(self) -> Outcome:
        """Run the check with every example."""
        if missing := self.check.needs():
            return Outcome(self.target, self.check, "not run", missing)
        found: list[str] = []
        try:
            for subject in self.subjects:
                if seen := self._seen(subject):
                    argument = next((one for one in self.expected if not one or subject.has(one)), None)
                    if argument is None:
                        return Outcome(self.target, self.check, "broken", seen, str(subject))
                    found.append(argument)
        except NotRun as why:
            return Outcome(self.target, self.check, "not run", str(why))
        return self._as_expected(found)

    def _seen(self, subject: Any) -> str:
        """Return what refutes the claim for a subject; empty if nothing does."""
        try:
            self.check.refute(subject)
        except NotRun:
            raise
        except Broken as broken:
            return str(broken)
        except Exception as error:  # anything that an algorithm raises unexpectedly
            where = traceback.extract_tb(error.__traceback__)[-1]
            return f"{type(error).__name__}: {error} ({where.filename}, line {where.lineno})"
        return ""

    def _as_expected(self, found: Sequence[str]) -> Outcome:
        """Return the outcome if nothing failed except as expected, with these arguments."""
        for argument, reason in self.expected.items():
            if argument not in found:
                seen = f"it passes, although expected_failures says: {reason}. Remove that entry"
                return Outcome(self.target, self.check, "broken", seen, argument)
        reasons = [f"with {argument}: {reason}" if argument else reason for argument, reason in self.expected.items()]
        return Outcome(self.target, self.check, "expected" if reasons else "passed", "; ".join(reasons))

    def __call__(self) -> None:
        """Run as a pytest test, which passes, skips, is an ``xfail``, or fails with an explanation."""
        import pytest

        outcome = self.run()
        if outcome.status == "not run":
            pytest.skip(outcome.seen)
        if outcome.status == "expected":
            pytest.xfail(outcome.seen)
        if outcome.status == "broken":
            pytest.fail(str(outcome), pytrace=False)


@attrs.frozen
class Report:
    """The outcomes of all checks of a class or distribution.

    >>> import mxcore as mx
    >>> from mxcore.testing import Report, cases
    >>> class Root(mx.lr_scheduler.LRScheduler):
    ...     def rate(self, t):
    ...         return self.base_lr / (1 + t) ** 0.5
    >>> some = ["schedules_are_pure", "documentation_is_complete"]
    >>> report = Report([case.run() for case in cases(Root, only=some)])
    >>> [outcome.status for outcome in report.outcomes]
    ['broken', 'passed']
    >>> [outcome.check.name for outcome in report.broken]
    ['documentation_is_complete']
    >>> report.raise_if_broken()
    Traceback (most recent call last):
        ...
    AssertionError: Root breaks a claim: documentation_is_complete
      claimed   The docstring has the formula, an example, each hyper-parameter, and the source.
      seen      the docstring lacks a formula (.. math::), the source (References:)
    ...
    """

    outcomes: Sequence[Outcome]

    @property
    def broken(self) -> list[Outcome]:
        """The claims that do not hold."""
        return [outcome for outcome in self.outcomes if outcome.status == "broken"]

    def raise_if_broken(self) -> Report:
        """Return the report itself.

        Raises:
            AssertionError: a claim does not hold; the message covers all broken claims.
        """
        if self.broken:
            raise AssertionError("\n\n".join(map(str, self.broken)))
        return self


def cases(target: Any, only: Sequence[str] = ()) -> Iterator[Case]:
    """Yield the checks of an algorithm's class, or of a distribution by its name.

    >>> import mxcore as mx
    >>> from mxcore.testing import cases
    >>> for case in cases(mx.optimizer.SGD, only=["gradients_are_left_alone", "bad_examples_are_refused"]):
    ...     print(case.run())
    SGD: gradients_are_left_alone: passed
    SGD: bad_examples_are_refused: passed
    >>> {case.check.kind for case in cases("mxcore-optimizer-sgd")}
    {'package'}

    Args:
        target: a class, or the name of a distribution.
        only: the names of the checks to run; by default, all.

    Raises:
        TypeError: the class is not an optimizer, initializer or scheduler.
        ValueError: ``only`` or the class's ``expected_failures`` contains an unknown check.
    """
    kind = "package" if isinstance(target, str) else kind_of(target)
    of_kind = [check for check in CHECKS if check.kind == kind]
    expected = {} if kind == "package" else target.expected_failures
    for name in (*only, *expected):
        if name not in {check.name for check in CHECKS}:
            raise ValueError(f"there is no check called {name!r}: mxcore check --explain lists them")
    tried: Sequence[Any] = [target] if kind == "package" else _all_subjects(target)
    label = target if kind == "package" else target.__name__
    for check in of_kind:
        if not only or check.name in only:
            reasons = expected.get(check.name, {})
            yield Case(label, check, tried, {"": reasons} if isinstance(reasons, str) else reasons)


def _all_subjects(cls: type[Any]) -> list[Subject]:
    found = subjects(cls)
    if not found:
        raise ValueError(f"{cls.__name__}.examples is empty: use ({{}},), or arguments to test the class with")
    return found


def _checked(target: Any, only: Sequence[str]) -> Report:
    return Report([case.run() for case in cases(target, only)]).raise_if_broken()


def check_optimizer(cls: type[Any], only: Sequence[str] = ()) -> Report:
    """Run all checks of an optimizer class.

    >>> import mxcore as mx
    >>> from mxcore.testing import check_optimizer
    >>> report = check_optimizer(mx.optimizer.SGD, only=["gradients_are_left_alone"])
    >>> [str(outcome) for outcome in report.outcomes]
    ['SGD: gradients_are_left_alone: passed']
    >>> class Careless(mx.optimizer.Optimizer):
    ...     def update(self, index, weight, grad, state):
    ...         grad *= self.learning_rate
    ...         weight -= grad
    >>> check_optimizer(Careless, only=["gradients_are_left_alone"])
    Traceback (most recent call last):
        ...
    AssertionError: Careless breaks a claim: gradients_are_left_alone
      claimed   An update does not write to the gradient.
      seen      after the update the gradient: array 0 is ...

    Args:
        cls: the class.
        only: the names of the checks to run; by default, all.

    Raises:
        AssertionError: a claim does not hold; the message shows for each one what was claimed, what was observed, and
            how to reproduce it.
        TypeError: ``cls`` is not an optimizer class.
    """
    return _checked(_of_kind(cls, "optimizer"), only)


def check_initializer(cls: type[Any], only: Sequence[str] = ()) -> Report:
    """Run all checks of an initializer class; see :func:`check_optimizer`.

    >>> import mxcore as mx
    >>> from mxcore.testing import check_initializer
    >>> check_initializer(mx.initializer.Xavier, only=["arrays_are_filled_in_place"]).broken
    []
    """
    return _checked(_of_kind(cls, "initializer"), only)


def check_lr_scheduler(cls: type[Any], only: Sequence[str] = ()) -> Report:
    """Run all checks of a scheduler class; see :func:`check_optimizer`.

    >>> import mxcore as mx
    >>> from mxcore.testing import check_lr_scheduler
    >>> report = check_lr_scheduler(mx.lr_scheduler.CosineScheduler)
    >>> {outcome.status for outcome in report.outcomes}
    {'passed'}
    """
    return _checked(_of_kind(cls, "lr_scheduler"), only)


def check_package(distribution: str, only: Sequence[str] = ()) -> Report:
    """Run all checks of an installed distribution, by name; see :func:`check_optimizer`.

    >>> from mxcore.testing import check_package
    >>> for outcome in check_package("mxcore-optimizer-sgd").outcomes:
    ...     print(outcome)
    mxcore-optimizer-sgd: entry_points_lead_to_classes: passed
    mxcore-optimizer-sgd: metadata_is_complete: passed
    ...
    """
    return _checked(distribution, only)


def _of_kind(cls: type[Any], kind: str) -> type[Any]:
    if kind_of(cls) != kind:
        raise TypeError(f"{cls.__name__} is not an {kind}: call check_{kind_of(cls)}")
    return cls


def parametrize_with_checks(*targets: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Parametrize a test with every check of each class or distribution, as its argument ``check``.

    A check that a class expects to fail is an ``xfail`` with the class's reason, and fails if it passes. Checks that
    need a missing device are skipped.

    >>> import mxcore as mx
    >>> @parametrize_with_checks(mx.optimizer.SGD, "mxcore-optimizer-sgd")
    ... def test_conformance(check):
    ...     check()
    """
    import pytest

    every = [case for target in targets for case in cases(target) if not case.check.needs()]
    return pytest.mark.parametrize("check", [pytest.param(case, id=case.label) for case in every])
