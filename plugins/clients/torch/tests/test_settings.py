"""Groups, by torch's dicts and by names, and schedulers of both."""

import copy
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, OneCycleLR, ReduceLROnPlateau, SequentialLR
from torch_loops import ENGINES, assert_same, made, network, train, weights

import mxcore as mx

# --- groups -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_groups_of_torch_have_numbers_of_their_own(engine: str) -> None:
    one, other = network(), network()
    groups = [
        [{"params": model[0].parameters(), "lr": 0.05, "betas": (0.5, 0.9)}, {"params": model[2].parameters()}]
        for model in (one, other)
    ]
    ours = mx.torch.Optimizer(groups[0], "adamw", lr=0.01, weight_decay=0.1, engine=engine)
    theirs = torch.optim.AdamW(groups[1], lr=0.01, weight_decay=0.1)
    schedulers = [CosineAnnealingLR(ours, 20), CosineAnnealingLR(theirs, 20)]
    train(one, ours, 20, schedulers[0])
    train(other, theirs, 20, schedulers[1])
    torch.testing.assert_close(weights(one), weights(other), rtol=0, atol=1e-5)
    assert [group["lr"] for group in ours.param_groups] == [group["lr"] for group in theirs.param_groups]


def test_groups_by_name_become_groups_of_torch() -> None:
    model = network()
    ours = made(model, weight_decay=0.1, groups={".*bias": {"weight_decay": 0.0}, "0": {"beta1": 0.5}})
    found = [(one["param_names"], one["weight_decay"], one["betas"][0]) for one in ours.param_groups]
    assert found == [
        (["2.weight"], 0.1, 0.9),
        (["0.bias", "2.bias"], 0.0, 0.9),
        (["0.weight"], 0.1, 0.5),
    ]
    assert ours.optimizer.settings_of("2.bias")["wd"] == 0
    assert ours.optimizer.settings_of("0.weight")["beta1"] == 0.5
    train(model, ours)
    ours.param_groups[1]["weight_decay"] = 0.2
    train(model, ours, 1)
    assert ours.optimizer.settings_of("2.bias")["wd"] == 0.2


def test_weight_decay_reaches_everything_unless_names_decide() -> None:
    for by_name, shrinks in ((False, True), (True, False)):
        model = network()
        before = model[0].bias.detach().clone()
        ours = made(model, "sgd", lr=1.0, weight_decay=0.5, decay_by_name=by_name)
        for param in model.parameters():
            param.grad = torch.zeros_like(param)
        ours.step()
        torch.testing.assert_close(model[0].bias.detach(), before * 0.5 if shrinks else before)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_group_added_later_is_trained_from_then_on(engine: str) -> None:
    model, other = network(), network()
    ours = mx.torch.Optimizer(model[0].parameters(), "adam", lr=0.01, engine=engine)
    theirs = torch.optim.Adam(other[0].parameters(), lr=0.01)
    for optimizer, one in ((ours, model), (theirs, other)):
        train(one, optimizer, 3)
        optimizer.add_param_group({"params": one[2].parameters(), "lr": 0.1})
        train(one, optimizer, 3)
    torch.testing.assert_close(weights(model), weights(other), rtol=0, atol=2e-6)


def test_a_group_that_is_wrong_leaves_everything_as_it_was() -> None:
    model = network()
    ours = made(model)
    with pytest.raises(ValueError, match="beta1 must be in"):
        ours.add_param_group({"params": [("new", torch.nn.Parameter(torch.ones(2)))], "betas": (2.0, 0.9)})
    assert len(ours.param_groups) == 1
    assert_same(train(model, ours), train(other := network(), made(other)))


# --- schedules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "create",
    [
        lambda one: OneCycleLR(one, 0.05, total_steps=20),
        lambda one: SequentialLR(one, [LinearLR(one, 0.1, total_iters=5), CosineAnnealingLR(one, 15)], [5]),
        lambda one: CosineAnnealingLR(one, 20),
    ],
    ids=["one cycle, with momentum", "sequential", "cosine"],
)
def test_schedulers_of_torch_drive_it(create: Any) -> None:
    one, other = network(), network()
    ours, theirs = made(one, "adamw"), torch.optim.AdamW(other.parameters(), lr=0.01)
    train(one, ours, 19, create(ours))
    train(other, theirs, 19, create(theirs))
    torch.testing.assert_close(weights(one), weights(other), rtol=0, atol=1e-5)


def test_a_scheduler_of_a_metric_drives_it() -> None:
    model = network()
    ours = made(model)
    plateau = ReduceLROnPlateau(ours, patience=0, factor=0.5)
    for _ in range(3):
        plateau.step(1.0)
    assert ours.param_groups[0]["lr"] == 0.0025
    train(model, ours, 1)
    assert ours.optimizer.learning_rate == 0.0025


