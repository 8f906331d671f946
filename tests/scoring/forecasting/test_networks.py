"""The small network: it is taken as it was learned or not at all, and what it says is in order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.forecasting.features import described
from scoring.forecasting.forecasts import LEVELS, MEDIAN
from scoring.forecasting.networks import Network, shapes
from scoring.forecasting.trainings import fresh
from tests.scoring.builders import daily
from tests.scoring.forecasting.builders import KINDS, network, rows_of

SPANS = ((1, 1), (6, 6), (1, 6))
Weights = dict[str, NDArray[np.float32]]


@pytest.mark.parametrize("name", sorted(shapes()))
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lambda w, name: w.pop(name), r"{} has shape None instead of \(", id="missing"),
        pytest.param(lambda w, name: w.update({name: w[name][1:]}), "{} has shape", id="of another shape"),
        pytest.param(
            lambda w, name: w[name].fill(np.nan), "{} holds values that are not finite", id="not finite"
        ),
    ],
)
def test_weights_that_cannot_be_are_refused_by_name(
    name: str, spoil: Callable[[Weights, str], object], said: str
) -> None:
    """A message names the array that is wrong, and nobody is forecast by it."""
    weights = {k: v.copy() for k, v in network().network.items()}
    spoil(weights, name)
    with pytest.raises(ValueError, match=f"the network's {said.format(name)}"):
        Network.of(weights)


def test_a_network_is_of_any_size() -> None:
    """A smaller one, and what is stored beside the weights, are no reason to refuse it."""
    weights = dict(network().network) | {"levels": np.asarray(LEVELS, np.float32)}
    assert set(shapes()) == set(Network.of(weights).weights)


def test_a_network_that_knows_nothing_says_persistence() -> None:
    """At every span alike: around the newest value, within a third of what the series moves by."""
    rows = described(daily(5), day=288)
    said = Network.of(fresh(np.random.default_rng(0))).quantiles(rows, SPANS)
    off = rows.squeezed(said) - rows.squeezed(rows.last[:, None])[:, :, None]
    np.testing.assert_allclose(off, np.broadcast_to(off[:1, :1], off.shape), atol=1e-4)
    assert np.abs(off).max() < 0.31
    assert np.abs(off[:, :, MEDIAN]).max() < 0.1
    assert (np.diff(said, axis=2) > 0).all()


def test_quantiles_never_cross_whatever_was_learned() -> None:
    """They are in order for weights at random, on every kind of series; a row that does not move stays."""
    rows = described(rows_of(KINDS, 100), day=24)
    said = Network.of(network().network).quantiles(rows, SPANS)
    known = ~np.isnan(rows.last)
    assert (np.diff(said[known], axis=2) >= 0).all()
    assert (said[KINDS.index("flat")] == 3).all()
    assert np.isnan(said[~known]).all()


def test_a_span_is_answered_alike_whatever_else_is_asked() -> None:
    """Alone or beside others, in any order."""
    rows, model = described(daily(4), day=288), Network.of(network().network)
    together = model.quantiles(rows, SPANS)
    for i, span in enumerate(SPANS):
        np.testing.assert_allclose(together[:, [i]], model.quantiles(rows, (span,)), rtol=1e-4)
