"""Reasons: one sentence a person can act on, for every outcome."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.recommending.reasons import OUTCOMES, Grounds, Limit, Path, amount, explain, minutes

GROUNDS = Grounds(
    path=Path.FORECAST,
    limits=Limit(0),
    metric="cpu",
    unit="cores",
    demand=4.5,
    observed=3.2,
    per_replica=1.0,
    quantile=0.98,
    lead_seconds=465.0,
    max_utilization=0.9,
    reactive_utilization=0.7,
    guard_utilization=0.8,
    points=2016,
    needed=576,
    skill=0.25,
    uncapped=5,
    recommended=5,
    cooldown_seconds=300.0,
    kind="Deployment",
)
REACTIVE = replace(GROUNDS, demand=2.1, observed=2.1, uncapped=3, recommended=3)
UNREADABLE = re.compile(
    r"None|nan|inf\b|\b1 (cores|replicas|bytes)\b|\b(?!1 )[\d.,]+ (core|replica)\b|e[+-]\d|-0(?:\.0*)?(?![\d.])|  "
)


@pytest.mark.parametrize(
    ("grounds", "sentence"),
    [
        pytest.param(
            GROUNDS,
            "cpu may reach 4.5 cores within 8 min (98% quantile): 5 replicas at 90% of 1 core each",
            id="a forecast",
        ),
        pytest.param(
            replace(REACTIVE, path=Path.HISTORY, points=2),
            "cpu at 2.1 cores needs 3 replicas at 70% of 1 core each (reactive: 2 of 576 points of history)",
            id="too little history",
        ),
        pytest.param(
            replace(REACTIVE, path=Path.SKILL, skill=-0.1),
            "cpu at 2.1 cores needs 3 replicas at 70% of 1 core each (reactive: skill -0.10 over persistence)",
            id="no skill",
        ),
        pytest.param(
            replace(REACTIVE, path=Path.SKILL, skill=None),
            "cpu at 2.1 cores needs 3 replicas at 70% of 1 core each (reactive: no skill over persistence yet)",
            id="a skill nobody knows",
        ),
        pytest.param(
            replace(REACTIVE, path=Path.NO_FORECAST),
            "cpu at 2.1 cores needs 3 replicas at 70% of 1 core each (reactive: no forecast in this cycle)",
            id="no forecast",
        ),
        pytest.param(
            replace(REACTIVE, path=Path.SPIKE, demand=0.7),
            "cpu at 0.7 cores needs 1 replica at 70% of 1 core each (reactive: a spike is under way)",
            id="a spike, and one replica",
        ),
        pytest.param(
            replace(REACTIVE, path=Path.WITHDRAWN, withdrawn="withdrawn, as it lost"),
            "cpu at 2.1 cores needs 3 replicas at 70% of 1 core each (reactive: withdrawn, as it lost)",
            id="withdrawn",
        ),
        pytest.param(
            replace(GROUNDS, path=Path.NO_DATA),
            "No recommendation: cpu has no recent samples, so the last decision expires and KEDA's fallback holds",
            id="no data",
        ),
        pytest.param(
            replace(GROUNDS, path=Path.NO_REQUEST),
            "No recommendation: no cpu request of the pods of this Deployment is known, so replicas cannot be derived "
            "from demand; set resources.requests.cpu, or perReplica on the metric",
            id="no request",
        ),
        pytest.param(
            replace(GROUNDS, path=Path.MEMORY_ONLY),
            "No recommendation: memory is the only metric and grows with the replicas, or that is not known yet; "
            "name a demand such as cpu",
            id="memory only",
        ),
        pytest.param(
            replace(GROUNDS, path=Path.SCALED_TO_ZERO, recommended=2),
            "Scaled to 0: there is no demand to observe until it has pods again; its minimum of 2 is asked for, or KEDA "
            "could not start it",
            id="scaled to zero",
        ),
    ],
)
def test_every_path_has_its_sentence(grounds: Grounds, sentence: str) -> None:
    """It names the demand, the number, and where the number comes from."""
    assert sentence == explain(grounds)


@pytest.mark.parametrize(
    ("grounds", "limit", "words"),
    [
        pytest.param(
            replace(GROUNDS, observed=4.5, uncapped=6),
            Limit.GUARD,
            "the load of this moment alone (4.5 cores) needs 6 replicas at 80% of 1 core each, the guard",
            id="guard",
        ),
        pytest.param(
            replace(GROUNDS, observed=4.5, uncapped=7),
            Limit.CENSORED,
            "the pods are at their limit, so demand is at least 4.5 cores: raised to 7 replicas",
            id="censored",
        ),
        pytest.param(GROUNDS, Limit.EVENT, "an announced event lifts the demand", id="event"),
        pytest.param(GROUNDS, Limit.HELD, "a higher number of the last 5 min is held", id="held"),
        pytest.param(
            replace(GROUNDS, rollout=0.2, beside=5),
            Limit.ROLLOUT,
            "limited to 20% beside the reactive 5 replicas: roll-out",
            id="roll-out",
        ),
        pytest.param(GROUNDS, Limit.FROZEN, "scale-in is frozen by an anomaly", id="frozen"),
        pytest.param(
            GROUNDS, Limit.PARTIAL, "another driving metric is missing, so scale-in waits", id="partial"
        ),
        pytest.param(GROUNDS, Limit.STEP_UP, "the step limit for scaling up holds it back", id="step up"),
        pytest.param(
            GROUNDS, Limit.STEP_DOWN, "the step limit for scaling down holds it back", id="step down"
        ),
        pytest.param(
            replace(GROUNDS, recommended=3), Limit.MAXIMUM, "capped at the maximum of 3", id="maximum"
        ),
        pytest.param(
            replace(GROUNDS, recommended=8), Limit.MINIMUM, "raised to the minimum of 8", id="minimum"
        ),
    ],
)
def test_every_limit_is_named_after_the_demand(grounds: Grounds, limit: Limit, words: str) -> None:
    """The bound that is named is the one in force, that of a schedule included."""
    assert f"{explain(grounds)}; {words}" == explain(replace(grounds, limits=limit))


def test_the_demand_says_what_it_asks_for_by_itself() -> None:
    """Where the guard raised the number, the forecast is not credited with it."""
    said = explain(replace(GROUNDS, demand=2.7, observed=2.7, uncapped=4, limits=Limit.GUARD))
    assert ": 3 replicas at 90% of 1 core each; the load" in said


def test_an_event_names_the_demand_it_lifts_to() -> None:
    """Not what is observed before it."""
    said = explain(replace(REACTIVE, path=Path.SKILL, demand=6.3, limits=Limit.EVENT))
    assert said.startswith("cpu lifted to 6.3 cores needs 9 replicas")


def test_every_path_and_limit_has_words() -> None:
    """No outcome without a code, no limit without a clause."""
    assert set(Path) == set(OUTCOMES)
    assert len(set(OUTCOMES.values())) == len(Path)
    plain = explain(GROUNDS)
    for limit in Limit:
        assert explain(replace(GROUNDS, limits=limit)).startswith(plain + "; ")


FIGURES = st.one_of(st.none(), st.sampled_from([0.0, 1.0]), st.floats(0, 2**61, width=32))


@pytest.mark.parametrize("skill", [-0.001, -0.0, 0.0])
def test_a_skill_of_nothing_has_no_minus(skill: float) -> None:
    """What rounds to zero is zero."""
    assert "skill +0.00 over persistence" in explain(replace(GROUNDS, path=Path.SKILL, skill=skill))


@settings(max_examples=300)
@given(
    st.sampled_from(Path),
    st.sets(st.sampled_from(list(Limit))),
    st.sampled_from(["cores", "bytes", "1"]),
    st.tuples(FIGURES, FIGURES, FIGURES),
    st.one_of(st.none(), st.floats(-100, 1)),
    st.one_of(st.none(), st.integers(0, 10**6)),
    st.floats(1, 90_000),
)
def test_every_sentence_is_readable(
    path: Path,
    limits: set[Limit],
    unit: str,
    figures: tuple[float | None, float | None, float | None],
    skill: float | None,
    count: int | None,
    seconds: float,
) -> None:
    """Whatever is known or unknown, large or small: no None, no nan, no exponent, and one of a thing is singular."""
    demand, observed, per_replica = figures
    said = explain(
        replace(
            GROUNDS,
            path=path,
            limits=Limit(sum(limits)),
            unit=unit,
            demand=demand,
            observed=observed,
            per_replica=per_replica,
            skill=skill,
            uncapped=count,
            recommended=count or 0,
            lead_seconds=seconds,
            cooldown_seconds=seconds,
        )
    )
    assert not UNREADABLE.search(said), said


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (2.5, "cores", "2.5 cores"),
        (1.0, "cores", "1 core"),
        (0.001, "cores", "0.001 cores"),
        (0.00012, "cores", "under 0.001 cores"),
        (0.0, "cores", "0 cores"),
        (999.4, "cores", "999 cores"),
        (999.9, "cores", "1,000 cores"),
        (12345.6, "cores", "12,346 cores"),
        (340.0, "1", "340"),
        (0.0, "bytes", "0 bytes"),
        (1.0, "bytes", "1 byte"),
        (1000.0, "bytes", "1,000 bytes"),
        (1536.0, "bytes", "1.5 KiB"),
        (1.2 * 2**30, "bytes", "1.2 GiB"),
        (1023 * 2**20, "bytes", "1,023 MiB"),
        (2**40, "bytes", "1 TiB"),
        (5000 * 2**40, "bytes", "5,000 TiB"),
        (None, "cores", "an unknown amount"),
    ],
)
def test_quantities_as_people_write_them(value: float | None, unit: str, words: str) -> None:
    """Three digits, thousands apart, never an exponent."""
    assert words == amount(value, unit)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (119, "119 s"),
        (465, "8 min"),
        (3600, "60 min"),
        (7200, "2 h"),
        (9000, "2.5 h"),
        (86_400, "24 h"),
    ],
)
def test_spans_as_people_write_them(seconds: float, words: str) -> None:
    """Seconds, minutes or hours."""
    assert words == minutes(seconds)
