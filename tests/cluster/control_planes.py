"""A real control plane on loopback: etcd, API server, controllers, scheduler, kubectl; kwok plays the node and its pods.

Each is a process of its own that can be killed and started again on its port. Nothing here knows of KEDA or Helios.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import yaml

from tests.cluster.apis import Api, Object
from tests.cluster.audits import POLICY, Audit
from tests.cluster.certificates import Authority, Pair, signing_key
from tests.cluster.kubeconfigs import kubeconfig
from tests.cluster.processes import LOOPBACK, Process, free_port
from tests.cluster.waits import wait_until

NODE = "node-1"
DOWNSCALE_SECONDS = 30
"""The HPA's default is 300: no test has the time. A test that needs another sets it in its ScaledObject's behaviour."""

_CONTROLLERS = (
    "deployment-controller",
    "garbage-collector-controller",
    "horizontal-pod-autoscaler-controller",
    "namespace-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "replicaset-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "statefulset-controller",
)
Command = list[str | Path]
"""A program and its arguments."""

_MASTERS = "system:masters"
_TOKEN_SECONDS = 7200


class ControlPlane:
    """Started with the block and ended with it.

    Attributes:
        folder: everything it writes, logs included.
        url: the API server's.
        ca: what its clients trust.
        admin: a kube config that may do everything.
        api: the harness' own way in; its requests are not audited.
        audit: everybody else's.
        apiserver, etcd, controllers, scheduler, kwok: its processes.
    """

    def __init__(self, binaries: Path, folder: Path) -> None:
        """Nothing runs yet; `folder` is there and empty."""
        self.folder = folder
        self._binaries = binaries
        self._ports = {name: free_port() for name in ("etcd", "peer", "api")}
        self.url = f"https://{LOOPBACK}:{self._ports['api']}"
        self._authority = Authority.made(folder / "pki", "e2e authority")
        self._front_proxy = Authority.made(folder / "front-proxy", "e2e front proxy authority")
        self.ca = self._authority.pair.certificate
        self.api = Api(self.url, self.ca, self.certificate("harness"))
        self.admin = self.user("admin")
        self.audit = Audit(folder / "audit.log")
        self.etcd, self.apiserver = self._etcd(), self._apiserver()
        self.controllers, self.scheduler, self.kwok = self._controllers(), self._scheduler(), self._kwok()
        self._stack = ExitStack()

    def certificate(self, name: str) -> Pair:
        """A server and client certificate; the client may do everything, and is audited under this name."""
        return self._authority.signs(name, _MASTERS)

    def user(self, name: str) -> Path:
        """The kube config of a user who may do everything, audited under this name."""
        file = self.folder / f"{name}.kubeconfig"
        return kubeconfig(file, server=self.url, ca=self.ca, pair=self.certificate(name))

    def service_account(self, namespace: str, name: str, server: str | None = None) -> Path:
        """The kube config of a service account that exists: exactly what its roles allow, for two hours.

        `server` is where it finds the API server, on loopback, if not at its own address.
        In the audit log it is `system:serviceaccount:<namespace>:<name>`.
        """
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        body = {"spec": {"expirationSeconds": _TOKEN_SECONDS}}
        token = self.api.ask("POST", path, body)["status"]["token"]
        way = "" if server is None else f"-{urlsplit(server).port}"
        file = self.folder / f"{namespace}-{name}{way}.kubeconfig"
        return kubeconfig(file, server=server or self.url, ca=self.ca, token=token)

    def kubectl(self, *arguments: str, given: str = "", user: Path | None = None) -> str:
        """What kubectl prints, `given` on its standard input.

        Raises:
            AssertionError: it failed; its message is in it.
        """
        ran = subprocess.run(
            [self.binary("kubectl"), *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "KUBECONFIG": str(user or self.admin)},
            check=False,
        )
        assert ran.returncode == 0, f"kubectl {' '.join(arguments)}: {ran.stderr or ran.stdout}"
        return ran.stdout

    def apply(self, *manifests: Object | str) -> None:
        """Apply objects, or YAML text with any number of documents, as an administrator would."""
        objects: list[Any] = []
        for one in manifests:
            objects += list(yaml.safe_load_all(one)) if isinstance(one, str) else [one]
        given = "\n---\n".join(json.dumps(one) for one in objects if one)
        self.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", given=given)

    def binary(self, name: str) -> Path:
        """One of the built components."""
        return self._binaries / name

    def log(self, name: str) -> Path:
        """Where a component writes."""
        return self.folder / f"{name}.log"

    def replicas(self, namespace: str, name: str, kind: str = "Deployment") -> int | None:
        """`spec.replicas` of a workload; None where there is none."""
        found = self.api.get(kind, name, namespace)
        return None if found is None else int(found["spec"]["replicas"])

    def ready(self, namespace: str, name: str, kind: str = "Deployment") -> int:
        """How many of its pods are ready."""
        found = self.api.get(kind, name, namespace) or {}
        return int(found.get("status", {}).get("readyReplicas", 0))

    def is_ready(self) -> bool:
        """Whether the API server says so."""
        return self.api.ask("GET", "/readyz").get("text") == "ok"

    def serves(self, group_version: str) -> bool:
        """Whether an aggregated API is available, such as `external.metrics.k8s.io/v1beta1`."""
        group, _, version = group_version.partition("/")
        found = self.api.get("APIService", f"{version}.{group}") or {}
        conditions = found.get("status", {}).get("conditions", [])
        return any(one["type"] == "Available" and one["status"] == "True" for one in conditions)

    def aggregate(self, group_version: str, namespace: str, service: str, port: int) -> None:
        """Let the API server pass an API on to a server on loopback, through a Service that names localhost."""
        group, _, version = group_version.partition("/")
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": service, "namespace": namespace},
                "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
            },
            {
                "apiVersion": "apiregistration.k8s.io/v1",
                "kind": "APIService",
                "metadata": {"name": f"{version}.{group}"},
                "spec": {
                    "group": group,
                    "version": version,
                    "groupPriorityMinimum": 100,
                    "versionPriority": 100,
                    "insecureSkipTLSVerify": True,
                    "service": {"name": service, "namespace": namespace, "port": port},
                },
            },
        )

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.api)
            for process in (self.etcd, self.apiserver):
                stack.enter_context(process)
            for process in (self.controllers, self.scheduler, self.kwok):
                stack.enter_context(process)
            self._add_node()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        # The API server waits for its watchers when it is asked politely.
        for process in (self.kwok, self.scheduler, self.controllers, self.apiserver, self.etcd):
            process.stop(signal.SIGKILL)
        self._stack.close()
        # Logs are small and stay; a store is large.
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)

    def _add_node(self) -> None:
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
        self.api.create("Node", node)

        def ready() -> bool:
            found = self.api.get("Node", NODE) or {}
            return "pods" in found.get("status", {}).get("allocatable", {})

        wait_until(ready, 30, "kwok plays the node", every=0.1)
        wait_until(
            lambda: self.api.get("ServiceAccount", "default", "default"),
            30,
            "the controllers work",
            every=0.1,
        )

    def _etcd(self) -> Process:
        url, peer = (f"http://{LOOPBACK}:{self._ports[name]}" for name in ("etcd", "peer"))
        command: Command = [
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--logger=zap",
            "--log-level=warn",
        ]
        return self._process("etcd", command, ready=answers(f"{url}/health"))

    def _apiserver(self) -> Process:
        policy = self.folder / "audit-policy.yaml"
        policy.write_text(POLICY, encoding="utf-8")
        serving = self._authority.signs("kube-apiserver")
        proxy = self._front_proxy.signs("front-proxy-client")
        accounts = signing_key(self.folder / "pki" / "service-accounts.key")
        command: Command = [
            self.binary("kube-apiserver"),
            f"--etcd-servers=http://{LOOPBACK}:{self._ports['etcd']}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={self._ports['api']}",
            f"--tls-cert-file={serving.certificate}",
            f"--tls-private-key-file={serving.key}",
            f"--client-ca-file={self.ca}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={accounts}",
            f"--service-account-signing-key-file={accounts}",
            "--service-cluster-ip-range=10.0.0.0/24",
            # Its own address is loopback, which no Endpoints may hold.
            "--endpoint-reconciler-type=none",
            # Nobody here would take the taints off again.
            "--disable-admission-plugins=TaintNodesByCondition",
            f"--requestheader-client-ca-file={self._front_proxy.pair.certificate}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={proxy.certificate}",
            f"--proxy-client-key-file={proxy.key}",
            # Debian's etcd is too old for lists that are streamed; a client refused at once lists as ever.
            "--feature-gates=WatchList=false",
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self.folder / 'audit.log'}",
            "--profiling=false",
        ]
        return self._process("kube-apiserver", command, ready=self.is_ready)

    def _controllers(self) -> Process:
        command: Command = [
            self.binary("kube-controller-manager"),
            f"--kubeconfig={self.user('kube-controller-manager')}",
            f"--controllers={','.join(_CONTROLLERS)}",
            f"--horizontal-pod-autoscaler-downscale-stabilization={DOWNSCALE_SECONDS}s",
            "--leader-elect=false",
            "--secure-port=0",
            f"--root-ca-file={self.ca}",
            "--kube-api-qps=100",
            "--kube-api-burst=200",
            "--profiling=false",
        ]
        return self._process("kube-controller-manager", command)

    def _scheduler(self) -> Process:
        command: Command = [
            self.binary("kube-scheduler"),
            f"--kubeconfig={self.user('kube-scheduler')}",
            "--leader-elect=false",
            "--secure-port=0",
            "--profiling=false",
        ]
        return self._process("kube-scheduler", command)

    def _kwok(self) -> Process:
        command: Command = [
            self.binary("kwok"),
            f"--kubeconfig={self.user('kwok')}",
            f"--config={Path(__file__).parent / 'stages.yaml'}",
            "--manage-all-nodes=true",
            "--node-lease-duration-seconds=0",
            "--v=WARN",
        ]
        return self._process("kwok", command)

    def _process(self, name: str, command: Command, *, ready: Callable[[], Any] = lambda: True) -> Process:
        return Process(name, command, self.folder, ready=ready, environment=environment(self.folder))


def environment(home: Path) -> dict[str, str]:
    """What a component started here sees of this machine: no kube config of its owner's, above all."""
    return {"PATH": os.environ["PATH"], "HOME": str(home)}


def answers(url: str) -> Callable[[], bool]:
    """Whether there is a good answer to GET."""
    return lambda: httpx.get(url, timeout=2, trust_env=False).is_success
