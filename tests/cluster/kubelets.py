"""The least kubelet that is honest: it runs a pod's containers as the API server's Pod says, and nothing of its own.

    with Kubelet(plane, "helios", "helios-0", folder, services={"prometheus.monitoring.svc:9090": prometheus.url}) as pod:
        prometheus.scrape("helios", pod.address("http"))

It takes the Pod that a controller made, after admission and defaults, and gives each container its command, arguments, environment,
volumes at their paths, user, groups, read-only root and the pod's own network (`containers.py`, `networks.py`, `volumes.py`);
asks its probes, restarts it when it ends or its liveness fails, and ends it with SIGTERM and the pod's grace. It needs root.

What it is not: kwok writes the pod's status, so the API server does not hear what the probes found; images are not pulled, each
container is made from the one that is given; seccomp, resource limits, NetworkPolicies and init containers are not carried out (a
pod with the latter is refused); a token is not renewed. What it does not know it refuses by name.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from tests.cluster import containers
from tests.cluster.apis import Object
from tests.cluster.containers import Mount, Spec
from tests.cluster.control_planes import ControlPlane
from tests.cluster.images import Image
from tests.cluster.networks import API_IP, POD_IP, Network
from tests.cluster.probes import Probe
from tests.cluster.processes import LOOPBACK, Process
from tests.cluster.volumes import Volumes, field
from tests.cluster.waits import wait_until

API_PORT = 443
BACKOFF_SECONDS = 10.0
"""The first restart follows at once, the second after these, each later one after twice as long."""

LOOK_SECONDS = 0.1
_REFERENCE = re.compile(r"\$\((\w+)\)")
_UNKNOWN = ("initContainers", "hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")


class Container:
    """One container, over its restarts.

    Attributes:
        name: as in the manifest.
        process: of its present run.
        probes: by kind.
        started, ready: as a kubelet would report it.
        restarts: how often it was started again.
        faults: why, one line each.
        peak_bytes: most memory that was resident at once.
    """

    def __init__(self, body: Object, process: Process, network: Network, grace: float) -> None:
        """Nothing runs yet."""
        self.name: str = body["name"]
        self.process = process
        kinds = ("startup", "liveness", "readiness")
        self.probes = {kind: probe for kind in kinds if (probe := Probe.of(kind, body)) is not None}
        self.started, self.ready, self.restarts, self.faults = False, False, 0, list[str]()
        self.peak_bytes = 0
        self._network, self._grace = network, grace
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"container-{self.name}", daemon=True)

    def start(self) -> None:
        """From a thread of its own, which is the process' parent."""
        self._thread.start()

    def kill(self) -> None:
        """Let it die (-9): it is started again."""
        os.kill(self.process.pid, signal.SIGKILL)

    def freeze(self) -> None:
        """Let it hang: its sockets stay open, nothing answers (SIGSTOP)."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def end(self) -> None:
        """Let it end, politely and within the pod's grace."""
        self._ended.set()

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self.started = self.ready = False
            for probe in self.probes.values():
                probe.reset()
            self.process.launch()
            fault = self._watch()
            self.started = self.ready = False
            self.process.thaw() if self.process.running else None
            code = self.process.stop(seconds=self._grace)
            if fault is not None:
                self.faults.append(f"{fault} (exit code {code})")
                self._ended.wait(BACKOFF_SECONDS * 2 ** (self.restarts - 1) if self.restarts else 0)
                self.restarts += 1

    def _watch(self) -> str | None:
        """Until the container has to end: why, or None where nobody wants it any more."""
        while not self._ended.wait(LOOK_SECONDS):
            if not self.process.running:
                return "ended by itself"
            self.peak_bytes = max(self.peak_bytes, _peak(self.process.pid))
            fault = self._look()
            if fault is not None:
                return fault
        return None

    def _look(self) -> str | None:
        startup, liveness, readiness = (self.probes.get(one) for one in ("startup", "liveness", "readiness"))
        if not self.started:
            if startup is not None and startup.look(self._network) is False:
                return f"startup: {startup.fault}"
            self.started = startup is None or startup.passing is True
            return None
        if liveness is not None and liveness.look(self._network) is False:
            return f"liveness: {liveness.fault}"
        if readiness is not None:
            readiness.look(self._network)
        self.ready = readiness is None or readiness.passing is True
        return None


