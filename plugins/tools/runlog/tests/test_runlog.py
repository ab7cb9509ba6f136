"""A log says what an update did, for every way to call an updater, and leaves everything else as it was."""

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxcore as mx

ALL = ["learning_rate", "wd", "grad_norm", "weight_norm", "step_norm", "nonfinite"]


def updater(name: str = "sgd", **arguments: Any) -> Any:
    return mx.optimizer.get_updater(mx.optimizer.create(name, **{"learning_rate": 0.5, **arguments}))


def numbers(path: Path, *columns: str) -> list[Any]:
    return [tuple(row.get(column) for column in columns) for row in mx.runlog.read(path)]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_row_has_the_norms_of_all_parameters_together(suffix: str, tmp_path: Path) -> None:
    path, update = tmp_path / f"run.{suffix}", updater(rescale_grad=0.5)
    weights, grads = [np.array([3.0, 4.0]), np.array([12.0])], [np.array([6.0, 8.0]), np.array([0.0])]
    with mx.runlog.open(path, update, columns=ALL):
        update(["a", "b"], grads, weights)
    (row,) = mx.runlog.read(path)
    assert row.pop("time") > 1.7e9
    assert weights[0].tolist() == [1.5, 2.0]
    assert row == {
        "update": 1,
        "learning_rate": 0.5,
        "wd": 0.0,
        "grad_norm": 5.0,
        "weight_norm": np.sqrt(1.5**2 + 2.0**2 + 12.0**2),
        "step_norm": 2.5,
        "nonfinite": 0,
    }


