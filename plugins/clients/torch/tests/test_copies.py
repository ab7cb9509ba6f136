"""Copies, pickles and state dicts of an optimizer go on with the same bits."""

import copy
import io
import itertools
import pickle

import pytest
import torch
from torch_loops import ENGINES, assert_same, made, network, train

RULES = ["adamw", "nadam", "prodigy", "lookahead(average(adam))", "sgd"]


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        *itertools.product(RULES, ENGINES),
        *itertools.product(("adafactor", "soap"), ("memory", "offload")),
    ],
)
@pytest.mark.parametrize("how", ["deepcopy", "pickle", "state_dict"])
def test_a_copy_goes_on_with_the_same_bits(how: str, name: str, engine: str) -> None:
    model = network()
    ours = made(model, name, engine=engine)
    train(model, ours, 4)
    other = copy.deepcopy(model)
    if how == "state_dict":
        file = io.BytesIO()
        torch.save({"model": model.state_dict(), "optimizer": ours.state_dict()}, file)
        file.seek(0)
        saved = torch.load(file, weights_only=True)
        other = network(1)
        other.load_state_dict(saved["model"])
        again = made(other, name, lr=0.5, engine=engine)
        again.load_state_dict(saved["optimizer"])
    elif how == "deepcopy":
        both = copy.deepcopy({"model": model, "optimizer": ours})
        other, again = both["model"], both["optimizer"]
    else:
        other, again = pickle.loads(pickle.dumps((model, ours)))
    assert_same(train(model, ours, 4), train(other, again, 4))


@pytest.mark.parametrize("engines", [*itertools.permutations(ENGINES, 2)])
def test_engines_read_the_states_of_each_other(engines: tuple[str, str]) -> None:
    for name in ("adamw", "nadam", "average(adam)", "lookahead(prodigy)"):
        models = network(), network()
        one, other = (made(model, name, engine=engine) for model, engine in zip(models, engines, strict=True))
        train(models[0], one, 3)
        models[1].load_state_dict(models[0].state_dict())
        other.load_state_dict(one.state_dict())
        train(models[1], other, 2)
        one.load_state_dict(other.state_dict())
        models[0].load_state_dict(models[1].state_dict())
        torch.testing.assert_close(train(models[0], one, 2), train(models[1], other, 2), rtol=0, atol=1e-6)


def test_states_are_tensors_over_our_memory_and_numbers() -> None:
    model = network()
    ours = made(model, "nadam")
    train(model, ours, 3)
    entry = ours.state_dict()["state"][0]
    assert entry["step"] == 3
    assert isinstance(entry["product"], float)
    mean = ours.state[model[0].weight]["mean"]
    before = mean.clone()
    train(model, ours, 1)
    assert not torch.equal(mean, before)
    mean.zero_()
    model[0].weight.grad.zero_()
    ours.step()
    assert torch.equal(mean, torch.zeros_like(mean))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_state_that_was_removed_begins_anew(engine: str) -> None:
    model, other = network(), network()
    ours, twin = made(model, "nadam", engine=engine), made(other, "nadam", engine=engine)
    train(model, ours, 4)
    ours.state.clear()
    other.load_state_dict(model.state_dict())
    assert_same(train(model, ours, 2), train(other, twin, 2))
    del ours.state[model[0].weight]
    train(model, ours, 1)
    assert [entry["step"] for entry in ours.state_dict()["state"].values()] == [3, 3, 3, 1]


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    model, other = network(), network()
    ours, twin = made(model), made(other)
    train(model, ours, 2)
    train(other, twin, 2)
    saved = copy.deepcopy(ours.state_dict())
    saved["state"][1]["mean"] = torch.zeros(3)
    with pytest.raises(ValueError, match=r"parameter '0.bias': mean must have the shape \(8,\), got \(3,\)"):
        ours.load_state_dict(saved)
    sgd = made(network(), "sgd", momentum=0.9)
    with pytest.raises(ValueError, match="the state has .*'mean'.*, but SGD has .*'velocity'"):
        sgd.load_state_dict(ours.state_dict())
    assert_same(train(model, ours, 2), train(other, twin, 2))
