"""What the doctor says of a cluster: nothing of a healthy one, and of each fault its name and its remedy."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import pytest

from helios.doctor.cluster_checks import NAMES
from helios.doctor.rights import RIGHTS, Need
from helios.operator.adoptions import ADOPTED, FINALIZER
from helios.operator.resources import AuthenticationRef
from helios.operator.scaledobjects import KedaDefaults
from helios.settings import Settings
from tests.doctor.apis import ACCOUNT, ADDRESS, ADMIN, LEASED, Hospital, examined, found, keda, lease, rules
from tests.operator.objects import Object, container, deployment, helios_target, pod
from tests.operator.targets import body


def test_a_healthy_cluster_has_no_finding(api: Hospital) -> None:
    """Every check is made, in order, and says in one line how it stands."""
    checks = examined(api)
    assert [] == rules(checks)
    assert list(NAMES) == list(checks)
    assert ["lease"] == [name for name, check in checks.items() if check.skipped]
    assert "the API server answers: Kubernetes 1.36" == checks["kubernetes"].said
    assert "KEDA 2.21 is installed" == checks["keda"].said
    assert "1 HeliosTarget, 1 in Recommend or Autoscale" == checks["targets"].said
    asked = sum(len(one.verbs) for one in RIGHTS if one.need in {Need.ALWAYS, Need.SCALING})
    assert f"{ACCOUNT} has {asked} of {asked} rights" == checks["rights"].said


def test_nothing_is_written(api: Hospital) -> None:
    """But for reviews, which leave nothing behind."""
    examined(api, LEASED)
    written = {one.resource for one in api.requests if one.verb not in {"get", "list"}}
    assert {"selfsubjectreviews", "selfsubjectaccessreviews"} == written


def test_an_api_server_that_is_away_is_one_finding() -> None:
    """All else is skipped, and says so."""
    with Hospital() as gone:
        pass
    checks = examined(gone)
    (finding,) = found(checks)
    assert "cluster-unreachable" == finding.rule
    assert "does not answer" in finding.why
    assert all(check.skipped for name, check in checks.items() if name != "kubernetes")


# the resource


def operator_account() -> Object:
    """The account that the manifests bring."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "helios", "namespace": "helios"},
    }


@pytest.mark.parametrize(
    ("user", "settings"),
    [
        pytest.param(ACCOUNT, Settings(), id="it asks itself"),
        pytest.param(ADMIN, Settings(), id="it is installed"),
        pytest.param("alice", LEASED, id="the settings name its lease"),
    ],
)
def test_an_operator_without_its_resource_is_one_finding(
    api: Hospital, user: str, settings: Settings
) -> None:
    """What hangs on targets is skipped."""
    api.user = user
    if user == ADMIN:
        api.store.put(operator_account())
    api.store.put(lease(1))
    api.without("helios.dev/v1alpha1")
    checks = examined(api, settings)
    (finding,) = found(checks)
    assert "crd-missing" == finding.rule
    assert "helios crd | kubectl apply" in finding.remedy
    assert checks["targets"].skipped


def test_a_cluster_that_has_only_keda_has_no_finding(api: Hospital) -> None:
    """Nothing of Helios is there, and nothing of it is missed: a pipeline is green."""
    api.user = ADMIN
    api.without("helios.dev/v1alpha1")
    checks = examined(api)
    assert [] == rules(checks)
    assert checks["resource"].skipped
    assert "Helios is not installed here: neither its resource nor an operator" == checks["resource"].said


def test_who_may_not_see_whether_helios_is_there_is_told_so(api: Hospital) -> None:
    """It is not said to be absent, and its resource is not missed."""
    api.user = "alice"
    api.without("helios.dev/v1alpha1")
    for plural in ("statefulsets", "serviceaccounts"):
        api.fail(plural, 403)
    checks = examined(api)
    assert [] == rules(checks)
    assert (
        "there are no HeliosTargets here, and you may not see whether there is an operator"
        == checks["resource"].said
    )


