"""The breaker on a real control plane: a day that turns against its forecast, withdrawn from, lived through reactively, and won back.

Four minutes are a day here, for demand, forecast and breaker alike. After five such days the sixth is as the others were until it is to
fall: then it rises. Nothing is set, patched or told to Helios; the minutes that its forecast loses are real ones.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from tests.cluster.alertmanagers import AlertingPrometheus, Alertmanager
from tests.cluster.conftest import NewPlace, Tell
from tests.cluster.control_planes import ControlPlane
from tests.cluster.exhibits import Past
from tests.cluster.helioses import USER, Helios, condition, helios_target
from tests.cluster.prometheuses import Prometheus
from tests.cluster.shops import Workload
from tests.cluster.waits import hold, wait_until
from tests.cluster.webhooks import Webhooks

pytestmark = pytest.mark.timeout(900)

NAME = "web"
DAY_SECONDS, STEP_SECONDS = 240, 5
MIDDLE, SWING, NOISE = 9.0, 3.0, 0.01
"""Cores; the noise is a share of them. Within a lead time demand grows by 12 to 28 %: what a reactive autoscaler at 70 % has to spare
below 90 %, and what a forecast has not that says that it falls."""

TURNS = 0.5625
"""The part of the day at which it turns, a little after its middle; until its end."""

REQUEST, LINE, REACTIVE = 0.5, 0.9, 0.7
START_SECONDS, LEAD_SECONDS, COOLDOWN_SECONDS = 15.0, 30, 10
HELD_CYCLES = 2 + COOLDOWN_SECONDS // STEP_SECONDS
REPLICAS = 30
SEEN_SECONDS = 75
"""Before it turns: the breaker judges nothing before it has seen a quarter of a day."""

ALERT = "HeliosBreakerOpen"
RULES_SPEED = 60


class Day:
    """A day of demand, repeated without end before and after, in cores; it may be turned round for a part of one.

    Attributes:
        origin: UNIX seconds at which a day begins.
        turned: UNIX seconds between which it falls where it would rise, and rises where it would fall.
    """

    def __init__(self, origin: float) -> None:
        self.origin = origin
        self.turned = (math.inf, math.inf)
        self._noise = 1 + NOISE * np.random.default_rng(0).standard_normal(997)

    def turn(self, after: float) -> None:
        """Turn the first day round whose time for it is not before `after`, UNIX seconds."""
        days = math.ceil((after - self.origin) / DAY_SECONDS - TURNS)
        begin = self.origin + days * DAY_SECONDS
        self.turned = begin + TURNS * DAY_SECONDS, begin + DAY_SECONDS

    def __call__(self, when: float) -> float:
        """Cores wanted then."""
        swing = SWING * math.sin(2 * math.pi * (when - self.origin) / DAY_SECONDS)
        first, last = self.turned
        level = MIDDLE + (-swing if first <= when < last else swing)
        return level * float(self._noise[int(when) % len(self._noise)])


@dataclass(frozen=True)
class Scene:
    """One workload in Autoscale, and whoever is told."""

    plane: ControlPlane
    namespace: str
    helios: Helios
    prometheus: Prometheus
    webhooks: Webhooks
    workload: Workload
    day: Day
    mark: int

    @property
    def report(self) -> dict[str, Any]:
        """The target as the API has it."""
        return self.helios.target(self.namespace, NAME)

    def gauge(self, name: str, **labels: str) -> float | None:
        """A gauge as Prometheus has it."""
        named = {"namespace": self.namespace, "deployment": NAME, **labels}
        selector = ",".join(f'{label}="{value}"' for label, value in named.items())
        return self.prometheus.value(f"{name}{{{selector}}}")

    def replicas(self) -> int:
        """What the Deployment is asked for."""
        return self.plane.replicas(self.namespace, NAME) or 0

    def condition(self) -> tuple[str, str, str]:
        """ForecastReady: status, reason, message."""
        return condition(self.plane, self.namespace, NAME, "ForecastReady")

    def told(self, reason: str) -> list[tuple[str, str]]:
        """Type and message of the Events of a reason."""
        listed = self.plane.kubectl("get", "events", "--namespace", self.namespace, "--output=json")
        return [(e["type"], e["message"]) for e in json.loads(listed)["items"] if e["reason"] == reason]


@pytest.fixture(scope="module")
def scene(keda: object, new_place: NewPlace) -> Iterator[Scene]:
    """Five days are past, a forecast of them is in force and scales the workload; it turns when the breaker has seen enough."""
    place, day = new_place("breakers"), Day(time.time() + 20)
    plane, namespace, folder = place.plane, place.namespace, place.folder
    pods = {NAME: Past(replicas=REPLICAS, request=REQUEST, limit=1.0, ready_after=START_SECONDS)}
    workloads = place.serving({NAME: day}, pods)
    with ExitStack() as stack:
        webhooks = stack.enter_context(Webhooks())
        alertmanager = stack.enter_context(Alertmanager(folder / "alertmanager", webhooks, speed=RULES_SPEED))
        prometheus = AlertingPrometheus(folder / "prometheus", alertmanager, speed=RULES_SPEED)
        stack.enter_context(place.remembering(prometheus, workloads, pods, seconds=5 * DAY_SECONDS))
        time.sleep(10)
        mark = plane.audit.mark()
        pace = {"day_seconds": DAY_SECONDS, "history_seconds": 5 * DAY_SECONDS}
        pace |= {"step_seconds": STEP_SECONDS, "interval_seconds": STEP_SECONDS}
        helios = stack.enter_context(place.helios(prometheus, scoring=pace))
        wishes: dict[str, Any] = {
            "forecast": {"model": "holt-winters", "horizons": [60], "leadTimeSeconds": LEAD_SECONDS},
            "behavior": {"cooldownSeconds": COOLDOWN_SECONDS, "freezeMaxSeconds": 20},
            # what turns is no spike: nobody is to be woken for it, and nothing held
            "anomaly": {"threshold": "3.5"},
        }
        plane.apply(helios_target(namespace, NAME, mode="Autoscale", most=60, **wishes))
        scene = Scene(plane, namespace, helios, prometheus, webhooks, workloads[NAME], day, mark)
        wait_until(
            lambda: scene.report["outcome"], 60, "the forecast decides", accept=lambda o: o == "forecast"
        )
        day.turn(time.time() + SEEN_SECONDS)
        yield scene


def test_as_long_as_it_loses_nothing_the_forecast_decides(scene: Scene) -> None:
    """With skill, in force through KEDA, and nobody is told anything of a breaker."""
    wait_until(
        lambda: condition(scene.plane, scene.namespace, NAME, "Scaling")[:2],
        60,
        "it autoscales",
        accept=lambda seen: seen == ("True", "Autoscaling"),
    )
    wait_until(scene.condition, 30, "the condition", accept=lambda said: said[:2] == ("True", "Skilful"))
    left = scene.day.turned[0] - time.time()
    assert left > 0, "the set-up takes too long here"
    hold(lambda: scene.gauge("helios_breaker_open"), left, "it is closed", accept=lambda v: v == 0)
    breaker = scene.report["breaker"]
    assert (False, False, None) == (breaker["open"], breaker["losing"], breaker["since"])
    assert [] == scene.told("BreakerOpened")


def test_a_day_that_turns_against_it_withdraws_it(scene: Scene, tell: Tell) -> None:
    """On minutes lost beyond the budget: gauge, condition, Event and API say so, with the figures of both paths."""
    wait_until(
        lambda: scene.gauge("helios_breaker_open"), DAY_SECONDS / 2, "it opens", accept=lambda v: v == 1
    )
    seen, breaker = time.time(), scene.report["breaker"]
    lost, bare = breaker["short_minutes_forecast"], breaker["short_minutes_reactive"]
    since = datetime.fromisoformat(breaker["since"]).timestamp()
    tell({"opened_seconds": round(since - scene.day.turned[0], 1), "forecast": lost, "reactive": bare})
    assert scene.day.turned[0] < since <= seen
    assert (True, True, DAY_SECONDS) == (breaker["open"], breaker["losing"], breaker["window_seconds"])
    assert lost - bare > 10 * DAY_SECONDS / 86_400
    status, reason, message = wait_until(
        scene.condition, 30, "the condition", accept=lambda said: said[1] == "Withdrawn"
    )
    assert ("False", "Withdrawn") == (status, reason)
    assert message.endswith("; decisions are reactive")
    [(kind, words)] = wait_until(lambda: scene.told("BreakerOpened"), 20, "the Event")
    assert "Warning" == kind
    assert words.startswith("The forecast is withdrawn: in the last 4 minutes the forecast was ")


def test_somebody_is_told(scene: Scene) -> None:
    """The shipped alert fires, with the workload and nothing of a pod, and comes where the team reads."""
    [told] = wait_until(lambda: scene.webhooks.got(ALERT), 30, "the team is told")[:1]
    assert ("/team", "firing") == (told.path, told.status)
    wanted = {"alertname": ALERT, "severity": "warning", "namespace": scene.namespace, "deployment": NAME}
    assert [wanted] == [one["labels"] for one in told.alerts]


def test_replicas_follow_the_reactive_decision(scene: Scene, tell: Tell) -> None:
    """Cycle by cycle, through the next peak, what is published is what an HPA at 70 % would have; KEDA brings the workload there."""
    wanted: dict[str, int] = {}

    def published() -> tuple[int, int, int]:
        """The least and the most that a reactive decision may be, for the cooldown holds what was asked for within it; and what is."""
        report = scene.report
        assert "withdrawn" in report["reason"]
        [cpu] = [metric for metric in report["metrics"] if metric["name"] == "cpu"]
        wanted[report["scored_at"]] = math.ceil(cpu["observed"] / (REQUEST * REACTIVE) - 1e-4)
        lately = list(wanted.values())[-HELD_CYCLES:]
        return lately[-1], max(lately), report["recommended_replicas"]

    def is_reactive(seen: tuple[int, int, int]) -> bool:
        return len(wanted) > HELD_CYCLES and seen[0] <= seen[2] <= seen[1]

    # for a cooldown it is not below what either path asked for before the first look
    wait_until(published, 60, "it is decided reactively", accept=is_reactive)
    peak = scene.day.turned[1] + DAY_SECONDS / 4
    hold(published, peak - time.time(), "it stays so", accept=is_reactive)
    *_, highest = published()
    there = wait_until(scene.replicas, 60, "they are there", accept=lambda n: n >= highest)
    tell({"cycles": len(wanted), "published": highest, "replicas": there})
    assert scene.condition()[1] == "Withdrawn"


def test_the_ledger_shows_both(scene: Scene) -> None:
    """What was published was short before it was withdrawn; what the reactive path would have been stands beside it."""
    short = {
        path: scene.gauge("helios_ledger_short_minutes", path=path) or 0.0
        for path in ("recommended", "reactive")
    }
    assert short["recommended"] > short["reactive"]
    hours = {
        path: scene.gauge("helios_ledger_replica_hours", path=path) for path in ("recommended", "reactive")
    }
    assert None not in hours.values()
    line = wait_until(
        lambda: scene.plane.api.get("HeliosTarget", NAME, scene.namespace)["status"]["ledger"],  # type: ignore[index]
        10,
        "the status",
    )
    assert "; reactive: " in line


def test_when_it_has_won_for_a_day_in_shadow_it_decides_again(scene: Scene, tell: Tell) -> None:
    """Not before a whole window has passed: gauge, condition and Event say so, and the alert is over."""
    opened = datetime.fromisoformat(scene.report["breaker"]["since"]).timestamp()
    left = opened + DAY_SECONDS - time.time()
    hold(lambda: scene.gauge("helios_breaker_open"), left, "it stays open", accept=lambda v: v == 1)
    wait_until(lambda: scene.gauge("helios_breaker_open"), DAY_SECONDS, "it closes", accept=lambda v: v == 0)
    closed = datetime.fromisoformat(scene.report["breaker"]["since"]).timestamp()
    breaker = scene.report["breaker"]
    tell({"closed_after_seconds": round(closed - opened, 1), "breaker": breaker["text"]})
    assert closed - opened >= DAY_SECONDS
    assert breaker["short_minutes_forecast"] <= breaker["short_minutes_reactive"]
    wait_until(scene.condition, 30, "the condition", accept=lambda said: said[:2] == ("True", "Skilful"))
    [(kind, words)] = wait_until(lambda: scene.told("BreakerClosed"), 20, "the Event")
    assert "Normal" == kind
    assert words.startswith("The forecast decides again: in shadow, in the last 4 minutes ")
    wait_until(
        lambda: scene.webhooks.got(ALERT),
        60,
        "the team is told that it is over",
        accept=lambda got: got[-1].status == "resolved",
    )
    assert "forecast" == scene.report["outcome"]


def test_nothing_was_forbidden(scene: Scene) -> None:
    """The shipped ClusterRole is enough for all of this."""
    refused = scene.plane.audit.forbidden(user=USER, since=scene.mark)
    assert [] == [(one.verb, one.resource, one.namespace) for one in refused]
