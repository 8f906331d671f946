"""Questions that the image's own Python is asked, as scripts: `python - < script`."""

from __future__ import annotations

DISTRIBUTIONS = """
import importlib.metadata, json, re
from packaging.requirements import Requirement

def name(text):
    return re.sub("[-_.]+", "-", text).lower()

needed, queue = set(), [Requirement("helios-autoscaler[gcp]")]
while queue:
    one = queue.pop()
    key = (name(one.name), tuple(sorted(one.extras)))
    if key in needed:
        continue
    needed.add(key)
    for text in importlib.metadata.requires(one.name) or []:
        more = Requirement(text)
        if more.marker is None or any(more.marker.evaluate({"extra": e}) for e in one.extras or [""]):
            queue.append(more)
there = {name(one.name) for one in importlib.metadata.distributions()}
needed = {one for one, _ in needed}
print(json.dumps({"idle": sorted(there - needed), "missing": sorted(needed - there)}))
"""
"""Which distributions are there that Helios does not need, and which it needs that are not."""

BYTECODE = """
import importlib.util, json, pathlib, sys

def verdict(file):
    compiled = pathlib.Path(importlib.util.cache_from_source(str(file)))
    if not compiled.exists():
        return "none"
    return {0: "timestamp", 1: "unchecked", 3: "checked"}[int.from_bytes(compiled.read_bytes()[4:8], "little")]

own = {verdict(file) for package in ("helios", "scoring") for file in pathlib.Path(
    importlib.util.find_spec(package).origin).parent.rglob("*.py")}
import helios.cli
loaded = {verdict(module.__file__): module.__file__ for module in list(sys.modules.values())
    if str(getattr(module, "__file__", None)).endswith(".py") and module.__name__ != "__main__"}
print(json.dumps({"helios": sorted(own), "loaded": loaded}))
"""
"""How the bytecode of Helios' own files, and of all that the command line loads, is held to its source."""

LATE = """
import google.auth.transport.requests, kopf, pandas, prometheus_api_client, xgboost
from holidays import country_holidays, list_supported_countries
from kubernetes import client, config, utils, watch
from statsmodels.tsa.holtwinters import ExponentialSmoothing

ExponentialSmoothing([5.0, 6.0, 7.0, 6.0] * 6, trend="add", seasonal="add", seasonal_periods=4).fit().forecast(4)
assert list_supported_countries() and country_holidays("DE", years=2026)
print("late")
"""
"""Uses of what is loaded only where somebody asks for it."""
