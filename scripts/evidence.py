"""The section "Forecasts" of docs/evidence.md, from the JSON lines that the benchmarks printed.

It measures nothing; of what was not measured it says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from scripts.goals import AHEAD, FAR, goals
from scripts.readings import NOTHING, Line, Result, both, count, number, share, slashed, summary_line, table

CHOICE = {
    "auto_theta": "AutoTheta",
    "deepar": "DeepAR",
    "PatchTST": "PatchTST",
    "chronos_bolt_base": "Chronos-Bolt-base",
    "TimesFM-2.5": "TimesFM-2.5",
    "chronos-2": "Chronos-2",
}
"""Of the published models those that are shown, beside the best."""
IN_FORCE = {"gift", "cycle"}
"""Runs whose figures hang on the models in force; others learn anew, or use none."""


def section(lines: Sequence[Line]) -> str:
    """The section's text, without its heading."""
    of: dict[str, list[Line]] = {}
    for line in lines:
        of.setdefault(line.run, []).append(line)
    parts = [
        goals(of),
        _gift(of.get("gift", [])),
        _fleets("Fleets that it never saw", of.get("cold", [])),
        _fleets("After training on the fleet's own past", of.get("trained", [])),
        _others(of.get("cold", [])),
        _seasons(of.get("seasons", [])),
        _cycles(of.get("cycle", [])),
    ]
    return "\n\n".join(parts)


def _gift(lines: Sequence[Line]) -> str:
    title = "### GIFT-Eval"
    if not lines:
        return _missing(title)
    parts = [title]
    for line in lines:
        found = line.result
        shown = table(["model", "MASE", "CRPS", "P10-P90 holds", "series/s"], list(_gift_rows(found)))
        parts += [f"{_said(line)} `{found['dataset']}`, 48 steps, windows from the end.\n\n{shown}\n"]
        parts += [f"{_rank(found)}\n"] if found["published"] else []
    if any("--no-train" in line.command for line in lines):
        return "\n".join([*parts, "Ours is zero-shot here, as most of the published ones are."])
    said = (
        "**Ours is trained on these machines' own earlier weeks, and most of the published ones are zero-shot**: that is "
        "another setting, and no proof that ours is the better model."
    )
    return "\n".join([*parts, said])


def _gift_rows(found: Result) -> Iterator[list[str]]:
    """Ours and the two simple ones as measured, a choice of the published; best MASE first."""
    rows = {"**Helios `auto`**": found["helios"]}
    rows |= {"seasonal naive, measured here": found["seasonal_naive"], "naive, measured here": found["naive"]}
    published = found["published"]
    rows |= {f"{CHOICE[name]} (published)": published[name] for name in CHOICE if name in published}
    names = {"seasonal_naive": "seasonal naive", "naive": "naive"}
    rows |= {f"{said} (published)": published[name] for name, said in names.items() if name in published}
    best: dict[str, list[str]] = {}
    for figure in ("mase", "crps") if published else ():
        best.setdefault(min(published, key=lambda name: published[name][figure]), []).append(figure.upper())
    rows |= {f"best {' and '.join(of)}: {name} (published)": published[name] for name, of in best.items()}
    for name, figures in sorted(rows.items(), key=lambda row: row[1]["mase"]):
        yield [
            name,
            number(figures["mase"], 3),
            number(figures["crps"], 3),
            share(figures.get("coverage"), empty=""),
            count(figures.get("series_per_second"), empty=""),
        ]


def _rank(found: Result) -> str:
    published, ours = found["published"].values(), found["helios"]
    ahead = {key: sum(one[key] < ours[key] for one in published) for key in ("mase", "crps")}
    return f"Of {len(published)} published results {ahead['mase']} have a lower MASE and {ahead['crps']} a lower CRPS."


def _fleets(title: str, lines: Sequence[Line]) -> str:
    title = f"### {title}"
    fleets = [line.result for line in lines if "fleet" in line.result]
    if not fleets:
        return _missing(title)
    seen = any(one["seen_in_training"] for one in fleets)
    learned = ", ".join(dict.fromkeys(one["learned_from"] for one in fleets))
    head = ["fleet", "series", "5 min", "30 min", "P10-P90 holds at 5 min", "at 30 min"]
    head += ["maximum over 30 min above its Q.98"]
    rows = [[_plain(one), f"{one['series']:,}", *_fleet_cells(one["models"], "median")] for one in fleets]
    over = summary_line(lines)
    if over:
        rows += [[f"**mean of {len(fleets)} fleets**", "", *_fleet_cells(over["summary"], "mean")]]
    text = (
        f"The last 30 % of each trace{'' if '--every' in lines[0].command else ', every step an origin'}. Learned from: {learned}. MAE over persistence's and shares: "
        "median of the series, in brackets the worst decile."
    )
    block = _block(title, lines[0], text, table(head, rows))
    return f"{block}\n\n\\* The models in force were trained on this file." if seen else block


