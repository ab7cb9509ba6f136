"""Plots: what they show, and that the same plot gives the same file."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import mxcore_plot as plotting
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mxcore_plot.descent import follow
from mxcore_plot.style import widths
from scipy.optimize import approx_fprime

import mxcore as mx
from mxcore.testing.functions import FUNCTIONS, Function

PLACES = st.tuples(*[st.floats(-2, 2)] * 2)


def adam(rate: float = 0.05) -> Any:
    return mx.optimizer.create("adam", learning_rate=rate)


def lines(figure: Any, panel: int = 0) -> dict[str, Any]:
    """Return the coordinates of a panel's named lines."""
    return {line.get_label(): line.get_xydata() for line in figure.axes[panel].lines if line.get_label()[0] != "_"}


# --- the functions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@given(place=PLACES)
def test_a_gradient_is_that_of_its_function(function: Function, place: tuple[float, float]) -> None:
    slope = approx_fprime(np.array(place), function.value, 1e-7)
    np.testing.assert_allclose(function.gradient(np.array(place)), slope, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@given(place=PLACES)
def test_a_function_is_lowest_where_it_says_and_lies_in_its_window(
    function: Function, place: tuple[float, float]
) -> None:
    assert function.value(function.lowest) == 0 <= function.value(np.array(place))
    left, right, bottom, top = function.window
    for x, y in (function.begin, function.lowest):
        assert left < x < right
        assert bottom < y < top


# --- schedules -------------------------------------------------------------------------------------------------------


def test_a_curve_has_the_rate_of_every_update() -> None:
    schedule = mx.lr_scheduler.create("cosine", max_update=50, warmup_steps=5)
    drawn = lines(plotting.schedules({"cosine": schedule}, updates=60))["cosine"]
    np.testing.assert_allclose(drawn[:, 1], [schedule(int(update)) for update in drawn[:, 0]])
    assert drawn[:, 0].tolist() == list(range(1, 61))


def test_a_rate_that_jumps_is_drawn_as_a_step() -> None:
    schedule = mx.lr_scheduler.create("multifactor", step=[10, 30], factor=0.5, base_lr=0.4)
    drawn = lines(plotting.schedules({"steps": schedule}, updates=40))["steps"]
    assert {tuple(place) for place in drawn} >= {(11, 0.4), (11, 0.2), (31, 0.2), (31, 0.1)}


@pytest.mark.parametrize(
    ("name", "arguments", "at_least", "at_most"),
    [
        ("cosine", {"max_update": 500}, 500, 600),
        ("cosine", {"max_update": 7}, 7, 10),
        ("poly", {"max_update": 100_000, "warmup_steps": 1000}, 100_000, 120_000),
        ("multifactor", {"step": [10, 30_000], "factor": 0.1}, 30_001, 35_000),
        ("factor", {"step": 100, "factor": 0.5}, 800, 1200),
        ("factor", {"step": 100}, 1000, 1100),  # constant
    ],
)
def test_the_length_of_a_picture_shows_the_whole_schedule(
    name: str, arguments: dict[str, Any], at_least: int, at_most: int
) -> None:
    figure = plotting.schedules({"it": mx.lr_scheduler.create(name, **arguments)})
    assert at_least <= figure.axes[0].get_xlim()[1] <= at_most


@pytest.mark.parametrize("length", [4, 12, 20, 40, 60])
def test_names_of_any_length_stay_within_the_picture(length: int) -> None:
    rates = {"x" * (length - 1) + str(number): (lambda update: 0.1) for number in range(5)}
    figure = plotting.schedules(rates, updates=10)
    figure.canvas.draw()
    (legend,) = figure.legends
    names = legend.get_window_extent()
    assert names.x0 >= 0
    assert names.x1 <= figure.bbox.x1


def test_a_schedule_that_never_ends_is_shown_for_a_thousand_updates() -> None:
    figure = plotting.schedules({"wave": lambda update: 1 + np.sin(update / 50)})
    assert figure.axes[0].get_xlim()[1] == 1000


def test_a_schedule_that_counts_is_left_as_it_was() -> None:
    class Counting(mx.lr_scheduler.LRScheduler):
        count = 0

        def __call__(self, num_update: int) -> float:  # type: ignore[override]
            self.count += 1
            return float(self.base_lr / self.count)

    schedule = Counting()
    plotting.schedules({"counting": schedule}, updates=9)
    assert schedule.count == 0


# --- paths -----------------------------------------------------------------------------------------------------------


def test_a_path_is_the_optimizer_s_own() -> None:
    function, place = FUNCTIONS["beale"], FUNCTIONS["beale"].begin.copy()
    update = mx.optimizer.get_updater(adam())
    for _ in range(30):
        update(0, function.gradient(place), place)
    np.testing.assert_array_equal(follow(adam(), function, 30)[-1], place)
    drawn = lines(plotting.paths({"adam": adam()}, "beale", steps=30), panel=1)["adam"]
    assert drawn[-1].tolist() == [30, function.value(place)]


def test_a_path_that_another_one_covers_is_seen_beside_it() -> None:
    make = mx.optimizer.create
    same = {"sgd": make("sgd", learning_rate=0.001), "nag": make("nag", learning_rate=0.001)}
    figure = plotting.paths({**same, "adam": adam()}, steps=50)
    for axes in figure.axes:
        below, above, apart = [line.get_linewidth() for line in axes.lines if len(line.get_xydata()) > 1][:3]
        assert below >= above + 2
        assert above == apart
    assert np.array_equal(*[line.get_xydata() for line in figure.axes[0].lines if len(line.get_xydata()) > 1][:2])


def test_one_path_along_another_with_other_steps_is_seen() -> None:
    paths = {name: plain(rate) for name, rate in (("slow", 0.0005), ("fast", 0.001))}
    figure = plotting.paths(paths, "beale", steps=200)
    slow, fast = [line for line in figure.axes[0].lines if len(line.get_xydata()) > 1]
    assert slow.get_linewidth() > fast.get_linewidth()


def plain(rate: float) -> Any:
    return mx.optimizer.create("sgd", learning_rate=rate, momentum=0.0)


def test_schedules_that_are_equal_are_both_seen() -> None:
    make = mx.lr_scheduler.create
    a, b = (make("cosine", max_update=50) for _ in range(2))
    figure = plotting.schedules({"a": a, "b": b, "c": lambda _: 0.02})
    first, second, third = [line.get_linewidth() for line in figure.axes[0].lines]
    assert first > second == third


def test_no_number_of_equal_lines_fills_the_picture() -> None:
    line = np.array([[0.0, 0.0], [1.0, 1.0]])
    wide = widths([line] * 30, (1.0, 1.0), 1.5)
    assert wide == sorted(set(wide), reverse=True)
    assert wide[0] < 15


def test_drawing_changes_neither_the_optimizer_nor_the_random_numbers() -> None:
    optimizer, before = mx.optimizer.create("sgld", learning_rate=0.01), mx.random.get_state()
    first = follow(optimizer, FUNCTIONS["rosenbrock"], 20)
    assert mx.random.get_state() == before
    assert optimizer.num_update == 0
    mx.random.seed(99)
    np.testing.assert_array_equal(follow(optimizer, FUNCTIONS["rosenbrock"], 20), first)


def test_a_path_that_diverges_ends_where_numbers_end() -> None:
    sgd = mx.optimizer.create("sgd", learning_rate=10.0)
    path = follow(sgd, FUNCTIONS["rosenbrock"], 100)
    assert 1 < len(path) < 20
    assert np.isfinite(FUNCTIONS["rosenbrock"].value(path.T)).all()
    figure = plotting.paths({"sgd": sgd, "adam": adam()}, steps=100)
    assert [*lines(figure, panel=1)] == ["sgd (diverges)", "adam"]
    assert figure.axes[1].get_ylim()[1] < 100


@pytest.mark.parametrize("record", mx.catalogue.records("optimizer"), ids=lambda record: record.name)
def test_every_installed_optimizer_has_a_path(record: mx.catalogue.Record) -> None:
    cls = mx.catalogue.load_record(record)
    optimizer = cls(**{**cls.examples[0], **cls.descent})
    for function in FUNCTIONS.values():
        path = follow(optimizer, function, 100)
        assert function.value(path.T).min() < 0.9 * function.value(path[0])  # the last may be higher


# --- values ----------------------------------------------------------------------------------------------------------


def test_a_picture_of_an_initializer_has_the_weight_and_the_share_of_each_value() -> None:
    before = mx.random.get_state()
    pair = {"half": mx.init.Constant(0.5), "uniform": mx.init.Uniform(1.0)}
    weight, spread, _ = plotting.values(pair, shape=(8, 4)).axes
    (image,) = weight.images
    np.testing.assert_array_equal(image.get_array(), np.full((8, 4), 0.5))
    shares = {name: patch.get_data() for patch in spread.patches if (name := patch.get_label())}
    assert {name: round(data.values.sum(), 9) for name, data in shares.items()} == {"half": 1, "uniform": 1}
    assert np.count_nonzero(shares["half"].values) == 1
    assert np.count_nonzero(shares["uniform"].values) > 10
    assert mx.random.get_state() == before


@pytest.mark.parametrize("record", mx.catalogue.records("initializer"), ids=lambda record: record.name)
def test_every_installed_initializer_has_a_picture(record: mx.catalogue.Record) -> None:
    cls = mx.catalogue.load_record(record)
    figure = plotting.values({str(how): cls(**how) for how in cls.examples})
    assert len(plotting.render(figure, "svg")) < 60_000


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".pdf", ".png", ".svg"])
@pytest.mark.parametrize(
    "draw",
    [
        lambda: plotting.paths({"adam": adam(), "faster": adam(0.1)}, steps=50),
        lambda: plotting.schedules({"poly": mx.lr_scheduler.create("poly", max_update=90)}),
        lambda: plotting.values({"xavier": mx.init.create("xavier"), "normal": mx.init.create("normal")}),
    ],
    ids=["paths", "schedules", "values"],
)
def test_the_same_picture_is_the_same_file(draw: Any, suffix: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        plotting.save(draw(), tmp_path / f"{name}{suffix}")
    first, second = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("a", "b"))
    assert first == second
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"a{suffix}", f"b{suffix}"]


