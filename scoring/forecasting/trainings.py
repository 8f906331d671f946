"""Learn a network and a boosted ensemble from whole fleets.

Both learn the same: quantiles of how far a window's future moves from its newest value. Numpy trains the network (Adam:
Kingma and Ba, 2015; the pinball loss: Koenker and Bassett, 1978), XGBoost the trees. The same data and seed give the same
models on the same machine. It writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from scoring.forecasting.boosted import grown
from scoring.forecasting.features import AHEAD
from scoring.forecasting.forecasts import LEVELS
from scoring.forecasting.learned import Models
from scoring.forecasting.networks import SIZES, Network, shapes
from scoring.forecasting.samples import Examples, drawn
from scoring.panels import Floats, Panel

STEP = 300.0
"""Models are trained on five minutes' grids."""
WINDOWS, EPOCHS, RATE = 360_000, 6, 2e-3
TUNED_WINDOWS, MOST_TUNED_WINDOWS, TUNED_EPOCHS, TUNED_RATE = 60_000, 240_000, 4, 1e-3
"""Of a model that goes on learning from a base."""
GROWN_WINDOWS = 25_000
BATCH = 512
_LEVELS = np.asarray(LEVELS, np.float32)
_WARM_UP = 200

Weights = dict[str, NDArray[np.float32]]
Progress = Callable[[str, float], None]


def train(
    panels: Sequence[Panel],
    *,
    base: Models | None = None,
    seed: int = 0,
    progress: Progress = lambda _stage, _done: None,
    boost: bool = True,
    windows: int | None = None,
) -> Models:
    """Learn from panels, each a fleet.

    Args:
        panels: of five minutes' steps; of any length and with any number of rows.
        base: models to go on from: the network is tuned to these panels, the trees are grown anew.
        seed: of all that is random.
        progress: told a stage and how much of it is done, 0..1.
        boost: whether trees are grown too.
        windows: how many windows are drawn; otherwise as many as serve best.

    Raises:
        ValueError: a panel has another step, or there is nothing to learn from.
    """
    wrong = [panel.step for panel in panels if panel.step != STEP]
    if wrong:
        raise ValueError(f"models are trained on steps of {STEP:g} s: a panel has {wrong[0]:g} s")
    tuned = base is not None and bool(base.network)
    cells = sum(panel.values.size for panel in panels)
    most = int(np.clip(cells // 40, TUNED_WINDOWS, MOST_TUNED_WINDOWS)) if tuned else WINDOWS
    epochs, rate = (TUNED_EPOCHS, TUNED_RATE) if tuned else (EPOCHS, RATE)
    random = default_rng(seed)
    with np.errstate(over="ignore"):
        examples = drawn(panels, windows or most, random, lambda done: progress("windows", done))
        network = dict(base.network) if tuned and base is not None else fresh(random)
        for done in _epochs(network, examples, random, epochs=epochs, rate=rate):
            progress("network", done)
        booster = (
            grown(examples, GROWN_WINDOWS, seed, lambda done: progress("trees", done)) if boost else None
        )
    return Models(dict(Network.of(network).weights), booster)


def fresh(random: Generator) -> Weights:
    """A network that knows nothing: it says persistence, with a narrow band."""
    weights: Weights = {}
    for name, shape in shapes(SIZES).items():
        wide = np.sqrt(1.5 / shape[0]) if len(shape) == 2 and name != "out" else 0.0
        weights[name] = (random.standard_normal(shape) * wide).astype(np.float32)
    weights["out_bias"] = np.linspace(-0.3, 0.3, len(LEVELS), dtype=np.float32)
    return weights


def _epochs(
    weights: Weights, examples: Examples, random: Generator, *, epochs: int, rate: float
) -> Iterator[float]:
    """Adam with a warm-up and a cosine's descent, in place; yields how much is done."""
    batch = min(BATCH, len(examples))
    steps = epochs * (len(examples) // batch)
    first = {name: np.zeros_like(w) for name, w in weights.items()}
    second = {name: np.zeros_like(w) for name, w in weights.items()}
    step = 0
    for _ in range(epochs):
        order = random.permutation(len(examples))
        for start in range(0, len(order) - batch + 1, batch):
            rows = order[start : start + batch]
            gradients = _gradients(weights, examples, rows)
            step += 1
            pace = rate * min(1.0, step / _WARM_UP) * (0.5 + 0.5 * np.cos(np.pi * step / steps)) + 1e-5
            for name, gradient in gradients.items():
                first[name] += 0.1 * (gradient - first[name])
                second[name] += 0.001 * (gradient * gradient - second[name])
                move = first[name] / (1 - 0.9**step)
                move /= np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8
                weights[name] = (weights[name] - np.float32(pace) * move).astype(np.float32)
            if step % 50 == 0 or step == steps:
                yield step / steps


def _gradients(w: Weights, examples: Examples, rows: NDArray[np.intp]) -> Weights:
    """The pinball loss' gradients at a batch; the network forwards and backwards."""
    inputs, ahead, came = examples.inputs[rows], examples.ahead[rows], examples.moves[rows]
    count, spans = came.shape
    # 1 forwards
    a1 = inputs @ w["trunk_1"] + w["trunk_1_bias"]
    x1, s1 = _active(a1)
    a2 = x1 @ w["trunk_2"] + w["trunk_2_bias"]
    x2, s2 = _active(a2)
    flat = ahead.reshape(-1, AHEAD)
    a3 = flat @ w["ahead"] + np.repeat(x2 @ w["window"] + w["window_bias"], spans, axis=0)
    x3, s3 = _active(a3)
    a4 = x3 @ w["head"] + w["head_bias"]
    x4, s4 = _active(a4)
    said = x4 @ w["out"] + w["out_bias"]
    # 2 the loss: below a label a quantile is pulled up by its level, above it down by the rest
    error = came.reshape(-1, 1) - said
    pull = np.where(error < 0, 1 - _LEVELS, -_LEVELS) / np.float32(count * spans)
    delta = np.where(np.isnan(error), 0, pull).astype(np.float32)
    # 3 backwards
    out: Weights = {}

    def layer(name: str, before: Floats, delta: Floats) -> None:
        out[name] = before.T @ delta
        if name != "ahead":
            out[f"{name}_bias"] = delta.sum(axis=0)

    layer("out", x4, delta)
    delta = _inactive(delta @ w["out"].T, a4, s4)
    layer("head", x3, delta)
    delta = _inactive(delta @ w["head"].T, a3, s3)
    layer("ahead", flat, delta)
    delta = delta.reshape(count, spans, -1).sum(axis=1, dtype=np.float32)
    layer("window", x2, delta)
    delta = _inactive(delta @ w["window"].T, a2, s2)
    layer("trunk_2", x1, delta)
    layer("trunk_1", inputs, _inactive(delta @ w["trunk_2"].T, a1, s1))
    return out


def _active(values: Floats) -> tuple[Floats, Floats]:
    """SiLU, and the sigmoid in it."""
    gate = np.asarray(1 / (1 + np.exp(-values)), np.float32)
    return values * gate, gate


def _inactive(delta: Floats, values: Floats, gate: Floats) -> Floats:
    """The gradient before a SiLU."""
    out: Floats = delta * (gate * (1 + values * (1 - gate)))
    return out