def lacks_a_field(spec: Object) -> None:
    """As before it was there."""
    del spec["properties"]["keda"]


def has_another(spec: Object) -> None:
    """As of a later release."""
    spec["properties"]["colour"] = {"type": "string"}


def has_another_limit(spec: Object) -> None:
    """As edited by hand."""
    spec["properties"]["keda"]["properties"]["cpuGuard"]["maximum"] = 50


@pytest.mark.parametrize(
    ("change", "what", "why"),
    [
        pytest.param(lacks_a_field, "drops without a word: spec.keda", "older", id="older"),
        pytest.param(has_another, "refuses targets that use spec.colour", "newer", id="newer"),
        pytest.param(has_another_limit, "spec.keda.cpuGuard", "another version", id="edited"),
    ],
)
def test_a_resource_of_another_version_is_named_by_its_fields(
    api: Hospital, change: Callable[[Object], None], what: str, why: str
) -> None:
    """One finding, however many fields lie below."""
    change(api.schemas["helios.dev/v1alpha1", "HeliosTarget"]["properties"]["spec"])
    (finding,) = found(examined(api))
    assert "crd-outdated" == finding.rule
    assert finding.what.endswith(what)
    assert why in finding.why


def test_other_words_in_the_resource_are_no_fault(api: Hospital) -> None:
    """Only what limits values counts."""
    served = api.schemas["helios.dev/v1alpha1", "HeliosTarget"]
    api.schemas["helios.dev/v1alpha1", "HeliosTarget"] = json.loads(
        json.dumps(served).replace("workload", "thing")
    )
    assert [] == rules(examined(api))


# KEDA and the metrics of HPAs


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(keda("2.16.1"), "its version is 2.16", id="label"),
        pytest.param(keda("latest", image="r.test/keda:v2.18.3@sha256:ab"), "its version is 2.18", id="tag"),
    ],
)
def test_an_old_keda_is_found(api: Hospital, body: Object, why: str) -> None:
    """By its label, or where that says nothing by its image's tag."""
    api.store.put(body)
    (finding,) = found(examined(api))
    assert "keda-too-old" == finding.rule
    assert finding.why.startswith(why)
    assert "2.19 or later" in finding.why


def test_a_keda_whose_version_is_not_to_be_seen_is_judged_by_its_resource(api: Hospital) -> None:
    """A field that came with 2.19: with it nothing is wrong, and what is not known is said."""
    api.store.remove("deployments", "keda-operator", "keda")
    checks = examined(api)
    assert [] == rules(checks)
    assert "its version is not to be seen" in checks["keda"].said
    api.schemas["keda.sh/v1alpha1", "ScaledObject"] = {"properties": {}}
    assert ["keda-too-old"] == rules(examined(api))


def test_a_keda_without_a_pod_is_found(api: Hospital) -> None:
    """It is installed and does nothing."""
    api.store.put(keda("2.21.0", ready=0))
    (finding,) = found(examined(api))
    assert ("keda-down", "keda/Deployment/keda-operator") == (finding.rule, finding.where)


def test_a_cluster_without_keda_is_a_fault_only_where_it_is_needed(api: Hospital) -> None:
    """Observe needs none, nor metrics of HPAs."""
    for version in ("keda.sh/v1alpha1", "external.metrics.k8s.io/v1beta1", "metrics.k8s.io/v1beta1"):
        api.without(version)
    assert ["keda-missing", "resource-metrics-unavailable"] == rules(examined(api))
    api.store.put(body("web", mode="Observe"))
    checks = examined(api)
    assert [] == rules(checks)
    assert checks["keda-metrics"].skipped
    assert "needed for Autoscale alone" in checks["resource-metrics"].said


