"""What Helios' processes say of themselves: the API and the scoring loop. The lower half of the overview."""

from __future__ import annotations

from scripts.dashboards.frames import Cell
from scripts.dashboards.panels import GREEN, RED, Scale, lines
from scripts.dashboards.queries import (
    CYCLE_SECONDS,
    FAULTS,
    INTERVAL,
    KUBERNETES_REQUESTS,
    LATENCY_BUCKETS,
    PENDING,
    REQUESTS,
    SNAPSHOT_AT,
    STAGE_SECONDS,
    Query,
    of_holder,
)

NO_LOOP = "no loop is scraped: is the operator up?"
IDLE = "no request in this range"


def api() -> tuple[Cell, ...]:
    """Requests, errors and latency of the inference routes."""

    def rate(matcher: str = "") -> str:
        return f"sum by (endpoint) (rate({REQUESTS}{matcher and f'{{{matcher}}}'}[$__rate_interval]))"

    requests = lines(
        "Requests",
        "Of the inference routes, per second. None at all: does anybody ask, and does the Service find the pod?",
        [Query(rate(), "{{endpoint}}")],
        Scale(unit="reqps", no_value=IDLE, least=0, most=0.1),
    )
    errors = lines(
        "Errors",
        "Per second. 5xx are Helios' own: read the log of `helios serve`; 503: no model is loaded. 4xx are the callers' mistakes.",
        [
            Query(rate('code=~"5.."'), "5xx {{endpoint}}"),
            Query(rate('code=~"4.."'), "4xx {{endpoint}}"),
        ],
        Scale(unit="reqps", no_value=IDLE, least=0, most=0.1),
    )
    latency = lines(
        "Latency",
        "Half of the answers are faster than p50, 99 % faster than p99. It rises while a cycle keeps the processor busy. A gap: no request.",
        [
            Query(
                f"histogram_quantile({level}, sum by (le, endpoint) (rate({LATENCY_BUCKETS}[$__rate_interval])))",
                f"{name} {{{{endpoint}}}}",
            )
            for level, name in ((0.5, "p50"), (0.99, "p99"))
        ],
        Scale(unit="s", steps=((None, GREEN), (0.1, RED)), no_value=IDLE, least=0),
        line=True,
    )
    return (Cell(requests, 8, 8), Cell(errors, 8, 8), Cell(latency, 8, 8))


def loop() -> tuple[Cell, ...]:
    """How long a cycle takes and in what, what is still to be fetched, what is stored and asked of the API server, what failed."""
    cycle = lines(
        "Cycle time against the interval",
        "Share of the interval that a cycle takes. From 90 % on cycles come late: see below which stage grows.",
        [Query(f"max({of_holder(CYCLE_SECONDS)}) / max({INTERVAL})", "cycle")],
        Scale(unit="percentunit", steps=((None, GREEN), (0.9, RED)), no_value=NO_LOOP, least=0),
        line=True,
    )
    stages = lines(
        "Stages of a cycle",
        "Seconds in each stage. advance and observe wait for Prometheus and the API server; forecast and detect grow with the fleet.",
        [Query(f"max by (stage) ({of_holder(STAGE_SECONDS, 'stage')})", "{{stage}}")],
        Scale(unit="s", no_value=NO_LOOP, least=0),
        stacked=True,
    )
    faults = lines(
        "Faults",
        "Stages that failed and were degraded. advance: Prometheus does not answer. Any other is a bug: the operator's log says which.",
        [Query(f"max by (stage) (increase({FAULTS}[$__rate_interval]))", "{{stage}}")],
        Scale(no_value=NO_LOOP, least=0, most=1),
        bars=True,
    )
    pending = lines(
        "History to fetch",
        "Points of the past that are still missing; new targets add some. A line that does not fall: Prometheus refuses long ranges.",
        [Query(f"max({PENDING})", "points")],
        Scale(no_value=NO_LOOP, least=0, most=1),
    )
    stored = lines(
        "Age of the snapshot",
        "Since each file was written, by the pod that is later: state.npz after every cycle, history.npz every hour. Older than two hours: is the volume "
        "full or read-only? A restart costs what is not stored.",
        [Query(f"time() - min by (file) ({SNAPSHOT_AT})", "{{file}}")],
        Scale(
            unit="s",
            steps=((None, GREEN), (7200, RED)),
            no_value="nothing is stored: is state_path set?",
            least=0,
        ),
        line=True,
    )
    kubernetes = lines(
        "Requests to the Kubernetes API",
        "Of all pods, by answer. 403: its ClusterRole lacks something. 409 and 429 pass. For a steady fleet it writes nothing.",
        [Query(f"sum by (verb, code) (rate({KUBERNETES_REQUESTS}[$__rate_interval]))", "{{verb}} {{code}}")],
        Scale(unit="reqps", no_value="no operator is scraped: `helios run` asks no cluster", least=0),
    )
    return (
        Cell(cycle, 6, 8),
        Cell(pending, 6, 8),
        Cell(stored, 6, 8),
        Cell(kubernetes, 6, 8),
        Cell(stages, 12, 8),
        Cell(faults, 12, 8),
    )
