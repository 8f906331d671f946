"""What the operator may do: each verb that it lacks is found, of whoever the operator is, by whoever asks."""

from __future__ import annotations

import pytest

from helios.doctor.rights import RIGHTS, Need
from helios.settings import Lease, Operator, Settings
from tests.doctor.apis import ACCOUNT, ADMIN, LEASED, Hospital, examined, found, lease, rules, shipped
from tests.operator.objects import container, deployment, stateful_set
from tests.operator.targets import body

EVERYTHING = {(verb, one.resource) for one in RIGHTS for verb in one.verbs}
TEAM = "system:serviceaccount:shop:team"


def test_the_rights_are_those_of_the_shipped_roles() -> None:
    """Verb by verb: what is asked about is what deploy/kustomize/base/rbac.yaml grants."""
    assert shipped() == {(one.group, one.resource, verb) for one in RIGHTS for verb in one.verbs}


@pytest.mark.parametrize(
    ("resource", "verb"),
    [(one.resource, verb) for one in RIGHTS for verb in one.verbs if one.need in {Need.ALWAYS, Need.SCALING}],
    ids=lambda text: text.replace("/", "-"),
)
def test_every_verb_that_is_missing_is_one_finding(api: Hospital, resource: str, verb: str) -> None:
    """With the rule to add."""
    api.denied = {(verb, resource)}
    (finding,) = found(examined(api))
    assert ("rbac-missing", "error") == (finding.rule, finding.severity)
    assert f'resources: ["{resource}"]\n  verbs: ["{verb}"]' in finding.remedy
    assert f"{ACCOUNT} may not {verb} {resource}" in finding.why


def test_a_right_of_autoscale_is_a_warning_while_nobody_uses_it(api: Hospital) -> None:
    """All targets in Observe: it is missed as soon as one leaves it."""
    api.store.put(body("web", mode="Observe"))
    api.denied = {("update", "horizontalpodautoscalers")}
    (finding,) = found(examined(api))
    assert "warning" == finding.severity
    assert finding.what.endswith("as soon as a target leaves Observe")


def test_an_operator_without_any_role_is_one_finding(api: Hospital) -> None:
    """Not twenty: it is the binding that is missing."""
    api.denied = EVERYTHING
    (finding,) = found(examined(api))
    assert ("rbac-missing", "ClusterRoleBinding helios") == (finding.rule, finding.where)


def test_other_kinds_are_asked_about_by_name_and_only_where_there_are_some(api: Hospital) -> None:
    """A role that grants the one kind in use is enough."""
    examined(api)
    assert not any(spec["resourceAttributes"]["subresource"] == "scale" for spec in api.asked_for)
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "old"}
    api.store.put(deployment("old", kind="ReplicaSet"), body("old", scaleTargetRef=reference))
    api.denied = {("get", "replicasets/scale")}
    (finding,) = found(examined(api))
    assert "workloads of other kinds are not scored" == finding.what


def test_the_lease_is_asked_about_in_its_own_namespace(api: Hospital) -> None:
    """Where the settings name one."""
    api.store.put(lease(1))
    assert [] == rules(examined(api, LEASED))
    asked = [
        one["resourceAttributes"]
        for one in api.asked_for
        if one["resourceAttributes"]["resource"] == "leases"
    ]
    assert {("helios", verb) for verb in ("get", "create", "update")} == {
        (one["namespace"], one["verb"]) for one in asked
    }


def test_an_administrator_asks_for_the_operator_that_is_installed(api: Hospital) -> None:
    """Its StatefulSet says which account it runs as."""
    installed = stateful_set(
        "helios", "tools", containers=[container(args=["operator"])], pod_spec={"serviceAccountName": "robot"}
    )
    api.user = ADMIN
    api.store.put(installed)
    checks = examined(api)
    assert checks["rights"].said.startswith("system:serviceaccount:tools:robot has ")
    assert {"system:serviceaccount:tools:robot"} == {one["user"] for one in api.asked_for}
    assert [
        "system:serviceaccounts",
        "system:serviceaccounts:tools",
        "system:authenticated",
    ] == api.asked_for[0]["groups"]