def test_a_schedule_of_ours_writes_the_learning_rates() -> None:
    schedule = mx.lr_scheduler.create("cosine", max_update=10, base_lr=0.1)
    model = network()
    ours = mx.torch.Optimizer(
        model.named_parameters(), "sgd", lr_scheduler=schedule, groups={".*bias": {"learning_rate": 0.01}}
    )
    for update in range(1, 6):
        train(model, ours, 1)
        assert [group["lr"] for group in ours.param_groups] == pytest.approx([schedule(update), schedule(update) / 10])


def test_a_learning_rate_may_be_a_tensor() -> None:
    rate = torch.tensor(0.5)
    weight = torch.nn.Parameter(torch.ones(1))
    ours = mx.torch.Optimizer([weight], "sgd", lr=rate)
    ours.param_groups[0]["lr"] = rate
    weight.grad = torch.ones(1)
    ours.step()
    rate.fill_(0.25)
    ours.step()
    assert weight.item() == 0.25


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("groups", [1, 2])
def test_a_learning_rate_that_is_none_changes_nothing(groups: int, engine: str) -> None:
    model = network()
    params = [{"params": list(model.parameters())[start::groups]} for start in range(groups)]
    ours = mx.torch.Optimizer(params, "adam", lr=0.1, engine=engine)
    before = train(model, ours, 2)
    for wrong in (-0.1, float("nan"), torch.tensor(-1.0)):
        ours.param_groups[-1]["lr"] = wrong
        with pytest.raises(ValueError, match=r"learning.rate .* at least 0"):
            ours.step()
        assert_same(weights(model), before)
    ours.param_groups[-1]["lr"] = 0.1
    ours.step()
    assert not torch.equal(weights(model)[0], before[0])
    assert {entry["step"] for entry in ours.state_dict()["state"].values()} == {3}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("groups", [1, 2])
def test_numbers_that_change_in_each_step_are_read_there(groups: int, engine: str) -> None:
    one, other = network(), network()
    ours, theirs = (
        cls([{"params": list(model.parameters())[start::groups]} for start in range(groups)], *name, lr=0.01)
        for cls, model, name in ((mx.torch.Optimizer, one, ("adamw",)), (torch.optim.AdamW, other, ()))
    )
    ours = mx.torch.Optimizer(ours.param_groups, "adamw", lr=0.01, weight_decay=0.01, engine=engine)
    for number in range(12):
        for optimizer, model in ((ours, one), (theirs, other)):
            for place, group in enumerate(optimizer.param_groups):
                group["betas"] = (0.9 - 0.01 * number, 0.99 + 0.001 * place)
                group["weight_decay"] = 0.01 * (number % 3)
                group["lr"] = 0.01 / (1 + number + place)
            train(model, optimizer, 1)
    torch.testing.assert_close(weights(one), weights(other), rtol=0, atol=2e-6)
    copied = copy.deepcopy(ours)
    ours.param_groups[0]["betas"] = (2.0, 0.9)
    with pytest.raises(ValueError, match=r"beta1 .* 2"):
        ours.step()
    assert copied.param_groups[0]["betas"] == (0.9 - 0.11, 0.99)
    copied.step()


def test_groups_that_replace_others_have_the_learning_rates() -> None:
    model = network()
    ours = made(model, "sgd", lr=1.0)
    before = train(model, ours, 3)
    ours.param_groups = [{**ours.param_groups[0], "lr": 0.0}]
    assert_same(train(model, ours, 2), before)
    ours.param_groups[0] = {**ours.param_groups[0], "lr": 1.0}
    assert not torch.equal(train(model, ours, 1)[0], before[0])


def test_schedules_go_both_ways() -> None:
    ours = mx.lr_scheduler.create("cosine", max_update=10, base_lr=0.1)
    theirs = torch.optim.SGD(network().parameters(), lr=0.1)
    scheduler = mx.torch.scheduler(theirs, "cosine", max_update=10, base_lr=0.1)
    rates = []
    for _ in range(12):
        rates.append(theirs.param_groups[0]["lr"])
        theirs.step()
        scheduler.step()
    assert rates == pytest.approx([ours(update) for update in range(1, 13)])
    schedule = mx.torch.schedule(lambda optimizer: CosineAnnealingLR(optimizer, 10), 0.1)
    other = torch.optim.SGD(network().parameters(), lr=0.1)
    cosine = CosineAnnealingLR(other, 10)
    for update in range(1, 12):
        assert schedule(update) == other.param_groups[0]["lr"]
        other.step()
        cosine.step()
    assert schedule(3) == schedule(3)
    optimizer = mx.optimizer.create("adam", lr_scheduler=schedule)
    assert optimizer.settings_of("x")["learning_rate"] == 0.1


def test_a_set_of_parameters_has_no_order_to_resume_in() -> None:
    params = set(network().parameters())
    with pytest.warns(FutureWarning, match="the order of a set changes between runs: pass a list") as raised:
        mx.torch.Optimizer(params, "adam")
    assert raised[0].filename == __file__
