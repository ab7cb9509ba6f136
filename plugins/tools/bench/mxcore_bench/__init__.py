"""How fast optimizers, initializers and the import are, against their peers and against what memory allows.

``mxcore bench`` is the way in (:mod:`mxcore_bench.command`); nothing else in mxcore imports this package. An
:class:`~mxcore_bench.experiment.Experiment` names its contestants; :mod:`~mxcore_bench.timing` times them in turns;
:mod:`~mxcore_bench.results` makes figures of the samples; tables, plots and the targets are views of those.

Peers (torch, jax with optax) are imported where they are used, and left out where they are not installed.
"""
