"""Benchmarks of optimizers, initializers and import time, compared with other libraries and with memory bandwidth.

The entry point is ``mxcore bench`` (:mod:`mxcore_bench.command`); nothing else in mxcore imports this package. An
:class:`~mxcore_bench.experiment.Experiment` has several contestants; :mod:`~mxcore_bench.timing` times them in turns;
:mod:`~mxcore_bench.results` turns the samples into figures, which tables, plots and targets show.

Peers (torch, jax with optax) are imported when used, and left out if they are not installed.
"""
