"""NDArrayIter covers the data in an order that depends on the seed, and refuses what it cannot batch."""

import copy
import gzip
import struct
from collections import Counter
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mxcore_module.io import DataBatch, DataDesc, DataIter, NDArrayIter

import mxcore as mx

ROWS = st.integers(1, 40)
SIZES = st.integers(1, 12)
SEEDS = st.integers(0, 2**32)


def rows_of(batches):
    """Return the first input of every batch, as row numbers."""
    return [batch.data[0].astype(int).tolist() for batch in batches]


def iterator(rows, size, **options):
    return NDArrayIter(np.arange(rows), label=-np.arange(rows), batch_size=size, **options)


@given(ROWS, SIZES, st.booleans(), SEEDS)
def test_pad_visits_every_row_once_and_fills_the_last_batch_from_the_start(rows, size, shuffle, seed):
    batches = list(iterator(rows, size, shuffle=shuffle, seed=seed))
    visited = list(chain(*rows_of(batches)))
    pad = batches[-1].pad
    real, filler = visited[: len(visited) - pad], visited[len(visited) - pad :]
    assert sorted(real) == list(range(rows))
    assert filler == (real * size)[:pad]
    assert 0 <= pad < size
    assert all(batch.pad == 0 for batch in batches[:-1])


@given(ROWS, SIZES, st.booleans(), SEEDS)
def test_discard_visits_as_many_rows_as_fill_whole_batches_and_none_twice(rows, size, shuffle, seed):
    size = min(size, rows)
    batches = list(iterator(rows, size, shuffle=shuffle, seed=seed, last_batch_handle="discard"))
    visited = list(chain(*rows_of(batches)))
    assert len(visited) == len(set(visited)) == rows // size * size
    assert all(batch.pad == 0 for batch in batches)


@given(ROWS, SIZES, st.booleans(), SEEDS, st.integers(1, 5))
def test_roll_over_visits_every_row_equally_often_over_the_epochs(rows, size, shuffle, seed, epochs):
    size = min(size, rows)
    batches = iterator(rows, size, shuffle=shuffle, seed=seed, last_batch_handle="roll_over")
    visited = []
    for _ in range(epochs):
        visited += chain(*rows_of(batches))
        batches.reset()
    counts = Counter(visited)
    assert len(visited) == rows * epochs // size * size
    assert max(counts.values()) <= epochs
    assert min(counts[row] for row in range(rows)) >= epochs - 1


def test_rows_left_over_open_the_next_epoch():
    batches = iterator(5, 2, last_batch_handle="roll_over")
    assert rows_of(batches) == [[0, 1], [2, 3]]
    batches.reset()
    assert rows_of(batches) == [[4, 0], [1, 2], [3, 4]]


def test_a_hard_reset_forgets_rows_left_over():
    batches = iterator(5, 2, last_batch_handle="roll_over")
    list(batches)
    batches.hard_reset()
    assert rows_of(batches) == [[0, 1], [2, 3]]


def test_an_epoch_that_is_cut_short_leaves_no_rows_to_the_next():
    batches = iterator(5, 2, last_batch_handle="roll_over")
    next(batches)
    batches.reset()
    assert rows_of(batches) == [[0, 1], [2, 3]]


@given(ROWS, SIZES, SEEDS)
def test_the_same_seed_gives_the_same_order_and_labels_follow_their_rows(rows, size, seed):
    first, second = (iterator(rows, size, shuffle=True, seed=seed) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.data[0], other.data[0])
        np.testing.assert_array_equal(one.label[0], -one.data[0])
        np.testing.assert_array_equal(one.index, one.data[0])


def test_every_epoch_has_its_own_order():
    batches = iterator(64, 64, shuffle=True, seed=3)
    orders = []
    for _ in range(5):
        orders.append(tuple(*rows_of(batches)))
        batches.reset()
    assert len(set(orders)) == 5


def test_without_a_seed_the_order_follows_from_the_global_one():
    orders = []
    for seed in (7, 7, 8):
        mx.random.seed(seed)
        orders.append(rows_of(iterator(50, 10, shuffle=True)))
    assert orders[0] == orders[1] != orders[2]


def test_draws_between_two_epochs_do_not_change_the_order():
    orders = []
    for disturb in (False, True):
        mx.random.seed(7)
        batches = iterator(50, 10, shuffle=True)
        list(batches)
        if disturb:
            mx.random.next_generator().normal(size=10)
        batches.reset()
        orders.append(rows_of(batches))
    assert orders[0] == orders[1]


def test_a_reset_before_the_first_batch_changes_nothing():
    plain, reset = (iterator(50, 10, shuffle=True, seed=1) for _ in range(2))
    reset.reset()
    assert rows_of(plain) == rows_of(reset)


