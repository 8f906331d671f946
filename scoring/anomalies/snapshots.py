"""What is expected of each metric of a snapshot, given the others, the hour and the recent past: one ensemble per metric.

XGBoost takes what is missing as missing, so every subset of metrics can be asked about. How far a value may lie from what was
expected was measured on what no ensemble was shown, separately for each situation, and is told in sigmas: of ordinary snapshots
one in 80 has a given metric beyond 2.5, one in 2,150 beyond 3.5. That is per snapshot that is asked about, not per week.
It is trained on the very service that it judges: levels of one say nothing about another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scoring.anomalies.spreads import Doubles, Opinion, Spread, Verdict, blame_of, verdict_of

if TYPE_CHECKING:
    import xgboost

Values = Mapping[str, float]

SITUATIONS = ("hour", "others", "past", "others_past")
"""What is known beside the hour: another metric's value, the metric's own recent past, or both."""
PAST = 12
"""So many rows of the recent past are averaged."""
_MOST = 1e6


@dataclass(frozen=True, eq=False)
class Snapshots:
    """Trained ensembles and what was measured of them.

    Attributes:
        known: the metrics that it knows, in the order of its inputs.
        ensembles: metric -> an XGBoost model as UBJ, opened, and XGBoost loaded, when it is first asked.
        centre, scale: of each metric's values, in its own unit, `[known]`; figures are told in these.
        residuals: situation -> how residuals of each metric were spread, `[known]`.
        levels: how the values themselves were spread, `[known]`.
        joint: how far two metrics, three, … were off together, alone and with a past.
    """

    known: tuple[str, ...]
    ensembles: Mapping[str, bytes]
    centre: Doubles
    scale: Doubles
    residuals: Mapping[str, Sequence[Spread]]
    levels: Sequence[Spread]
    joint: tuple[Sequence[Spread], Sequence[Spread]]

    def judge(self, values: Values, recent: Sequence[Values], hour: float) -> Verdict | None:
        """What is thought of every metric that is known here and has a value; None where there is none.

        Args:
            values: metric -> value; other names are left alone.
            recent: earlier snapshots, the oldest first, one step of the training's grid apart; may be empty.
            hour: of the day, UTC, 0..24.
        """
        now, last, mean = self._standardised(values, recent)
        table = inputs_of(now[None], last[None], mean[None], np.array([hour]))
        found = {}
        for place, name in enumerate(self.known):
            if np.isnan(now[place]):
                continue
            others = bool((~np.isnan(np.delete(now, place))).any())
            spreads = self.residuals[situation_of(others=others, past=not np.isnan(last[place]))]
            own = row_of(table, last[None], place)
            phi = self._contributions(name, own)
            base = 0.0 if np.isnan(last[place]) else last[place]
            residual = now[place] - base - float(phi.sum())
            found[name] = Opinion(
                expected=float(self.centre[place] + self.scale[place] * (base + phi.sum())),
                level=self.levels[place].sigmas_of(now[place]),
                residual=spreads[place].sigmas_of(residual),
                blame=blame_of(self.known, self._parts(place, now, base, phi), place),
            )
        return verdict_of(found, self.joint[bool(recent)]) if found else None

    def extents(self, now: Doubles, last: Doubles, mean: Doubles, hours: Doubles) -> Doubles:
        """`Opinion.extent` of many snapshots at once, `[rows, known]`, NaN where there is no value.

        Args:
            now: standardised values, NaN where not known, `[rows, known]`.
            last: the same of the row before; all NaN, or with a value wherever `now` has one.
            mean: the same, the mean of the rows before.
            hours: of the day, `[rows]`.
        """
        table, out = inputs_of(now, last, mean, hours), np.full(now.shape, np.nan)
        for place, name in enumerate(self.known):
            seen = ~np.isnan(now[:, place])
            others = np.count_nonzero(~np.isnan(now), axis=1) > seen
            past = ~np.isnan(last[:, place])
            said = self._boosters[name].inplace_predict(row_of(table, last, place).astype(np.float32))
            residual = now[:, place] - np.where(past, last[:, place], 0.0) - said
            level = np.abs(self.levels[place].sigmas_of_all(now[:, place]))
            for situation, spreads in self.residuals.items():
                here = seen & (others == ("others" in situation)) & (past == ("past" in situation))
                sigmas = np.abs(spreads[place].sigmas_of_all(residual[here]))
                out[here, place] = np.maximum(sigmas, level[here])
        return out

    def _standardised(self, values: Values, recent: Sequence[Values]) -> tuple[Doubles, Doubles, Doubles]:
        """The values now, of the row before, and the mean of the rows before, `[known]` each, NaN where not given."""
        names = self.known
        table = np.array([[row.get(name, np.nan) for name in names] for row in (*recent[-PAST:], values)])
        table = np.clip((table - self.centre) / self.scale, -_MOST, _MOST)
        past = table[:-1]
        last = past[-1] if len(past) else np.full(len(names), np.nan)
        return table[-1], last, mean_known(past)

    def _contributions(self, name: str, row: Doubles) -> Doubles:
        """XGBoost's attributions of one expectation to its inputs, and to none in the last place: `[inputs + 1]`."""
        import xgboost  # noqa: PLC0415 - it takes a second, and most processes never ask

        data = xgboost.DMatrix(row.astype(np.float32), nthread=1)
        out: Doubles = self._boosters[name].predict(data, pred_contribs=True)[0].astype(np.float64)
        return out

    def _parts(self, place: int, now: Doubles, base: float, phi: Doubles) -> Doubles:
        """What each metric adds to a residual: itself what it did, the others less what they let expect: `[known]`.

        What the ensemble makes of a metric's absence is put to the one that is judged.
        """
        count = len(self.known)
        parts = -phi[: 3 * count].reshape(3, count).sum(axis=0)
        absent = np.isnan(now)
        parts[place] += now[place] - base - phi[3 * count :].sum() + parts[absent].sum()
        parts[absent] = 0.0
        return np.asarray(parts)

    def warm(self) -> None:
        """Open the ensembles now, and load XGBoost.

        Raises:
            ValueError: one is no XGBoost model, or one of other inputs.
        """
        import xgboost  # noqa: PLC0415 - as above

        try:
            widths = {name: booster.num_features() for name, booster in self._boosters.items()}
        except (xgboost.core.XGBoostError, MemoryError) as error:
            raise ValueError(f"XGBoost cannot read it: {str(error).splitlines()[0]}") from error
        wanted = 3 * len(self.known) + 2
        wrong = sorted(name for name, width in widths.items() if width != wanted)
        if wrong:
            raise ValueError(
                f"the ensemble of {wrong[0]} reads {widths[wrong[0]]} inputs instead of {wanted}"
            )

    @cached_property
    def _boosters(self) -> Mapping[str, xgboost.Booster]:
        import xgboost  # noqa: PLC0415 - as above

        return {
            name: xgboost.Booster({"nthread": 1}, model_file=bytearray(ensemble))
            for name, ensemble in self.ensembles.items()
        }


