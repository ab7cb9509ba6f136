"""Load gives parameters what was saved under their names, in every supported file format."""

import itertools
import json
import logging
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

import mxcore as mx
from mxcore.initializer import InitDesc, Initializer
from mxcore.state.tensorfile import save_arrays

VALUES = np.arange(6.0).reshape(2, 3)


def loaded(initializer: Initializer, name: str = "fc_weight", shape: tuple[int, ...] = (2, 3)) -> list[Any]:
    array = np.full(shape, np.nan, np.float32, order="F")
    initializer(name, array)
    return array.tolist()


DTYPES = [np.float16, np.float32, np.float64, np.int8]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("kind", "dtype"),  # npz files do not support bfloat16
    [*itertools.product(["dict", "ours", "foreign"], [*DTYPES, ml_dtypes.bfloat16]), *(("npz", d) for d in DTYPES)],
)
def test_every_dtype_and_memory_order_comes_back(kind: str, dtype: Any, order: Any, tmp_path: Path) -> None:
    arrays, path = {"arg:fc_weight": np.array(VALUES, dtype, order=order)}, tmp_path / "saved"
    if kind == "ours":
        save_arrays(path, arrays)
    elif kind == "foreign":
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    elif kind == "npz":
        np.savez(path, **arrays)
        path = path.with_suffix(".npz")
    assert loaded(mx.init.Load(arrays if kind == "dict" else path)) == VALUES.tolist()


def test_arg_and_aux_are_no_part_of_a_name() -> None:
    saved = mx.init.Load({"arg:a": [1], "aux:moving_mean": [2], "c": [3]})
    assert [loaded(saved, name, (1,)) for name in ("a", "moving_mean", "c")] == [[1], [2], [3]]
    with pytest.raises(ValueError, match="param has both arg:a and aux:a, or a"):
        mx.init.Load({"arg:a": [1], "a": [2]})


def test_what_was_saved_goes_before_the_parameters_own_initializer_and_its_name() -> None:
    desc = InitDesc("fc_bias", {"__init__": mx.init.One().dumps()})
    assert loaded(mx.init.Load({"fc_bias": [5, 6]}, "uniform"), desc, (2,)) == [5, 6]
    assert loaded(mx.init.Load({}, "uniform"), desc, (2,)) == [1, 1]


def test_as_a_parameters_own_it_falls_back_whatever_the_suffix() -> None:
    own = mx.init.Load({"b": [5]}, mx.init.Constant(3)).dumps()
    assert loaded(mx.init.Zero(), InitDesc("b", {"__init__": own}), (1,)) == [5]
    assert loaded(mx.init.Zero(), InitDesc("a_bias", {"__init__": own}), (1,)) == [3]


def test_paths_and_dicts_come_back_from_text(tmp_path: Path) -> None:
    save_arrays(tmp_path / "saved", {"fc_weight": VALUES})
    for load in (mx.init.Load(tmp_path / "saved", "uniform"), mx.init.Load({"fc_weight": VALUES})):
        again = mx.init.create(load.dumps())
        assert again == load
        assert loaded(again) == VALUES.tolist()
    assert "1.0" not in mx.init.Load(tmp_path / "saved").dumps()


def test_another_shape_is_refused_before_anything_changes() -> None:
    array = np.full((3, 2), 7.0)
    with pytest.raises(ValueError, match=r"'fc_weight': it has shape \(3, 2\), the saved array \(2, 3\)"):
        mx.init.Load({"fc_weight": VALUES})("fc_weight", array)
    assert (array == 7).all()


def test_an_absent_name_shows_the_close_ones(tmp_path: Path) -> None:
    np.savez(tmp_path / "saved.npz", fc1_weight=VALUES)
    with pytest.raises(ValueError, match=r"saved\.npz' has no 'fc_weight': did you mean 'fc1_weight'"):
        loaded(mx.init.Load(tmp_path / "saved.npz"))


def test_a_file_that_is_missing_or_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        mx.init.Load(tmp_path / "absent")
    for content in (b"", b"something else entirely", b"PK\x03\x04 and then nothing"):
        (tmp_path / "other").write_bytes(content)
        with pytest.raises(ValueError, match=r"other is (not|neither) a.* npz file"):
            mx.init.Load(tmp_path / "other")


def test_a_params_file_that_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "old.params").write_bytes(bytes.fromhex("1201000000000000") + bytes(40))
    with pytest.raises(ValueError, match=r"old\.params is not a file of"):
        mx.init.Load(tmp_path / "old.params")


def test_what_is_no_array_of_numbers_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "half.npz", w=np.ones(2, ml_dtypes.bfloat16))
    np.savez(tmp_path / "objects.npz", w=np.array([None]))
    header = json.dumps({"w": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}).encode()
    (tmp_path / "tiny").write_bytes(len(header).to_bytes(8, "little") + header + bytes(1))
    for given, message in (
        ({"w": ["a"]}, "'w' of param is not an array of numbers"),
        (
            tmp_path / "half.npz",
            r"'w' of .*half\.npz is not an array of numbers, its dtype is .*V2.*: this is how NumPy writes bfloat16",
        ),
        (tmp_path / "objects.npz", r"objects\.npz is not an npz file of plain arrays"),
        (tmp_path / "tiny", "'w' of .*tiny has dtype F8_E4M3, which NumPy does not support"),
        (3, "param must be the path of a file or a dict of arrays, got 3"),
    ):
        with pytest.raises(ValueError, match=message):
            mx.init.Load(given)


def test_verbose_says_where_values_come_from(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    load = mx.init.Load({"a_weight": [1]}, "uniform", verbose=True)
    for name in ("a_weight", "b_weight"):
        loaded(load, name, (1,))
    assert caplog.messages == [
        "Initialized a_weight: loaded",
        "Initialized b_weight: not in the loaded arrays, used default_init",
    ]