def test_a_keda_that_is_half_deleted_is_not_called_old(api: Hospital) -> None:
    """Its credentials are still a kind, ScaledObjects are none: it is missing, and only where it is needed."""
    api.store.kinds[:] = [one for one in api.store.kinds if one.kind != "ScaledObject"]
    del api.schemas["keda.sh/v1alpha1", "ScaledObject"]
    api.without("external.metrics.k8s.io/v1beta1")
    api.store.remove("deployments", "keda-operator", "keda")
    checks = examined(api)
    (finding,) = found(checks)
    assert ("keda-missing", "error") == (finding.rule, finding.severity)
    assert finding.why.endswith("keda.sh/v1alpha1 is served without ScaledObjects")
    assert "helm upgrade --install keda" in finding.remedy
    assert checks["keda-metrics"].skipped
    api.store.put(body("web", mode="Observe"))
    checks = examined(api)
    assert [] == rules(checks)
    assert checks["keda"].said.startswith("KEDA is not whole")


def test_metrics_of_keda_that_are_not_served_are_found(api: Hospital) -> None:
    """No APIService, or one behind which nobody answers."""
    path = "/apis/external.metrics.k8s.io/v1beta1"
    api.raw[path] = (503, b"service unavailable")
    (finding,) = found(examined(api))
    assert "keda-metrics-unavailable" == finding.rule
    assert "HTTP 503" in finding.why
    del api.raw[path]
    api.without("external.metrics.k8s.io/v1beta1")
    (finding,) = found(examined(api))
    assert "no APIService is registered for it" == finding.why


# targets


def test_a_target_that_is_not_valid_is_found(api: Hospital) -> None:
    """With the words of its condition."""
    api.store.put(helios_target("api", replicas={"min": 3, "max": 1}))
    (finding,) = found(examined(api))
    assert ("target-invalid", "shop/HeliosTarget/api") == (finding.rule, finding.where)
    assert "replicas" in finding.why


def test_a_target_that_came_second_is_found(api: Hospital) -> None:
    """The older is named."""
    reference = {"kind": "Deployment", "name": "web"}
    api.store.put(body("second", age=60, scaleTargetRef=reference))
    (finding,) = found(examined(api))
    assert ("target-conflict", "shop/HeliosTarget/second") == (finding.rule, finding.where)
    assert "HeliosTarget web is older" in finding.why


def test_a_target_without_its_workload_is_found(api: Hospital) -> None:
    """A slip in the name."""
    api.store.put(body("wbe"))
    (finding,) = found(examined(api))
    assert ("target-without-workload", "shop/HeliosTarget/wbe") == (finding.rule, finding.where)
    assert "there is no Deployment wbe in namespace shop" == finding.why


def test_a_workload_that_requests_no_cpu_is_found(api: Hospital) -> None:
    """Nobody knows what a full pod is; a warning in Observe."""
    bare = [container(cpu=None)]
    api.store.put(deployment("api", containers=bare), pod("api", containers=bare), body("api"))
    (finding,) = found(examined(api))
    assert ("workload-without-requests", "warning") == (finding.rule, finding.severity)
    assert "requests:" in finding.remedy


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        pytest.param({"finalizers": [FINALIZER]}, "is gone", id="gone"),
        pytest.param(
            {"finalizers": [FINALIZER], "annotations": {ADOPTED: "{"}}, "holds no autoscaler", id="broken"
        ),
    ],
)
def test_an_original_that_cannot_be_read_is_found(api: Hospital, metadata: Object, why: str) -> None:
    """It could never be given back."""
    holding = body("web", mode="Autoscale")
    holding["metadata"] |= metadata
    api.store.put(holding)
    (finding,) = found(examined(api))
    assert "adopted-original-unreadable" == finding.rule
    assert why in finding.why


def test_keda_without_a_way_to_prometheus_is_one_finding_for_all(api: Hospital) -> None:
    """Named are the targets, and the setting."""
    api.store.put(deployment("api"), body("api", mode="Recommend"))
    (finding,) = found(examined(api, keda=KedaDefaults()))
    assert "keda-no-way-to-prometheus" == finding.rule
    assert "HeliosTarget shop/api, shop/web" == finding.where
    assert "server_address" in finding.remedy


