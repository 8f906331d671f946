"""Settings come from the requirements' file and environment, and a wrong one is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from helios.errors import SettingsError
from helios.settings import ENVIRONMENT, Settings, load_settings

REQUIRED = """
service: {port: 8080, log_level: INFO}
scoring: {interval_seconds: 300, namespace: saleor, deployment: saleor-api}
thresholds: {cpu_scale_up: 0.80, cpu_scale_down: 0.20, memory_warning: 0.85, anomaly_sigma: 2.5}
scaling: {min_replicas: 1, max_replicas: 10, cooldown_seconds: 300}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_requirements_own_file_is_taken_as_it_is(tmp_path: Path) -> None:
    """The ConfigMap of the requirements names the single target and all defaults."""
    settings = load_settings(written(tmp_path, REQUIRED), {})
    (target,) = (spec.target() for spec in settings.target_specs())
    assert ("saleor", "saleor-api", 1, 10, 300.0, 2.5) == (
        target.namespace,
        target.deployment,
        target.min_replicas,
        target.max_replicas,
        target.cooldown_seconds,
        target.anomaly_threshold,
    )


def test_defaults_are_the_requirements() -> None:
    """Without a file and without an environment the requirements' defaults hold."""
    settings = load_settings(None, {})
    assert (8080, "INFO", Path("/app/models"), 3600, 300, 0.80, 0.20, 0.85, 2.5) == (
        settings.service.port,
        settings.service.log_level,
        settings.models.path,
        settings.models.refresh_seconds,
        settings.scoring.interval_seconds,
        settings.thresholds.cpu_scale_up,
        settings.thresholds.cpu_scale_down,
        settings.thresholds.memory_warning,
        settings.thresholds.anomaly_sigma,
    )


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """HELIOS_PORT and its like override what the file says."""
    settings = load_settings(
        written(tmp_path, REQUIRED),
        {"HELIOS_PORT": "9000", "HELIOS_CPU_SCALE_UP": "0.7", "GCP_PROJECT_ID": "shop", "PATH": "/bin"},
    )
    assert (9000, 0.7, "shop") == (
        settings.service.port,
        settings.thresholds.cpu_scale_up,
        settings.prometheus.gcp_project_id,
    )


def test_every_environment_name_reaches_a_key_that_exists() -> None:
    """A name in the table cannot point at nothing."""
    for keys in ENVIRONMENT.values():
        fields: Mapping[str, object] = Settings.model_fields
        section = Settings.model_fields[keys[0]].annotation
        assert keys[0] in fields
        assert keys[1] in section.model_fields  # type: ignore[union-attr] # every section is a model


