"""What an import prints: YAML that kubectl takes, whatever users wrote into their objects."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from helios.imports.autoscalers import Trigger
from helios.imports.documents import manifests, plain, told
from helios.imports.doors import planned
from tests.imports.objects import converted, cron, hpa, scaled, trigger


def test_each_target_is_a_document_with_its_remarks_as_comments() -> None:
    """And what may be added to its spec beneath it, indented as it would be there."""
    query = trigger("prometheus", query='sum(up{namespace="shop"})', threshold="5")
    made = [converted(hpa("api")), converted(scaled(trigger(), query))]
    text = "".join(manifests(made))
    assert [dict(one.manifest) for one in made] == list(yaml.safe_load_all(text))
    assert "# from ScaledObject web\n" in text
    assert "# changed: spec.minReplicaCount: 0, as it is not given: replicas.min is 1" in text
    lines = [line.removeprefix("# ") for line in text.splitlines() if line.startswith("#   ")]
    (_, last) = yaml.safe_load_all(
        "".join(manifests([made[0]])) + yaml.safe_dump(made[1].manifest, explicit_start=True)
    )
    whole = yaml.safe_load(
        yaml.safe_dump(last["spec"]) + "\n".join(line.removeprefix("  ") for line in lines)
    )
    assert ["cpu", "trigger_1"] == [metric["name"] for metric in whole["metrics"]]


@given(words=st.text(), name=st.text())
def test_no_text_of_a_users_leaves_its_comment(words: str, name: str) -> None:
    """Whatever its line breaks are, and whatever a terminal would make of it."""
    body = scaled(
        trigger(),
        cron(start=words),
        {**trigger("prometheus", query=words, threshold="5"), "name": name},
        metadata={"annotations": {}},
    )
    made = converted(body)
    text = "".join(manifests([made]))
    assert [dict(made.manifest)] == list(yaml.safe_load_all(text))
    said = "".join(told(list(planned([made])), (), ()))
    assert said.isprintable()
    assert Trigger.model_validate(body["spec"]["triggers"][2]).name == name


@given(st.text())
def test_plain_text_is_one_line_of_the_same_length(words: str) -> None:
    """Nothing is cut."""
    assert len(words) == len(plain(words))
    assert plain(words).isprintable()


def test_a_reason_is_said_once_with_all_that_it_is_about() -> None:
    """A fleet of alike autoscalers is no wall of text."""
    made = [converted(scaled(name=name)) for name in ("api", "web")]
    assert [
        "changed (min-zero, 2): replicas.min is 1: Helios keeps a replica, as an absent number must never end a workload",
        "  shop/api: spec.minReplicaCount: 0, as it is not given",
        "  shop/web: spec.minReplicaCount: 0, as it is not given",
    ] == list(told(list(planned(made)), (), ()))