def test_an_iterator_at_its_end_stays_there_until_it_is_reset():
    batches = iterator(4, 2)
    assert len(list(batches)) == 2
    assert list(batches) == []
    batches.reset()
    assert len(list(batches)) == 2


@pytest.mark.parametrize("dtype", [np.int64, np.float64, np.uint8, bool])
def test_every_array_becomes_float32(dtype):
    batches = NDArrayIter(np.ones((4, 3), dtype), np.zeros(4, dtype), batch_size=2)
    batch = next(batches)
    assert batch.data[0].dtype == batch.label[0].dtype == np.float32
    assert [desc.dtype for desc in batches.provide_data + batches.provide_label] == [np.float32, np.float32]


def test_later_changes_of_the_input_or_of_a_batch_do_not_reach_the_iterator():
    data = np.zeros((4, 1), np.float32)
    batches = NDArrayIter(data, batch_size=4)
    data[:] = 1
    next(batches).data[0][:] = 2
    batches.reset()
    assert next(batches).data[0].sum() == 0


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (np.zeros((4, 2)), ["data"]),
        ([np.zeros((4, 2))], ["data"]),
        ([np.zeros((4, 2)), np.zeros(4)], ["_0_data", "_1_data"]),
        ({"user": np.zeros((4, 2)), "item": np.zeros(4)}, ["item", "user"]),  # sorted, as in MXNet
    ],
)
def test_arrays_get_their_names_from_a_mapping_or_their_position(data, names):
    assert [desc.name for desc in NDArrayIter(data, batch_size=2).provide_data] == names


def test_descriptions_state_the_shape_of_a_batch():
    batches = NDArrayIter(np.zeros((10, 3, 8, 8)), np.zeros((10, 2)), batch_size=4, label_name="target")
    assert batches.provide_data == [("data", (4, 3, 8, 8))]
    assert batches.provide_label == [("target", (4, 2))]
    assert next(batches).data[0].shape == (4, 3, 8, 8)


def test_no_label_means_no_label_arrays():
    batches = NDArrayIter(np.zeros(4), batch_size=2)
    assert (batches.provide_label, next(batches).label) == ([], [])


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (ValueError, "'data' 4, 'softmax_label' 3", {"data": np.zeros(4), "label": np.zeros(3)}),
        (ValueError, "no rows", {"data": np.zeros((0, 3))}),
        (ValueError, "no rows", {"data": np.float32(1)}),
        (ValueError, "data is empty", {"data": []}),
        (ValueError, "data is empty", {"data": None}),
        (ValueError, "pad, discard, roll_over, got 'keep'", {"data": np.zeros(4), "last_batch_handle": "keep"}),
        (ValueError, "at least 1, got 0", {"data": np.zeros(4), "batch_size": 0}),
        (TypeError, "integer, got 2.5", {"data": np.zeros(4), "batch_size": 2.5}),
        (ValueError, "exceeds the 4 rows", {"data": np.zeros(4), "batch_size": 5, "last_batch_handle": "discard"}),
        (ValueError, "exceeds the 4 rows", {"data": np.zeros(4), "batch_size": 5, "last_batch_handle": "roll_over"}),
        (ValueError, "its own name, got data, data", {"data": np.zeros(4), "label": np.zeros(4), "label_name": "data"}),
        (TypeError, "'data' must be numbers", {"data": np.array(["a", "b"])}),
        (TypeError, "'data' must be numbers", {"data": "abc"}),
        (TypeError, "'data' must be numbers", {"data": {1, 2}}),
    ],
)
def test_what_cannot_be_batched_is_refused_and_the_message_says_why(error, message, arguments):
    with pytest.raises(error, match=message):
        NDArrayIter(**arguments)


def test_a_description_is_a_pair_that_knows_more():
    desc = DataDesc("data", [2, 3], dtype=np.float16, layout="NC")
    name, shape = desc
    assert (name, shape) == desc == ("data", (2, 3))
    assert (desc.dtype, desc.layout, DataDesc.get_batch_axis(desc.layout)) == (np.float16, "NC", 0)
    again = copy.deepcopy(desc)
    assert (again, again.dtype, again.layout) == (desc, desc.dtype, desc.layout)


def test_a_batch_of_bare_arrays_is_refused():
    with pytest.raises(TypeError, match=r"write data=\[array\]"):
        DataBatch(np.zeros(3))
    with pytest.raises(TypeError, match=r"write label=\[array\]"):
        DataBatch([np.zeros(3)], label=np.zeros(3))


def test_the_base_class_names_the_method_that_is_missing():
    with pytest.raises(NotImplementedError, match="DataIter must define iter_next"):
        next(DataIter(4))


