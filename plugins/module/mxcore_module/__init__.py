"""Symbol and Module, data iterators, metrics and callbacks: MXNet's training loop as an extension of mxcore.

Nothing is imported here: the parts are reached as ``mx.symbol`` (``mx.sym``), ``mx.module`` (``mx.mod``), ``mx.io``,
``mx.metric`` and ``mx.callback``.
"""
