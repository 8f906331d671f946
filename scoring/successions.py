"""Going on from what another scorer has decided: who stands by takes it before each cycle, and can take over at any time.

Between two scorers of one fleet the one that publishes is right, unless it knows much less: one that began cold must not cost
the other its ledger. What was observed and learned stays the scorer's own. Nothing here knows how a state comes from one to the other.
"""

from __future__ import annotations

import json

from scoring.errors import InvalidState
from scoring.ledgers import SECONDS
from scoring.scorer import Scorer
from scoring.states import State, restore_decided

FRESH_INTERVALS = 2
"""An older state is of a loop that hangs, or cannot store what it decides."""
LEAST_SHARE = 0.5
"""Of what this scorer's ledger spans: a state that spans less is of one that knows less."""


def succeed(scorer: Scorer, state: State, now: float) -> None:
    """Give `scorer` what the other has `decided`, for those of its targets that the other has.

    Raises:
        InvalidState: it is damaged, of another format or grid step, old, or knows less; the scorer is as it was.
    """
    try:
        about = json.loads(state["about"].tobytes())
        at = float(about["ledger"][1])
        theirs = {tuple(row): i for i, row in enumerate(about["targets"])}
        spans = state["ledger.buckets"][:, :, SECONDS].sum(axis=1)
        own = scorer.ledger.buckets[:, :, SECONDS].sum(axis=1)
        both = [(i, theirs[t.identity]) for i, t in enumerate(scorer.fleet.targets) if t.identity in theirs]
        known, offered = sum(float(own[i]) for i, _ in both), sum(float(spans[j]) for _, j in both)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise InvalidState(f"what was decided is damaged ({type(error).__name__}: {error})") from error
    if not now - at <= FRESH_INTERVALS * scorer.pace.interval:
        raise InvalidState("what was decided there is old: that loop hangs, or cannot store its state")
    if offered < LEAST_SHARE * known:
        raise InvalidState(f"the ledger there spans {offered / known:.0%} of what is known here")
    restore_decided(scorer, state, now)
