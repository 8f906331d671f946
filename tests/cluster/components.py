"""Builds the real control plane from its Go modules, once, into a cache outside the repository.

    python -m tests.cluster.components

prints one line per component. Cold it takes about twenty minutes on two cores; warm it looks whether the files are there.
Exit codes: 0 all there, 1 it failed, 3 this machine cannot (no Go, no etcd, no Prometheus, no Alertmanager), which CI counts as 1.
It installs nothing: what is missing it names.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

MODULES = Path(__file__).parent / "components"
SKIPPED = 3

_VERSION = {"gitVersion": "v1.36.3", "gitMajor": "1", "gitMinor": "36", "gitTreeState": "clean"}
_STAMPS = [
    f"-X {package}.{name}={value}"
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    for name, value in _VERSION.items()
]
"""Without a version in it a server's /version cannot be parsed by clients."""

_KEDA = "github.com/kedacore/keda/v2"
_KEDA_FILES = ("config/crd/bases", "config/webhooks/validation_webhooks.yaml")

MANIFESTS = (
    ("keda", "keda", _KEDA, _KEDA_FILES),
    (
        "crds",
        "monitoring",
        "github.com/prometheus-operator/prometheus-operator",
        ("example/prometheus-operator-crd",),
    ),
    ("crds", "monitoring", "github.com/GoogleCloudPlatform/prometheus-engine", ("charts/operator/crds",)),
)
"""(folder in the cache, folder of its `go.mod`, module, files or folders in it) of what is copied, not built."""

TOOLS = {
    "etcd": "etcd-server",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
}
"""Binary -> Debian's package."""


@dataclass(frozen=True)
class Component:
    """One binary.

    Attributes:
        name: its file in the cache.
        module: folder of its `go.mod`.
        package: what is built.
        edits: text to replace in its `main.go`. KEDA offers no setting for the address it listens on; a test
            machine must not open ports to its network.
    """

    name: str
    module: str
    package: str
    edits: Mapping[str, str] = field(default_factory=dict)


COMPONENTS = (
    *(
        Component(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}")
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
    ),
    Component("keda-operator", "keda", f"{_KEDA}/cmd/operator"),
    Component(
        "keda-adapter",
        "keda",
        f"{_KEDA}/cmd/adapter",
        {'fmt.Sprintf(":%v", metricsAPIServerPort)': 'fmt.Sprintf("127.0.0.1:%v", metricsAPIServerPort)'},
    ),
    Component(
        "keda-webhooks",
        "keda",
        f"{_KEDA}/cmd/webhooks",
        {"Port:    webhooksPort,": 'Host: "127.0.0.1", Port: webhooksPort,'},
    ),
    Component("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    Component("kube-state-metrics", "kubestatemetrics", "k8s.io/kube-state-metrics/v2"),
)


def folder() -> Path:
    """Where the binaries for exactly these modules belong; it need not exist."""
    digest = hashlib.sha256(repr((COMPONENTS, _STAMPS, MANIFESTS)).encode())
    for file in sorted(MODULES.glob("*/go.*")):
        digest.update(f"{file.relative_to(MODULES)}\n".encode() + file.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "helios" / "cluster" / digest.hexdigest()[:16]


def missing() -> str | None:
    """What this machine lacks, in one line; None where all is there or can be built."""
    lacks = [
        f"{tool} (Debian: apt-get install {package})" for tool, package in TOOLS.items() if not which(tool)
    ]
    if not built() and not which("go"):
        lacks.append("go 1.26 or newer (it is not in /usr/local/go/bin; Debian's golang is too old)")
    return f"the end-to-end suite needs {', '.join(lacks)}" if lacks else None


def built() -> bool:
    """Whether nothing is left to build."""
    return (folder() / "complete").exists()


def which(tool: str) -> str | None:
    """The path of a binary, looked for where Go's own installer puts it too."""
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin")


def build() -> Path:
    """Build what is not there yet; the folder, with `bin/` and KEDA's manifests in `keda/`.

    Raises:
        subprocess.CalledProcessError: Go's message is on the error stream.
    """
    target = folder()
    with _alone(target):
        if not built():
            for component in COMPONENTS:
                _build(component, target)
            _copy_manifests(target)
            (target / "complete").touch()
    return target


def main() -> int:
    """Build, and say so."""
    if lacks := missing():
        in_ci = os.environ.get("CI") == "true"
        _say(f"{lacks}{'' if in_ci else ': skipped'}")
        return 1 if in_ci else SKIPPED
    try:
        _say(f"components of the control plane: {build()}")
    except subprocess.CalledProcessError as problem:
        _say(f"building the components failed: {problem}")
        return 1
    return 0


def _build(component: Component, target: Path) -> None:
    binary = target / "bin" / component.name
    if binary.exists():
        return
    _say(f"building {component.name} …")
    began = time.monotonic()
    fresh = binary.with_suffix(".new")
    flags = ["-trimpath", "-ldflags", " ".join(["-s", "-w", *_STAMPS])]
    source = _edited(component, target) if component.edits else component.package
    _go(component.module, "build", *flags, "-o", str(fresh), source)
    fresh.replace(binary)
    _say(f"  {component.name}: {time.monotonic() - began:.0f} s, {binary.stat().st_size >> 20} MB")


def _edited(component: Component, target: Path) -> str:
    """A copy of its `main.go` with the edits: Go builds a file from anywhere against the module it is called in."""
    original = Path(_go(component.module, "list", "-f", "{{.Dir}}", component.package)) / "main.go"
    text = original.read_text(encoding="utf-8")
    for old, new in component.edits.items():
        if old not in text:
            raise subprocess.CalledProcessError(1, f"edit of {original}: it has no {old!r}")
        text = text.replace(old, new)
    copy = target / component.name / "main.go"
    copy.parent.mkdir(exist_ok=True)
    copy.write_text(text, encoding="utf-8")
    return str(copy)


def _copy_manifests(target: Path) -> None:
    for name in {name for name, *_ in MANIFESTS}:
        shutil.rmtree(target / name, ignore_errors=True)
        (target / name).mkdir()
    for name, module, package, files in MANIFESTS:
        _go(module, "mod", "download", package)
        source = Path(_go(module, "list", "-m", "-f", "{{.Dir}}", package))
        for path in map(source.joinpath, files):
            for file in sorted(path.glob("*.yaml")) if path.is_dir() else [path]:
                # Modules are read-only; a copy of their mode could not be removed again.
                (target / name / file.name).write_bytes(file.read_bytes())


def _go(module: str, *arguments: str) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0"}
    ran = subprocess.run(
        [str(which("go")), *arguments],
        cwd=MODULES / module,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return ran.stdout.strip()


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Two runs at once would build everything twice; the second waits for the first."""
    (target / "bin").mkdir(parents=True, exist_ok=True)
    with (target / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
