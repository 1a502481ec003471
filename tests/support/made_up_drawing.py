"""Networks of the drummer's that were made up: of chances that are known, or by chance."""

import numpy as np

from models.drums.drawing import NAMED, PAST_INPUTS, TIMING, VELOCITY, Drawing, amount_columns
from models.layers.heads import Head

INPUTS = NAMED + len(amount_columns("groove")) + PAST_INPUTS
WIDTH = 5


def head_of_chances(chances, low, high):
    """Return a network that answers these chances whatever it reads."""
    first, second, last = np.zeros((INPUTS + 1, WIDTH)), np.zeros((WIDTH, WIDTH)), np.zeros((WIDTH, len(chances)))
    parts = first, np.zeros(WIDTH), second, np.zeros(WIDTH), last, np.log(chances), low, high
    return Head(*(np.asarray(part, np.float32) for part in parts))


def made_up_drawing(heads=None, by_chance=None):
    """Return networks for grooves with these ``heads``, or with weights that are drawn ``by_chance``."""
    if heads is None:
        edges = {VELOCITY: (np.arange(1.0, 128),) * 2, TIMING: (np.arange(-40.0, 40, 10), np.arange(-30.0, 50, 10))}
        heads = {name: _by_chance(by_chance, *bounds, drawn) for drawn, (name, bounds) in enumerate(edges.items())}
    else:
        heads = {name: head._replace(first=head.first[: INPUTS + drawn]) for drawn, (name, head) in enumerate(heads.items())}
    amounts = len(amount_columns("groove"))
    return Drawing("groove", heads, np.full(amounts, 1.0, np.float32), np.full(amounts, 2.0, np.float32))


def _by_chance(random, low, high, drawn):
    shapes = (INPUTS + drawn, WIDTH), (WIDTH,), (WIDTH, WIDTH), (WIDTH,), (WIDTH, len(low)), (len(low),)
    parts = [random.normal(0, 0.3, shape) for shape in shapes]
    return Head(*(np.asarray(part, np.float32) for part in (*parts, low, high)))
