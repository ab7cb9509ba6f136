"""Numbers that all parameters of a model share, and updaters that know the model in advance."""

import copy
import functools
import math
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import mxcore as mx
from mxcore.kernel import RuleError
from mxcore.kernel.run.direct import DirectPlan

GRADS = [np.array([3.0, 0.0]), np.array([[4.0]], "f4"), np.array(0.0, "f2")]


@mx.hyperparameters
class Shared(mx.optimizer.Optimizer):
    """Steps of a size that all parameters share: the largest norm of all gradients so far."""

    slots = (mx.Slot("size", init=0.5, scope="all"), mx.Slot("updates", scope="all"), "kept", mx.Slot("own", shape=()))
    decay = "own"
    elementwise = False

    @staticmethod
    def rule(weight: Any, grad: Any, kept: Any, *, size: Any, updates: Any, own: Any) -> Any:
        size = np.maximum(size, mx.norm(grad, over="all") * (updates + 1))
        return weight - size, size, updates + 1, kept + grad, own + mx.sum(grad)


@pytest.fixture(params=["llvm", "numpy", "direct"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run rules as compiled code, as NumPy calls, and as they stand."""
    mx.kernel.use("numpy" if request.param == "direct" else request.param)
    if request.param == "direct":
        monkeypatch.setattr("mxcore.kernel.run.choose.plan_of", DirectPlan)
    yield request.param
    mx.kernel.use(None)


def of_rule(rule: Any, *slots: mx.Slot, **attributes: Any) -> mx.optimizer.Optimizer:
    attributes = {"rule": staticmethod(rule), "decay": "own", "slots": slots, **attributes}
    made: mx.optimizer.Optimizer = mx.hyperparameters(type("Sample", (mx.optimizer.Optimizer,), attributes))()
    return made


def weights() -> list[Any]:
    return [np.zeros_like(grad) for grad in GRADS]


def trained(update: Any, found: list[Any], factors: tuple[float, ...] = (1.0, 0.25, 2.0)) -> list[Any]:
    for factor in factors:
        update(["a", "b", "c"], [(factor * grad).astype(grad.dtype) for grad in GRADS], found)
    return found


# --- slots of the whole model ----------------------------------------------------------------------------------------


def test_all_parameters_share_a_number_and_use_its_new_value_in_the_same_update(way: str) -> None:
    update = mx.optimizer.get_updater(Shared(multi_precision=True))
    found = trained(update, weights())
    sizes = (5.0, max(5.0, 1.25 * 2), 10.0 * 3)
    for weight in found:
        np.testing.assert_allclose(weight, np.full(weight.shape, -math.fsum(sizes)), rtol=1e-3)
    assert update.optimizer.model_numbers == {"size": 30.0, "updates": 3.0}
    assert update.optimizer.host_numbers == {"a": {"own": 9.75}, "b": {"own": 13.0}, "c": {"own": 0.0}}


def test_every_way_to_run_a_rule_gives_the_same_number_in_double_precision() -> None:
    def rule(weight: Any, grad: Any, *, d: Any, lr: Any, t: Any) -> Any:
        d = np.sqrt(d) / 3 + mx.dot(grad, lr * weight, over="all") / mx.mean(abs(grad), over="all")
        return weight - d * grad / t, d

    numbers = []
    for emitter in ("llvm", "numpy", "direct"):
        with pytest.MonkeyPatch.context() as patch:
            mx.kernel.use("numpy" if emitter == "direct" else emitter)
            if emitter == "direct":
                patch.setattr("mxcore.kernel.run.choose.plan_of", DirectPlan)
            update = mx.optimizer.get_updater(of_rule(rule, mx.Slot("d", init=0.1, scope="all")))
            found = [np.full(50, 0.7, "f4"), np.full((3, 3), 0.9)]
            for seed in range(4):
                rng = np.random.default_rng(seed)
                update([0, 1], [rng.normal(size=one.shape).astype(one.dtype) for one in found], found)
            numbers.append((update.optimizer.model_numbers["d"], *(one.tobytes() for one in found)))
    mx.kernel.use(None)
    assert numbers[0] == numbers[1] == numbers[2]
    assert numbers[0][0] != float(np.float32(numbers[0][0]))


def test_it_is_saved_once_and_restored(way: str) -> None:
    first = mx.optimizer.get_updater(Shared(multi_precision=True))
    found = trained(first, weights())
    again = mx.optimizer.get_updater(Shared(multi_precision=True))
    again.set_states(first.get_states())
    assert again.optimizer.model_numbers == first.optimizer.model_numbers
    other = [weight.copy() for weight in found]
    trained(first, found, (0.5, 8.0))
    trained(again, other, (0.5, 8.0))
    assert [one.tobytes() for one in found] == [one.tobytes() for one in other]
    assert first.get_states().count(b"size") == 1


def test_loading_a_run_that_has_none_starts_over() -> None:
    update = mx.optimizer.get_updater(Shared(multi_precision=True))
    before = update.get_states()
    trained(update, weights())
    update.set_states(before)
    assert update.optimizer.model_numbers == {}


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda update: pickle.loads(pickle.dumps(update))])
def test_a_copy_goes_on_by_itself(copied: Any) -> None:
    update = mx.optimizer.get_updater(Shared(multi_precision=True))
    found = trained(update, weights())
    other, theirs = copied(update), [weight.copy() for weight in found]
    trained(update, found, (4.0,))
    assert other.tally.model_numbers == {"size": 30.0, "updates": 3.0}
    trained(other, theirs, (4.0,))
    assert [one.tobytes() for one in found] == [one.tobytes() for one in theirs]


def test_two_updaters_of_one_optimizer_have_their_own() -> None:
    optimizer = Shared(multi_precision=True)
    one, other = mx.optimizer.get_updater(optimizer), mx.optimizer.get_updater(optimizer)
    trained(one, weights())
    trained(other, weights(), (1.0,))
    assert (one.tally.model_numbers["updates"], other.tally.model_numbers["updates"]) == (3, 1)


def test_a_failed_update_leaves_it_as_it_was(way: str) -> None:
    update, found = mx.optimizer.get_updater(Shared(multi_precision=True)), weights()
    trained(update, found)
    before = [weight.tobytes() for weight in found], dict(update.optimizer.model_numbers)
    with pytest.raises(ValueError, match="share memory"):
        update(["a", "b", "c"], GRADS, [found[0], found[0][:1].reshape(1, 1).view("f4")[:, :1], found[2]])
    assert ([weight.tobytes() for weight in found], update.optimizer.model_numbers) == before


def test_a_call_that_lacks_a_parameter_is_refused_even_without_reductions() -> None:
    optimizer = of_rule(lambda weight, grad, *, n: (weight - n * grad, n + 1), mx.Slot("n", scope="all"))
    update, found = mx.optimizer.get_updater(optimizer), [np.zeros(1), np.zeros(1)]
    update([0, 1], [np.ones(1)] * 2, found)
    with pytest.raises(ValueError, match="this call lacks parameter 1"):
        update(0, np.ones(1), found[0])
    assert optimizer.model_numbers == {"n": 1.0}


def test_other_rules_take_any_call(way: str) -> None:
    update, found = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0)), [np.zeros(1), np.zeros(1)]
    for index, weight in [(0, found[0]), (1, found[1]), (0, found[0])]:
        update(index, np.ones(1), weight)
    np.testing.assert_array_equal(found, [[-2], [-1]])


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda weight, grad, d, own, lr: (weight, d + lr, own), "which is the same for all parameters, from 'lr'"),
        (lambda weight, grad, d, own, t: (weight, d + t, own), "from 't', which is not: use it only inside"),
        (lambda weight, grad, d, own: (weight, d + own, own), "computes 'd', .* from 'own'"),
        (lambda weight, grad, d, own: (weight, d * mx.norm(grad), own), "from the norm of a parameter"),
        (lambda weight, grad, d, own: (weight, mx.max(grad, over="row"), own), "must be one number per parameter"),
        (lambda weight, grad, d, own, size: (weight, mx.sum(grad, over="all") / size, own), "the size of a parameter"),
        (lambda weight, grad, d, own: (weight, weight, own), "returns an array for 'd'"),
    ],
)
def test_what_differs_between_parameters_is_refused(rule: Any, message: str) -> None:
    optimizer, weight = of_rule(rule, mx.Slot("d", scope="all"), mx.Slot("own", shape=())), np.ones((2, 2))
    with pytest.raises(RuleError, match=message):
        mx.optimizer.get_updater(optimizer)(0, np.ones((2, 2)), weight)
    assert (weight == 1).all()


def test_it_may_depend_on_num_update_and_on_rates_inside_reductions(way: str) -> None:
    def rule(weight: Any, grad: Any, *, d: Any, lr: Any, num_update: Any) -> Any:
        return weight - lr * grad, d + num_update * mx.sum(lr * grad, over="all")

    optimizer = of_rule(rule, mx.Slot("d", scope="all"), lr=1.0)
    optimizer.set_lr_mult({1: 0.5})
    update, found = mx.optimizer.get_updater(optimizer), [np.zeros(1), np.zeros(1)]
    for _ in range(2):
        update([0, 1], [np.ones(1), np.ones(1)], found)
    assert optimizer.model_numbers == {"d": pytest.approx(0.01 * (1.5 + 2 * 1.5))}


def test_a_flag_cannot_make_it_differ(way: str) -> None:
    def rule(weight: Any, grad: Any, *, d: Any, special: bool) -> Any:
        return weight - grad, d + mx.sum(grad, over="all") * (2 if special else 1)

    optimizer = of_rule(rule, mx.Slot("d", scope="all"), flags=lambda self, name: {"special": name == "a"})
    found = [np.ones(1), np.ones(1)]
    with pytest.raises(RuleError, match="computes 'd', .*, as 4.0 for one of them and as 2.0 for another"):
        mx.optimizer.get_updater(optimizer)(["a", "b"], [np.ones(1), np.ones(1)], found)
    assert optimizer.model_numbers == {}
    assert found == [[1], [1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scope": "all", "init": "weight"}, "is a number, which cannot begin as a copy of the weight"),
        ({"shape": (), "init": "weight"}, "is a number, which cannot begin as a copy of the weight"),
        ({"scope": "model"}, "scope of slot 'd' must be \"parameter\" or \"all\", got 'model'"),
    ],
)
def test_such_a_slot_is_a_number(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        mx.Slot("d", **arguments)


@mx.hyperparameters
class Scaled(mx.optimizer.Wrapper):
    """Scales gradients by the root of how many updates there have been; evaluates with the weights times that."""

    slots = (mx.Slot("seen", scope="all"),)

    @staticmethod
    def rule(weight: Any, grad: Any, *, inner: Any, seen: Any) -> Any:
        return inner(weight, np.sqrt(seen + 1) * grad), seen + 1

    @staticmethod
    def evaluation(weight: Any, seen: Any) -> Any:
        return weight * seen


def test_wrappers_have_theirs_beside_those_inside(way: str) -> None:
    update, found = mx.optimizer.get_updater(Scaled(Shared(multi_precision=True))), weights()
    trained(update, found, (1.0, 1.0))
    assert update.optimizer.model_numbers == {
        "seen": 2.0,
        "inner/size": pytest.approx(math.sqrt(2) * 5 * 2),
        "inner/updates": 2.0,
    }
    np.testing.assert_allclose(update.evaluation_weights(found[:1], ["a"])[0], 2 * found[0])


def test_a_wrapper_with_such_a_slot_is_refused_around_array_code() -> None:
    update = mx.optimizer.get_updater(Scaled("groupadagrad", learning_rate=0.1))
    with pytest.raises(TypeError, match="Scaled.* keeps 'seen' for all parameters together"):
        update(0, np.ones(2), np.ones(2))


def test_calls_without_an_updater_share_it_too_so_each_must_be_complete() -> None:
    optimizer, found = Shared(), [np.zeros(1), np.zeros(1)]
    states = [optimizer.create_state(index, weight) for index, weight in enumerate(found)]
    optimizer.update([0, 1], found, [np.ones(1), np.ones(1)], states)
    with pytest.raises(ValueError, match="this call lacks parameter 1"):
        optimizer.update(0, found[0], np.ones(1), states[0])
    assert optimizer.model_numbers["updates"] == 1


# --- reductions that are combined elsewhere --------------------------------------------------------------------------


def test_parts_of_a_model_that_exchange_their_sums_have_the_bits_of_the_whole(way: str) -> None:
    rng, names = np.random.default_rng(1), ["a", "b", "c", "d"]
    steps = [[rng.normal(size=(5, 9)).astype(dtype) for dtype in ("f4", "f8", "f4", "f8")] for _ in range(3)]
    settings = {"learning_rate": 0.5, "clip_global_norm": 3.0, "d0": 0.1}
    whole, wanted = mx.optimizer.get_updater(mx.optimizer.Prodigy(**settings)), [np.ones_like(one) for one in steps[0]]
    for grads in steps:
        whole(names, grads, wanted)
    parts = [mx.optimizer.get_updater(mx.optimizer.Prodigy(**settings)) for _ in range(2)]
    found, sent = [np.ones_like(one) for one in steps[0]], [list[Any](), list[Any]()]
    together = threading.Barrier(2)

    def run(rank: int) -> None:
        own = slice(2 * rank, 2 * rank + 2)

        def exchanged(contributions: Any) -> Any:
            sent[rank] = contributions
            together.wait(10)
            every = [
                mx.kernel.Contribution(
                    one.name, *(np.concatenate(pair) for pair in zip(one[1:], other[1:], strict=True))
                )
                for one, other in zip(*sent, strict=True)
            ]
            together.wait(10)
            return mx.kernel.folded(every)

        with mx.kernel.folding(exchanged):
            for grads in steps:
                parts[rank](names[own], grads[own], found[own])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, range(2)))
    assert [one.tobytes() for one in found] == [one.tobytes() for one in wanted]
    assert parts[0].tally.model_numbers == parts[1].tally.model_numbers == whole.tally.model_numbers


def combined(parts: Any, lengths: list[int], pieces: list[list[int]]) -> Any:
    """Combine what the parts of all ranks contribute: for each rank the totals of its own parameters, or that of all.

    Args:
        parts: for each rank its contributions.
        lengths: the number of elements of each parameter.
        pieces: for each rank the parameters of which it has a part.
    """
    found: list[list[Any]] = [[] for _ in parts]
    for every in zip(*parts, strict=True):
        blocks: list[list[Any]] = [[] for _ in lengths]
        for part, own in zip(every, pieces, strict=True):
            for place, some in zip(own, part.blocks, strict=True):
                blocks[place].append(some)
        combine = np.maximum if every[0].name == "max" else np.add
        start = -np.inf if every[0].name == "max" else 0.0
        totals = np.array([functools.reduce(combine, np.concatenate(some), start) for some in blocks])
        for place, own in zip(found, pieces, strict=True):
            if every[0].over == "all":
                place.append((functools.reduce(combine, totals, start), sum(lengths)))
            else:
                place.append((totals[own], np.array(lengths)[own]))
    return found


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("adam", {}),
        ("adam", {"clip_global_norm": 3.0}),
        ("lamb", {"wd": 0.1}),
        ("prodigy", {"clip_global_norm": 3.0, "d0": 0.1}),
        ("average(lars)", {"momentum": 0.9}),
        ("adai", {}),
        ("novograd", {}),
        ("shared", {}),
    ],
)
@pytest.mark.parametrize("way", ["llvm", "numpy"], indirect=True)
@pytest.mark.parametrize("dtypes", [("f4", "f4", "f4"), ("f4", "f8", "f4")], ids=["one dtype", "two dtypes"])
def test_parts_of_parameters_that_exchange_their_sums_have_the_bits_of_the_whole(
    way: str, name: str, settings: dict[str, Any], dtypes: tuple[str, ...]
) -> None:
    def made() -> Any:
        return Shared() if name == "shared" else mx.optimizer.create(name, **settings)

    rng, names, lengths = np.random.default_rng(1), ["a", "b", "c"], [3 * 4096 + 10, 5, 2 * 4096]
    steps = [
        [rng.normal(size=length).astype(dtype) for length, dtype in zip(lengths, dtypes, strict=True)] for _ in range(3)
    ]
    whole, wanted = mx.optimizer.get_updater(made()), [np.ones_like(one) for one in steps[0]]
    for grads in steps:
        whole(names, grads, wanted)
    # Rank 0 has two blocks of a, rank 1 the rest of a, b, and a block of c, rank 2 the other one.
    cuts = [[(0, 0, 8192)], [(0, 8192, 12298), (1, 0, 5), (2, 0, 4096)], [(2, 4096, 8192)]]
    found, together, sent = [np.ones_like(one) for one in steps[0]], threading.Barrier(3), [None] * 3

    def run(rank: int) -> Any:
        updater = mx.optimizer.get_updater(made())

        def exchanged(parts: Any) -> Any:
            sent[rank] = parts
            together.wait(10)
            values = combined(sent, lengths, [[place for place, *_ in own] for own in cuts])[rank]
            together.wait(10)
            return values

        with mx.kernel.dividing(exchanged):
            for grads in steps:
                updater(
                    [names[place] for place, *_ in cuts[rank]],
                    [grads[place][begin:end] for place, begin, end in cuts[rank]],
                    [found[place][begin:end] for place, begin, end in cuts[rank]],
                )
        return updater

    with ThreadPoolExecutor(3) as pool:
        parts = list(pool.map(run, range(3)))
    assert [one.tobytes() for one in found] == [one.tobytes() for one in wanted]
    assert all(one.tally.model_numbers == whole.tally.model_numbers for one in parts)


@pytest.mark.parametrize("way", ["llvm", "numpy"], indirect=True)
def test_what_cannot_be_computed_in_parts_is_refused(way: str) -> None:
    by_row = of_rule(lambda weight, grad: weight - mx.norm(grad, over="row"))
    sized = of_rule(lambda weight, grad, *, size: weight - mx.norm(grad) / size)
    for optimizer in (by_row, sized):
        weight = np.ones((2, 2))
        with mx.kernel.dividing(lambda parts: []), pytest.raises(RuleError, match="in parts"):
            mx.optimizer.get_updater(optimizer)("w", np.ones((2, 2)), weight)
        assert (weight == 1).all()


def test_if_the_exchange_fails_nothing_has_changed(way: str) -> None:
    update, found = mx.optimizer.get_updater(Shared(multi_precision=True)), weights()

    def lost(contributions: Any) -> Any:
        raise ConnectionError("rank 1 is gone")

    with mx.kernel.folding(lost), pytest.raises(ConnectionError, match="rank 1 is gone"):
        trained(update, found)
    assert not update.states
    assert update.optimizer.num_update == 0
    assert all((weight == 0).all() for weight in found)


# --- a model that is known in advance --------------------------------------------------------------------------------


def gathering(name: str = "sgd", **arguments: Any) -> Any:
    optimizer = mx.optimizer.create(name, **{"learning_rate": 1.0, "clip_global_norm": 1.0, **arguments})
    return mx.optimizer.get_updater(optimizer, model=["a", "b", "c"])


@pytest.mark.parametrize("name", ["adam", "prodigy", "average(lamb)", "groupadagrad"])
def test_gradients_passed_one_by_one_give_the_bits_of_one_call(name: str) -> None:
    arguments = {"learning_rate": 0.5, "clip_global_norm": 2.0}
    whole, found = mx.optimizer.get_updater(mx.optimizer.create(name, **arguments)), [np.ones((2, 2)) for _ in range(3)]
    single, theirs = gathering(name, **arguments), [np.ones((2, 2)) for _ in range(3)]
    buffer = np.zeros((2, 2))
    for seed in range(4):
        grads = np.random.default_rng(seed).normal(size=(3, 2, 2))
        whole(["a", "b", "c"], list(grads), found)
        for place in np.random.default_rng(seed).permutation(3):
            buffer[:] = grads[place]  # which may be used for the next one at once
            single("abc"[place], buffer, theirs[place])
        assert [one.tobytes() for one in theirs] == [one.tobytes() for one in found]
    assert single.get_states() == whole.get_states()


def test_lists_of_some_parameters_are_gathered_too() -> None:
    update, found = gathering(), [np.zeros(1) for _ in range(3)]
    update(["c", "a"], [np.array([4.0]), np.array([0.0])], [found[2], found[0]])
    assert update.waiting == ("c", "a")
    update([b"b"], [np.array([3.0])], [found[1]])
    np.testing.assert_allclose(found, [[0], [-0.6], [-0.8]], rtol=1e-5)
    assert update.waiting == ()
    update(["c", "b", "a"], [np.zeros(1)] * 3, found[::-1])
    assert dict(update.optimizer._index_update_count) == {"a": 2, "b": 2, "c": 2}


def test_what_a_gathering_updater_refuses_changes_nothing() -> None:
    update, found = gathering(), [np.zeros(1) for _ in range(3)]
    update("a", np.ones(1), found[0])
    with pytest.raises(ValueError, match="parameter 'd' is not in the model of this updater, which has 'a', 'b', 'c'"):
        update("d", np.ones(1), found[1])
    with pytest.raises(ValueError, match="'a' has a gradient that is waiting for those of parameter 'b' and 1 more"):
        update("a", np.ones(1), found[0])
    with pytest.raises(ValueError, match="waiting for"):
        update(["a", "b", "c"], [np.ones(1)] * 3, found)
    with pytest.raises(ValueError, match="has shape"):
        update("b", np.ones(2), found[1])
    with pytest.raises(ValueError, match="only once per call"):
        update(["b", "b"], [np.ones(1)] * 2, found[:2])
    with pytest.raises(ValueError, match="with worker=, pass all parameters"):
        update("b", np.ones(1), found[1], worker=1)
    with pytest.raises(ValueError, match="bind takes all 3 parameters of the model, got 1"):
        update.bind(found[1:2], [np.ones(1)], ["b"])
    assert update.waiting == ("a",)
    assert not update.states
    assert found == [[0]] * 3


def test_nothing_is_saved_or_loaded_between_two_gradients(tmp_path: Any) -> None:
    update, found = gathering(), [np.zeros(1) for _ in range(3)]
    step, before = update.bind(found, [np.ones(1)] * 3, ["a", "b", "c"]), update.get_states()
    update("a", np.ones(1), found[0])
    tries = {
        "nothing can be saved": [update.get_states, lambda: mx.save_state(tmp_path / "x", update)],
        "nothing can be loaded": [lambda: update.set_states(before)],
        "no step of all parameters": [step],
    }
    for message, calls in tries.items():
        for call in calls:
            with pytest.raises(RuntimeError, match=f"{message} while gradients are waiting for those of parameter 'b'"):
                call()
    assert not list(tmp_path.iterdir())
    update.forget_waiting()
    assert update.get_states() == before
    step()
    assert update.optimizer.num_update == 1


def test_if_the_update_fails_the_last_gradient_can_be_passed_again() -> None:
    update, memory = gathering(), np.zeros(2)
    update("a", np.array([3.0, 0.0]), memory)
    update("b", np.ones(1), np.zeros(1))
    with pytest.raises(ValueError, match="share memory"):
        update("c", np.ones(1), memory[1:])
    assert update.waiting == ("a", "b")
    assert memory.tolist() == [0, 0]
    assert update.optimizer.num_update == 0
    update("c", np.ones(1), np.zeros(1))
    assert update.waiting == ()
    assert update.optimizer.num_update == 1


def test_a_copy_of_a_gathering_updater_goes_on_by_itself() -> None:
    update, found = gathering(), [np.zeros(1) for _ in range(3)]
    update("a", np.ones(1), found[0])
    other = pickle.loads(pickle.dumps(update))
    update.forget_waiting()
    assert other.waiting == ("a",)
    assert other.model == ("a", "b", "c")
    for place, name in enumerate("bc", 1):
        other(name, np.zeros(1), found[place])
    assert other.optimizer.num_update == 1
    assert update.optimizer.num_update == 0


def test_no_gradient_is_taken_while_evaluating() -> None:
    update, found = gathering("average(sgd)"), [np.zeros(1) for _ in range(3)]
    with update.evaluating(found, ["a", "b", "c"]), pytest.raises(RuntimeError, match="no update inside"):
        update("a", np.ones(1), found[0])
    assert update.waiting == ()


@pytest.mark.parametrize("model", [[], ["a", "a"], "weights"])
def test_a_model_has_each_parameter_once(model: Any) -> None:
    with pytest.raises(ValueError, match="model must "):
        mx.optimizer.get_updater(mx.optimizer.SGD(), model=model)