def test_credentials_that_do_not_exist_are_found(api: Hospital) -> None:
    """Of the cluster; who may not see them is told so, and accuses nobody."""
    reference = AuthenticationRef(name="prometheus", kind="ClusterTriggerAuthentication")
    defaults = KedaDefaults(server_address=ADDRESS, authentication=reference)
    (finding,) = found(examined(api, keda=defaults))
    assert ("keda-authentication-missing", "ClusterTriggerAuthentication/prometheus") == (
        finding.rule,
        finding.where,
    )
    api.fail("clustertriggerauthentications", 403)
    checks = examined(api, keda=defaults)
    assert [] == rules(checks)
    assert checks["keda-connection"].said.endswith("credentials may not be seen by this account")


# the lease


@pytest.mark.parametrize(
    ("there", "why"),
    [
        pytest.param(None, "no operator has ever asked for it", id="none"),
        pytest.param(lease(1, holder=""), "its last holder has given it up", id="given up"),
        pytest.param(lease(60, seconds=1), "helios-0 has it and does not renew it", id="run out"),
    ],
)
def test_a_lease_that_nobody_holds_is_found(api: Hospital, there: Object | None, why: str) -> None:
    """Nobody publishes then."""
    if there is not None:
        api.store.put(there)
    (finding,) = found(examined(api, LEASED))
    assert ("lease-not-held", "helios/Lease/helios") == (finding.rule, finding.where)
    assert finding.why.startswith(why)


def test_a_lease_of_another_clock_is_judged_by_whether_it_changes(api: Hospital) -> None:
    """Its holder's clock is an hour behind: it is watched for a moment, and seen to be renewed."""
    ages = itertools.count(3600, -1)

    def renew(kind: str) -> None:
        if kind == "Lease":
            api.store.put(lease(next(ages), seconds=1))

    renew("Lease")
    api.after = renew
    checks = examined(api, LEASED)
    assert [] == rules(checks)
    assert "helios-0 holds the lease" == checks["lease"].said


# time


def test_time_that_is_used_up_skips_what_is_left(api: Hospital) -> None:
    """One slow thing does not hang the doctor."""
    ticks = itertools.count()
    checks = examined(api, clock=lambda: 25.0 * next(ticks))
    assert list(NAMES[2:]) == [name for name, check in checks.items() if check.skipped]


def test_targets_that_may_not_be_listed_are_no_finding(api: Hospital) -> None:
    """Whatever needs them is skipped, and says so; the resource itself is looked at."""
    api.fail("heliostargets", 403)
    checks = examined(api)
    assert [] == rules(checks)
    assert ["targets", "adopted", "keda-connection", "lease"] == [
        n for n, one in checks.items() if one.skipped
    ]
    assert "needs the targets" == checks["adopted"].said


def test_a_team_that_names_its_namespace_has_its_targets_looked_at(api: Hospital) -> None:
    """Lists of the whole cluster are refused, those of its own namespace are not; a target of its own that is wrong is found."""
    api.user, api.bound = "alice", "shop"
    checks = examined(api, namespace="shop")
    assert [] == rules(checks)
    assert (
        "1 HeliosTarget, 1 in Recommend or Autoscale in namespace shop; those of others may not be listed"
        == checks["targets"].said
    )
    api.store.put(body("wbe"))
    assert ["target-without-workload"] == rules(examined(api, namespace="shop"))


def test_a_list_that_hangs_costs_its_own_check(api: Hospital) -> None:
    """What needs it is skipped, the rest is looked at."""
    api.hang("statefulsets")
    checks = examined(api, seconds=0.3)
    assert "rbac-missing" not in rules(checks)
    assert checks["rights"].skipped
    assert "KEDA 2.21 is installed" == checks["keda"].said