def test_parts_have_equal_numbers_of_rows_and_share_none():
    x = np.arange(11.0)[:, None]
    parts = [mx.io.NDArrayIter(x, x, batch_size=2, num_parts=3, part_index=index) for index in range(3)]
    rows = [[float(one) for batch in part for one in batch.data[0][: 2 - batch.pad, 0]] for part in parts]
    assert rows == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert len({part.num_data for part in parts}) == 1
    for wrong in ({"num_parts": 0}, {"num_parts": 12}, {"num_parts": 2, "part_index": 2}, {"part_index": -1}):
        with pytest.raises(ValueError, match=r"num_parts must be in \[1, 11\] and part_index in \[0, num_parts\)"):
            mx.io.NDArrayIter(x, batch_size=1, **wrong)


def test_an_epoch_with_rows_that_rolled_over_begins_with_them():
    batches = NDArrayIter(np.arange(5), np.arange(5), batch_size=2, last_batch_handle="roll_over")
    epochs = []
    for _ in range(3):
        epochs.append([batch.label[0].tolist() for batch in batches])
        batches.reset()
    assert epochs == [[[0, 1], [2, 3]], [[4, 0], [1, 2], [3, 4]], [[0, 1], [2, 3]]]


def test_the_rows_of_a_shuffled_epoch_are_in_idx():
    batches = NDArrayIter(np.arange(6), batch_size=3, shuffle=True, seed=1)
    first = batches.idx.tolist()
    assert [int(row) for batch in batches for row in batch.data[0]] == first
    batches.reset()
    assert sorted(batches.idx) == sorted(first)


class Fails(DataIter):
    provide_data = [DataDesc("data", (2,))]
    provide_label = None

    def next(self):
        raise OSError("the disk is gone")


def test_a_prefetching_iterator_starts_over_in_the_middle_and_hands_errors_on():
    batches = mx.io.PrefetchingIter(NDArrayIter(np.arange(6), batch_size=2))
    next(batches)
    batches.reset()
    assert [batch.data[0][0] for batch in batches] == [0, 2, 4]
    assert list(batches) == []
    with pytest.raises(OSError, match="the disk is gone"):
        next(mx.io.PrefetchingIter(Fails(2)))
    unequal = mx.io.PrefetchingIter([NDArrayIter(np.arange(6), batch_size=2), NDArrayIter(np.arange(2), batch_size=2)])
    next(unequal)
    with pytest.raises(ValueError, match="do not belong together"):
        next(unequal)
    with pytest.raises(ValueError, match="at least one iterator"):
        mx.io.PrefetchingIter([])


def test_files_may_be_compressed_and_wrong_ones_are_refused(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (4, 2, 3)).astype(np.uint8)
    for name, kind, array in (("images", 2051, images), ("labels", 2049, np.arange(4, dtype=np.uint8))):
        content = struct.pack(f">{1 + array.ndim}i", kind, *array.shape) + array.tobytes()
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    paths = {"image": tmp_path / "images.gz", "label": tmp_path / "labels.gz"}
    batch = next(mx.io.MNISTIter(**paths, batch_size=4, shuffle=False))
    np.testing.assert_array_equal(batch.data[0][:, 0] * 256, images)
    shuffled = next(mx.io.MNISTIter(**paths, batch_size=4, seed=2))
    np.testing.assert_array_equal(shuffled.data[0][:, 0] * 256, images[shuffled.label[0].astype(int)])
    (tmp_path / "words.csv").write_text("one,two\n", encoding="utf-8")
    (tmp_path / "numbers.csv").write_text("1,2\n3,4\n", encoding="utf-8")
    (tmp_path / "rows.t").write_text("1 7:1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="not a file of bytes in the format IDX"):
        mx.io.MNISTIter(tmp_path / "words.csv", paths["label"])
    with pytest.raises(ValueError, match=r"words\.csv"):
        mx.io.CSVIter(tmp_path / "words.csv", (2,))
    with pytest.raises(ValueError, match=r"data_shape is \(3,\), but rows have 2 numbers"):
        mx.io.CSVIter(tmp_path / "numbers.csv", (3,))
    with pytest.raises(ValueError, match="batch_size must be in"):
        mx.io.CSVIter(tmp_path / "numbers.csv", (2,), batch_size=3)
    with pytest.raises(TypeError, match="CSVIter has no argument shuffle"):
        mx.io.CSVIter(tmp_path / "numbers.csv", (2,), shuffle=True)
    with pytest.raises(ValueError, match="line 1: '1 7:1' is not 'label index:value"):
        mx.io.LibSVMIter(tmp_path / "rows.t", (3,))
