"""The ScaledObject that Helios writes, in each of its forms."""

from __future__ import annotations

from typing import Any

import pytest

from helios.operator.resources import AuthenticationRef, HeliosTarget
from helios.operator.scaledobjects import Form, KedaDefaults, lacking, scaled_object
from helios.targets import QueryPolicy
from tests.operator.examples import manifest, spec

PROMETHEUS = "http://prometheus.monitoring:9090"
DEFAULTS = KedaDefaults(server_address=PROMETHEUS)
SHARED = AuthenticationRef(name="prometheus", kind="ClusterTriggerAuthentication")
SECURED = KedaDefaults(server_address=PROMETHEUS, authentication=SHARED, needs_authentication=True)
QUERY = (
    'max((helios_scaling_signal{namespace="saleor",exported_namespace="",deployment="saleor-api"} '
    'or helios_scaling_signal{exported_namespace="saleor",deployment="saleor-api"}) '
    'and ((helios_report_expires_timestamp_seconds{namespace="saleor",exported_namespace="",deployment="saleor-api"} '
    'or helios_report_expires_timestamp_seconds{exported_namespace="saleor",deployment="saleor-api"}) > time()))'
)
GUARD = {"type": "cpu", "name": "guard", "metricType": "Utilization", "metadata": {"value": "80"}}


def target(name: str = "saleor-api", **wishes: Any) -> HeliosTarget:
    """A good target with 2 to 10 replicas."""
    body = manifest(spec(**{"replicas": {"min": 2, "max": 10}, **wishes}), name)
    body["metadata"]["uid"] = "u-1"
    made = HeliosTarget.of(body, fill=dict, queries=QueryPolicy.ANY)
    assert made.spec is not None, made.problem
    return made


def made(
    of: HeliosTarget | None = None,
    defaults: KedaDefaults = DEFAULTS,
    *,
    form: Form = Form.FORECAST,
    cpu_guard: bool = True,
    **more: Any,
) -> dict[str, Any]:
    """The manifest."""
    return scaled_object(of or target(), defaults, form=form, cpu_guard=cpu_guard, **more)


def test_autoscale_follows_the_forecast_and_is_guarded_by_cpu() -> None:
    """The whole of it: nothing else is Helios' to say."""
    assert {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {
            "name": "saleor-api",
            "namespace": "saleor",
            "labels": {"app.kubernetes.io/managed-by": "helios"},
            "ownerReferences": [
                {
                    "apiVersion": "helios.dev/v1alpha1",
                    "kind": "HeliosTarget",
                    "name": "saleor-api",
                    "uid": "u-1",
                    "controller": True,
                }
            ],
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "saleor-api"},
            "minReplicaCount": 2,
            "maxReplicaCount": 10,
            "advanced": {"restoreToOriginalReplicaCount": False},
            "fallback": {"failureThreshold": 3, "replicas": 2, "behavior": "currentReplicasIfHigher"},
            "triggers": [
                {
                    "type": "prometheus",
                    "name": "helios",
                    "metricType": "AverageValue",
                    "metadata": {
                        "serverAddress": PROMETHEUS,
                        "query": QUERY,
                        "threshold": "1",
                        "ignoreNullValues": "false",
                    },
                },
                GUARD,
            ],
        },
    } == made()


def test_recommend_offers_the_same_out_of_force() -> None:
    """Paused, KEDA makes no HPA of it."""
    offered = made(form=Form.PAUSED)
    assert {"autoscaling.keda.sh/paused": "true"} == offered["metadata"].pop("annotations")
    assert made() == offered


@pytest.mark.parametrize(
    ("floor", "expected"),
    [
        pytest.param(None, 2, id="none"),
        pytest.param(1, 2, id="below the target's own"),
        pytest.param(7, 7, id="what the workload has"),
        pytest.param(40, 40, id="beyond the target's maximum"),
    ],
)
def test_leaving_autoscale_keeps_cpu_alone_and_the_floor(floor: int | None, expected: int) -> None:
    """No fallback, which is not for cpu triggers, and no way to Prometheus is needed."""
    left = made(defaults=KedaDefaults(), form=Form.REACTIVE, floor=floor)
    assert {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "saleor-api"},
        "minReplicaCount": expected,
        "maxReplicaCount": max(10, expected),
        "advanced": {"restoreToOriginalReplicaCount": False},
        "triggers": [GUARD],
    } == left["spec"]
    assert "annotations" not in left["metadata"]


def test_without_cpu_requests_there_is_no_guard() -> None:
    """A cpu trigger would be a metric error, and the HPA would never scale in."""
    assert ["prometheus"] == [trigger["type"] for trigger in made(cpu_guard=False)["spec"]["triggers"]]


