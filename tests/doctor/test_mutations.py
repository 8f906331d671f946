"""Right manifests with something in them that is not as it should be: nothing ends the look, and what is found can be cured."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import yaml

from helios.doctor.findings import Finding
from helios.doctor.inventories import Inventory
from helios.doctor.lints import lint
from helios.doctor.manifests import parsed
from helios.errors import SettingsError
from helios.operator.scaledobjects import Form, KedaDefaults
from helios.operator.scaledobjects import scaled_object as generated
from tests.doctor.examples import (
    MANIFESTS,
    Body,
    deployment,
    hpa,
)
from tests.doctor.test_cures import SCRAPE, impossible, written
from tests.doctor.treatments import command, findings, uncured
from tests.operator.targets import target

RIGHT = [
    list(yaml.safe_load_all(one.read_text(encoding="utf-8")))
    for one in sorted((MANIFESTS / "right").iterdir())
]
OURS = [
    [
        generated(
            target(),
            KedaDefaults(server_address="http://prometheus:9090"),
            form=form,
            cpu_guard=True,
            tolerance=True,
        ),
        deployment(),
    ]
    for form in (Form.FORECAST, Form.PAUSED, Form.REACTIVE)
]
OTHERS = [
    [SCRAPE],
    [impossible(min=1, max=5)],
    [{**hpa(), "apiVersion": "autoscaling/v2beta2"}, deployment()],
]
ODD: Sequence[Any] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        2**31,
        10**400,
        0.5,
        float("nan"),
        float("-inf"),
        [],
        {},
        [None],
        [[{}]],
        {"": None},
    ),
    *(
        "",
        " ",
        "\n",
        "0",
        "-5",
        "70%",
        "1e999",
        "yes",
        "null",
        "é\u2028x",
        "a" * 5000,
        "[" * 500,
        "'",
        '"',
        "`",
        "# x",
        "*x",
    ),
    *(
        "{{ .Values.x }}",
        "${X}",
        "$(X)",
        "<LOAD>",
        "sum(",
        "up",
        "vector(0)",
        "1",
        "2026-99-99",
        "0x10",
        "a: b",
        "x\ty",
    ),
    *("Utilization", "Value", "prometheus", "cpu", "memory", "StatefulSet", "autoscaling/v2beta1", "List"),
)
"""What somebody may have written, or a generator."""


def places(body: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands."""
    if at:
        yield at
    several = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in several:
        yield from places(value, (*at, key))


def mutated(bodies: list[Body], chance: random.Random) -> list[Body]:
    """The same objects with one thing, or two, that is not as it should be; sometimes as a list."""
    changed = copy.deepcopy(bodies)
    for _ in range(chance.choice((1, 1, 2))):
        *way, last = chance.choice([one for one in places(changed) if len(one) > 1])
        holder: Any = changed
        for key in way:
            holder = holder[key]
        match chance.randrange(6):
            case 0:
                del holder[last]
            case 1:
                holder[last] = [holder[last]]
            case 2 if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[last]))
            case 2:
                holder[chance.choice(("type", "metadata", "spec", 5, None, True))] = holder.pop(last)
            case _:
                holder[last] = copy.deepcopy(chance.choice(ODD))
    return [{"apiVersion": "v1", "kind": "List", "items": changed}] if chance.random() < 0.2 else changed


@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_written_is_looked_at_and_what_is_found_can_be_cured(seed: int) -> None:
    """Types, nulls, huge numbers, odd texts, templates, lists in lists: no traceback, no value that is no text, no remedy that does not help."""
    chance = random.Random(seed)  # noqa: S311  # repeatable, and no secret
    for _ in range(25):
        bodies = mutated(chance.choice([*RIGHT, *OURS, *OTHERS]), chance)
        manifests = parsed("x/y.yaml", written(bodies))
        lint(Inventory(tuple(manifests)))
        read = [dict(one.body) for one in manifests]
        for one in findings(read):
            assert {str} == {type(value) for value in one.document().values()}
            assert helps(read, one), f"{read}\n{one}"


def helps(bodies: list[Body], finding: Finding) -> bool:
    """Whether a remedy is a command, or cures."""
    return command(finding) or not uncured(bodies, finding)


@pytest.mark.parametrize("seed", range(3))
def test_a_text_with_a_letter_too_many_is_read_or_refused(seed: int) -> None:
    """By name, and never with a traceback."""
    chance = random.Random(seed)  # noqa: S311  # repeatable, and no secret
    for _ in range(40):
        text = list(written(chance.choice([*RIGHT, *OURS])))
        for _ in range(3):
            text[chance.randrange(len(text))] = chance.choice(
                ("", " ", "\n", ":", "{", "-", "\t", "é", "\0", "'", "&")
            )
        said = refusal("".join(text))
        assert said is None or said.startswith("x/y.yaml")


def refusal(text: str) -> str | None:
    """What a text is refused with; None where it is read, and looked at."""
    try:
        lint(Inventory(tuple(parsed("x/y.yaml", text))))
    except SettingsError as error:
        return str(error)
    return None
