"""How a drummer strays from what is likely, drawn stroke by stroke: small networks that know what was drawn before.

Each reads a stroke as the trees do (``groove``, or ``live_kit``) and what was drawn of the strokes before it: of the last strokes of its
drum, of the last ones at its place in the bar, of the last stroke of every drum, of what is struck together with it, and running
averages of its drum and of all, which carry what a take does throughout. Its answer is a distribution: of velocities one by one, as pads
have favourite ones, and of timing in bins, anywhere in which a number lies. Timing knows the stroke's velocity.

Autoregressive distributions in bins: van den Oord et al., "Pixel Recurrent Neural Networks", ICML 2016. NumPy only.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from models.drums import groove, live_kit
from models.drums.representation import DRUMMERS, KEYS, ROLES, STEPS_A_QUARTER, STYLES
from models.layers.heads import Head, LaterLayers
from models.performance.ordered_file import save_in_order

Kind = Literal["groove", "live"]
FEATURES: dict[Kind, tuple[str, ...]] = {"groove": groove.FEATURES, "live": live_kit.FEATURES}
VELOCITY, TIMING = "velocity", "timing_ms"
DRAWN: dict[Kind, tuple[str, ...]] = {"groove": (VELOCITY, TIMING), "live": (VELOCITY,)}
FORMAT = "perf-live drums 1"

LAGS = 4  # strokes of a drum that are seen one by one
AVERAGED = np.array([4, 16, 64])  # strokes
# Of the average of so many strokes and of more, before which there were so many; for both of a value's numbers.
RATES = np.repeat(np.maximum(1 / AVERAGED, 1 / np.arange(1, AVERAGED[-1] + 1)[:, None]), 2, axis=1).astype(np.float32)
PLACE_AVERAGED = 8
RECENT = 3  # strokes of any drum
TOGETHER_S = 0.03  # strokes so near are struck together
CENTRE, SCALE = (64.0, 0.0), (32.0, 30.0)  # of velocities, and of ms
FURTHEST = 4.0  # deviations of a feature from its mean
LONG_AGO_S = -1e9
LONGEST_BAR = 32  # steps; a place further on counts as the last one
# Features that are names rather than amounts, and how many names there are; -1 counts as the first.
NAMES = {
    "role": ROLES,
    "articulation": max(articulation for _, articulation in KEYS.values()) + 1,
    "style": len(STYLES),
    "drummer": len(DRUMMERS),
    "place": LONGEST_BAR,
    "place_in_quarter": STEPS_A_QUARTER,
}
NAMED = sum(NAMES.values())
_OWN_AVERAGES = slice(3 * LAGS, 3 * LAGS + 2 * len(AVERAGED))
OWN_INPUTS = _OWN_AVERAGES.stop + 1
PLACE_INPUTS = 9
COMMON_INPUTS = 2 * len(AVERAGED) + 2 * RECENT + 1
PAST_INPUTS = OWN_INPUTS + PLACE_INPUTS + COMMON_INPUTS + 6 * ROLES


class Stroke(NamedTuple):
    """A stroke's role, its place in the bar in sixteenths, -1 where that is not known, and when it is written or played."""

    role: int
    place: int
    time_s: float


