"""Signum's steps all have the same size, and both kinds of decay enter where their names say."""

import numpy as np

import mxcore as mx


def test_every_step_has_the_size_of_the_rate() -> None:
    weight = np.zeros(3)
    mx.optimizer.get_updater(mx.optimizer.Signum(0.25))(0, np.array([1e-3, 0.0, -1e3]), weight)
    assert weight.tolist() == [-0.25, 0.0, 0.25]


def test_without_momentum_signum_knows_both_decays() -> None:
    weight, updater = np.ones(1), mx.optimizer.get_updater(mx.optimizer.Signum(0.5, momentum=0.0, wd_lh=0.25, wd=0.5))
    updater(0, np.zeros(1), weight)
    assert weight.tolist() == [1 - 0.5 * 0.75]
    assert updater.states == {0: None}


def test_a_negative_scale_turns_the_step_of_signum_around() -> None:
    weight = np.zeros(1)
    mx.optimizer.get_updater(mx.optimizer.Signum(0.5, momentum=0.0, rescale_grad=-1.0))(0, np.ones(1), weight)
    assert weight.tolist() == [0.5]
