"""MXNet's training loop for mxcore: Symbol and Module, data iterators, metrics and callbacks.

Nothing is imported here: use the parts as ``mx.symbol`` (``mx.sym``), ``mx.module`` (``mx.mod``), ``mx.io``,
``mx.metric`` and ``mx.callback``.
"""