@dataclass
class Past:
    """What was drawn of a take so far. A value is a pair, of velocity and of timing, in SCALE from CENTRE.

    ``own`` (ROLES, OWN_INPUTS): the last LAGS values of each drum, whether there are so many, averages, and how many strokes there were;
    ``last`` (ROLES, 2) the last ones; ``struck_s`` (ROLES,) when; ``common`` (COMMON_INPUTS,): averages of all, the last RECENT values,
    how many there were; ``places``: by role and place the last value and the one before, the average, whether there are so many.
    """

    own: np.ndarray = field(default_factory=lambda: np.zeros((ROLES, OWN_INPUTS), np.float32))
    last: np.ndarray = field(default_factory=lambda: np.zeros((ROLES, 2), np.float32))
    struck_s: np.ndarray = field(default_factory=lambda: np.full(ROLES, LONG_AGO_S))
    common: np.ndarray = field(default_factory=lambda: np.zeros(COMMON_INPUTS, np.float32))
    places: dict[tuple[int, int], tuple[float, ...]] = field(default_factory=dict)
    counts: list[int] = field(default_factory=lambda: [0] * ROLES)
    count: int = 0

    def inputs(self, stroke: Stroke) -> np.ndarray:
        """Return what is known before a stroke is drawn, (PAST_INPUTS,)."""
        role, place, time_s = stroke
        together = self.struck_s > time_s - TOGETHER_S
        return np.concatenate(
            (
                self.own[role],
                self.places.get((role, place), _NOTHING),
                self.common,
                self.last.ravel(),
                np.exp(np.minimum(self.struck_s - time_s, 0)),
                (self.last * together[:, None]).ravel(),
                together,
            ),
            dtype=np.float32,
        )

    def add(self, stroke: Stroke, drawn: Sequence[float]) -> None:
        """Take what was drawn of a stroke: a velocity, and a timing in ms where there is one."""
        role, place, self.struck_s[stroke.role] = stroke
        value = scaled(VELOCITY, drawn[0]), scaled(TIMING, drawn[1]) if len(drawn) > 1 else 0.0
        own, common, lags = self.own[role], self.common, 2 * LAGS
        repeated = np.array(value * len(AVERAGED), np.float32)
        own[2:lags] = own[: lags - 2].copy()
        own[:2] = self.last[role] = repeated[:2]
        own[lags + min(self.counts[role], LAGS - 1)] = 1
        averages = own[_OWN_AVERAGES]
        averages += RATES[min(self.counts[role], len(RATES) - 1)] * (repeated - averages)
        averages, recent = common[: 2 * len(AVERAGED)], common[2 * len(AVERAGED) : -1]
        averages += RATES[min(self.count, len(RATES) - 1)] * (repeated - averages)
        recent[2:] = recent[:-2].copy()
        recent[:2] = repeated[:2]
        self.counts[role] += 1
        self.count += 1
        own[-1], common[-1] = math.log1p(self.counts[role]) / 3, math.log1p(self.count) / 3
        self._add_at((role, place), *value)

    def _add_at(self, group: tuple[int, int], velocity: float, timing: float) -> None:
        last_velocity, last_timing, _, _, of_velocity, of_timing, _, _, counted = self.places.get(group, _NOTHING)
        count = round(math.expm1(counted)) + 1
        rate = max(1 / count, 1 / PLACE_AVERAGED)
        averages = of_velocity + rate * (velocity - of_velocity), of_timing + rate * (timing - of_timing)
        self.places[group] = (velocity, timing, last_velocity, last_timing, *averages, 1.0, float(count > 1), math.log1p(count))


_NOTHING = (0.0,) * PLACE_INPUTS


def scaled(name: str, drawn: float) -> float:
    """Return a velocity, or a timing in ms, in SCALE from CENTRE."""
    place = 0 if name == VELOCITY else 1
    return (drawn - CENTRE[place]) / SCALE[place]


class _Layers(NamedTuple):
    """Heads as they are called. All first layers are summed up at once, ``of`` are their places: a row of ``names`` for each name,
    ``amounts`` and ``bias`` are of a stroke, ``past`` of what was before, ``drawn`` of what is drawn of the stroke itself, by head. What is
    summed up for a silu is half of it, which is exact. ``sized`` are the columns of features that are amounts.
    """

    of: list[slice]
    names: np.ndarray
    amounts: np.ndarray
    bias: np.ndarray
    past: np.ndarray
    drawn: list[np.ndarray]
    later: list[LaterLayers]
    sized: np.ndarray


