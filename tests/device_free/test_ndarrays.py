"""NDArrays over real CuPy arrays: views of the same memory, without a copy. (Computing needs a device.)"""

import cupy
import numpy as np
from device_free.on_cpu import CudaOnCpu, hosted
from mxcore_module.arrays import plain, readable

import mxcore as mx


def test_an_ndarray_is_a_view_of_a_cupy_array(cuda: CudaOnCpu) -> None:
    array = hosted(np.arange(6.0, dtype=np.float32).reshape(2, 3))
    view = mx.nd.wrap(array)
    assert isinstance(view, mx.nd.NDArray)
    assert isinstance(view, cupy.ndarray)
    assert view.data.ptr == array.data.ptr
    assert view.context == mx.gpu(0)
    assert mx.backend.backend_of(view).name == "cupy"
    assert type(mx.nd.bare(view)) is cupy.ndarray
    for slices, shape in ((view.T, (3, 2)), (view[1], (3,)), (view[1, 2], (1,)), (view[:, ::2], (2, 2))):
        assert isinstance(slices, mx.nd.NDArray)
        assert slices.shape == shape
    assert view[1, 2].data.ptr == array.data.ptr + 20
    assert view[:, ::2].strides == (12, 8)
    handed = mx.nd.present(array)
    assert (type(mx.nd.bare(handed)), handed.data.ptr) == (cupy.ndarray, array.data.ptr)
    assert isinstance(handed, mx.nd.NDArray)
    assert bool(handed)
    assert mx.nd.present(handed) is handed
    assert type(handed[0]) is type(view)


def test_an_array_of_a_module_is_a_view_of_a_cupy_array(cuda: CudaOnCpu) -> None:
    array = hosted(np.arange(6.0, dtype=np.float32).reshape(2, 3))
    view = readable(array)
    assert isinstance(view, cupy.ndarray)
    assert not isinstance(view, mx.nd.NDArray)
    assert view.data.ptr == array.data.ptr
    assert view.context == mx.gpu(0)
    assert mx.backend.backend_of(view).name == "cupy"
    assert type(plain(view)) is cupy.ndarray
    assert plain(array) is array
    assert readable(view) is view
