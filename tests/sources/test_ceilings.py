"""Which samples count as held back at a ceiling, whatever the answer looks like."""

from __future__ import annotations

import math

import numpy as np
import pytest

from helios.sources.answers import Samples, key
from helios.sources.ceilings import censored
from scoring.panels import Panel
from tests.sources.test_prometheus import END, STEP, WEB


@pytest.mark.parametrize("when", [math.nan, math.inf, 1e300, -1e300])
def test_a_time_that_is_none_censors_nothing(when: float) -> None:
    """NaN, infinite and absurd times in an answer are left out without a word."""
    panel = Panel.from_samples((WEB,), END, STEP, 1, np.array([0]), np.array([END]), np.array([2.0]))
    labels = {"namespace": "shop", "owner_kind": "Deployment", "owner_name": "web", "sign": "throttled"}
    held = Samples([labels], np.zeros(1, np.intp), np.array([when]), np.ones(1))
    assert not censored(panel, {key("shop", "Deployment", "web"): 0}, held).any()
