"""The manifests and the code agree: settings, paths, ports, names. What a schema cannot know."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry

import helios
from helios.api.apps import HeliosApi
from helios.api.doors import create_operator_app
from helios.api.live import Nothing
from helios.app import build, listening, served, target_parser
from helios.settings import ENVIRONMENT, Settings
from tests.manifests.builds import (
    HELIOS,
    Build,
    Object,
    built,
    config,
    containers,
    named,
    of_kind,
    pod,
    ports,
    probes,
    settings,
)

pytestmark = pytest.mark.integration

REQUIRED = """
service:
  port: 8080
  log_level: INFO

scoring:
  interval_seconds: 300
  namespace: saleor
  deployment: saleor-api

thresholds:
  cpu_scale_up: 0.80
  cpu_scale_down: 0.20
  memory_warning: 0.85
  anomaly_sigma: 2.5

scaling:
  min_replicas: 1
  max_replicas: 10
  cooldown_seconds: 300
"""
"""The requirements' own."""

OTHER_POD = [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "helios"}}}]
"""Who may come to 8081: without a selector of namespaces, those of its own."""

REFERENCE = re.compile(r"\$\((\w+)\)")
TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"


def test_the_config_map_holds_every_value_of_the_requirements() -> None:
    """And more, but none of them changed."""
    shipped = yaml.safe_load(config(built("base")))
    required = yaml.safe_load(REQUIRED)
    assert required == {
        section: {key: shipped[section][key] for key in values} for section, values in required.items()
    }


@pytest.mark.parametrize("container", ["operator", "serve"])
@pytest.mark.parametrize("name", HELIOS)
def test_every_setting_is_one_that_helios_knows(name: str, container: str, tmp_path: Path) -> None:
    """File and environment load; what they say of addresses fits the pod."""
    found = settings(built(name), container, tmp_path)
    assert "http://127.0.0.1:8081" == found.operator.url
    assert (
        {"operator": 8081} == ports(containers(built(name))["operator"]) == {"operator": found.operator.port}
    )
    assert {"http": 8080} == ports(containers(built(name))["serve"]) == {"http": found.service.port}
    if name != "overlays/gmp":
        assert "http://prometheus.monitoring.svc:9090" == found.prometheus.url == found.keda.server_address


