"""`helios doctor --file` as a pipeline runs it: exit codes, JSON, what people read; no cluster and no Prometheus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from helios.cli import app
from helios.errors import SettingsError
from tests.doctor.examples import MANIFESTS, container, deployment, hpa, scaled_object
from tests.processes.commands import ran

NOWHERE = {"KUBECONFIG": "/nonexistent", "NO_COLOR": "1", "COLUMNS": "60"}


def doctor(*arguments: str | Path, given: str | None = None) -> Result:
    """Call it, with this on its standard input."""
    return CliRunner().invoke(app, ["doctor", *map(str, arguments)], env=NOWHERE, input=given)


def document(*arguments: str | Path, given: str | None = None) -> tuple[int, dict[str, Any]]:
    """Its exit code and its JSON."""
    done = doctor(*arguments, "--json", given=given)
    return done.exit_code, json.loads(done.stdout)


@pytest.mark.parametrize(("folder", "code"), [("wrong", 1), ("right", 0)])
def test_a_pipeline_goes_by_the_exit_code(folder: str, code: int) -> None:
    """1 with any finding, 0 with none; the JSON is one document on standard output."""
    returned, said = document("--file", MANIFESTS / folder)
    assert (code, bool(code)) == (returned, bool(said["findings"]))
    assert {"findings", "checked", "checks"} == set(said)


def test_the_whole_folder_tells_which_files_are_wrong() -> None:
    """Every wrong one is named and no right one is."""
    code, said = document("--file", MANIFESTS)
    named = {Path(one["where"].split(":")[0]) for one in said["findings"]}
    assert (1, set((MANIFESTS / "wrong").iterdir())) == (code, named)
    assert {"rule", "severity", "where", "what", "why", "remedy"} == set(said["findings"][0])
    assert 20 == len(said["checked"]["files"])
    assert (18, 4, 20) == tuple(
        said["checked"][one] for one in ("scaledObjects", "horizontalPodAutoscalers", "workloads")
    )


def test_a_warning_alone_is_a_finding_too(tmp_path: Path) -> None:
    """The exit code is for all of them; the severity is for whoever filters the JSON."""
    file = tmp_path / "a.yaml"
    file.write_text(yaml.safe_dump(scaled_object(maxReplicaCount=None)), encoding="utf-8")
    code, said = document("--file", file)
    assert (1, ["warning"]) == (code, [one["severity"] for one in said["findings"]])


def test_unusable_input_is_exit_code_two_and_named(tmp_path: Path) -> None:
    """As a process: in one line, on the error stream."""
    done = ran(["doctor", "--file", str(tmp_path / "missing.yaml")], NOWHERE)
    assert (2, "") == (done.returncode, done.stdout)
    assert "missing.yaml: there is no such file" in " ".join(done.stderr.split())


def test_without_a_cluster_and_without_files_there_is_nothing_to_say() -> None:
    """That is no success, and it says what to do."""
    done = doctor()
    assert isinstance(done.exception, SettingsError)
    assert "helios doctor --file" in str(done.exception)


def test_what_helm_or_kustomize_prints_is_read_from_standard_input() -> None:
    """Many documents; workloads beside an HPA say what it needs."""
    text = yaml.safe_dump_all([hpa(), deployment(container(memory="1Gi"))])
    code, said = document("--file", "-", given=text)
    (one,) = said["findings"]
    assert ("missing-requests", 1) == (one["rule"], code)
    assert "stdin:1 shop/HorizontalPodAutoscaler/web" == one["where"]


def test_several_files_are_one_look(tmp_path: Path) -> None:
    """The workload may lie in another file than its HPA."""
    for name, body in (("hpa", hpa()), ("workload", deployment(container(memory="1Gi")))):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(body), encoding="utf-8")
    files = [str(tmp_path / f"{name}.yaml") for name in ("hpa", "workload")]
    code, said = document("--file", files[0], "-f", files[1])
    assert (1, ["missing-requests"]) == (code, [one["rule"] for one in said["findings"]])
    assert 0 == doctor("--file", files[0]).exit_code


def test_a_namespace_is_given_to_what_names_none() -> None:
    """As kubectl apply -n does: remedies can be pasted then."""
    file = MANIFESTS / "wrong/keda-3065-empty-is-zero.yaml"
    _, said = document("--file", file, "--namespace", "shop")
    assert {f"{file}:4 shop/ScaledObject/checkout"} == {one["where"] for one in said["findings"]}


def test_people_read_what_happens_why_and_the_remedy_under_each_object() -> None:
    """Plain text where it is no terminal; YAML is not cut by the width."""
    done = doctor("--file", MANIFESTS / "wrong")
    assert "\x1b[" not in done.stdout
    lines = done.stdout.splitlines()
    at = next(
        i
        for i, line in enumerate(lines)
        if line.endswith("open-vsx-10892-ratio.yaml:4 ScaledObject/registry")
    )
    assert "  error  ratio-under-average-value" == lines[at + 1]
    assert "ceil(value / threshold)" in lines[at + 2]
    assert "does not grow with the fleet" in lines[at + 3]
    remedy = yaml.safe_load("\n".join(lines[at + 4 : lines.index("", at)]))
    assert "Value" == remedy["spec"]["triggers"][0]["metricType"]
    assert "15 errors and 11 warnings in 12 places." in lines[-1]


@pytest.mark.parametrize(
    ("text", "code"),
    [('{\n  // a comment\n  "a": 1\n}', 0), ("{{ if .Values.x }}\nkind: ScaledObject\n", 2)],
    ids=["tsconfig.json", "a chart's template"],
)
def test_a_file_of_a_folder_that_is_no_yaml_hides_no_other(text: str, code: int, tmp_path: Path) -> None:
    """It is named as not linted; 2 only where it seems to hold what should have been, and findings come first."""
    (tmp_path / "other.json").write_text(text, encoding="utf-8")
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(scaled_object()), encoding="utf-8")
    returned, said = document("--file", tmp_path)
    (check,) = said["checks"]
    assert (code, 1, str(tmp_path / "other.json")) == (
        returned,
        said["checked"]["scaledObjects"],
        check["name"],
    )
    assert "other.json: not linted: " in doctor("--file", tmp_path).stdout.replace("\n", " ")
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(scaled_object(maxReplicaCount=None)), encoding="utf-8")
    assert 1 == doctor("--file", tmp_path).exit_code


def test_a_folder_of_which_nothing_can_be_read_is_refused(tmp_path: Path) -> None:
    """There was nothing to look at."""
    (tmp_path / "a.yaml").write_text("kind: [", encoding="utf-8")
    assert isinstance(doctor("--file", tmp_path).exception, SettingsError)


def test_settings_beside_files_are_said_not_to_be_read(tmp_path: Path) -> None:
    """They are for what stands outside the manifests."""
    code, said = document("--file", MANIFESTS / "right", "--config", tmp_path / "nope.yaml")
    (check,) = said["checks"]
    assert (0, str(tmp_path / "nope.yaml"), True) == (code, check["name"], check["skipped"])
    assert "not read" in check["said"]


def test_of_nothing_wrong_it_says_what_was_looked_at() -> None:
    """So that an empty folder is not taken for a good one."""
    done = doctor("--file", MANIFESTS / "right")
    expected = (
        "Nothing found. Looked at 7 ScaledObjects, 2 HorizontalPodAutoscalers, 0 HeliosTargets in 8 files."
    )
    assert (0, expected) == (done.exit_code, done.stdout.strip())


def test_what_an_object_accepts_is_counted(tmp_path: Path) -> None:
    """And is no finding."""
    file = tmp_path / "a.yaml"
    body = scaled_object(maxReplicaCount=None, annotations={"helios.dev/doctor-accept": "maximum-unsaid"})
    file.write_text(yaml.safe_dump(body), encoding="utf-8")
    done = doctor("--file", file)
    assert 0 == done.exit_code
    assert "1 finding accepted by annotation" in done.stdout
