"""The modules: ``mx.module``, also ``mx.mod``.

>>> import mxcore as mx
>>> mx.mod.Module.__name__, mx.mod.BucketingModule.__name__
('Module', 'BucketingModule')
"""

from mxcore_module.base_module import BaseModule
from mxcore_module.bucketing_module import BucketingModule
from mxcore_module.checkpoint import load_checkpoint, save_checkpoint
from mxcore_module.module import Module
from mxcore_module.python_module import PythonLossModule, PythonModule
from mxcore_module.sequential_module import SequentialModule

__all__ = [
    "BaseModule",
    "BucketingModule",
    "Module",
    "PythonLossModule",
    "PythonModule",
    "SequentialModule",
    "load_checkpoint",
    "save_checkpoint",
]
