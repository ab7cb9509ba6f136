"""The page for people of other libraries has the defaults of this project, and of each library that is installed."""

import importlib
import inspect
import re
from typing import Any

import pytest
from sites import ROOT

import mxcore as mx
from mxcore.declarations import describe

NAMES = {
    "learning rate": ("learning_rate", "lr", "learning_rate", "learning_rate"),
    "weight decay": ("wd", "weight_decay", "weight_decay", "weight_decay"),
    "epsilon": ("epsilon", "eps", "eps", "epsilon"),
    "decay": ("gamma1", "alpha", "decay", "rho"),
    "rho": ("rho", "rho", "rho", "rho"),
    "initial sum": ("", "initial_accumulator_value", "initial_accumulator_value", "initial_accumulator_value"),
    "gain": ("scale", "gain", "", "gain"),
    "standard deviation": ("sigma", "std", "", "stddev"),
    "upper bound": ("scale", "b", "", "maxval"),
}
CLASSES = {
    "SGD": ("SGD", "sgd", "SGD"),
    "Adam": ("Adam", "adam", "Adam"),
    "AdamW": ("AdamW", "adamw", "AdamW"),
    "NAdam": ("NAdam", "nadam", "Nadam"),
    "Adamax": ("Adamax", "adamax", "Adamax"),
    "RMSProp": ("RMSprop", "rmsprop", "RMSprop"),
    "Adagrad": ("Adagrad", "adagrad", "Adagrad"),
    "Adadelta": ("Adadelta", "adadelta", "Adadelta"),
    "LAMB": ("", "lamb", "Lamb"),
    "Lion": ("", "lion", "Lion"),
    "orthogonal": ("orthogonal_", "", "Orthogonal"),
    "normal": ("normal_", "", "RandomNormal"),
    "uniform": ("uniform_", "", "RandomUniform"),
}
PEERS = (("torch.optim", "torch.nn.init"), ("optax", "optax"), ("keras.optimizers", "keras.initializers"))


def rows() -> list[tuple[str, str, list[str]]]:
    """Name, argument and the four defaults of each row of the page's table."""
    lines = (ROOT / "docs/guides/frameworks.md").read_text("utf-8").splitlines()
    begin = lines.index("default of | mxcore | torch | optax | Keras")
    found = []
    for line in lines[begin + 2 :]:
        if line.startswith("::"):
            return found
        title, *cells = line.split(" | ")
        name, argument = title.split(", ")
        found.append((name, argument, cells))
    raise AssertionError("the table has no end")


def ours(name: str, argument: str) -> str:
    kind = "initializer" if name.islower() else "optimizer"
    cls: type[Any] = mx.catalogue.load_record(mx.catalogue.find(kind, name.lower()))
    defaults = {one.name: one.default for one in describe(cls)}
    key = NAMES[argument][0]
    return defaults[key] if key in defaults else defaults[key[:3]]  # AdaGrad says eps


def stated(default: Any) -> str:
    return "required" if default is inspect.Parameter.empty else "none" if default is None else str(default)


def test_the_page_has_the_defaults_of_this_project() -> None:
    assert len(rows()) > 15
    for name, argument, cells in rows():
        if argument != "initial sum":
            assert cells[0] == ours(name, argument), (name, argument)
    adagrad = mx.optimizer.create("adagrad")
    weight = mx.cpu().array([1.0])
    assert adagrad.create_state("w", weight) == 0


@pytest.mark.parametrize("which", [0, 1, 2], ids=["torch", "optax", "keras"])
def test_the_page_has_the_defaults_of_other_libraries(which: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    optimizers, initializers = PEERS[which]
    pytest.importorskip(optimizers.partition(".")[0])
    for name, argument, cells in rows():
        called, key = CLASSES[name][which], NAMES[argument][which + 1]
        if not called or not key:
            assert cells[which + 1] == "–"
            continue
        thing = getattr(importlib.import_module(initializers if name.islower() else optimizers), called)
        assert cells[which + 1] == stated(inspect.signature(thing).parameters[key].default), (name, argument)


def test_all_links_into_the_cookbook_name_a_recipe() -> None:
    recipes = re.findall(r"^## (.*)", (ROOT / "docs/guides/cookbook.md").read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in recipes}
    used = re.findall(r"cookbook\.md#([\w-]+)", (ROOT / "docs/guides/frameworks.md").read_text("utf-8"))
    assert set(used) <= anchors
