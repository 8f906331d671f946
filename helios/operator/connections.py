"""Where the API server is and who we are there: a pod's own service account, or a kube config.

Nothing is sent from here, and no process-wide default of the client is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kubernetes.client.configuration import Configuration
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.incluster_config import (
    SERVICE_CERT_FILENAME,
    SERVICE_HOST_ENV_NAME,
    SERVICE_TOKEN_FILENAME,
    InClusterConfigLoader,
)
from kubernetes.config.kube_config import load_kube_config
from yaml import YAMLError

from helios.errors import SettingsError

_DEFAULT = "~/.kube/config"
_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def configuration(context: str | None, environment: Mapping[str, str]) -> Configuration:
    """In a pod its service account, unless a context is named; otherwise the kube config of `KUBECONFIG`.

    Args:
        context: of the kube config; None is its current one.
        environment: the process' environment.

    Raises:
        SettingsError: neither can be used; names the file or variable and the remedy.
    """
    if context is None and environment.get(SERVICE_HOST_ENV_NAME):
        return _of_pod(environment)
    files = environment.get("KUBECONFIG") or _DEFAULT
    found = Configuration()
    try:
        load_kube_config(  # type: ignore[no-untyped-call]
            config_file=files, context=context, client_configuration=found, persist_config=False
        )
    except ConfigException as error:
        named = f"context {context} of " if context else ""
        raise SettingsError(
            f"{named}kube config {files}: {' '.join(str(error).split())}: set KUBECONFIG to a readable file and "
            "operator.context to one of its contexts, or run in a pod"
        ) from error
    except (OSError, YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise SettingsError(
            f"kube config {files}: cannot be read ({' '.join(str(error).split())}): give KUBECONFIG a valid file"
        ) from error
    return found


def _of_pod(environment: Mapping[str, str]) -> Configuration:
    found = Configuration()
    try:
        loader = InClusterConfigLoader(  # type: ignore[no-untyped-call]
            SERVICE_TOKEN_FILENAME, SERVICE_CERT_FILENAME, environ=environment
        )
        loader.load_and_set(found)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError) as error:
        raise SettingsError(
            f"the pod's service account cannot be used ({error}): mount its token and ca.crt at "
            f"{Path(SERVICE_TOKEN_FILENAME).parent} (the volume `token` of deploy/kustomize/base/statefulset.yaml; "
            "automountServiceAccountToken does it in every container), or name operator.context of a kube config"
        ) from error
    return found


def pod_namespace(file: Path = _NAMESPACE) -> str:
    """The namespace of the pod that this process runs in.

    Raises:
        SettingsError: it is no pod.
    """
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(
            f"operator.lease.namespace is not set, and {file} cannot be read ({error.strerror}): "
            "name the Lease's namespace (HELIOS_LEASE_NAMESPACE), or run in a pod"
        ) from error
