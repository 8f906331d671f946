"""What `--file` takes: files of many documents, lists, folders, standard input; and what it refuses, by name."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from helios.doctor.inventories import Inventory
from helios.doctor.lints import lint
from helios.doctor.manifests import parsed, read
from helios.errors import SettingsError
from tests.doctor.examples import hpa, scaled_object

TWO = """\
# a comment
apiVersion: v1
kind: Service
metadata: {name: web}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: web}
---
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
"""


def test_documents_of_other_kinds_are_left_out_and_lines_kept() -> None:
    """Each object stands at the line where it begins."""
    found = parsed("a/b.yaml", TWO)
    assert ["a/b.yaml:6 ScaledObject/web", "a/b.yaml:11 shop/HorizontalPodAutoscaler/web"] == [
        one.where for one in found
    ]
    assert {"a"} == {one.folder for one in found}


@pytest.mark.parametrize(
    "document",
    [
        {"apiVersion": "v1", "kind": "List", "items": [scaled_object(), hpa()]},
        {
            "apiVersion": "v1",
            "kind": "List",
            "items": [
                {"apiVersion": "v1", "kind": "List", "items": [scaled_object()]},
                {
                    "apiVersion": "autoscaling/v2",
                    "kind": "HorizontalPodAutoscalerList",
                    "items": [{key: value for key, value in hpa().items() if key in {"metadata", "spec"}}],
                },
            ],
        },
        [scaled_object(), [hpa()]],
    ],
    ids=["flat", "nested", "bare"],
)
def test_lists_are_taken_apart(document: object) -> None:
    """As kubectl prints them, in JSON too; and as `jq .items` does."""
    kinds = [one.kind for one in parsed("list.json", json.dumps(document))]
    assert ["ScaledObject", "HorizontalPodAutoscaler"] == kinds


def test_a_folder_is_read_with_all_below_it(tmp_path: Path) -> None:
    """YAML and JSON, in order; hidden folders and other files are not ours."""
    for name in ("b/two.yml", "a.yaml", "b/c/three.json", ".git/x.yaml", "notes.txt"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(scaled_object(name=file.stem)), encoding="utf-8")
    found, names = read([str(tmp_path)])
    assert ["a", "three", "two"] == [one.name for one in found]
    assert 3 == len(names)


def test_standard_input_is_a_dash() -> None:
    """As it comes from helm or kustomize."""
    found, names = read(["-"], io.StringIO(TWO))
    assert (["stdin"], 2) == (names, len(found))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: [", "x.yaml:"),
        ("kind: ScaledObject\n  spec: 1\n", "x.yaml:2"),
        ("kind: {{ .Values.kind }}\n", "render it first"),
        ("\x00", "x.yaml"),
        ("a: &a [*a, *b]", "x.yaml:1"),
    ],
    ids=["open", "indented", "template", "binary", "alias"],
)
def test_what_is_no_yaml_is_refused_by_file_and_line(text: str, said: str, tmp_path: Path) -> None:
    """And a chart's template with what to do about it."""
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="is not YAML") as raised:
        read([str(file)])
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "text",
    ["x: {enum: [=, '!=']}", "x: !Ref Foo", "x: !Sub [a, {b: c}]", "x: !GetAtt {a: b}", "x: 2026-99-99"],
    ids=["equals", "tag", "tagged list", "tagged mapping", "a date that is none"],
)
def test_yaml_of_others_in_the_same_stream_is_read_over(text: str) -> None:
    """CustomResourceDefinitions and CloudFormation: kubectl, or their own tools, read them."""
    assert ["web"] == [one.name for one in parsed("x.yaml", f"{text}\n---\n{json.dumps(scaled_object())}")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_file_of_windows_is_read_by_its_byte_order_mark(encoding: str, tmp_path: Path) -> None:
    """As PowerShell writes what kubectl prints; from standard input too."""
    raw = json.dumps(scaled_object()).encode(encoding)
    file = tmp_path / "x.yaml"
    file.write_bytes(raw)
    for found, _ in (read([str(file)]), read(["-"], io.TextIOWrapper(io.BytesIO(raw)))):
        assert ["web"] == [one.name for one in found]


def test_bytes_that_are_no_text_are_refused_by_name(tmp_path: Path) -> None:
    """Latin-1, or a picture."""
    file = tmp_path / "x.yaml"
    file.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(SettingsError, match=r"x\.yaml: cannot be read: it is not UTF-8"):
        read([str(file)])


@pytest.mark.parametrize("text", ["", "  \n\n"])
def test_an_empty_standard_input_is_refused(text: str) -> None:
    """What should have filled it has failed: that is no success."""
    with pytest.raises(SettingsError, match="nothing on standard input"):
        read(["-"], io.StringIO(text))


@pytest.mark.parametrize(
    "text", ["", " \n", "---\n# Source: chart/templates/x.yaml\n---\n", "%YAML 1.2\n---\n...\n"]
)
def test_a_named_file_without_a_document_is_refused(text: str, tmp_path: Path) -> None:
    """A render that failed, or a chart that is switched off: nobody looked at anything. In a folder such a file is one of many."""
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"x\.yaml: there is no document in it"):
        read([str(file)])
    with pytest.raises(SettingsError, match=r"standard input|no document"):
        read(["-"], io.StringIO(text))
    assert ([], [str(file)]) == read([str(tmp_path)])


def test_an_empty_name_is_not_the_folder_one_is_in() -> None:
    """A variable that is not set would have it read."""
    with pytest.raises(SettingsError, match="the name is empty"):
        read([""])


@pytest.mark.parametrize("name", ["missing.yaml", "empty"])
def test_a_file_that_is_not_there_is_refused_by_name(name: str, tmp_path: Path) -> None:
    """And a folder in which there is nothing to read."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match=name):
        read([str(tmp_path / name)])


@pytest.mark.parametrize("text", ["", "---\n", "just text", "- a\n- b\n", "kind: 7\n", "spec:\n"])
def test_yaml_that_is_no_object_is_none(text: str) -> None:
    """Values of a chart lie about in the same folders."""
    assert [] == parsed("values.yaml", text)


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": None, "spec": None},
        {"metadata": [], "spec": {"scaleTargetRef": "web", "triggers": {}}},
        {"spec": {"scaleTargetRef": {"name": "web"}, "triggers": [None, "x", {"metadata": ["a"]}]}},
        {
            "spec": {
                "scaleTargetRef": {"name": 7},
                "triggers": [{"type": 3, "metadata": {"query": 9}}],
                "fallback": 1,
            }
        },
    ],
    ids=["nothing", "lists", "triggers", "numbers"],
)
def test_an_object_in_which_nothing_is_as_it_should_be_does_no_harm(body: dict[str, object]) -> None:
    """It is the API server's to refuse; the doctor goes on."""
    text = json.dumps({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", **body})
    other = json.dumps({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", **body})
    findings, _ = lint(Inventory((*parsed("a.yaml", text), *parsed("b.yaml", other))))
    assert {"ScaledObject", "HorizontalPodAutoscaler"} >= {
        one.where.split()[1].split("/")[0] for one in findings
    }
