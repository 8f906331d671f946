"""checkov's policies hold for whatever is applied; each that does not is named here with the reason."""

from __future__ import annotations

import pytest

from tests.manifests import checkovs
from tests.manifests.builds import HELIOS, built, loaded, written
from tests.manifests.conftest import lacking

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

ACCEPTED = {
    "CKV_K8S_9": "nothing is sent to the operator's container; if it had a readiness of its own, an API server that is away would "
    "take the API out of its Service",
    "CKV_K8S_15": "the tag is a version and never moves; asking the registry at each start would make it one more thing to fail",
    "CKV_K8S_43": "the registry is the user's: `kustomize edit set image helios=…@sha256:…` puts the digest in",
}
"""Check -> why it is not followed."""

Report = tuple[list[checkovs.Finding], int]
WRONG_ONE = "Pod.helios.wrong"
WRONG = """
apiVersion: v1
kind: Pod
metadata: {name: wrong, namespace: helios}
spec:
  containers:
    - name: wrong
      image: wrong:latest
      securityContext: {privileged: true}
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """What checkov says of every different object and of a wrong one; each of its runs takes seconds, so there is one.

    Skipped with one line where it is not installed, a failure in CI.
    """
    try:
        program = checkovs.installed()
    except checkovs.Unavailable as problem:
        lacking(f"checkov is not installed, its policies are not tested here: {problem}")
        raise
    bodies = {
        str(one): one for name in HELIOS for one in built(name) if one["kind"] != "CustomResourceDefinition"
    }
    everything = (*bodies.values(), *loaded(WRONG))
    return checkovs.findings(program, written(everything, tmp_path_factory.mktemp("checkov") / "all.yaml"))


def test_every_policy_holds_or_is_named_with_the_reason(report: Report) -> None:
    """And no reason outlives its exception."""
    findings, passed = report
    failed = [one for one in findings if one.resource != WRONG_ONE]
    assert [] == [one for one in failed if one.check not in ACCEPTED]
    assert ACCEPTED.keys() == {one.check for one in failed}
    assert passed > 100


def test_a_privileged_container_is_found(report: Report) -> None:
    """The check can fail."""
    found = {one.check for one in report[0] if one.resource == WRONG_ONE}
    assert {"CKV_K8S_14", "CKV_K8S_16", "CKV_K8S_20"} <= found