@dataclass(frozen=True)
class Drawing:
    """The networks by what is drawn. ``centre`` and ``scale`` bring the features that are amounts to one size."""

    kind: Kind
    heads: Mapping[str, Head]
    centre: np.ndarray
    scale: np.ndarray

    def __deepcopy__(self, memo: dict[int, Any]) -> "Drawing":
        """Return itself: it never changes, and streams that are copied share it."""
        return self

    @cached_property
    def _layers(self) -> _Layers:
        heads = list(self.heads.values())
        cut = np.cumsum([NAMED, len(self.centre), PAST_INPUTS])
        names, amounts, past, drawn = zip(*(np.split(head.first / 2, cut) for head in heads), strict=True)
        ends = np.cumsum([len(head.second) for head in heads]).tolist()
        return _Layers(
            [slice(end - len(head.second), end) for head, end in zip(heads, ends, strict=True)],
            np.concatenate(names, axis=1),
            np.concatenate(amounts, axis=1),
            np.concatenate([head.first_bias for head in heads]) / 2,
            np.concatenate(past, axis=1),
            list(drawn),
            [LaterLayers.of(head) for head in heads],
            np.array(amount_columns(self.kind)),
        )

    def read(self, features: np.ndarray) -> np.ndarray:
        """Return what the networks make of features (N, F) alone, (N, H1 of all)."""
        layers = self._layers
        read = self.amounts(features, layers.sized) @ layers.amounts
        read += layers.bias
        for each in named(self.kind, features).T:
            read += layers.names.take(each, axis=0)
        return np.asarray(read)

    def amounts(self, features: np.ndarray, columns: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the ``columns`` of features that are amounts, in deviations from their means."""
        sized = (features.take(columns, axis=1) - self.centre) / self.scale
        return np.maximum(np.minimum(sized, FURTHEST), -FURTHEST).astype(np.float32)

    def draw(self, read: np.ndarray, past: Past, stroke: Stroke, uniform: Sequence[float]) -> list[float]:
        """Return a velocity, and a timing in ms where the networks know one, of a stroke, which is then to be added to the ``past``.

        ``read`` (H1 of all,) is the stroke's row of what ``read`` returns; ``uniform`` are chance's, one for each network.
        """
        layers, drawn = self._layers, list[float]()
        first = past.inputs(stroke) @ layers.past
        first += read
        for number, share in enumerate(uniform[: len(layers.of)]):
            own = first[layers.of[number]]
            if drawn:
                own += layers.drawn[number][0] * scaled(VELOCITY, drawn[0])
            drawn.append(layers.later[number].draw(own, share))
        return drawn

    def save(self, path: Path) -> None:
        """Write a safetensors file that ``load_drawing`` reads."""
        arrays = {"centre": self.centre, "scale": self.scale}
        for name, head in self.heads.items():
            arrays |= {f"{name}/{part}": array for part, array in head._asdict().items()}
        said = {"format": FORMAT, "kind": self.kind, "features": " ".join(FEATURES[self.kind])}
        save_in_order({name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}, path, said)


_SIZES = np.array(list(NAMES.values()))
_FIRSTS, _LAST = np.cumsum(_SIZES) - _SIZES, _SIZES - 1
_NAME_COLUMNS = {kind: np.array([features.index(name) for name in NAMES]) for kind, features in FEATURES.items()}


def named(kind: Kind, features: np.ndarray) -> np.ndarray:
    """Return which names features (N, F) have, (N, len(NAMES)): places among all NAMED."""
    chosen = features.take(_NAME_COLUMNS[kind], axis=1).astype(np.int64)
    return np.asarray(np.minimum(np.maximum(chosen, 0), _LAST) + _FIRSTS)


def amount_columns(kind: Kind) -> list[int]:
    """Return which of the features are amounts."""
    return [index for index, name in enumerate(FEATURES[kind]) if name not in NAMES]


def load_drawing(kind: Kind, path: Path) -> Drawing:
    """Read a file that ``save`` wrote. Raises OSError if it cannot be read, ValueError if it is no such file."""
    try:
        stored = load_file(path)
        heads = {name: Head(*(stored[f"{name}/{part}"] for part in Head._fields)) for name in DRAWN[kind]}
        found = Drawing(kind, heads, stored["centre"], stored["scale"])
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"it has no networks of the drummer's ({error})") from None
    inputs = NAMED + len(amount_columns(kind)) + PAST_INPUTS
    sizes = [len(head.first) - place for place, head in enumerate(heads.values())]
    if len(found.centre) != len(amount_columns(kind)) or any(size != inputs for size in sizes):
        raise ValueError(f"its networks do not read the {inputs} inputs that there are; fit them again")
    return found