def situation_of(*, others: bool, past: bool) -> str:
    """Which of `SITUATIONS` it is."""
    return ("others_past" if past else "others") if others else ("past" if past else "hour")


def inputs_of(now: Doubles, last: Doubles, mean: Doubles, hours: Doubles) -> Doubles:
    """What the ensembles read, before one metric is made the one that is asked about: `[rows, 3 x known + 2]`.

    Args:
        now: standardised values, NaN where not known, `[rows, known]`.
        last: the same of the row before.
        mean: the same, the mean of the rows before.
        hours: of the day, NaN where not to be told, `[rows]`.
    """
    angle = hours * (np.pi / 12)
    return np.concatenate(
        [now, now - last, last - mean, np.sin(angle)[:, None], np.cos(angle)[:, None]], axis=1
    )


def row_of(table: Doubles, last: Doubles, place: int) -> Doubles:
    """The inputs for one metric: instead of its value the one before, and not how it moved."""
    out = table.copy()
    out[:, place] = last[:, place]
    out[:, last.shape[1] + place] = np.nan
    return out


def mean_known(past: Doubles) -> Doubles:
    """The mean of what is known of each column of `[rows, known]`; NaN where nothing is."""
    seen = ~np.isnan(past)
    count = seen.sum(axis=0)
    total = np.where(seen, past, 0.0).sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