def test_the_targets_own_words_on_keda_count() -> None:
    """Guard, fallback, address, credentials and a workload of another kind."""
    keda = {
        "serverAddress": "https://thanos.shop:443",
        "authenticationRef": {"name": "thanos"},
        "cpuGuard": 60,
        "fallback": {"failureThreshold": 5, "replicas": 4},
    }
    ref = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "api"}
    spoken = made(target(keda=keda, scaleTargetRef=ref), SECURED)["spec"]
    forecast, guard = spoken["triggers"]
    assert ref == spoken["scaleTargetRef"]
    assert {"failureThreshold": 5, "replicas": 4, "behavior": "currentReplicasIfHigher"} == spoken["fallback"]
    assert "60" == guard["metadata"]["value"]
    assert "https://thanos.shop:443" == forecast["metadata"]["serverAddress"]
    assert {"name": "thanos", "kind": "TriggerAuthentication"} == forecast["authenticationRef"]
    assert 'deployment="api"' in forecast["metadata"]["query"]


@pytest.mark.parametrize(
    ("keda", "expected"),
    [
        pytest.param({}, SHARED.model_dump(), id="to the operator's address"),
        pytest.param({"serverAddress": PROMETHEUS}, SHARED.model_dump(), id="to the same, said again"),
        pytest.param({"serverAddress": "http://mine.shop:9090"}, None, id="not to a tenant's own"),
        pytest.param(
            {"authenticationRef": {"name": "mine"}},
            {"name": "mine", "kind": "TriggerAuthentication"},
            id="unless the tenant has its own",
        ),
    ],
)
def test_the_operators_credentials_go_to_the_operators_address_alone(
    keda: dict[str, Any], expected: dict[str, str] | None
) -> None:
    """A tenant that names a server of its own would otherwise be sent them."""
    assert expected == made(target(keda=keda), SECURED)["spec"]["triggers"][0].get("authenticationRef")


@pytest.mark.parametrize(
    ("keda", "defaults", "reason"),
    [
        pytest.param({}, DEFAULTS, None, id="the operator's address"),
        pytest.param({"serverAddress": PROMETHEUS}, KedaDefaults(), None, id="the target's address"),
        pytest.param({}, KedaDefaults(), "NoServerAddress", id="no address"),
        pytest.param({}, SECURED, None, id="the operator's credentials"),
        pytest.param(
            {},
            KedaDefaults(server_address=PROMETHEUS, needs_authentication=True),
            "NoAuthentication",
            id="no credentials",
        ),
        pytest.param(
            {"authenticationRef": {"name": "mine"}},
            KedaDefaults(server_address=PROMETHEUS, needs_authentication=True),
            None,
            id="the target's credentials",
        ),
        pytest.param(
            {"serverAddress": "http://mine.shop:9090"},
            KedaDefaults(server_address=PROMETHEUS, needs_authentication=True),
            None,
            id="another server, which may be open",
        ),
    ],
)
def test_what_keda_lacks_is_said_before_anything_is_written(
    keda: dict[str, Any], defaults: KedaDefaults, reason: str | None
) -> None:
    """With the two places where it can be mended."""
    found = lacking(target(keda=keda), defaults)
    assert reason == (found and found[0])
    if found:
        assert "spec.keda." in found[1]
        assert "operator's setting keda." in found[1]
        with pytest.raises(ValueError, match=r"spec\.keda\."):
            made(target(keda=keda), defaults)


def test_an_invalid_target_has_no_scaled_object() -> None:
    """Whoever asks for it all the same learns why."""
    bad = HeliosTarget.of(manifest(spec(mode="Auto")), fill=dict, queries=QueryPolicy.ANY)
    with pytest.raises(ValueError, match=r"spec\.mode"):
        made(bad)


def test_where_the_hpa_has_a_tolerance_it_is_zero_both_ways() -> None:
    """The forecast is a count of replicas; a dead-band of a tenth would ignore it."""
    config = made(tolerance=True)["spec"]["advanced"]["horizontalPodAutoscalerConfig"]
    assert {"behavior": {"scaleUp": {"tolerance": "0"}, "scaleDown": {"tolerance": "0"}}} == config


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        pytest.param(54, None, id="the longest that fits"),
        pytest.param(55, 63, id="too long"),
        pytest.param(63, 63, id="longest"),
    ],
)
def test_a_long_name_has_an_hpa_of_a_name_that_fits(length: int, expected: int | None) -> None:
    """KEDA refuses `keda-hpa-<name>` beyond 63 characters; two long names never share one HPA."""

    def hpa(name: str) -> Any:
        return (
            made(target(name))["spec"]
            .get("advanced", {})
            .get("horizontalPodAutoscalerConfig", {})
            .get("name")
        )

    one, other = (hpa("a" * (length - 1) + last) for last in "xy")
    assert expected == (one and len(one))
    assert one is None or one != other
