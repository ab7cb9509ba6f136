"""Names from other libraries are answered with the name that mxcore uses."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from authors import Delegating, Demanding

import mxcore as mx
from mxcore import catalogue
from mxcore.catalogue.hints import meant_by
from mxcore.commands.choice import Choice, ChoiceError
from mxcore.testing.subject import required

KINDS = ("optimizer", "initializer", "lr_scheduler")
TABLES = json.loads(Path(catalogue.__file__).with_name("hints.json").read_text("utf-8"))
CLASSES = {kind: {record.name: catalogue.load_record(record) for record in catalogue.records(kind)} for kind in KINDS}


def create(kind: str, *args: Any, **kwargs: Any) -> Any:
    return getattr(mx, kind).create(*args, **kwargs)


def refused(kind: str, name: str, **arguments: Any) -> str:
    with pytest.raises(TypeError) as caught:
        create(kind, name, **arguments)
    return str(caught.value)


# --- arguments -------------------------------------------------------------------------------------------------------

# kind, the name in torch, optax, Keras or scikit-learn, and the name here
WORDS = [
    *(("optimizer", "adam", word, "learning_rate") for word in ("lr", "learning_rate_init", "init_lr", "step_size")),
    *(("optimizer", "adam", word, "beta1") for word in ("beta_1", "b1", "momentum", "Beta1")),
    *(("optimizer", "adam", word, "beta2") for word in ("beta_2", "b2")),
    ("optimizer", "adam", "betas", "beta1' and 'beta2"),
    ("optimizer", "adam", "eps", "epsilon"),
    ("optimizer", "adagrad", "epsilon", "eps"),
    *(("optimizer", "sgd", word, "wd") for word in ("weight_decay", "weight_decay_rate", "l2")),
    *(("optimizer", "sgd", word, "clip_gradient") for word in ("clipvalue", "grad_clip", "clip_gradients")),
    *(("optimizer", "adam", word, "clip_global_norm") for word in ("clipnorm", "max_norm", "max_grad_norm")),
    *(
        ("optimizer", "sgd", word, "accumulate")
        for word in ("accumulate_steps", "gradient_accumulation_steps", "every_k")
    ),
    *(("optimizer", "sgd", word, "groups") for word in ("param_groups", "group")),
    *(("optimizer", "sgd", word, "loss_scale") for word in ("loss_scale_factor", "init_scale")),
    *(("optimizer", "sgd", word, "on_nonfinite") for word in ("skip_nonfinite", "error_if_nonfinite")),
    *(("optimizer", "rmsprop", word, "gamma1") for word in ("alpha", "rho", "decay", "decay_rate", "gamma")),
    ("optimizer", "adadelta", "alpha", "rho"),
    ("optimizer", "ftrl", "l1_regularization_strength", "lamda1"),
    ("optimizer", "lars", "trust_coefficient", "eta"),
    ("optimizer", "sgd", "momentun", "momentum"),
    *(("lr_scheduler", "cosine", word, "max_update") for word in ("T_max", "total_steps", "decay_steps", "step_size")),
    *(("lr_scheduler", "cosine", word, "base_lr") for word in ("lr", "learning_rate", "init_value", "max_lr")),
    *(("lr_scheduler", "cosine", word, "final_lr") for word in ("eta_min", "end_value")),
    *(("lr_scheduler", "cosine", word, "warmup_steps") for word in ("warmup", "num_warmup_steps")),
    *(("lr_scheduler", "factor", word, "factor") for word in ("gamma", "decay_rate")),
    *(("lr_scheduler", "factor", word, "step") for word in ("step_size", "transition_steps")),
    *(("lr_scheduler", "multifactor", word, "step") for word in ("milestones", "boundaries")),
    ("lr_scheduler", "poly", "power", "pwr"),
    *(
        ("lr_scheduler", "cosinewarmrestarts", word, meant)
        for word, meant in (("T_0", "period"), ("T_mult", "period_mult"))
    ),
    ("lr_scheduler", "linear", "total_iters", "total_steps"),
    ("lr_scheduler", "exponential", "transition_steps", "decay_steps"),
    ("lr_scheduler", "exponential", "decay_rate", "gamma"),
    ("lr_scheduler", "wsd", "num_stable_steps", "stable_steps"),
    ("lr_scheduler", "wsd", "min_lr_ratio", "final_ratio"),
    ("lr_scheduler", "join", "schedules", "schedulers"),
    ("lr_scheduler", "lambda", "lr_lambda", "fn"),
    ("lr_scheduler", "piecewiseconstant", "milestones", "boundaries"),
    ("lr_scheduler", "onecycle", "peak_value", "max_lr"),
    *(("initializer", "normal", word, "sigma") for word in ("std", "stddev")),
    ("initializer", "orthogonal", "gain", "scale"),
    ("initializer", "msraprelu", "mode", "factor_type"),
    ("initializer", "kaimingnormal", "a", "negative_slope"),
    ("initializer", "variancescaling", "rnd_type", "distribution"),
    *(
        ("initializer", name, word, meant)
        for name in ("uniform", "truncatednormal")
        for word, meant in (("a", "low"), ("b", "high"))
    ),
    ("initializer", "xavier", "distribution", "rnd_type"),
    ("initializer", "constant", "val", "value"),
]


@pytest.mark.parametrize(("kind", "name", "word", "meant"), WORDS)
def test_an_argument_of_another_library_is_answered_with_the_one_that_was_meant(
    kind: str, name: str, word: str, meant: str
) -> None:
    hint = f"{word!r} (did you mean '{meant}'?): it takes "
    assert f"{kind} {name!r} has no argument {hint}" in refused(kind, name, **{word: 1})
    cls = CLASSES[kind][name]
    with pytest.raises(TypeError) as direct:
        cls(**{word: 1})
    assert f"{cls.__name__} has no argument {hint}" in str(direct.value)
    with pytest.raises(ChoiceError) as typed:
        Choice(kind, name, {word: 1}).create()
    assert f"{kind} {name!r} has no argument {hint}" in str(typed.value)


STATED = [
    ("optimizer", "sgd", "nesterov", "the optimizer 'nag' has Nesterov momentum"),
    ("optimizer", "adam", "nesterov", "the optimizer 'nadam' has Nesterov momentum"),
    ("optimizer", "nadam", "amsgrad", "the optimizers 'adam' and 'adamw' have amsgrad"),
    ("optimizer", "rmsprop", "momentum", "'gamma2' is the momentum, with centered=True"),
    ("optimizer", "sgd", "freeze", "give groups={pattern: {'frozen': True}}"),
    ("initializer", "variancescaling", "in_axis", "give axes=(output axis, input axis)"),
    ("initializer", "xavier", "gain", "give magnitude=3 * gain**2, or gain**2 with rnd_type='gaussian'"),
]


@pytest.mark.parametrize(("kind", "name", "word", "statement"), STATED)
def test_an_argument_without_a_counterpart_is_answered_with_what_to_do(
    kind: str, name: str, word: str, statement: str
) -> None:
    assert f"has no argument {word!r} ({statement}): it takes " in refused(kind, name, **{word: 1})


def test_statements_are_true() -> None:
    def stepped(name: str, **arguments: Any) -> list[float]:
        weight = np.ones(2)
        update = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.1, **arguments))
        for gradient in (0.5, -1.0, 0.25):
            update(0, np.full(2, gradient), weight)
        return weight.tolist()

    for name in ("adam", "adamw"):
        assert stepped(name, beta2=0.5, amsgrad=True) != stepped(name, beta2=0.5)
    assert stepped("sgd", groups={"0": {"frozen": True}}) == [1, 1]
    gain = 2.0
    for arguments in ({"magnitude": 3 * gain**2}, {"magnitude": gain**2, "rnd_type": "gaussian"}):
        _, deviation = mx.init.Xavier(**arguments).moments((30, 50))
        assert deviation == pytest.approx(gain * (2 / (30 + 50)) ** 0.5)  # as torch defines it


def test_all_arguments_that_do_not_exist_are_answered_at_once() -> None:
    message = refused("optimizer", "adam", lr=0.1, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)
    assert message.startswith(
        "optimizer 'adam' has no argument 'lr' (did you mean 'learning_rate'?), "
        "'betas' (did you mean 'beta1' and 'beta2'?), 'eps' (did you mean 'epsilon'?), "
        "'weight_decay' (did you mean 'wd'?): it takes learning_rate, beta1, beta2, epsilon, "
    )


def test_a_command_line_hints_only_at_what_it_takes() -> None:
    assert "'schedule' (did you mean 'lr_scheduler'?)" in refused("optimizer", "sgd", schedule="cosine")
    with pytest.raises(ChoiceError, match="has no argument 'schedule': it takes momentum"):
        Choice("optimizer", "sgd", {"schedule": "cosine"}).create()


def test_nothing_is_guessed_of_what_resembles_nothing() -> None:
    assert refused("initializer", "one", value=3) == "initializer 'one' has no argument 'value': it takes none"
    assert "has no argument 'q': it takes momentum, " in refused("optimizer", "sgd", q=3)


@pytest.mark.parametrize("option", [option for options in TABLES["arguments"].values() for option in options])
def test_a_hint_names_arguments_that_some_class_has(option: str) -> None:
    names = {name for name in option.partition(": ")[0].split("+") if name}
    assert any(
        names <= {*inspect.signature(cls).parameters} for classes in CLASSES.values() for cls in classes.values()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_no_class_is_hinted_at_what_it_does_not_have(kind: str) -> None:
    for name, cls in CLASSES[kind].items():
        for words in TABLES["arguments"]:
            word = re.sub(r"\([^)]*\)\??", "", words.partition("|")[0])
            if word and word not in inspect.signature(cls).parameters:
                hint = re.search(r"did you mean ([^?]*)\?", refused(kind, name, **{word: 1}))
                assert not hint or {*re.findall(r"'(\w+)'", hint[1])} <= {*inspect.signature(cls).parameters}


# --- classes of authors ----------------------------------------------------------------------------------------------


class Careless(mx.optimizer.SGD):
    """Has a constructor that fails for another reason."""

    def __init__(self, **kwargs: Any) -> None:
        len(kwargs.pop("size"))
        super().__init__(**kwargs)


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mx.optimizer.registry.classes, "delegating", Delegating)
    monkeypatch.setitem(mx.optimizer.registry.classes, "careless", Careless)
    monkeypatch.setitem(mx.lr_scheduler.registry.classes, "demanding", Demanding)


def test_a_constructor_of_its_own_is_answered_too() -> None:
    assert "Delegating has no argument 'lr' (did you mean 'learning_rate'?)" in refused("optimizer", "delegating", lr=1)
    message = refused("lr_scheduler", "demanding", heigth=1)
    assert message == "lr_scheduler 'demanding' has no argument 'heigth' (did you mean 'height'?): it takes height"
    assert refused("lr_scheduler", "demanding") == (
        "lr_scheduler 'demanding' needs height, such as mx.lr_scheduler.create('demanding', height=…)"
    )


def test_other_type_errors_stay_as_they_are() -> None:
    assert refused("optimizer", "careless", size=3) == "object of type 'int' has no len()"
    with pytest.raises(TypeError, match="multiple values for argument 'learning_rate'"):
        mx.optimizer.create("adam", 0.1, learning_rate=0.2)
    with pytest.raises(TypeError, match=r"takes from 1 to \d positional arguments but 9 were given"):
        mx.optimizer.Adam(*range(8))


def test_constructors_keep_their_signature_and_name() -> None:
    assert [*inspect.signature(mx.optimizer.Adam).parameters][:3] == ["learning_rate", "beta1", "beta2"]
    assert mx.optimizer.Adam.__init__.__name__ == "__init__"


# --- arguments that are missing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in KINDS for name, cls in CLASSES[kind].items() if required(cls)]
)
def test_what_is_missing_is_named_with_a_form_that_can_be_typed(kind: str, name: str) -> None:
    message, cls = refused(kind, name), CLASSES[kind][name]
    assert message.startswith(f"{kind} {name!r} needs ")
    assert isinstance(eval(message.partition(", such as ")[2].replace("…", "abs"), {"mx": mx}), cls)
    with pytest.raises(TypeError) as direct:
        cls()
    assert str(direct.value).startswith(f"{cls.__name__} needs ")
    assert isinstance(eval(str(direct.value).partition(", such as ")[2].replace("…", "abs"), {cls.__name__: cls}), cls)


def test_what_is_missing_of_a_scheduler_is_said_when_an_optimizer_is_made() -> None:
    form = "lr_scheduler 'cosine' needs max_update, such as mx.lr_scheduler.create('cosine', max_update=100)"
    assert refused("optimizer", "adam", lr_scheduler="cosine") == form
    assert refused("optimizer", "adam", lr_scheduler={"lr_scheduler": "cosine"}) == form
    with pytest.raises(ValueError, match=re.escape(form)):
        mx.optimizer.create("adam", lr_scheduler='["cosine", {}]')
    message = refused("optimizer", "adam", lr_scheduler={"lr_scheduler": "cosine", "T_max": 100})
    assert message.startswith("lr_scheduler 'cosine' has no argument 'T_max' (did you mean 'max_update'?)")


def test_what_is_missing_of_an_inner_initializer_is_said_when_the_outer_is_made() -> None:
    message = refused("initializer", "mixed", patterns=[".*"], initializers=["constant"])
    assert message == "initializer 'constant' needs value, such as mx.initializer.create('constant', value=0.5)"


# --- names -----------------------------------------------------------------------------------------------------------

NAMES = [
    *(("optimizer", word, "'sgd' with momentum=0.9") for word in ("momentum", "sgdm", "SGD-momentum")),
    *(("optimizer", word, "'nag' with momentum=0.9") for word in ("nesterov", "sgd_nesterov")),
    *(("optimizer", word, "'adamw'") for word in ("adam_w", "AdamWeightDecay")),
    ("optimizer", "rms", "'rmsprop'"),
    ("optimizer", "amsgrad", "'adam' or 'adamw' with amsgrad=True"),
    *(
        ("initializer", word, "'kaimingnormal' (He initialization)")
        for word in ("kaiming", "he", "HeNormal", "kaiming_normal_", "he_init")
    ),
    ("initializer", "kaiming_uniform_", "'kaiminguniform' (He initialization)"),
    *(
        ("initializer", word, "'xavieruniform' (Glorot initialization)")
        for word in ("GlorotUniform", "xavier_init", "xavier_uniform_")
    ),
    ("initializer", "xavier_normal_", "'xaviernormal' (Glorot initialization)"),
    ("initializer", "lecun", "'lecunnormal'"),
    ("initializer", "trunc_normal_", "'truncatednormal'"),
    *(
        ("lr_scheduler", word, "'factor', which multiplies the rate by factor every step updates")
        for word in ("step", "StepLR")
    ),
    *(("lr_scheduler", word, "'exponential'") for word in ("exponential_decay", "ExponentialLR")),
    *(("lr_scheduler", word, "'multifactor', whose step is a list") for word in ("multistep", "MultiStepLR")),
    *(("lr_scheduler", word, "'linear'") for word in ("LinearLR", "linear_schedule")),
    *(("lr_scheduler", word, "'cosine'") for word in ("cosineannealing", "CosineAnnealingLR", "cosine_decay")),
    *(
        ("lr_scheduler", word, "'warmup', or warmup(…) of any schedule")
        for word in ("warmup_cosine_decay_schedule", "get_linear_schedule_with_warmup", "GradualWarmup")
    ),
    ("lr_scheduler", "ConstantLR", "'constant', or learning_rate=… of the optimizer for a rate that never changes"),
    *(
        ("lr_scheduler", word, f"'{name}'")
        for name, words in {
            "cosinewarmrestarts": ("CosineAnnealingWarmRestarts", "sgdr"),
            "onecycle": ("OneCycleLR", "cosine_onecycle_schedule"),
            "cyclic": ("CyclicLR", "triangular"),
            "reduceonplateau": ("ReduceLROnPlateau", "plateau"),
            "lambda": ("LambdaLR",),
            "join": ("SequentialLR", "join_schedules"),
            "product": ("ChainedScheduler",),
            "piecewiseconstant": ("PiecewiseConstantDecay", "piecewise_constant_schedule"),
            "piecewiseinterpolate": ("piecewise_interpolate_schedule",),
            "inversesqrt": ("get_inverse_sqrt_schedule", "noam"),
            "wsd": ("get_wsd_schedule", "trapezoidal"),
        }.items()
        for word in words
    ),
]


@pytest.mark.parametrize(("kind", "word", "meant"), NAMES)
def test_a_name_of_another_library_is_answered_with_what_there_is(kind: str, word: str, meant: str) -> None:
    with pytest.raises(catalogue.UnknownNameError) as caught:
        create(kind, word)
    assert str(caught.value).startswith(f"cannot find {kind} {word!r}: did you mean {meant}")
    assert str(caught.value).endswith("?")


@pytest.mark.parametrize("kind", KINDS)
def test_a_hint_can_be_followed(kind: str) -> None:
    for hint in (hint for hints in TABLES[kind].values() for hint in hints):
        followed = re.match(r"'(\w+)'(?: with ((?:\w+=[^ ,]+(?:, )?)+))?", hint)
        if not followed:
            assert "=… " in hint or "=…," in hint
            continue
        name, arguments = followed[1], eval(f"dict({followed[2] or ''})")
        assert name in catalogue.known_names(kind)
        cls = CLASSES[kind][name]
        assert isinstance(create(kind, name, **{**cls.examples[0], **arguments}), cls)


def test_no_hint_hides_what_is_installed() -> None:
    assert isinstance(mx.init.create("zeros"), mx.init.Zero)
    assert isinstance(mx.optimizer.create("RMSprop"), mx.optimizer.RMSProp)
    assert meant_by("optimizer", "quick") == meant_by("loss", "momentum") == []


def test_a_name_of_no_kind_is_answered_for_each_kind_that_knows_it() -> None:
    with pytest.raises(catalogue.UnknownNameError, match=r"cannot find optimizer 'momentum': did you mean 'sgd' with"):
        catalogue.find_all("momentum")


def test_an_attribute_is_answered_too() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Kaiming': did you mean 'kaimingnormal'"):
        mx.initializer.Kaiming  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'Momentum': did you mean 'sgd' with momentum=0.9"):
        mx.optimizer.Momentum  # noqa: B018
