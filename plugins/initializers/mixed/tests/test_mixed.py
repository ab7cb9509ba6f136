"""Mixed uses the first initializer whose pattern matches the start of the name."""

import json
from typing import Any

import numpy as np
import pytest

import mxcore as mx
from mxcore.initializer import InitDesc


def filled(initializer: mx.init.Initializer, name: str) -> list[float]:
    array = np.full(2, 7.0)
    initializer(name, array)
    return array.tolist()


def test_the_first_pattern_that_fits_wins_and_is_matched_at_the_start() -> None:
    mixed = mx.init.Mixed(["fc", "weight", ".*weight"], [mx.init.Constant(1), mx.init.Constant(2), mx.init.Constant(3)])
    assert [filled(mixed, name) for name in ("fc_weight", "weight", "my_weight")] == [[1, 1], [2, 2], [3, 3]]


def test_it_draws_what_the_chosen_initializer_draws() -> None:
    mx.random.seed(1)
    assert filled(mx.init.Mixed([".*"], ["uniform"]), "fc_weight") == filled(mx.init.Uniform(), "fc_weight")


def test_the_error_of_mixed_says_the_name() -> None:
    with pytest.raises(ValueError, match=r"'fc_bias' matches none of the patterns 'bias', '.*gamma': add"):
        filled(mx.init.Mixed(["bias", ".*gamma"], ["zero", "one"]), "fc_bias")


@pytest.mark.parametrize("name", ["fc_bias", "fc.bias", "conv/bias", "fcbias", "bias"])
@pytest.mark.parametrize("pattern", [".*bias", "(fc|conv)?[_./]?bias$"])
def test_a_pattern_that_names_a_bias_outright_has_its_initializer_used(name: str, pattern: str) -> None:
    assert filled(mx.init.Mixed([pattern, ".*"], [mx.init.Constant(5), "xavier"]), name) == [5, 5]
    nested = mx.init.Mixed([".*"], [mx.init.Mixed([pattern, ".*"], [mx.init.Constant(5), "xavier"])])
    assert filled(nested, name) == [5, 5]


@pytest.mark.parametrize("pattern", [".*", "fc.*", "fc_[bw]", ".*bias|.*weight"])
def test_a_pattern_that_also_fits_the_weight_leaves_a_bias_at_zero(pattern: str) -> None:
    assert filled(mx.init.Mixed([pattern], [mx.init.Constant(5)]), "fc_bias") == [0, 0]
    assert filled(mx.init.Mixed([".*gamma", ".*"], ["zero", "one"]), "bn_gamma") == [1, 1]


def test_an_initializer_of_the_parameters_own_needs_no_pattern() -> None:
    desc = InitDesc("fc_weight", {"__init__": mx.init.Constant(3).dumps()})
    assert filled(mx.init.Mixed(["conv"], ["zero"]), desc) == [3, 3]


def test_as_a_parameters_own_it_fills_whatever_the_suffix() -> None:
    mixed = mx.init.Mixed(["x", ".*"], [mx.init.Constant(5), "zero"])
    assert filled(mx.init.One(), InitDesc("x_bias", {"__init__": mixed.dumps()})) == [5, 5]


def test_nested_ones_survive_dumps_and_create() -> None:
    nested = mx.init.Mixed(["a", ".*"], ["one", mx.init.Mixed([".*"], ['["normal", {"sigma": 0.5}]'])])
    assert mx.init.create(nested.dumps()) == nested
    assert mx.init.create({"initializer": "mixed", **json.loads(nested.dumps())[1]}) == nested
    assert nested != mx.init.Mixed(["a", ".*"], ["one", "zero"])


@pytest.mark.parametrize(
    ("patterns", "initializers", "message"),
    [
        ([".*", "b"], ["zero"], "patterns and initializers must have the same length, got 2 and 1"),
        (".*", ["zero"], r"patterns must be a list of regular expressions, got '\.\*'"),
        (["("], ["zero"], r"patterns must be a list of regular expressions, got \('\(',\)"),
        ([".*"], "zero", "initializers must be a list of initializers, got 'zero'"),
        ([".*"], ["zerro"], "cannot find initializer 'zerro': did you mean"),
    ],
)
def test_what_makes_no_sense_is_refused(patterns: Any, initializers: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mx.init.Mixed(patterns, initializers)