@pytest.mark.parametrize(
    ("text", "environment", "words"),
    [
        pytest.param(
            "scoring: {intervall_seconds: 5}", {}, ["scoring.intervall_seconds", "not a setting"], id="key"
        ),
        pytest.param("service: {port: 99999}", {}, ["service.port", "99999", "65535"], id="range"),
        pytest.param("service: {port: {}}", {}, ["service.port", "integer"], id="type"),
        pytest.param("[]", {}, ["list", "mapping"], id="not-a-mapping"),
        pytest.param("a: [", {}, ["not YAML"], id="not-yaml"),
        pytest.param("", {"HELIOS_PORT": "eighty"}, ["HELIOS_PORT", "eighty", "integer"], id="environment"),
        pytest.param("", {"HELIOS_PROT": "80"}, ["HELIOS_PROT", "did you mean HELIOS_PORT"], id="misspelt"),
        pytest.param("", {"HELIOS_CPU_SCALE_UP": "nan"}, ["cpu_scale_up", "nan"], id="nan"),
        pytest.param(
            "", {"HELIOS_SCORING_INTERVAL": "0"}, ["interval_seconds", "greater"], id="zero-interval"
        ),
        pytest.param(
            "thresholds: {cpu_scale_up: 0.2, cpu_scale_down: 0.8}",
            {},
            ["cpu_scale_down", "not below"],
            id="order",
        ),
        pytest.param(
            "scaling: {min_replicas: 5, max_replicas: 2}", {}, ["min_replicas 5", "above"], id="bounds"
        ),
        pytest.param(
            "scoring: {namespace: saleor}", {}, ["namespace and deployment", "both"], id="half-a-target"
        ),
        pytest.param(
            "prometheus: {url: 'http://p'}\nreplay: {path: x.csv}",
            {},
            ["replay and prometheus"],
            id="two-sources",
        ),
        pytest.param("targets: 5", {}, ["targets", "5", "list"], id="targets"),
        pytest.param(
            "targets: [{deployment: a}]", {}, ["targets.0.namespace", "required"], id="no-namespace"
        ),
        pytest.param(
            "targets: [{namespace: a, deployment: b, replicas: {min: 4, max: 2}}]",
            {},
            ["min 4 is above max 2"],
            id="min-max",
        ),
        pytest.param(
            "targets: [{namespace: a, deployment: b, replicas: 0}]",
            {},
            ["targets.0.replicas = 0", "mapping"],
            id="replicas-zero",
        ),
        pytest.param(
            "targets: [{namespace: a, deployment: b, behavior: false}]",
            {},
            ["targets.0.behavior = False", "mapping"],
            id="behavior-false",
        ),
        pytest.param(
            "targets: [{namespace: a, deployment: b, anomaly: ''}]",
            {},
            ["targets.0.anomaly = ''", "mapping"],
            id="anomaly-empty-text",
        ),
        pytest.param(
            "targets: [{namespace: a, deployment: b, anomaly: {alarmsPerWeek: 41}}]",
            {},
            ["targets.0.anomaly", "alarmsPerWeek 41 is outside 0.001..40", "0.2 one in five weeks"],
            id="too-many-alarms",
        ),
        pytest.param(
            "targets: [{namespace: a, deployment: b, replicas: []}]",
            {},
            ["targets.0.replicas = []", "mapping"],
            id="replicas-list",
        ),
        pytest.param(
            "targets: [{namespace: a, deployment: b, metrics: [rps]}]",
            {},
            ["rps", "query", "perReplica"],
            id="metric",
        ),
        pytest.param(
            "targets: [{namespace: a, deployment: b, metrics: [cpu, cpu]}]",
            {},
            ["cpu is named twice"],
            id="twice",
        ),
        pytest.param(
            "targets: [{namespace: a, deployment: b, schedules: [{start: x, end: '0 9 * * *', min: 2}]}]",
            {},
            ["schedules.0.start", "cron"],
            id="cron",
        ),
        pytest.param(
            "targets: [{namespace: a, deployment: b, timezone: Mars/Olympus}]",
            {},
            ["timezone", "IANA"],
            id="zone",
        ),
        pytest.param(
            "targets: [{namespace: a, deployment: b, forecast: {quantile: '0.999'}}]",
            {},
            ["quantile", "0.99"],
            id="quantile",
        ),
        pytest.param(
            "targets: [{namespace: a, deployment: b, forecast: {model: oracle}}]",
            {},
            ["model", "baseline"],
            id="model",
        ),
    ],
)
def test_a_wrong_setting_is_refused_by_name(
    tmp_path: Path, text: str, environment: dict[str, str], words: list[str]
) -> None:
    """The error names the key, the value and the remedy."""
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, text), environment)
    for word in words:
        assert word in str(caught.value)


def test_a_missing_file_is_said_by_name(tmp_path: Path) -> None:
    """The error names the path."""
    with pytest.raises(SettingsError, match=r"nowhere\.yaml.*cannot be read"):
        load_settings(tmp_path / "nowhere.yaml", {})


def test_what_kubernetes_puts_into_a_pod_is_not_taken_for_settings() -> None:
    """A Service named helios injects HELIOS_PORT=tcp://…; that must not stop a pod from starting."""
    injected = {
        "HELIOS_PORT": "tcp://10.0.0.1:8080",
        "HELIOS_SERVICE_HOST": "10.0.0.1",
        "HELIOS_INFERENCE_SERVICE_PORT_HTTP": "8080",
        "HELIOS_INFERENCE_PORT_8080_TCP_ADDR": "10.0.0.1",
    }
    assert 8080 == load_settings(None, injected).service.port


