"""What a terminal says of an anomaly: in the table in a word, beneath it in full."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

import pytest
from rich.console import Console
from rich.text import Text

from helios.screens import anomalies, fleet_table
from scoring.reports import Report
from tests.ui.builders import NOW, calibrating, critical, report


def table(*reports: Report) -> str:
    """The fleet's table as text."""
    out = StringIO()
    Console(width=200, file=out).print(fleet_table(reports, "caption"))
    return out.getvalue()


def plain(lines: Sequence[Text]) -> list[str]:
    """Lines without their colours."""
    return [line.plain for line in lines]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        pytest.param(report(), "0.7σ", id="normal"),
        pytest.param(critical(report()), "4.2σ drop", id="detected"),
        pytest.param(critical(report(), kind="none"), "4.2σ unusual", id="no kind"),
        pytest.param(critical(report(), muted=True, muted_until=NOW + 60), "4.2σ drop (muted)", id="muted"),
        pytest.param(critical(report(), acknowledged=True), "4.2σ drop (seen)", id="acknowledged"),
        pytest.param(calibrating(report()), "120 of 288", id="calibrating"),
    ],
)
def test_the_table_says_it_in_a_word(shown: Report, expected: str) -> None:
    """Score and kind, whether it alarms anybody, or how far the calibration is."""
    assert f" {expected} " in table(shown)


def test_beneath_the_table_each_anomaly_is_told_in_full() -> None:
    """The worst first, those that alarm nobody last, and nothing of those that are not unusual."""
    lines = plain(
        anomalies(
            [
                report("calm"),
                critical(report("muted"), muted=True, peak=9.0),
                critical(report("bad"), peak=4.0),
                critical(report("worst"), peak=8.0),
            ],
            5,
        )
    )
    assert ["saleor/worst", "saleor/bad", "saleor/muted"] == [line.split(":")[0] for line in lines]
    assert lines[0].startswith("saleor/worst: Drop since 14:20 UTC: cpu came at 0.4 cores")


def test_more_anomalies_than_there_is_room_for_are_counted() -> None:
    """The last line says how many are not shown."""
    many = [critical(report(f"service-{i}"), peak=float(i)) for i in range(5)]
    lines = plain(anomalies(many, 3))
    assert ["saleor/service-4", "saleor/service-3"] == [line.split(":")[0] for line in lines[:2]]
    assert "3 more are unusual" == lines[2]
