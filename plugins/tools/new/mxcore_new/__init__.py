"""The command ``mxcore new``, see :mod:`mxcore_new.command`, and its project template."""