def test_an_administrator_asks_for_the_shipped_account_where_no_pod_is(api: Hospital) -> None:
    """The role is applied, the pod is not yet."""
    api.user = ADMIN
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "helios", "namespace": "helios"},
    }
    api.store.put(account)
    assert examined(api)["rights"].said.startswith(f"{ACCOUNT} has ")


def test_who_runs_the_operator_from_a_desk_asks_for_himself(api: Hospital) -> None:
    """Nothing is installed in the cluster."""
    api.user = ADMIN
    assert examined(api)["rights"].said.startswith(f"{ADMIN} has ")


def test_who_may_not_ask_is_told_where_to_ask(api: Hospital) -> None:
    """A developer's rights say nothing of the operator's: no finding."""
    api.user = "developer"
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "helios", "namespace": "helios"},
    }
    api.store.put(account)
    api.fail("subjectaccessreviews", 403)
    checks = examined(api)
    assert [] == rules(checks)
    assert checks["rights"].skipped
    assert f"you may not ask what {ACCOUNT} may do: run helios doctor in the pod" in checks["rights"].said


@pytest.mark.parametrize("user", [TEAM, "alice"], ids=["account", "person"])
@pytest.mark.parametrize("denied", [EVERYTHING, {("update", "scaledobjects")}], ids=["nothing", "one less"])
def test_a_team_is_not_taken_for_the_operator(api: Hospital, user: str, denied: set[tuple[str, str]]) -> None:
    """Who may not see the operator is told so; nobody is advised to give him the operator's role."""
    api.user, api.denied = user, denied
    api.bound = "shop"
    checks = examined(api)
    assert [] == rules(checks)
    assert checks["rights"].skipped
    assert checks["rights"].said.startswith("you may not see the operator's account")
    assert f"the rights of {user} say nothing of it" in checks["rights"].said


def test_before_anything_is_installed_nobody_is_accused(api: Hospital) -> None:
    """No operator is there; who would run one with his own kube config reads what he would lack."""
    api.user, api.denied = "alice", {("list", "pods"), ("create", "events")}
    checks = examined(api)
    assert [] == rules(checks)
    assert checks["rights"].skipped
    assert checks["rights"].said.startswith(
        "no operator is installed; one that ran as alice would lack 2 of "
    )
    assert checks["rights"].said.endswith("rights: list pods, create events")


def test_an_operator_in_another_namespace_that_may_be_hidden_is_not_said_to_be_absent(api: Hospital) -> None:
    """The shipped account is not there; StatefulSets, of which one may be the operator, may not be listed."""
    api.user, api.denied = "alice", EVERYTHING
    api.fail("statefulsets", 403)
    assert examined(api)["rights"].said.startswith("you may not see the operator's account")


@pytest.mark.parametrize(
    ("user", "settings"),
    [
        pytest.param("system:serviceaccount:tools:helios", Settings(), id="by its name"),
        pytest.param(
            "system:serviceaccount:tools:robot",
            Settings(operator=Operator(lease=Lease(identity="helios-0_1"))),
            id="by what its StatefulSet tells it",
        ),
    ],
)
def test_the_operator_itself_is_told_that_no_role_is_bound(
    api: Hospital, user: str, settings: Settings
) -> None:
    """In its own pod it knows itself, though it may see nothing at all."""
    api.user, api.denied = user, EVERYTHING
    api.bound = "shop"
    (finding,) = found(examined(api, settings))
    assert ("rbac-missing", "ClusterRoleBinding helios") == (finding.rule, finding.where)
    assert user in finding.why


def test_the_lease_is_not_looked_for_in_the_namespace_of_who_asks(api: Hospital) -> None:
    """A team's own namespace has no lease of Helios', which is no fault of the operator's."""
    api.user = TEAM
    api.bound = "shop"
    checks = examined(api, Settings(operator=Operator(lease=Lease(name="helios"))))
    assert [] == rules(checks)
    assert checks["lease"].skipped
    assert "operator.lease.namespace" in checks["lease"].said


def test_an_api_server_too_old_to_say_who_asks_is_asked_for_you(api: Hospital) -> None:
    """SelfSubjectReview is of Kubernetes 1.28."""
    api.without("authentication.k8s.io/v1")
    assert examined(api)["rights"].said.startswith("you has ")
