"""What can be said of the Dockerfile without building it."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from tests.image import builds


@pytest.mark.integration
def test_the_linter_of_dockerfiles_finds_nothing(hadolint: str) -> None:
    """Every rule counts, the stylistic ones too."""
    ran = subprocess.run(
        [hadolint, "--no-color", "--failure-threshold", "style", str(builds.DOCKERFILE)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (0, "") == (ran.returncode, ran.stdout + ran.stderr)


def test_every_stage_comes_from_one_base_that_is_pinned_by_digest() -> None:
    """A tag may become another image tomorrow; a digest may not."""
    froms = re.findall(r"^FROM (\S+)(?: AS (\S+))?", builds.DOCKERFILE.read_text(), re.MULTILINE)
    stages = {stage for _, stage in froms}
    outside = [name for name, _ in froms if name not in stages]
    assert 1 == len(outside)
    assert re.fullmatch(r"python:[\w.-]+@sha256:[0-9a-f]{64}", outside[0]), outside


def test_the_label_tells_the_projects_version() -> None:
    """An image says which Helios it holds."""
    project = tomllib.loads((builds.ROOT / "pyproject.toml").read_text())["project"]
    label = re.search(r'image\.version="(.+?)"', builds.DOCKERFILE.read_text())
    assert label is not None
    assert project["version"] == label[1]


def test_a_build_sees_what_it_needs_and_nothing_else() -> None:
    """No virtual environment, no state and no secret of a checkout reaches a layer: everything is left out but a few names."""
    lines = (builds.ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert "*" == rules[0]
    assert {*builds.CONTEXT, *builds.PACKAGES} == {rule[1:] for rule in rules if rule.startswith("!")}
