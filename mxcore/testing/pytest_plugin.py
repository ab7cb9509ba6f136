"""``pytest --mxcore-check swift``: the checks of installed algorithms or distributions as tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mxcore.testing.run import Case


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("mxcore").addoption(
        "--mxcore-check",
        action="append",
        default=[],
        metavar="NAME",
        help="run mxcore's conformance checks on an installed algorithm or distribution; may be repeated",
    )


class CheckItem(pytest.Item):
    """A check as a test."""

    def __init__(self, *, case: Case, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.case = case

    def runtest(self) -> None:
        """Run the check."""
        self.case()

    def reportinfo(self) -> tuple[str, None, str]:
        """Return the location that reports show."""
        return "mxcore", None, self.case.label


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the requested checks to the collected tests."""
    if names := config.getoption("--mxcore-check"):
        from mxcore.catalogue import PluginError
        from mxcore.testing.command import targets
        from mxcore.testing.run import cases

        try:
            every = [case for target in targets(names) for case in cases(target) if not case.check.needs()]
        except PluginError as error:
            raise pytest.UsageError(str(error)) from error
        items.extend(_item(session, case) for case in every)


def _item(session: pytest.Session, case: Case) -> pytest.Item:
    item: pytest.Item = CheckItem.from_parent(session, name=case.label, nodeid=f"mxcore::{case.label}", case=case)
    return item