def _fleet_cells(models: Result, middle: str) -> Iterator[str]:
    """Of one fleet or of all: the figures of `auto`."""
    auto = models.get("auto", {})

    def pair(name: str, at: str) -> tuple[float | None, float | None]:
        found = auto.get(name, {}).get(at, {})
        return found.get(middle), found.get("worst")

    for at in ("5m", FAR):
        value, worst = pair("relative_mae", at)
        yield f"{number(value)} ({number(worst)})" if auto else NOTHING
    yield both(*pair("coverage", "5m"))
    yield both(*pair("coverage", FAR))
    yield both(*pair("exceedance", FAR), digits=1)


def _others(lines: Sequence[Line]) -> str:
    title = "### The same work by others"
    sampled = [line.result["sample"] for line in lines if "fleet" in line.result and "sample" in line.result]
    over = summary_line(lines)
    if not sampled or not over or not over.get("sample"):
        return _missing(title)
    series, origins = sum(one["series"] for one in sampled), max(one["origins"] for one in sampled)
    rows = [
        [
            f"**Helios `{name}`**" if name in {"auto", "baseline"} else name,
            *(number(found["relative_mae"].get(at)) for at in AHEAD),
            share(found.get("coverage", {}).get(FAR)),
            count(found["series_per_second"]),
        ]
        for name, found in over["sample"].items()
    ]
    head = ["", *(f"{at.removesuffix('m')} min" for at in AHEAD), "P10-P90 holds at 30 min", "series/s"]
    text = (
        f"In the same run, on a sample of {series} series of {len(sampled)} fleets at up to {origins} origins each, for "
        "peers do a few series a second: MAE over persistence's, all points together. So few points tell large "
        "differences only."
    )
    return _block(title, lines[0], text, table(head, rows))


def _seasons(lines: Sequence[Line]) -> str:
    title = "### Seasons"
    if not lines:
        return _missing(title)
    found = lines[-1].result
    finders = {name: one for name, one in found.items() if isinstance(one, Mapping) and "planted" in one}
    planted = list(next(iter(finders.values()))["planted"]) if finders else []
    rows = [
        [
            f"**{name}**" if name == "helios" else name,
            slashed(one["named"][at]["exact_or_multiple"] for at in one["named"]),
            share(one["periodic_next_week"]["explained_of_all"]),
            share(one["others_next_week"]["found"]),
            share(one["others_next_week"]["false_of_found"]),
            slashed(one["planted"].get(at) for at in planted),
            count(one["series_per_second"]),
        ]
        for name, one in finders.items()
    ]
    names = " / ".join(f"{at} {share(one['explained'])}" for at, one in found.get("names", {}).items())
    head = ["", "named 1 / 8 / 24 h, or a multiple", "explains of the next week", "found elsewhere"]
    head += ["false of these", "planted, see below", "series/s"]
    text = (
        "Windows of a week of machines whose authors named a period, and of machines that nobody called periodic "
        "(elsewhere); false: explains less than a tenth of the week after. The named periods themselves explain of it: "
        f"{names or NOTHING}."
    )
    block = _block(title, lines[-1], text, table(head, rows))
    return f"{block}\n\nPlanted, period and share of the variance: {', '.join(planted)}."


def _cycles(lines: Sequence[Line]) -> str:
    title = "### A cycle of a whole fleet"
    if not lines:
        return _missing(title)
    rows = []
    for found in (line.result for line in lines):
        peers = found.get("peers", {})
        ets = peers.get("statsforecast_auto_ets", {})
        rows += [
            [
                count(found["targets"]),
                f"{number(found['cycle_seconds'])} s",
                f"{number(found['cpu_seconds'])} s",
                f"{count(found['rss_mib'])} MiB",
                count(found["forecast_series_per_second"]),
                count(peers.get("statsforecast_seasonal_naive", {}).get("series_per_second")),
                count(ets.get("series_per_second")),
            ]
        ]
    head = ["targets", "cycle", "CPU", "memory (RSS)", "series forecast/s", "SeasonalNaive (statsforecast)"]
    head += ["AutoETS (statsforecast, 20 series, no season)"]
    text = (
        "Targets x 2 metrics x 7 days at 5 minutes, from a replay of the bundled trace's columns. Real columns repeat "
        "there: this is time and memory, not accuracy. Peers forecast 12 steps with an 80 % band; ours are nine "
        "quantiles of each horizon and of the maximum over the lead time, learning included."
    )
    return _block(title, lines[-1], text, table(head, rows))


def _block(title: str, line: Line, text: str, table: str) -> str:
    return f"{title}\n{_said(line)} {text}\n\n{table}"


def _missing(title: str) -> str:
    return f"{title}\nNot measured yet."


def _said(line: Line) -> str:
    """How and when: the first words under a heading."""
    models = f", {line.models}" if line.run in IN_FORCE else ""
    return f"`{line.command}`, {line.date}{models}."


def _plain(fleet: Result) -> str:
    name = str(fleet["fleet"])
    return f"{name} \\*" if fleet["seen_in_training"] else name
