"""Fits of statsmodels."""

import warnings
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.miscmodels.tmodel import TLinearModel

import mxcore as mx

rng = np.random.default_rng(0)
X = sm.add_constant(rng.normal(size=(300, 3)))
SCORES = X @ [0.3, 1.0, -0.5, 0.0]
MODELS = {
    "logit": sm.Logit((rng.random(300) < 1 / (1 + np.exp(-SCORES))).astype(float), X),
    "probit": sm.Probit((rng.normal(size=300) < SCORES).astype(float), X),
    "poisson": sm.Poisson(rng.poisson(np.exp(SCORES)), X),
    "mnlogit": sm.MNLogit((SCORES[:, None] + rng.gumbel(size=(300, 3)) * [1, 2, 3]).argmax(1), X),
}


def fitted(model: Any, optimizer: str = "adam", learning_rate: float = 0.05, **options: Any) -> Any:
    fit = {"mxcore": mx.scipy.fit_function(optimizer, learning_rate=learning_rate)}
    arguments = {"maxiter": 5000, "gtol": 1e-8, "disp": False} | options
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return model.fit(method="mxcore", extra_fit_funcs=fit, **arguments)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 0.05), ("lbfgs", 1.0)])
def test_it_finds_the_parameters_that_newton_finds(name: str, optimizer: str, rate: float) -> None:
    newton = MODELS[name].fit(disp=False)
    found = fitted(MODELS[name], optimizer, rate)
    np.testing.assert_allclose(found.params, newton.params, atol=1e-6)
    np.testing.assert_allclose(found.bse, newton.bse, atol=1e-6)
    assert found.mle_retvals["converged"]
    assert found.mle_retvals["warnflag"] == 0
    assert found.mle_retvals["fopt"] == pytest.approx(-newton.llf / 300)
    assert abs(found.mle_retvals["gopt"]).max() <= 1e-8
    assert found.mle_retvals["fcalls"] == found.mle_retvals["gcalls"] > found.mle_retvals["iterations"] > 5


def test_a_model_without_a_score() -> None:
    model = TLinearModel(SCORES + rng.standard_t(5, size=300), X)
    start = np.r_[np.zeros(4), 4.0, 1.0]
    found = fitted(model, start_params=start, gtol=1e-5)
    bfgs = model.fit(start, method="bfgs", disp=False)
    np.testing.assert_allclose(found.params, bfgs.params, atol=1e-2)


def test_what_fit_is_given_arrives(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Any] = []
    model = MODELS["logit"]
    found = fitted(model, bounds=[(None, 0.1)] * 4, callback=seen.append, full_output=True)
    assert found.params.max() == 0.1
    assert len(seen) == found.mle_retvals["iterations"]
    with pytest.warns(UserWarning, match="Unknown solver options: factr"):
        model.fit(method="mxcore", extra_fit_funcs={"mxcore": mx.scipy.fit_function("lbfgs")}, factr=10, disp=True)
    assert "the gradient is within gtol" in capsys.readouterr().out
    with pytest.warns(UserWarning, match="failed to converge"):
        model.fit(method="mxcore", extra_fit_funcs={"mxcore": mx.scipy.fit_function()}, maxiter=3, disp=False)


def test_the_generic_method_of_statsmodels_takes_it_too() -> None:
    with pytest.warns(RuntimeWarning, match="does not use Hessian information"):
        found = MODELS["logit"].fit(method="minimize", min_method=mx.scipy.method("lbfgs"), disp=False, gtol=1e-8)
    np.testing.assert_allclose(found.params, MODELS["logit"].fit(disp=False).params, atol=1e-6)