def test_a_target_of_the_list_speaks_for_itself(tmp_path: Path) -> None:
    """Its own words win over `scaling`, and Kubernetes' camelCase is taken."""
    text = """
scaling: {min_replicas: 2, max_replicas: 20, cooldown_seconds: 60}
targets:
  - namespace: saleor
    deployment: saleor-api
    replicas: {max: 8}
    utilization: {max: 85, reactive: 60}
    metrics: [cpu, {name: rps, query: 'sum(rate(http_requests_total[5m]))', perReplica: 50}]
    behavior: {scaleUp: {pods: 4}, freezeMaxSeconds: 600}
    schedules: [{start: '0 8 * * 1-5', end: '0 18 * * 1-5', timezone: Europe/Berlin, min: 4}]
    events: [{start: '2026-11-27T00:00:00', end: '2026-11-28T00:00:00', timezone: Europe/Berlin, expectedLift: '2.5'}]
"""
    target = load_settings(written(tmp_path, text), {}).target_specs()[0].target()
    assert (2, 8, 60.0, 600.0, 0.85, 0.6, 4) == (
        target.min_replicas,
        target.max_replicas,
        target.cooldown_seconds,
        target.freeze_max_seconds,
        target.max_utilization,
        target.reactive_utilization,
        target.scale_up.pods,
    )
    assert 1795734000.0 == target.events[0].start  # midnight in Berlin is 23:00 UTC
    assert ("rps", 50.0) == (target.metrics[1].name, target.metrics[1].per_replica)


def test_a_section_that_is_left_empty_is_the_file_wide_default(tmp_path: Path) -> None:
    """`replicas:` with nothing behind it is YAML's null: nothing was said, so `scaling` counts."""
    text = """
scaling: {min_replicas: 2, max_replicas: 20, cooldown_seconds: 60}
thresholds: {anomaly_sigma: 3.5}
targets:
  - namespace: saleor
    deployment: saleor-api
    replicas:
    behavior:
    anomaly:
"""
    target = load_settings(written(tmp_path, text), {}).target_specs()[0].target()
    assert (2, 20, 60.0, 3.5) == (
        target.min_replicas,
        target.max_replicas,
        target.cooldown_seconds,
        target.anomaly_threshold,
    )


def test_a_day_of_less_than_four_steps_is_refused(tmp_path: Path) -> None:
    """A trace that is replayed at speed has a short day, and shorter steps."""
    text = "scoring: {step_seconds: 300, day_seconds: 600}"
    with pytest.raises(SettingsError, match="day_seconds 600 is less than four of step_seconds 300"):
        load_settings(written(tmp_path, text), {})


def test_alarms_a_week_and_a_mute_stand_in_a_file_as_people_write_them(tmp_path: Path) -> None:
    """Without quotes; the default in sigmas does not stand against them. The mute is wall time in the target's zone."""
    text = """
thresholds: {anomaly_sigma: 3.5}
targets:
  - {namespace: a, deployment: b, anomaly: {alarmsPerWeek: 1}}
  - {namespace: a, deployment: c, timezone: Europe/Berlin, anomaly: {threshold: 3, mutedUntil: 2026-03-01T13:00:00}}
"""
    often, muted = (spec.target() for spec in load_settings(written(tmp_path, text), {}).target_specs())
    assert 2.5 == pytest.approx(often.anomaly_threshold)
    assert often.muted_until is None
    assert (3.0, 1_772_366_400.0) == (muted.anomaly_threshold, muted.muted_until)


def test_the_lease_is_set_by_the_environment_too(tmp_path: Path) -> None:
    """A manifest gives each pod a name of its own; a wrong value is refused by both of its names."""
    environment = {
        "HELIOS_LEASE_NAME": "helios",
        "HELIOS_LEASE_SECONDS": "30",
        "HELIOS_LEASE_IDENTITY": "helios-0_uid",
        "HELIOS_LEASE_URL": "http://10.0.0.7:8081",
    }
    file = written(tmp_path, "operator: {lease: {name: other, namespace: there}}")
    lease = load_settings(file, environment).operator.lease
    assert ("helios", "there", 30, "helios-0_uid", "http://10.0.0.7:8081") == (
        lease.name,
        lease.namespace,
        lease.seconds,
        lease.identity,
        lease.url,
    )
    with pytest.raises(SettingsError, match=r"operator\.lease\.seconds \(also HELIOS_LEASE_SECONDS"):
        load_settings(None, {"HELIOS_LEASE_SECONDS": "0"})