@pytest.mark.parametrize("name", HELIOS)
def test_every_variable_is_a_setting_or_a_limit_of_threads(name: str) -> None:
    """Or a part of one: a name that nobody reads is a typing error."""
    bodies = containers(built(name)).values()
    names = {one["name"] for body in bodies for one in body["env"]}
    parts = {
        part for body in bodies for one in body["env"] for part in REFERENCE.findall(one.get("value", ""))
    }
    assert {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"} == names - parts - ENVIRONMENT.keys()
    assert parts <= names


@pytest.mark.parametrize(
    ("name", "interval", "step", "level"),
    [
        pytest.param("base", 300, 300, "INFO", id="base"),
        pytest.param("overlays/responsive", 60, 60, "INFO", id="responsive"),
        pytest.param("overlays/dev", 60, 60, "DEBUG", id="dev"),
    ],
)
def test_the_pace_is_what_the_overlay_promises(
    name: str, interval: int, step: int, level: str, tmp_path: Path
) -> None:
    """Cycle and grid in seconds, as the operator reads them."""
    found = settings(built(name), "operator", tmp_path)
    assert (interval, step, level) == (
        found.scoring.interval_seconds,
        found.scoring.step_seconds,
        found.service.log_level,
    )


def test_on_google_the_project_is_asked_and_nothing_else(tmp_path: Path) -> None:
    """Its config.yaml is base's without the addresses of a Prometheus of one's own."""
    build = built("overlays/gmp")
    found = settings(build, "operator", tmp_path)
    assert (None, "YOUR_GCP_PROJECT_ID", None) == (
        found.prometheus.url,
        found.prometheus.gcp_project_id,
        found.keda.server_address,
    )
    plain = yaml.safe_load(config(built("base")))
    assert {k: v for k, v in plain.items() if k not in ("prometheus", "keda")} == yaml.safe_load(
        config(build)
    )


@pytest.mark.parametrize("name", HELIOS)
def test_every_probe_asks_for_a_route_that_there_is(name: str) -> None:
    """Of the container's own server, at a port that it names."""
    for container, body in containers(built(name)).items():
        asked = list(probes(body))
        assert {"startupProbe", "livenessProbe"} <= {kind for kind, _ in asked}
        assert [] == missing(servers()[container], [get["path"] for _, get in asked])
    assert "/ready" == dict(probes(containers(built(name))["serve"]))["readinessProbe"]["path"]


@pytest.mark.parametrize("name", HELIOS)
def test_every_selector_finds_the_pod(name: str) -> None:
    """Services, the budget, the policies, and whoever scrapes."""
    labels = pod(built(name))["metadata"]["labels"].items()
    found = dict(selectors(built(name)))
    assert found.keys() >= {
        ("Service", "helios-inference"),
        ("NetworkPolicy", "helios"),
        ("PodDisruptionBudget", "helios"),
    }
    assert [] == [one for one, selector in found.items() if not selector.items() <= labels]
    chosen = named(built(name), "StatefulSet", "helios")["spec"]["selector"]["matchLabels"]
    assert chosen.items() <= labels


@pytest.mark.parametrize("name", HELIOS)
def test_every_port_by_name_that_is_offered_is_that_of_the_api(name: str) -> None:
    """8081, the operator's own, is for the other pod alone."""
    names = {
        *(one["targetPort"] for body in of_kind(built(name), "Service") for one in body["spec"]["ports"]),
        *(
            one["port"]
            for body in of_kind(built(name), "PodMonitor")
            for one in body["spec"]["podMetricsEndpoints"]
        ),
        *(
            one["port"]
            for body in of_kind(built(name), "ClusterPodMonitoring")
            for one in body["spec"]["endpoints"]
        ),
        *(
            one["port"]
            for body in of_kind(built(name), "NetworkPolicy")
            for rule in body["spec"].get("ingress", [])
            if rule["from"] != OTHER_POD
            for one in rule["ports"]
        ),
    }
    assert {"http"} == names


@pytest.mark.parametrize("name", HELIOS)
def test_the_pods_reach_each_other_at_the_operators_port_and_nobody_else_does(name: str) -> None:
    """Whoever stands by takes what the holder of the lease has decided: both ways of it are open, to these pods alone."""
    build = built(name)
    own = pod(build)["metadata"]["labels"]
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        found = [
            rule
            for policy in of_kind(build, "NetworkPolicy")
            for rule in policy["spec"].get(direction, [])
            if {"operator", 8081} & {one["port"] for one in rule["ports"]}
        ]
        assert [OTHER_POD] == [rule[peers] for rule in found]
        assert {"operator" if direction == "ingress" else 8081} == {
            one["port"] for rule in found for one in rule["ports"]
        }
    assert {"operator": 8081} == ports(containers(build)["operator"])
    assert selected(OTHER_POD[0]["podSelector"], own)


@pytest.mark.parametrize(
    ("name", "namespace", "labels", "expected"),
    [
        pytest.param("base", "monitoring", {}, True, id="Prometheus"),
        pytest.param("base", "shop", {"helios.dev/api": "allowed"}, True, id="let in by the label"),
        pytest.param("base", "shop", {}, False, id="anybody"),
        pytest.param("base", "gmp-system", {}, False, id="Google's collectors where there are none"),
        pytest.param("overlays/gmp", "gmp-system", {}, True, id="Google's collectors"),
        pytest.param("overlays/gmp", "gke-gmp-system", {}, True, id="on Autopilot"),
    ],
)
def test_the_api_is_for_who_scrapes_it_and_for_whom_a_label_lets_in(
    name: str, namespace: str, labels: dict[str, str], expected: bool
) -> None:
    """A crowd at the API slows the gauges down, which KEDA's number is one of."""
    known = {**labels, "kubernetes.io/metadata.name": namespace}
    admitted = [
        source
        for policy in of_kind(built(name), "NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
        for source in rule["from"]
        if "namespaceSelector" in source and selected(source["namespaceSelector"], known)
    ]
    assert expected == bool(admitted)


@pytest.mark.parametrize("name", HELIOS)
def test_a_slow_api_is_given_a_minute_before_it_is_restarted(name: str) -> None:
    """A restart takes every target's gauges away, and KEDA's fallback arms for the whole fleet."""
    probe = containers(built(name))["serve"]["livenessProbe"]
    assert (10, 60) == (probe["timeoutSeconds"], probe["periodSeconds"] * probe["failureThreshold"])


@pytest.mark.parametrize(
    ("name", "kind", "part", "expected"),
    [
        pytest.param(
            "overlays/prometheus-operator",
            "PodMonitor",
            "podMetricsEndpoints",
            True,
            id="prometheus-operator",
        ),
        pytest.param("overlays/gmp", "ClusterPodMonitoring", "endpoints", None, id="gmp"),
    ],
)
def test_who_scrapes_leaves_the_workloads_namespace_alone(
    name: str, kind: str, part: str, expected: Any
) -> None:
    """Or every gauge would seem to be of namespace helios."""
    (found,) = of_kind(built(name), kind)
    assert [(expected, "/metrics")] == [(one.get("honorLabels"), one["path"]) for one in found["spec"][part]]
    if kind == "ClusterPodMonitoring":
        assert {"metadata": []} == found["spec"]["targetLabels"]


@pytest.mark.parametrize("name", HELIOS)
def test_every_folder_is_where_it_is_looked_for(name: str, tmp_path: Path) -> None:
    """The settings, the snapshot, and a token for the operator alone."""
    bodies = containers(built(name))
    mounts = {
        container: {one["mountPath"]: one["name"] for one in body["volumeMounts"]}
        for container, body in bodies.items()
    }
    assert {container: [container, "--config", "/etc/helios/config.yaml"] for container in bodies} == {
        container: body["args"] for container, body in bodies.items()
    }
    assert {"config"} == {one["/etc/helios"] for one in mounts.values()}
    assert "state" == mounts["operator"][str(settings(built(name), "operator", tmp_path).scoring.state_path)]
    assert ("token", False) == (mounts["operator"].get(TOKENS), TOKENS in mounts["serve"])
    spec = pod(built(name))["spec"]
    assert (False, False) == (spec["automountServiceAccountToken"], spec["enableServiceLinks"])


@pytest.mark.parametrize("name", HELIOS)
def test_the_image_is_of_this_version(name: str) -> None:
    """One image for both containers."""
    assert {f"helios:{helios.__version__}"} == {one["image"] for one in containers(built(name)).values()}


def test_the_rights_hold_no_secret_and_no_write_beyond_its_own_kinds() -> None:
    """What the operator may change: its resource, ScaledObjects, the HPAs that it gives back, Events."""
    rules = named(built("base"), "ClusterRole", "helios")["rules"]
    verbs: dict[tuple[str, str], set[str]] = {}
    for rule in rules:
        for group, resource in itertools.product(rule["apiGroups"], rule["resources"]):
            verbs.setdefault((group, resource), set()).update(rule["verbs"])
    writing = {what: allowed - {"get", "list", "watch"} for what, allowed in verbs.items()}
    assert {
        ("helios.dev", "heliostargets"): {"patch"},
        ("helios.dev", "heliostargets/status"): {"patch"},
        ("keda.sh", "scaledobjects"): {"create", "patch", "update", "delete"},
        ("autoscaling", "horizontalpodautoscalers"): {"create", "update"},
        ("", "events"): {"create"},
    } == {what: allowed for what, allowed in writing.items() if allowed}
    assert not [
        what for what, allowed in verbs.items() if "*" in allowed or "secrets" in what[1] or what[1] == "*"
    ]


@pytest.mark.parametrize("target", range(3))
def test_the_shops_targets_are_valid(target: int) -> None:
    """As the operator reads them."""
    body = of_kind(built("overlays/saleor"), "HeliosTarget")[target]
    metadata = {**body["metadata"], "uid": "1", "creationTimestamp": "2026-01-01T00:00:00Z"}
    read = target_parser(Settings())({**body, "metadata": metadata})
    assert body["metadata"]["name"] == read.spec.scale_target_ref.name


def servers() -> dict[str, HeliosApi]:
    """Each container's own."""
    operator = create_operator_app(
        live=Nothing(),
        clock=lambda: 0.0,
        heartbeat_limit_seconds=1e9,
        registry=CollectorRegistry(),
        loop_registry=CollectorRegistry(),
    )
    return {"operator": operator, "serve": build(Settings(), None).api}


def missing(api: HeliosApi, paths: list[str]) -> list[str]:
    """Those that the server, once it has started, does not answer with 200."""
    with listening("127.0.0.1", 0) as listener, served(api, listener):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return [path for path in paths if not httpx.get(url + path, trust_env=False).is_success]


def selected(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a label selector takes something with these labels.

    Raises:
        AssertionError: it has an operator that is not known here.
    """
    expressions = selector.get("matchExpressions", [])
    assert {"In"} >= {one["operator"] for one in expressions}
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(one["key"]) in one["values"] for one in expressions
    )


def selectors(build: Build) -> Iterator[tuple[tuple[str, str], Object]]:
    """Kind and name of what selects pods, and the labels that it wants."""
    for one in build:
        spec, key = one.get("spec", {}), (one["kind"], one["metadata"]["name"])
        if one["kind"] == "Service":
            yield key, spec["selector"]
        elif one["kind"] == "NetworkPolicy":
            yield key, spec["podSelector"]["matchLabels"]
        elif one["kind"] in ("PodDisruptionBudget", "PodMonitor", "ClusterPodMonitoring"):
            yield key, spec["selector"]["matchLabels"]
