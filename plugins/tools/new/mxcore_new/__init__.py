"""The command ``mxcore new``, see :mod:`mxcore_new.command`, and the template from which it makes a project."""
