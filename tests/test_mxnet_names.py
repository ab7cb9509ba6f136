"""The page about MXNet names says what to use instead for every name that is missing here, and for no other."""

import json
import operator
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxcore as mx

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/guides/mxnet-names.md"
# The public names of MXNet 1.9.1, by namespace or class.
NAMES: dict[str, list[str]] = json.loads((ROOT / "tests/mxnet-names.json").read_text("utf-8"))
SECTIONS = {name: f"Methods of {name}" for name in NAMES if name[0].isupper()}


def module() -> Any:
    made = mx.mod.Module(mx.symbol.SoftmaxOutput(mx.symbol.Variable("data"), name="softmax"))
    made.bind([("data", (1, 2))], [("softmax_label", (1,))])
    return made


def batches() -> Any:
    return mx.io.NDArrayIter(np.zeros(1), np.zeros(1))


# Instances, since some attributes are set when one is made.
INSTANCES: dict[str, Callable[[], Any]] = {
    "Module": module,
    "PythonLossModule": lambda: mx.mod.PythonLossModule(),
    "NDArray": lambda: mx.nd.zeros(1),
    "NDArrayIter": batches,
    "DataBatch": lambda: batches().next(),
    "DataDesc": lambda: batches().provide_data[0],
    "ResizeIter": lambda: mx.io.ResizeIter(batches(), 1),
    "PrefetchingIter": lambda: mx.io.PrefetchingIter(batches()),
    "EvalMetric": lambda: mx.metric.EvalMetric("loss"),
    "CompositeEvalMetric": lambda: mx.metric.CompositeEvalMetric(),
    "Monitor": lambda: mx.monitor.Monitor(1),
}


def place(key: str) -> Any:
    """Return what has the names here: a module, a class or an instance."""
    if key in INSTANCES:
        return INSTANCES[key]()
    owner = {"Symbol": "symbol.Symbol", "Executor": "executor.Executor"}.get(key, key)
    return operator.attrgetter(f"mod.{key}" if key.endswith("Module") else owner)(mx)


def sections() -> dict[str, list[str]]:
    """Return the terms of the page by namespace, in any subsection, with those of "Methods of …" separate."""
    found: dict[str, list[str]] = {}
    namespace = heading = ""
    lines = PAGE.read_text("utf-8").splitlines()
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("#"):
            heading = line.lstrip("# ").removeprefix("mx.")
            namespace = heading if line.startswith("## ") else namespace
        elif after.startswith(": "):
            key = heading if heading.startswith("Methods of") else namespace
            found.setdefault(key, []).extend(re.findall(r"`([^`]+)`", line))
    return found


@pytest.mark.parametrize("key", NAMES)
def test_the_page_lists_exactly_the_names_that_are_missing(key: str) -> None:
    here, listed = place(key), sections()
    missing = {name for name in NAMES[key] if not hasattr(here, name)}
    terms = listed.get(SECTIONS.get(key, key), [])
    assert len(terms) == len(set(terms))
    repeated = {"Symbol": {*listed["symbol"], "flatten"}, "NDArray": {*listed["nd"]}}  # methods that repeat a function
    operators = repeated.get(key, set())
    assert set(terms) <= missing
    assert missing - operators <= set(terms)


def test_whole_namespaces_on_the_page_are_missing() -> None:
    names = sections()["Whole namespaces"]
    assert len(names) > 5
    assert [name for name in names if hasattr(mx, name.removeprefix("mx."))] == []


def test_the_error_of_a_missing_namespace_or_operator_points_to_the_page() -> None:
    title = PAGE.read_text("utf-8").partition("\n")[0].lstrip("# ")
    for name in ("gluon", "image"):
        with pytest.raises(AttributeError, match=name) as caught:
            getattr(mx, name)
        assert title in str(caught.value)
    with pytest.raises(AttributeError, match="Correlation") as caught:
        mx.symbol.Correlation  # noqa: B018
    assert title in str(caught.value)
