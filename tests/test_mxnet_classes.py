"""Classes that people wrote for MXNet compute here what they compute there."""

from pathlib import Path

import numpy as np
from mxnet_classes import results

import mxcore as mx


def test_classes_written_for_mxnet_compute_what_they_compute_there() -> None:
    with np.load(Path(__file__).parent / "golden" / "mxnet-classes.npz") as recorded:
        expected = dict(recorded)
    found = results(mx)
    assert found.keys() == expected.keys()
    for name, array in found.items():
        assert array.dtype == expected[name].dtype, name
        tolerance = 1e-3 if array.dtype == np.float16 else 2e-6
        np.testing.assert_allclose(array, expected[name], rtol=tolerance, atol=tolerance, err_msg=name)
