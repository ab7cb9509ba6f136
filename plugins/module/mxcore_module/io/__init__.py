"""Data iterators: the batches that a training loop reads.

A :class:`DataIter` yields :class:`DataBatch` records. Its ``provide_data`` and ``provide_label`` give the names and
shapes of their arrays, so that a module can be bound before the first batch is read. :class:`NDArrayIter` does this
for arrays in memory.

Example:
    >>> import numpy as np
    >>> batches = NDArrayIter(np.arange(10).reshape(5, 2), label=np.arange(5), batch_size=2)
    >>> [(batch.label[0].tolist(), batch.pad) for batch in batches]
    [([0.0, 1.0], 0), ([2.0, 3.0], 0), ([4.0, 0.0], 1)]
"""

from mxcore_module.io.arrays import NDArrayIter
from mxcore_module.io.batch import DataBatch, DataDesc, DataIter
from mxcore_module.io.combined import PrefetchingIter, ResizeIter
from mxcore_module.io.files import CSVIter, LibSVMIter, MNISTIter

__all__ = [
    "CSVIter",
    "DataBatch",
    "DataDesc",
    "DataIter",
    "LibSVMIter",
    "MNISTIter",
    "NDArrayIter",
    "PrefetchingIter",
    "ResizeIter",
]
