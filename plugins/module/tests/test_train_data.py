"""How digits, CSV and NPZ files are read and split, and which are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mxcore_module.train.data import load
from mxcore_module.train.errors import InputError

from mxcore.random import Generator


@pytest.fixture
def csv_file(tmp_path):
    def write(text, name="table.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return str(path)

    return write


@pytest.fixture
def npz_file(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "arrays.npz", **arrays)
        return str(tmp_path / "arrays.npz")

    return write


def table(rows=20, label=lambda i: "yes" if i % 2 else "no", header="a,b,c"):
    return "\n".join([header, *(f"{i},{i * i},{label(i)}" for i in range(rows))])


def parts(dataset):
    return dataset.train, dataset.validation


def test_digits_are_standardised_by_their_training_rows_only():
    dataset = load("digits")
    mean, variance = dataset.train.x.mean(axis=0), dataset.train.x.var(axis=0)
    np.testing.assert_allclose(mean, 0, atol=1e-5)
    assert set(np.round(variance, 4)) == {0.0, 1.0}  # some pixels never change
    assert np.abs(dataset.validation.x.mean(axis=0)).max() > 1e-3
    assert dataset.train.x.dtype == dataset.train.y.dtype == np.float32


def test_the_split_is_stratified_and_follows_from_the_generator():
    first, again, other = (load("digits", generator=Generator(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.validation.x, again.validation.x)
    assert not np.array_equal(first.validation.y, other.validation.y)
    shares = [np.bincount(part.y.astype(int)) / len(part) for part in parts(first)]
    np.testing.assert_allclose(*shares, atol=0.01)


@given(st.integers(10, 60), st.integers(0, 2**32))
def test_every_row_is_on_one_side_of_the_split(tmp_path_factory, rows, seed):
    path = tmp_path_factory.mktemp("split") / "rows.npz"
    np.savez(path, x=np.arange(rows), y=np.arange(rows) % 2)
    dataset = load(str(path), generator=Generator(seed))
    order = np.argsort(np.concatenate([part.x[:, 0] for part in parts(dataset)]))
    assert len(dataset.train) + len(dataset.validation) == rows
    assert len(dataset.validation) == -(-rows // 5)
    np.testing.assert_array_equal(np.concatenate([part.y for part in parts(dataset)])[order], np.arange(rows) % 2)


@pytest.mark.parametrize("label", [None, "c", "2"])
def test_the_label_is_a_column_by_name_or_number_and_the_last_by_default(csv_file, label):
    dataset = load(csv_file(table()), label)
    assert (dataset.classes, dataset.train.x.shape) == (("no", "yes"), (16, 2))


@pytest.mark.parametrize(("old", "new"), [(",", ";"), (",", "\t"), ("\n", "\r\n\r\n")])
def test_other_separators_and_blank_lines_are_read(csv_file, old, new):
    assert load(csv_file(table().replace(old, new))).train.x.shape == (16, 2)


def test_a_byte_order_mark_is_not_part_of_the_first_name(csv_file):
    with pytest.raises(InputError, match="its columns are 'label', 'b', 'c'"):
        load(csv_file(table(header="label,b,c"), encoding="utf-8-sig"), "z")


@pytest.mark.parametrize(
    ("label", "classes"),
    [(lambda i: i % 3, ("0", "1", "2")), (lambda i: f"{i % 2}.0", ("0", "1")), (lambda i: -(i % 2), ("-1", "0"))],
)
def test_whole_numbers_are_classes(csv_file, label, classes):
    assert load(csv_file(table(label=label))).classes == classes


def test_other_numbers_are_quantities_and_keep_their_unit(csv_file):
    dataset = load(csv_file(table(label=lambda i: i + 0.5)))
    assert dataset.classes == ()
    assert dataset.train.y.std() == pytest.approx(1, abs=1e-5)
    assert np.ptp(np.concatenate([part.y for part in parts(dataset)])) * dataset.label_scale == pytest.approx(19)


def test_an_npz_file_may_hold_images_and_a_column_of_labels(npz_file):
    dataset = load(npz_file(X=np.random.default_rng(0).normal(size=(20, 4, 4)), label=np.arange(20)[:, None] % 2))
    assert (dataset.train.x.shape, dataset.classes) == ((16, 16), ("0", "1"))


def test_an_npz_label_may_be_chosen_and_may_be_text(npz_file):
    path = npz_file(data=np.zeros((20, 2)), y=np.arange(20) % 2, kind=np.array(["cat", "dog"] * 10))
    assert load(path, "kind").classes == ("cat", "dog")


def test_a_class_with_one_row_is_no_obstacle(csv_file):
    assert load(csv_file(table(label=lambda i: "rare" if i == 7 else "often"))).classes == ("often", "rare")


@pytest.mark.parametrize(
    ("text", "label", "message"),
    [
        ("", None, "is empty"),
        ("a,b,c\n", None, "has no rows below its header"),
        ("a\n1\n2\n", None, r"at least two columns, got \['a'\]"),
        (table(), "price", "has no column 'price': its columns are 'a', 'b', 'c'"),
        (table(), "3", "has no column '3'"),
        (table(), "a", "column 'c' must hold finite numbers, got 'no' in line 2"),
        (table().replace("3,9,", "3,?,"), None, r"column 'b' must hold finite numbers, got '\?' in line 5"),
        (table().replace("3,9,", "3,,"), None, "column 'b' must hold finite numbers, got '' in line 5"),
        (table().replace("3,9,", "3,inf,"), None, "column 'b' must hold finite numbers, got 'inf' in line 5"),
        (table().replace("3,9,", "3,9,1,"), None, "line 5 has 4 cells, but the header has 3"),
        (table().replace("3,9,yes", "3,9,"), None, "label column 'c' is empty in line 5"),
        (table(header="a,a,c"), None, "column names must differ, got 'a', 'a', 'c'"),
        (table(label=lambda i: "yes"), None, "all labels in 'c' are 'yes': two classes are needed"),
        (table(label=lambda i: 4), None, "all labels in 'c' are '4'"),
        (table(label=lambda i: i * 3), None, "20 different values in 20 rows, too many for classes"),
        (table(label=lambda i: "nan" if i else "1.5"), None, "contain nan or infinity"),
        (table(rows=9), None, "has 9 rows, too few for validation: at least 10"),
    ],
)
def test_a_bad_table_is_refused_and_the_message_says_where(csv_file, text, label, message):
    with pytest.raises(InputError, match=message):
        load(csv_file(text), label)


@pytest.mark.parametrize(
    ("arrays", "label", "message"),
    [
        (
            {"images": np.zeros((20, 2)), "y": np.zeros(20)},
            None,
            r"x or X or data, but holds images \(20, 2\), y",
        ),
        ({"x": np.zeros((20, 2))}, None, r"y or label for the labels, but holds x \(20, 2\)"),
        ({"x": np.zeros((20, 2)), "y": np.zeros(20)}, "kind", "needs an array kind for the labels"),
        ({}, None, "holds no arrays"),
        ({"x": np.zeros((20, 2)), "y": np.zeros(19)}, None, r"expected 20 labels, .* got shape \(19,\)"),
        ({"x": np.zeros((20, 2)), "y": np.zeros((20, 3))}, None, r"expected 20 labels"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0)}, None, "one row per sample"),
        ({"x": np.array(["a"] * 20), "y": np.zeros(20)}, None, "must be numbers"),
        ({"x": np.full((20, 2), np.nan), "y": np.arange(20) % 2}, None, "nan or infinity"),
        ({"x": np.zeros((20, 2)), "y": np.zeros(20, complex)}, None, "must be numbers or strings, got complex128"),
    ],
)
def test_a_bad_archive_is_refused_and_the_message_says_what_it_holds(npz_file, arrays, label, message):
    with pytest.raises(InputError, match=message):
        load(npz_file(**arrays), label)


def test_pickled_objects_are_not_loaded(npz_file):
    with pytest.raises(InputError, match="not an NPZ file of plain arrays"):
        load(npz_file(x=np.array([{}] * 20), y=np.zeros(20)))


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04 broken", b"\x93NUMPY"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "broken.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not an NPZ file"):
        load(str(path))


def test_an_array_file_by_the_name_of_an_archive_is_refused(tmp_path):
    with (tmp_path / "array.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(InputError, match="not an NPZ file"):
        load(str(tmp_path / "array.npz"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.csv", "cannot read 'nowhere.csv': No such file"),
        ("nowhere.npz", "cannot read 'nowhere.npz': No such file"),
        ("table.xlsx", "must be 'digits', a .csv file or an .npz file, got 'table.xlsx'"),
        ("digit", "must be 'digits'"),
    ],
)
def test_a_source_that_is_not_there_is_refused(source, message):
    with pytest.raises(InputError, match=message):
        load(source)


def test_a_table_in_another_encoding_is_refused(csv_file):
    with pytest.raises(InputError, match="not a CSV file in UTF-8"):
        load(csv_file(table(label=lambda i: "é" if i % 2 else "e"), encoding="latin-1"))


def test_the_digits_need_no_label():
    with pytest.raises(InputError, match="the digits have their own labels"):
        load("digits", "3")
