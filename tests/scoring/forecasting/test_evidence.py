"""What is known of a horizon, and of those between two that are judged."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.forecasting.blends import blended
from scoring.forecasting.evidence import STEPS, TASKS, Evidence, label
from scoring.forecasting.features import Span
from scoring.forecasting.forecasts import MEDIAN
from scoring.forecasting.online import wanted
from scoring.forecasting.opinions import Opinion, opinion
from scoring.panels import Floats
from tests.scoring.builders import NAN, daily, panel
from tests.scoring.forecasting.builders import HOUR, Bell, asked

VALUES = np.array([[1, 5, 2, 7, 3], [1, NAN, 2, 7, 3]], np.float32)


@pytest.mark.parametrize(
    ("column", "span", "came"),
    [
        pytest.param(0, (1, 1), [5, NAN], id="the next value"),
        pytest.param(0, (3, 3), [7, 7], id="a later one, whatever came in between"),
        pytest.param(0, (1, 2), [5, NAN], id="the highest, where all of them are known"),
        pytest.param(1, (1, 3), [7, 7], id="the highest of three"),
    ],
)
def test_a_label_is_what_came_of_a_span(column: int, span: Span, came: list[float]) -> None:
    """With a gap in it the highest is not known: it would teach that demand is lower than it was."""
    np.testing.assert_array_equal(came, label(VALUES, column, span))


SPANS = wanted(asked(2, steps=(1, 2, 4, 8, 12, 40), peaks=(1, 4, 40)))


def said() -> Opinion:
    """Two ordinary rows, and a model that expects 5 at all times."""
    of = panel(daily(2, days=3, step=HOUR), step=HOUR)
    return opinion(Bell(5, 1), of, asked(2), SPANS, np.zeros(2, np.int32))


def taught(losses: dict[Span, list[float]]) -> list[Evidence]:
    """Evidence of every task after forty labels of these losses; the others have none."""
    every = []
    for span in TASKS:
        part = Evidence.none(2, span)
        for _ in range(40 * (span in losses)):
            loss = np.tile(np.array(losses[span], np.float32), (2, 1))
            known = np.array([True, True])
            errors = np.array([[0.5, 1], [1, 1]], np.float32)
            part = Evidence(part.votes.learned(loss, errors, known), part.widths, part.regression)
        every.append(part)
    return every


def weights(evidence: list[Evidence], span: Span) -> Floats:
    """What each expert counts in the first row."""
    of: Floats = blended(evidence, said(), SPANS).weights[0, SPANS.index(span)]
    return of


def test_between_two_horizons_both_count() -> None:
    """A step between two that are judged is weighed by both, the nearer the more; beyond the last the model counts more and more."""
    evidence = taught({(3, 3): [1, 2, 2], (6, 6): [2, 1, 2], (12, 12): [2, 2, 1]})
    assert weights(evidence, (3, 3))[0] == 1
    near = np.log(4 / 3) / np.log(2)
    between = (1 - near) * weights(evidence, (3, 3)) + near * weights(evidence, (6, 6))
    np.testing.assert_allclose(between, weights(evidence, (4, 4)), rtol=1e-5)
    beyond = 0.09 * weights(evidence, (12, 12)) + [0, 0.91, 0]
    np.testing.assert_allclose(beyond, weights(evidence, (40, 40)), rtol=1e-5)


def test_a_maximum_is_weighed_by_maxima() -> None:
    """That of one step apart, which is the next value."""
    evidence = taught({(6, 6): [1, 2, 2], (1, 6): [2, 1, 2], (1, 1): [2, 2, 1]})
    assert 1 == weights(evidence, (1, 6)).argmax()
    assert 2 == weights(evidence, (1, 1)).argmax()
    assert 0 == weights(evidence, (6, 6)).argmax()


def test_skill_is_known_between_horizons_too() -> None:
    """That of both, in proportion; nothing is claimed where one is not known yet."""
    of = blended(taught({(step, step): [1, 1, 1] for step in STEPS[:4]}), said(), SPANS)
    np.testing.assert_allclose([0.5, 0], of.skill_at(4), atol=1e-6)
    np.testing.assert_allclose([0.5, 0], of.skill_at(1), atol=1e-6)
    assert np.isnan(of.skill_at(8)).all()
    assert np.isnan(of.skill_at(40)).all()


def test_a_maximum_is_corrected_as_the_value_at_its_end() -> None:
    """What the regression knows of the curve it says of the maximum, though it has none of its own."""
    plain = taught({})
    biased = list(plain)
    regression = plain[3].regression
    assert regression is not None
    none = np.zeros_like(regression.weights)
    biased[3] = Evidence(
        plain[3].votes, plain[3].widths, type(regression)(regression.gram, regression.pull, none)
    )
    place, peak = SPANS.index((6, 6)), SPANS.index((1, 6))
    of, opinions = blended(biased, said(), SPANS), said()
    moved = opinions.last - opinions.quantiles[:, place, MEDIAN]
    np.testing.assert_allclose(opinions.last, of.centres[:, place, 2], rtol=1e-5)
    np.testing.assert_allclose(opinions.quantiles[:, peak, MEDIAN] + moved, of.centres[:, peak, 2], rtol=1e-5)
