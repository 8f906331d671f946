"""The recipes mean what they say: evaluated by the real promtool on duplicates, rollouts and restarts."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sources.recipe_texts import texts

FOLDER = Path(__file__).parent.parent / "promql"


def rendered(expr: str) -> str:
    """Put a recipe's PromQL in place of its name."""
    found = re.fullmatch(r"(.*?)recipe: ([^)]+)(.*)", expr)
    assert found is not None, f"{expr!r} names no recipe"
    return f"{found[1]}({texts()[found[2]]}){found[3]}"


@pytest.mark.integration
@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yml")), ids=lambda file: file.stem)
def test_the_recipes_answer_as_expected(file: Path, tmp_path: Path, needs: Callable[[str], str]) -> None:
    """Each file of tests/promql with the PromQL of recipes.py in it."""
    promtool = needs("promtool")
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    for group in content["tests"]:
        for test in group["promql_expr_test"]:
            test["expr"] = rendered(test["expr"])
    made = tmp_path / file.name
    made.write_text(json.dumps(content), encoding="utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", str(made)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.integration
def test_every_recipe_is_valid_promql(tmp_path: Path, needs: Callable[[str], str]) -> None:
    """As recording rules, which promtool parses."""
    rules = [{"record": f"recipe:{number}", "expr": text} for number, text in enumerate(texts().values())]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "recipes", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(
        [needs("promtool"), "check", "rules", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert f"{len(rules)} rules found" in done.stdout, done.stdout + done.stderr
