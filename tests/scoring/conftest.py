"""One hypothesis profile for the suite: the same examples on every machine, and no deadline on a shared one."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "scoring",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("scoring")