@pytest.mark.parametrize("way", ["list", "single", "bound", "nested"])
@pytest.mark.parametrize("every", [1, 2, 3])
def test_every_way_to_call_an_updater_gives_the_same_log(way: str, every: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names, weights = ["fc_weight", "fc_bias"], [np.ones((3, 2)), np.ones(2)]
    steps = [[rng.normal(size=weight.shape) for weight in weights] for _ in range(7)]
    expected, plain = [], [weight.copy() for weight in weights]
    reference, path = updater("adam"), tmp_path / "run.jsonl"
    for number, grads in enumerate(steps, 1):
        old = np.concatenate([weight.ravel() for weight in plain])
        reference(names, grads, plain)
        new = np.concatenate([weight.ravel() for weight in plain])
        if number % every == 0:
            norm = np.linalg.norm
            expected.append((number, norm([norm(grad) for grad in grads]), norm(new), norm(new - old), number / 10))

    update, buffers = updater("adam"), [np.zeros_like(weight) for weight in weights]
    bound = update.bind(weights, buffers, names) if way == "bound" else None
    with mx.runlog.open(path, update, every=every, columns=ALL) as log:
        for number, grads in enumerate(steps, 1):
            log.add(loss=number / 10)
            if way == "list":
                update(names, grads, weights)
            elif way == "single":
                for name, grad, weight in zip(names, grads, weights, strict=True):
                    update(name, grad, weight)
            elif way == "nested":
                update.update(dict(zip(names, grads, strict=True)), dict(zip(names, weights, strict=True)))
            else:
                assert bound is not None
                for buffer, grad in zip(buffers, grads, strict=True):
                    buffer[...] = grad
                bound()
    found = numbers(path, "update", "grad_norm", "weight_norm", "step_norm", "loss")
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    for weight, other in zip(weights, plain, strict=True):
        assert weight.tobytes() == other.tobytes()


def test_the_learning_rate_is_the_one_of_the_update(tmp_path: Path) -> None:
    seen: list[float] = []

    class Noted(mx.optimizer.Optimizer):
        def create_state(self, index: Any, weight: Any) -> None:
            return None

        def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
            self._update_count(index)
            seen.append(self._get_lr(index))
            weight -= seen[-1] * grad

    schedule = mx.lr_scheduler.create("poly", max_update=8, base_lr=1.0, warmup_steps=2)
    path, weight = tmp_path / "run.csv", np.ones(2)
    update = mx.optimizer.get_updater(Noted(lr_scheduler=schedule))
    with mx.runlog.open(path, update):
        for _ in range(8):
            update("w", np.ones(2), weight)
    assert len(set(seen)) > 5
    assert numbers(path, "learning_rate") == [(rate,) for rate in seen]


def test_rows_of_parameters_have_their_own_settings(tmp_path: Path) -> None:
    path, update = tmp_path / "run.csv", updater("adam", wd=0.25, param_idx2name={0: "fc_weight", 1: "fc_bias"})
    update.optimizer.set_lr_mult({"fc_bias": 0.5})
    with mx.runlog.open(path, update, columns=["learning_rate", "wd", "beta1", "grad_norm"], parameters=True):
        update([0, 1], [np.array([3.0]), np.array([4.0])], [np.ones(1), np.ones(1)])
    assert numbers(path, "parameter", "learning_rate", "wd", "beta1", "grad_norm") == [
        (None, 0.5, 0.25, 0.9, 5.0),
        ("fc_weight", 0.5, 0.25, 0.9, 3.0),
        ("fc_bias", 0.25, 0.0, 0.9, 4.0),
    ]


def test_a_pattern_chooses_parameters(tmp_path: Path) -> None:
    path, update = tmp_path / "run.jsonl", updater()
    with mx.runlog.open(path, update, parameters=".*bias"):
        update(["fc_weight", "fc_bias", "bias_of"], [np.ones(1)] * 3, [np.ones(1), np.ones(1), np.ones(1)])
    assert numbers(path, "parameter") == [(None,), ("fc_bias",)]


@pytest.mark.parametrize("way", ["list", "single"])
def test_updates_that_are_not_logged_stay_on_the_short_way(way: str, tmp_path: Path) -> None:
    update, weights, grads = updater(), [np.ones(2), np.ones(3)], [np.ones(2), np.ones(3)]
    armed = []
    with mx.runlog.open(tmp_path / "run.csv", update, every=5):
        for _ in range(12):
            if way == "list":
                update([0, 1], grads, weights)
            else:
                for index in (0, 1):
                    update(index, grads[index], weights[index])
            armed.append(bool(mx.hooks.manager().hook.mxcore_before_step.get_hookimpls()))
    assert armed == [number in (4, 9) for number in range(1, 13)]


@pytest.mark.parametrize("optimizer", ["lookahead(adam, k=2)", "average(sgd)", "agc(lookahead(nag))"])
def test_wrappers_are_logged_with_the_settings_of_what_they_wrap(optimizer: str, tmp_path: Path) -> None:
    path, update, weight = tmp_path / "run.csv", updater(optimizer, wd=0.125), np.array([3.0, 4.0])
    with mx.runlog.open(path, update, columns=ALL):
        before = weight.copy()
        update("fc_weight", np.array([0.3, 0.4]), weight)
    ((rate, decay, grad, norm, step, bad),) = numbers(path, *ALL)
    assert (rate, decay, grad, bad) == (0.5, 0.125, pytest.approx(0.5), 0)
    assert (norm, step) == (np.linalg.norm(weight), np.linalg.norm(weight - before))


@pytest.mark.parametrize("optimizer", ["sgd", "lookahead(sgd, k=100)"])
def test_norms_of_half_precision_are_those_of_the_masters(optimizer: str, tmp_path: Path) -> None:
    path, weight = tmp_path / "run.csv", np.full(4, 1.0, np.float16)
    update = updater(optimizer, multi_precision=True, learning_rate=1e-5)
    with mx.runlog.open(path, update, columns=["weight_norm", "step_norm", "grad_norm"]):
        for _ in range(3):
            update("w", np.full(4, 300.0, np.float16) * np.float16(0.01), weight)
    state = update.states["w"]
    assert state[0].dtype == np.float32
    (*_, (norm, step, grad)) = numbers(path, "weight_norm", "step_norm", "grad_norm")
    assert norm == np.linalg.norm(state[0].astype(float))
    assert step == pytest.approx(6e-5, rel=1e-2)  # lost in float16, whose numbers near 1 are 5e-4 apart
    assert grad == pytest.approx(6.0, rel=1e-2)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_norms_do_not_overflow_in_small_dtypes(dtype: str, tmp_path: Path) -> None:
    import ml_dtypes

    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    path, update = tmp_path / "run.jsonl", updater(learning_rate=0.0, multi_precision=True)
    with mx.runlog.open(path, update, columns=["grad_norm", "nonfinite"]):
        update("w", np.full(10_000, 1000, kind), np.zeros(10_000, kind))
    assert numbers(path, "grad_norm", "nonfinite") == [(pytest.approx(1e5), 0)]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_numbers_that_are_not_finite_are_counted_and_read_back(suffix: str, tmp_path: Path) -> None:
    path, update = tmp_path / f"run.{suffix}", updater()
    with mx.runlog.open(path, update) as log:
        log.add(loss=float("inf"), low=-np.inf)
        update("w", np.array([np.nan, np.inf, -np.inf, 1.0]), np.ones(4))
    ((bad, norm, weight, loss, low),) = numbers(path, "nonfinite", "grad_norm", "weight_norm", "loss", "low")
    assert (bad, loss, low) == (3, np.inf, -np.inf)
    assert np.isnan([norm, weight]).all()
    if suffix == "jsonl":
        assert '"loss": "Infinity", "low": "-Infinity"' in path.read_text("utf-8")


def test_several_updaters_are_told_apart_and_others_are_left_out(tmp_path: Path) -> None:
    path, critic, actor, other = tmp_path / "run.csv", updater(), updater("adam"), updater()
    with mx.runlog.open(path, {"critic": critic, "actor": actor}, columns=["grad_norm"], every=2):
        for number in range(1, 5):
            critic("w", np.array([1.0 * number]), np.ones(1))
            other("w", np.array([1.0]), np.ones(1))
            if number <= 3:
                actor("w", np.array([10.0 * number]), np.ones(1))
    expected = [(2, "critic", 2.0), (2, "actor", 20.0), (4, "critic", 4.0)]
    assert numbers(path, "update", "updater", "grad_norm") == expected


def test_all_updaters_are_logged_if_none_is_given(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with mx.runlog.open(path, columns=["learning_rate"], every=5):
        mx.minimize(lambda x: (x @ x, 2 * x), np.ones(2), "sgd", learning_rate=0.25, steps=10)
        mx.minimize(lambda x: (x @ x, 2 * x), np.ones(2), "adam", learning_rate=0.125, steps=5)
    assert numbers(path, "updater", "update", "learning_rate") == [("0", 5, 0.25), ("0", 10, 0.25), ("1", 5, 0.125)]


@pytest.mark.parametrize("begin", [0, 100])
def test_a_parameter_may_join_late(begin: int, tmp_path: Path) -> None:
    path, update = tmp_path / "run.jsonl", updater(begin_num_update=begin)
    with mx.runlog.open(path, update, columns=["grad_norm"]):
        for number in range(4):
            for name in "abc" if number >= 2 else "ab":
                update(name, np.ones(1), np.ones(1))
    assert [row["update"] - begin for row in mx.runlog.read(path)] == [1, 2, 3, 4]
    assert path.read_text("utf-8").count("\n") == 4
    norms = [row["grad_norm"] ** 2 for row in mx.runlog.read(path)]
    assert norms == pytest.approx([2, 2, 2, 3])


def test_parts_of_a_model_may_be_updated_at_different_times(tmp_path: Path) -> None:
    path, update = tmp_path / "run.jsonl", updater()
    critic, actor = ["c1", "c2"], ["a1", "a2"]
    with mx.runlog.open(path, update, columns=["grad_norm"], every=3):
        for number in range(1, 13):
            update(critic, [np.array([3.0]), np.array([4.0])], [np.ones(1), np.ones(1)])
            if number % 3 == 0:
                update(actor, [np.array([12.0]), np.zeros(1)], [np.ones(1), np.ones(1)])
    # When the first row is written, the actor has not been seen yet.
    assert numbers(path, "update", "grad_norm") == [(3, 5.0), (6, 13.0), (9, 13.0), (12, 13.0)]


def test_a_row_outlives_its_updater(tmp_path: Path) -> None:
    with mx.runlog.open(tmp_path / "run.csv"):
        updater()("w", np.ones(1), np.ones(1))
    assert numbers(tmp_path / "run.csv", "update", "grad_norm") == [(1, 1.0)]


def test_the_latest_numbers_are_in_the_next_row_and_only_there(tmp_path: Path) -> None:
    path, update = tmp_path / "run.jsonl", updater()
    with mx.runlog.open(path, update, every=2, columns=[]) as log:
        for number in range(1, 7):
            if number <= 4:
                log.add(loss=np.float32(number), accuracy=np.array(0.5))
            update("w", np.ones(1), np.ones(1))
            if number == 5:
                log.write(validation=0.25)
    assert numbers(path, "update", "loss", "accuracy", "validation") == [
        (2, 2.0, 0.5, None),
        (4, 4.0, 0.5, None),
        (5, None, None, 0.25),
        (6, None, None, None),
    ]


def test_an_update_that_fails_is_not_logged(tmp_path: Path) -> None:
    class Refusing:
        @mx.hooks.hookimpl
        def mxcore_before_step(self, grads: Any) -> None:
            if not np.isfinite(grads[0]).all():
                raise FloatingPointError("not finite")

    path, update, weight, refusing = tmp_path / "run.jsonl", updater(), np.ones(1), Refusing()
    mx.hooks.register(refusing)
    try:
        with mx.runlog.open(path, update) as log:
            for number, grad in enumerate([1.0, np.nan, 2.0]):
                log.add(loss=number)
                try:
                    update("w", np.array([grad]), weight)
                except FloatingPointError:
                    assert update.optimizer.num_update == 1
    finally:
        mx.hooks.unregister(refusing)
    assert numbers(path, "update", "grad_norm", "loss") == [(1, 1.0, 0.0), (2, 2.0, 2.0)]


def test_what_was_begun_before_a_failure_and_a_loaded_state_is_forgotten(tmp_path: Path) -> None:
    class Failing(mx.optimizer.Optimizer):
        fails = False

        def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
            self._update_count(index)
            if self.fails:
                raise ZeroDivisionError

    path, optimizer = tmp_path / "run.jsonl", Failing()
    update = mx.optimizer.get_updater(optimizer)
    mx.save_state(tmp_path / "state", update)
    with mx.runlog.open(path, update, every=2):
        update("w", np.ones(1), np.ones(1))
        optimizer.fails = True
        with pytest.raises(ZeroDivisionError):
            update("w", np.ones(1), np.ones(1))
        optimizer.fails = False
        mx.load_state(tmp_path / "state", update)
        update.tally.highest.value = 0
        update(["other", "another"], [np.ones(1), np.ones(1)], [np.ones(1), np.ones(1)])
    assert mx.runlog.read(path) == []


def test_a_first_row_waits_no_longer_than_for_the_next_update(tmp_path: Path) -> None:
    path, update = tmp_path / "run.jsonl", updater(begin_num_update=9)
    with mx.runlog.open(path, update, every=10):
        update("w", np.ones(1), np.ones(1))
        assert numbers(path, "update") == []
        update("w", np.ones(1), np.ones(1))
        assert numbers(path, "update") == [(10,)]


def test_a_log_goes_on_after_an_exception_and_a_loaded_state(tmp_path: Path) -> None:
    path, update, weight = tmp_path / "run.csv", updater("adam"), np.ones(2)
    with mx.runlog.open(path, update, every=4):
        for _ in range(7):
            update("w", np.ones(2), weight)
        mx.save_state(tmp_path / "state", update)
        for _ in range(3):
            update("w", np.ones(2), weight)
        mx.load_state(tmp_path / "state", update)
        update("w", np.ones(2), weight)
    assert numbers(path, "update") == [(4,), (8,)]
    assert path.read_text("utf-8").count("\n") == 4
    with pytest.raises(KeyError), mx.runlog.open(path, update, every=4):
        raise KeyError


def test_threads_may_share_a_log(tmp_path: Path) -> None:
    path, updaters = tmp_path / "run.jsonl", {str(number): updater() for number in range(4)}

    def train(update: Any) -> None:
        weight = np.ones(3)
        for _ in range(50):
            update("w", np.ones(3), weight)

    with mx.runlog.open(path, updaters, every=3, columns=["grad_norm", "step_norm"]):
        threads = [threading.Thread(target=train, args=(one,)) for one in updaters.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for name in updaters:
        rows = [row for row in mx.runlog.read(path) if row["updater"] == name]
        assert [row["update"] for row in rows] == list(range(3, 51, 3))
        assert all(row["step_norm"] == pytest.approx(0.5 * np.sqrt(3)) for row in rows)


def test_threads_may_share_an_updater(tmp_path: Path) -> None:
    path, update = tmp_path / "run.jsonl", updater(learning_rate=0.0)

    def train() -> None:
        for _ in range(100):
            update("w", np.full(3, 2.0), np.ones(3))

    with mx.runlog.open(path, update, columns=["grad_norm", "weight_norm"]):
        threads = [threading.Thread(target=train) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    updates = [row["update"] for row in rows]
    assert updates == sorted({*updates} & {*range(1, 401)})
    assert {(row["grad_norm"], row["weight_norm"]) for row in rows} == {(12**0.5, 3**0.5)}


def test_a_row_is_left_out_if_another_thread_has_begun_the_next(tmp_path: Path) -> None:
    class Late:
        """Holds up what follows the first update until there was a second one."""

        def __init__(self) -> None:
            self.made, self.go = threading.Event(), threading.Event()

        @mx.hooks.hookimpl
        def mxcore_after_step(self) -> None:
            if not self.made.is_set():
                self.made.set()
                assert self.go.wait(60)

    path, update, late, weight = tmp_path / "run.jsonl", updater(), Late(), np.ones(1)
    with mx.runlog.open(path, update, columns=["grad_norm"]):
        mx.hooks.register(late)  # what is registered last is called first
        try:
            first = threading.Thread(target=update, args=("w", np.array([1.0]), weight))
            first.start()
            assert late.made.wait(60)
            update("w", np.array([2.0]), weight)
            late.go.set()
            first.join()
        finally:
            mx.hooks.unregister(late)
    assert numbers(path, "update", "grad_norm") == [(2, 2.0)]
    assert path.read_text("utf-8").count("\n") == 1


def test_closing_removes_the_hooks_and_closes_the_file(tmp_path: Path) -> None:
    update, path = updater(), tmp_path / "run.csv"
    log = mx.runlog.open(path, update)
    update("w", np.ones(1), np.ones(1))
    log.close()
    log.close()
    update("w", np.ones(1), np.ones(1))
    assert numbers(path, "update") == [(1,)]
    with pytest.raises(ValueError, match="the log is closed: open another one"):
        log.add(loss=1.0)
    with pytest.raises(ValueError, match="the log is closed"):
        log.write(loss=1.0)


def test_several_destinations_get_the_same_rows(tmp_path: Path) -> None:
    update, paths = updater(), [tmp_path / "a.csv", tmp_path / "deep/er/b.jsonl"]
    with mx.runlog.open(paths, update, columns=ALL) as log:
        for number in range(3):
            log.add(loss=0.1 * number)
            update("w", np.full(2, 0.3), np.ones(2))
    assert mx.runlog.read(paths[0]) == mx.runlog.read(paths[1])
    assert len(mx.runlog.read(paths[0])) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every": 0}, "every must be an integer of at least 1, got 0"),
        ({"every": True}, "every must be an integer of at least 1, got True"),
        ({"columns": "grad_norm"}, "columns must be a list of names, got 'grad_norm'"),
        ({"columns": ["grad_nrm"]}, "no column is called 'grad_nrm': did you mean 'grad_norm'"),
        ({"columns": ["beta1"]}, "no column is called 'beta1'"),
        ({"columns": ["update"]}, "every row has 'update' already"),
        ({"parameters": "["}, "parameters is not a regular expression"),
        ({"parameters": 3}, "parameters must be a boolean or a regular expression"),
        ({"updaters": mx.optimizer.create("sgd")}, "updaters must be an updater, a dict of updaters by name, or None"),
        ({"updaters": {}}, "updaters must be different updaters, at least one"),
        ({"destination": "run.txt"}, r"must end in one of .jsonl, .ndjson, .csv, got 'run.txt'"),
        ({"destination": 3}, "written to a path or a Writer, got 3"),
        ({"destination": []}, "there is no destination"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(
    arguments: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((TypeError, ValueError), match=message):
        mx.runlog.open(**{"destination": "run.csv", "updaters": updater(), **arguments})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"loss": "0.5"}, "loss must be a number, got '0.5'"),
        ({"loss": np.ones(2)}, "loss must be a number, got array"),
        ({"loss": None}, "loss must be a number, got None"),
        ({"grad_norm": 1.0}, "'grad_norm' is a column that the log fills in itself"),
        ({"time": 1.0}, "'time' is a column"),
    ],
)
def test_bad_numbers_are_refused(numbers: dict[str, Any], message: str, tmp_path: Path) -> None:
    with mx.runlog.open(tmp_path / "run.jsonl", updater()) as log:
        for way in (log.add, log.write):
            with pytest.raises((TypeError, ValueError), match=message):
                way(**numbers)
    assert (tmp_path / "run.jsonl").read_text("utf-8") == ""
