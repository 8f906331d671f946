"""What a terminal says of an anomaly: in the table in a word, beneath it in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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


@pytest.mark.parametrize(
    ("room", "lines", "said"),
    [
        pytest.param(None, None, True, id="all the room"),
        pytest.param((120, 30), 2, False, id="a terminal"),
        pytest.param((80, 24), 2, False, id="a small one"),
    ],
)
def test_the_ledger_is_told_in_the_room_there_is(
    room: tuple[int, int] | None, lines: int | None, said: bool
) -> None:
    """Three paths and what would come of them in full where nothing limits it; in a terminal each target has one line."""
    out = StringIO()
    losing = replace(
        report().ledger, line=f"{report().ledger.line}; in Autoscale the forecast would be withdrawn"
    )
    reports = [replace(report(name), ledger=losing) for name in ("api", "web")]
    Console(width=room[0] if room else 400, file=out).print(fleet_table(reports, "caption", room))
    text = out.getvalue()
    assert said == (reports[0].ledger.line in text)
    rows = [line for line in text.splitlines() if line.strip()][2:-1]
    assert lines is None or lines == len(rows)
    assert ["saleor/api", "saleor/web"] == [
        row.split()[0] for row in rows if row.split()[0].startswith("saleor/")
    ]


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
