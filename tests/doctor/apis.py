"""An API server with what the doctor looks at beside the operator's kinds: reviews, schemas, the APIs of metrics, a lease."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from helios.doctor.checks import Check
from helios.doctor.cluster_checks import Terms, cluster_checks
from helios.doctor.findings import Finding
from helios.operator.clusters import Cluster
from helios.operator.crds import crd
from helios.operator.resources import HeliosTarget
from helios.operator.scaledobjects import KedaDefaults
from helios.operator.transports import Transport
from helios.settings import Lease, Operator, Settings
from helios.targets import QueryPolicy
from tests.operator.api_handlers import Asked
from tests.operator.api_server import ApiServer
from tests.operator.api_stores import Kind, Refusal
from tests.operator.objects import Object, container, deployment

ROOT = Path(__file__).parents[2]
RBAC = ROOT / "deploy" / "kustomize" / "base" / "rbac.yaml"
ACCOUNT = "system:serviceaccount:helios:helios"
ADMIN = "kubernetes-admin"
ADDRESS = "http://prometheus.monitoring.svc:9090"

REVIEWS = (
    Kind("authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews", namespaced=False),
    Kind("authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False),
    Kind("authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews", namespaced=False),
)
OTHERS = (
    Kind("v1", "ServiceAccount", "serviceaccounts"),
    Kind("keda.sh/v1alpha1", "TriggerAuthentication", "triggerauthentications"),
    Kind(
        "keda.sh/v1alpha1",
        "ClusterTriggerAuthentication",
        "clustertriggerauthentications",
        namespaced=False,
    ),
    Kind("external.metrics.k8s.io/v1beta1", "ExternalMetricValueList", "externalmetrics"),
    Kind("metrics.k8s.io/v1beta1", "PodMetrics", "pods"),
)
LEASED = Settings(operator=Operator(lease=Lease(name="helios", namespace="helios")))
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")


class Hospital(ApiServer):
    """A healthy installation: whoever asks is `user`, and everybody may do what the shipped roles grant but for `denied`.

    Attributes:
        user: who asks.
        denied: `(verb, resource)` that nobody may.
        bound: the one namespace in which anything may be listed or read; None: everywhere.
        schemas: kind -> its published schema.
        after: called with the kind of each object that was told.
    """

    def __init__(self) -> None:
        super().__init__()
        for kind in (*REVIEWS, *OTHERS, LEASE):
            if kind not in self.store.kinds:
                self.store.kinds.append(kind)
        self.user = ACCOUNT
        self.denied: set[tuple[str, str]] = set()
        self.bound: str | None = None
        self.after: Callable[[str], None] = lambda _: None
        self.asked_for: list[Mapping[str, Any]] = []
        served = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        activity = {"properties": {"status": {"properties": {"triggersActivity": {"type": "object"}}}}}
        self.schemas: dict[tuple[str, str], Object] = {
            ("helios.dev/v1alpha1", "HeliosTarget"): json.loads(json.dumps(served)),
            ("keda.sh/v1alpha1", "ScaledObject"): activity,
        }

    def without(self, api_version: str) -> None:
        """Serve a group and version no more."""
        self.store.kinds[:] = [one for one in self.store.kinds if one.api_version != api_version]

    def answer(self, asked: Asked, kind: Kind | None) -> Object:
        """Reviews and schemas here, all else as ever."""
        if kind is not None and kind.kind == "SelfSubjectReview":
            return {"status": {"userInfo": {"username": self.user}}}
        if kind in REVIEWS:
            return self._reviewed(asked.body["spec"])
        if self.bound is not None and kind is not None and asked.namespace != self.bound:
            raise Refusal(
                403, "Forbidden", f"{asked.resource} is forbidden: User {self.user} cannot {asked.verb}"
            )
        if asked.path.startswith("/openapi/v3"):
            return self._published(asked.path.removeprefix("/openapi/v3/apis/"))
        said = dict(super().answer(asked, kind))
        self.after("" if kind is None else kind.kind)
        return said

    def _reviewed(self, spec: Mapping[str, Any]) -> Object:
        self.asked_for.append(spec)
        what = spec["resourceAttributes"]
        resource = "/".join(part for part in (what["resource"], what["subresource"]) if part)
        return {"status": {"allowed": (what["verb"], resource) not in self.denied}}

    def _published(self, api_version: str) -> Object:
        group, _, version = api_version.partition("/")
        return {
            "components": {
                "schemas": {
                    kind: {
                        **schema,
                        "x-kubernetes-group-version-kind": [
                            {"group": group, "version": version, "kind": kind}
                        ],
                    }
                    for (where, kind), schema in self.schemas.items()
                    if where == api_version
                }
            }
        }


def keda(version: str, *, image: str = "registry.example.com/kedacore/keda", ready: int = 1) -> Object:
    """KEDA's Deployment with this version in its label, or in its image's tag."""
    made = deployment("keda-operator", "keda", replicas=1, containers=[container(image=image)])
    made["metadata"]["labels"] = {"app.kubernetes.io/version": version}
    made["status"]["readyReplicas"] = ready
    return made


def shipped() -> set[tuple[str, str, str]]:
    """Group, resource and verb of every rule in rbac.yaml."""
    found = set()
    for body in yaml.safe_load_all(RBAC.read_text(encoding="utf-8")):
        for rule in body.get("rules") or ():
            found |= {
                (group, resource, verb)
                for group in rule["apiGroups"]
                for resource in rule["resources"]
                for verb in rule["verbs"]
            }
    return found


def lease(age: float, *, holder: str = "helios-0", seconds: int = 15) -> Object:
    """A Lease that was renewed so many seconds ago."""
    renewed = datetime.fromtimestamp(time.time() - age, UTC).isoformat().replace("+00:00", "Z")
    spec = {"holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": renewed}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "helios", "namespace": "helios"},
        "spec": spec,
    }


def examined(
    api: Hospital,
    settings: Settings | None = None,
    *,
    keda: KedaDefaults | None = None,
    namespace: str | None = None,
    clock: Callable[[], float] = time.monotonic,
    seconds: float = 2.0,
) -> dict[str, Check]:
    """Every check by its name."""
    terms = Terms(
        parse=lambda body: HeliosTarget.of(body, fill=dict, queries=QueryPolicy.REFUSED),
        keda=keda or KedaDefaults(server_address=ADDRESS),
    )
    with Cluster(Transport(api.configuration(), seconds=seconds), list_seconds=seconds) as door:
        checks, _ = cluster_checks(
            lambda: door, settings or Settings(), terms, namespace=namespace, clock=clock
        )
    return {one.name: one for one in checks}


def found(checks: Mapping[str, Check]) -> list[Finding]:
    """All findings, in order."""
    return [finding for check in checks.values() for finding in check.findings]


def rules(checks: Mapping[str, Check]) -> list[str]:
    """Their rules."""
    return [finding.rule for finding in found(checks)]
