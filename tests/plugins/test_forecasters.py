"""Forecasters by name: ours, those of plug-ins, and what is said of those that are not there or do not work."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from helios.forecasters import ForecasterUnavailable, forecaster, forecasters, names, problem
from helios.operator.resources import HeliosTarget
from helios.targets import QueryPolicy, TargetSpec
from scoring.forecasting.forecasts import Ask, checked
from scoring.forecasting.learned import Models
from tests.scoring.builders import daily, panel

OURS = ("auto", "baseline", "holt-winters", "prophet", "xgboost")

NAIVE = '''
from dataclasses import dataclass, replace
import numpy as np
from scoring.forecasting.forecasts import unforecast

@dataclass(frozen=True)
class Naive:
    """The last value, and nothing else."""
    models: object
    name: str = "naive"
    def fit(self, panel, ask): return self
    def after(self, panel, ask): return self
    def for_rows(self, rows): return self
    def arrays(self): return {}
    def restored(self, arrays, rows): return self
    def forecast(self, panel, ask):
        out = unforecast(panel, ask, self.name)
        return replace(out, curve=np.broadcast_to(out.last[:, None, None], out.curve.shape).copy())
'''

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    """Installs a package as pip would lay it out, and takes it away again: `install(code, **entry_points)`."""
    made: list[str] = []

    def put(code: str, name: str = "helios_plugin", **entries: str) -> None:
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8"
        )
        lines = [f"{entry.replace('_', '-')} = {value}" for entry, value in entries.items()]
        text = "\n".join(["[helios.forecasters]", *lines])
        (info / "entry_points.txt").write_text(text, encoding="utf-8")
        sys.path.append(str(folder))
        made.append(name)
        importlib.invalidate_caches()

    yield put
    for name in made:
        sys.path.remove(str(tmp_path / name))
        sys.modules.pop(name, None)


def test_ours_are_installed() -> None:
    """The names that the documentation gives, in order."""
    assert names() == OURS
    assert [None] * 5 == [problem(name) for name in OURS]


@pytest.mark.parametrize("name", OURS)
def test_each_of_ours_can_be_had(name: str) -> None:
    """It has the name by which it was asked for."""
    assert name == forecaster(name, Models.none()).name


def test_a_plugin_forecasts(install: Install) -> None:
    """A package of somebody else is asked for by its name, is given the learned models, and forecasts."""
    install(NAIVE, naive="helios_plugin:Naive")
    assert "naive" in names()
    models = Models.none()
    naive = forecasters(models)["naive"]
    of = panel(daily(2))
    ask = Ask((1, 6), np.ones(2, np.int32))
    found = checked(naive.fit(of, ask).forecast(of, ask), of, ask)
    np.testing.assert_array_equal(of.values[:, -1], found.curve[:, 1, 4])
    assert naive.models is models  # type: ignore[attr-defined]


def test_a_target_may_name_a_plugin(install: Install) -> None:
    """In a file as in a HeliosTarget."""
    install(NAIVE, naive="helios_plugin:Naive")
    wish = {"namespace": "shop", "deployment": "api", "forecast": {"model": "naive"}}
    assert "naive" == TargetSpec.model_validate(wish).target().model


def test_a_name_that_is_not_installed_is_refused_with_those_that_are() -> None:
    """And with the way to add one; a HeliosTarget gets the same words as its problem."""
    spec = {"scaleTargetRef": {"name": "api"}, "forecast": {"model": "oracle"}}
    target = HeliosTarget.of(
        {"metadata": {"name": "api", "namespace": "shop"}, "spec": spec}, fill=dict, queries=QueryPolicy.ANY
    )
    assert (
        "spec.forecast.model = 'oracle': no forecaster 'oracle' is installed; installed are auto, baseline, "
        "holt-winters, prophet, xgboost. A package adds one by an entry point in the group helios.forecasters"
    ) == target.problem
    with pytest.raises(ForecasterUnavailable, match=r"'oracle'.*auto, baseline.*entry point"):
        forecaster("oracle", Models.none())


@pytest.mark.parametrize(
    ("code", "entry", "says"),
    [
        pytest.param(
            "import no_such_library", "Naive", "No module named 'no_such_library'", id="cannot be imported"
        ),
        pytest.param("x = 1", "Naive", "AttributeError", id="has no such attribute"),
        pytest.param("Naive = 5", "Naive", "not callable", id="cannot be called"),
        pytest.param("def Naive(): pass", "Naive", "TypeError", id="takes no models"),
        pytest.param(
            "def Naive(models): raise OSError('no weights')", "Naive", "OSError: no weights", id="fails"
        ),
        pytest.param(
            "def Naive(models): return 5", "Naive", "int without name, fit, restored", id="is no forecaster"
        ),
        pytest.param(
            NAIVE.replace('"naive"', '"other"'), "Naive", "calls itself 'other'", id="has another name"
        ),
    ],
)
def test_a_plugin_that_does_not_work_is_named_and_costs_only_itself(
    install: Install, code: str, entry: str, says: str
) -> None:
    """The error says whose it is; every other forecaster is still there."""
    install(code, naive=f"helios_plugin:{entry}")
    every = forecasters(Models.none())
    with pytest.raises(ForecasterUnavailable) as caught:
        every["naive"]
    assert str(caught.value).startswith("forecaster naive (helios_plugin:Naive of helios_plugin) ")
    assert says in str(caught.value)
    assert "baseline" == every["baseline"].name


def test_a_plugin_cannot_take_one_of_our_names(install: Install) -> None:
    """`auto` is ours whatever else is installed."""
    install(NAIVE, baseline="helios_plugin:Naive")
    assert "scoring.forecasting.baseline" == type(forecaster("baseline", Models.none())).__module__
    assert names() == OURS


def test_of_two_plugins_of_one_name_the_first_on_the_path_counts(install: Install) -> None:
    """As with everything that Python imports."""
    install(NAIVE, "first_plugin", naive="first_plugin:Naive")
    install("def Naive(models): return 5", "second_plugin", naive="second_plugin:Naive")
    assert "first_plugin" == type(forecaster("naive", Models.none())).__module__


def test_each_is_built_once_and_only_when_it_is_needed(install: Install) -> None:
    """Looking at the names, or at one of them, builds no other."""
    install(
        "made = []\n" + NAIVE + "\ndef build(models):\n    made.append(1)\n    return Naive(models)\n",
        naive="helios_plugin:build",
    )
    every = forecasters(Models.none())
    assert len(every) == len(OURS) + 1
    assert "naive" in every
    assert "oracle" not in every
    assert {*OURS, "naive"} == set(every)
    assert "helios_plugin" not in sys.modules
    assert every["naive"] is every["naive"]
    assert [1] == sys.modules["helios_plugin"].made


def test_one_that_cannot_be_built_is_not_tried_in_every_cycle(install: Install) -> None:
    """What failed once fails at once, in the same words."""
    install(
        "tried = []\ndef build(models):\n    tried.append(1)\n    raise OSError('no weights')\n",
        naive="helios_plugin:build",
    )
    every = forecasters(Models.none())
    said = []
    for _ in range(3):
        with pytest.raises(ForecasterUnavailable) as caught:
            every["naive"]
        said.append(str(caught.value))
    assert 1 == len(set(said))
    assert [1] == sys.modules["helios_plugin"].tried


def test_prophet_without_its_extra_says_how_to_get_it(tmp_path: Path) -> None:
    """It is not among the names then, and asking for it tells the command; here the path has nothing but Helios."""
    kept = sys.path[:]
    site = next(path for path in kept if (Path(path) / "prophet").is_dir())
    for entry in Path(site).glob("helios_autoscaler-*.dist-info"):
        (tmp_path / entry.name).symlink_to(entry)
    loaded = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "prophet"}
    try:
        sys.path[:] = [str(tmp_path), *(path for path in kept if path != site)]
        assert names() == tuple(name for name in OURS if name != "prophet")
        assert "prophet needs its extra: pip install 'helios-autoscaler[prophet]'" == problem("prophet")
    finally:
        sys.path[:] = kept
        sys.modules.update(loaded)
