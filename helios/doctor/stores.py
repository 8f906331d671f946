"""Whether a Prometheus can be asked at all, what kind of failure it is if not, and what to do about each kind.

Nothing is known here of what it stores.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from helios.doctor.checks import Seen
from helios.doctor.findings import Finding, Severity
from helios.doctor.queries import CLOCK
from helios.sources.answers import Answer
from helios.sources.clients import Client, Fault, QueryFailed
from scoring.errors import SourceUnavailable

SKEW_SECONDS = 45.0
"""Clocks that are kept agree within a second. VictoriaMetrics answers as of 30 s ago, which is no fault."""

_WHAT = "Helios cannot ask it: nothing is scored, every target's gauges expire, and KEDA falls back"


@dataclass(frozen=True, slots=True)
class Store:
    """A Prometheus, or what speaks its API.

    Attributes:
        client: the door to it.
        url: its address.
        setting: the key of the settings that names it.
    """

    client: Client
    url: str
    setting: str = "prometheus.url"

    @property
    def where(self) -> str:
        """For a finding."""
        return f"Prometheus {self.url}"


def reached(store: Store) -> Seen:
    """Whether it answers, as Prometheus does."""
    try:
        store.client.instant("the server's time", CLOCK, _time)
    except QueryFailed as error:
        why, remedy = error.problem, _remedy(error)
    except SourceUnavailable as error:  # a token or a password that cannot be read
        why, remedy = str(error), _CREDENTIALS
    else:
        return Seen(f"{store.url} answers")
    finding = Finding(
        rule="prometheus-unreachable",
        severity=Severity.ERROR,
        where=store.where,
        what=_WHAT,
        why=why,
        remedy=remedy,
    )
    return Seen(f"{store.url} cannot be asked", (finding,))


def in_time(store: Store, clock: Callable[[], float] = time.time) -> Seen:
    """Whether its clock and ours agree.

    Raises:
        QueryFailed: it cannot be asked any more.
    """
    before = clock()
    server = store.client.instant("the server's time", CLOCK, _time)
    after = clock()
    ahead = server - (before + after) / 2
    doubt = (after - before) / 2
    said = f"its clock and this one differ by {abs(ahead):.1f} s"
    if abs(ahead) - doubt <= SKEW_SECONDS:
        return Seen(said)
    finding = Finding(
        rule="prometheus-clock-skew",
        severity=Severity.ERROR,
        where=store.where,
        what="the newest demand is missed, and KEDA takes a signal for expired, or for fresh long after it is not: both go by "
        "the operator's clock",
        why=f"its clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the one here",
        remedy="timedatectl status   # on the node of Prometheus and on this one: keep both with NTP (chrony)",
    )
    return Seen(said, (finding,))


def is_closed_to_strangers(error: QueryFailed) -> bool:
    """Whether credentials are asked for."""
    return any(f"HTTP {code}" in error.problem for code in (401, 403, 407))


def _time(answer: Answer) -> float:
    """The value of the one element.

    Raises:
        ValueError: there is none, as no Prometheus would answer.
    """
    if len(answer) != 1:
        raise ValueError(f"{len(answer)} elements for a constant")
    return float(answer[0]["value"][1])


_CREDENTIALS = """\
prometheus:
  bearer_token_file: /var/run/secrets/prometheus/token   # or username and password_file, cert_file and key_file, headers
"""

_FROM_ELSEWHERE = """\
kubectl get services -A | grep -i prometheus
# names of the cluster are known inside it alone. From elsewhere:
# kubectl -n monitoring port-forward svc/prometheus 9090 &
# HELIOS_PROMETHEUS_URL=http://127.0.0.1:9090 helios doctor"""


def _remedy(error: QueryFailed) -> str:
    """By what went wrong, in the order in which a request meets it."""
    text, section = error.problem, "prometheus:\n"
    address = f"{section}  url: http://prometheus.monitoring.svc:9090   # scheme, host and port"
    rules: list[tuple[bool, str]] = [
        (
            "resolve" in text or "Name or service" in text or "No address" in text,
            f"{address}; {_FROM_ELSEWHERE}",
        ),
        (
            "TLS failed" in text,
            f"{section}  ca_file: /etc/prometheus-ca/ca.crt   # who signed it; url must have the name that it is for",
        ),
        (is_closed_to_strangers(error), _CREDENTIALS),
        (
            "no connection within" in text,
            "kubectl -n helios get networkpolicy   # does one of these, or of Prometheus' namespace, forbid the way?",
        ),
        (
            "no connection" in text,
            f"kubectl get pods,endpointslices -A | grep -i prometheus   # does it run, and on which port?\n{address}",
        ),
        (
            error.fault is Fault.TIMEOUT,
            f"{section}  timeout_seconds: 60   # and see what keeps it busy: topk(5, prometheus_engine_query_duration_seconds)",
        ),
        (
            error.fault is Fault.SERVER,
            "kubectl -n monitoring logs sts/prometheus --tail=50   # its own log says why",
        ),
        (True, f"{address}, without /api/v1 and without a login page before it"),
    ]
    return next(remedy for applies, remedy in rules if applies)
