"""Kube configs: where an API server is, and as whom one comes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cluster.certificates import Pair


def kubeconfig(
    file: Path, *, server: str, ca: Path, pair: Pair | None = None, token: str | None = None
) -> Path:
    """Write one, for the user of a client certificate or the bearer of a token; `file` itself."""
    user: dict[str, Any] = {}
    if pair is not None:
        user = {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}
    if token is not None:
        user["token"] = token
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "e2e", "cluster": {"server": server, "certificate-authority": str(ca)}}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "user"}}],
        "current-context": "e2e",
    }
    file.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
    return file