class Kubelet:
    """Runs one pod while the block lasts.

    Attributes:
        pod: the object that it was started from.
        containers: by name.
        network: the pod's.
    """

    def __init__(
        self,
        plane: ControlPlane,
        namespace: str,
        name: str,
        folder: Path,
        /,
        *,
        image: Image | None = None,
        services: Mapping[str, str] | None = None,
        ip: str = POD_IP,
        seconds: float = 60.0,
    ) -> None:
        """Nothing runs yet.

        Args:
            plane: the control plane, whose API server the pod may reach.
            namespace: the pod's.
            name: the pod's; it need not be there yet.
            folder: for volumes and logs.
            image: of all containers; `Image.here()` by default.
            services: `name:port` as the pod knows it -> URL on loopback.
            ip: its address; of two pods that are to meet, each its own.
            seconds: for the pod to be there and its claims to be bound, and then to become ready.
        """
        self._plane, self._namespace, self._name, self._folder = plane, namespace, name, folder
        self._image, self._services, self._seconds = image or Image.here(), services or {}, seconds
        self.pod: Object = {}
        self.containers: dict[str, Container] = {}
        self.network = Network(ip)
        self._addresses: dict[str, str] = {}
        self._stack = ExitStack()

    @property
    def ready(self) -> bool:
        """Whether every container is."""
        return bool(self.containers) and all(one.ready for one in self.containers.values())

    def address(self, port: str) -> str:
        """A port of the pod by its name, passed on: `address:port` on loopback.

        Raises:
            KeyError: no container names it.
        """
        if port not in self._addresses:
            bodies = self.pod["spec"]["containers"]
            ports = {one["name"]: one["containerPort"] for body in bodies for one in body.get("ports", [])}
            self._addresses[port] = self.network.publish(ports[port])
        return self._addresses[port]

    def meet(self, other: Kubelet) -> None:
        """Let this pod and another reach each other at their addresses."""
        self.network.join(other.network)

    def wait(self) -> Self:
        """Wait until it is ready.

        Raises:
            AssertionError: it did not become so; what the containers say is in the message.
        """
        try:
            wait_until(lambda: self.ready, self._seconds, f"{self._name} is ready", every=0.1)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.tell()}") from None
        return self

    def tell(self) -> str:
        """What each container says, and why it was restarted."""
        return "\n".join(
            f"{one.name}: {one.faults} {one.probes}\n{one.process.tail()}" for one in self.containers.values()
        )

    def __enter__(self) -> Self:
        self.pod = wait_until(self._scheduled, self._seconds, f"{self._name} is scheduled", every=0.2)
        spec = self.pod["spec"]
        for what in _UNKNOWN:
            assert not spec.get(what), f"{self._name}: this kubelet knows no {what}"
        assert spec.get("enableServiceLinks") is False, "this kubelet makes no links of Services"
        with ExitStack() as stack:
            stack.enter_context(self.network)
            self._join()
            folder = self._folder / self.pod["metadata"]["uid"]
            (folder / "volumes").mkdir(parents=True)
            volumes = wait_until(lambda: self._volumes(folder), self._seconds, "its volumes", every=0.5)
            for body in spec["containers"]:
                self.containers[body["name"]] = self._container(body, volumes, folder)
            for one in self.containers.values():
                stack.callback(one.join)
            for one in self.containers.values():  # all are told to end before the first is waited for
                stack.callback(one.end)
                one.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _scheduled(self) -> Object | None:
        found = self._plane.api.get("Pod", self._name, self._namespace)
        gone = found is None or "deletionTimestamp" in found["metadata"] or "nodeName" not in found["spec"]
        return None if gone else found

    def _join(self) -> None:
        """The names that the pod may reach, and those of its own."""
        api = urlsplit(self._plane.url)
        self.network.reach("kubernetes.default.svc", API_PORT, (LOOPBACK, api.port or 443), address=API_IP)
        for name, url in self._services.items():
            host, _, port = name.rpartition(":")
            to = urlsplit(url)
            self.network.reach(host, int(port), (to.hostname or LOOPBACK, to.port or 80))

    def _volumes(self, folder: Path) -> dict[str, Path]:
        place = folder / "volumes" / str(time.monotonic_ns())
        place.mkdir()
        return Volumes(self._plane, self.pod, place).made()

    def _container(self, body: Object, volumes: Mapping[str, Path], folder: Path) -> Container:
        spec, image, name = self.pod["spec"], self._image, body["name"]
        security = {**spec.get("securityContext", {}), **body.get("securityContext", {})}
        user, group = security.get("runAsUser", image.user[0]), security.get("runAsGroup", image.user[1])
        assert not (security.get("runAsNonRoot") and user == 0), f"{name} would run as root"
        scratch = folder / name
        scratch.mkdir()
        hosts = {"127.0.0.1": "localhost", self.network.ip: self._name}
        hosts |= {address: host for host, address in self.network.hosts.items()}
        files = {
            "/etc/hosts": "".join(f"{address}\t{host}\n" for address, host in hosts.items()),
            "/etc/resolv.conf": "",  # what is not in the hosts is not to be had
        }
        mounts = [*image.mounts]
        for path, text in files.items():
            file = folder / f"{name}-{Path(path).name}"
            file.write_text(text, encoding="utf-8")
            mounts.append(Mount(str(file), path, read_only=False))
        for one in body.get("volumeMounts", []):
            assert not one.keys() - {"name", "mountPath", "readOnly", "subPath", "recursiveReadOnly"}, one
            source = volumes[one["name"]] / one.get("subPath", "")
            mounts.append(Mount(str(source), one["mountPath"], one.get("readOnly", False)))
        command = [*body.get("command", image.entrypoint)]
        command += body.get("args", [] if "command" in body else image.command)
        known = self._environment(body)
        made = Spec(
            root=str(image.root),
            scratch=str(scratch),
            mounts=mounts,
            network=self.network.path,
            hostname=self._name,
            user=user,
            group=group,
            groups=sorted({group, security.get("fsGroup", group)}),
            read_only=security.get("readOnlyRootFilesystem", False),
            privileged=security.get("allowPrivilegeEscalation", True),
            folder=body.get("workingDir") or image.folder,
            command=[_expanded(part, known) for part in command],
            environment=known,
        ).write(folder / f"{name}.json")
        launcher = [sys.executable, "-I", containers.__file__, made]
        process = Process(name, launcher, folder, environment={"PATH": known.get("PATH", "")})
        grace = float(spec["terminationGracePeriodSeconds"])
        return Container(body, process, self.network, grace)

    def _environment(self, body: Object) -> dict[str, str]:
        """The image's, the kubelet's own, the manifest's: later ones win and may refer to earlier ones."""
        address = f"tcp://{API_IP}:{API_PORT}"
        known = {
            **self._image.environment,
            "HOSTNAME": self._name,
            "KUBERNETES_SERVICE_HOST": API_IP,
            "KUBERNETES_SERVICE_PORT": str(API_PORT),
            "KUBERNETES_SERVICE_PORT_HTTPS": str(API_PORT),
            "KUBERNETES_PORT": address,
            f"KUBERNETES_PORT_{API_PORT}_TCP": address,
            f"KUBERNETES_PORT_{API_PORT}_TCP_PROTO": "tcp",
            f"KUBERNETES_PORT_{API_PORT}_TCP_PORT": str(API_PORT),
            f"KUBERNETES_PORT_{API_PORT}_TCP_ADDR": API_IP,
        }
        for source in body.get("envFrom", []):
            assert source.keys() == {"configMapRef"}, f"this kubelet takes no {source}"
            known |= self._config_map(source["configMapRef"]["name"])
        for one in body.get("env", []):
            known[one["name"]] = _expanded(one.get("value", ""), known) or self._value(
                one.get("valueFrom", {})
            )
        return known

    def _value(self, source: Object) -> str:
        if not source:
            return ""
        ((kind, where),) = source.items()
        if kind == "fieldRef":
            path = where["fieldPath"]
            return self.network.ip if path == "status.podIP" else field(self.pod, path)
        assert kind == "configMapKeyRef", f"this kubelet knows no {kind}"
        return self._config_map(where["name"])[where["key"]]

    def _config_map(self, name: str) -> dict[str, str]:
        found = self._plane.api.ask("GET", f"/api/v1/namespaces/{self._namespace}/configmaps/{name}")
        data: dict[str, str] = found.get("data", {})
        return data


def _expanded(text: str, known: Mapping[str, str]) -> str:
    """`$(NAME)` replaced, where there is one of that name."""
    return _REFERENCE.sub(lambda found: known.get(found[1], found[0]), text)


def _peak(process: int) -> int:
    """Bytes that were resident at most; 0 where it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0