@pytest.mark.sampled(8)
@pytest.mark.parametrize("record", mx.catalogue.records("optimizer"), ids=lambda record: record.name)
def test_paths_beside_those_of_sgd_and_adam_make_a_small_file(record: mx.catalogue.Record) -> None:
    classes = {name: mx.catalogue.load("optimizer", name) for name in (record.name, "sgd", "adam")}
    figure = plotting.paths({name: cls(**{**cls.examples[0], **cls.descent}) for name, cls in classes.items()})
    assert len(plotting.render(figure, "svg")) < 60_000


def test_an_svg_holds_its_text(tmp_path: Path) -> None:
    plotting.save(plotting.paths({"mine": adam()}, "beale", steps=20), tmp_path / "path.svg")
    texts = {element.text for element in ET.parse(tmp_path / "path.svg").iter("{http://www.w3.org/2000/svg}text")}
    assert {"mine", "Beale's function", "start", "minimum", "step"} <= texts


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plotting.schedules({}), "at least one schedule"),
        (lambda: plotting.schedules({"a": lambda update: 0.1}, updates=0), "updates must be at least 1, got 0"),
        (lambda: plotting.paths({}), "at least one optimizer"),
        (lambda: plotting.paths({"adam": adam()}, "ackley"), "one of rosenbrock, beale, got 'ackley'"),
        (lambda: plotting.values({}), "at least one initializer"),
        (lambda: plotting.values({"xavier": mx.init.Xavier()}, shape=(3,)), r"of shape \(3,\): .* two axes"),
        (lambda: plotting.paths({"adam": adam()}, steps=0), "steps must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_another_suffix_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path\.gif' must end in \.pdf, \.png or \.svg"):
        plotting.save(plotting.paths({"adam": adam()}, steps=5), tmp_path / "path.gif")
    assert not list(tmp_path.iterdir())


def test_importing_the_module_imports_no_matplotlib(run_python: Any) -> None:
    assert "matplotlib" not in run_python("import sys, mxcore_plot; print(*sys.modules)").split()
