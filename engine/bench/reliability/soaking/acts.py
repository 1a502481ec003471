"""What plays in a soak, and what may happen to each: a keyboard with touch, a duet, look-ahead by MIDI clock, a score."""

from random import Random
from time import sleep

from engine.bench.reliability.fuzzing.damage import word
from engine.bench.reliability.fuzzing.seeds import EXAMPLES
from engine.bench.reliability.harm import ports, system, traffic
from engine.bench.reliability.soaking.scenes import Act, Harm
from engine.bench.reliability.stage.between_ports import Stage
from engine.midi.events import control_change

AWAY_S, STOPPED_S, FLOOD_S, HOG_S = (0.1, 1.0), (0.1, 0.6), 0.3, 1.0
CHANNEL_MODES = (120, 121, 123, 124, 125, 126, 127)
LOOP = "loop 1 12"  # else the run would end with the score
CONDUCTING = ("pause", "play", "seek 3", "tempo 1.2", "tempo 0.9", "help", "status")


def _keyboard_away(stage: Stage, random: Random) -> None:
    ports.take_keyboard_away(stage, random.uniform(*AWAY_S))


def _keyboard_killed(stage: Stage, random: Random) -> None:
    ports.kill_keyboard(stage)


def _module_away(stage: Stage, random: Random) -> None:
    ports.take_module_away(stage, random.uniform(*AWAY_S))


def _module_killed(stage: Stage, random: Random) -> None:
    ports.kill_module(stage)


def _stopped(stage: Stage, random: Random) -> None:
    system.stop_process(stage, random.uniform(*STOPPED_S))


def _hogs(stage: Stage, random: Random) -> None:
    with system.hogs():
        sleep(HOG_S)


def _flood(stage: Stage, random: Random) -> None:
    traffic.flood(stage, FLOOD_S)


def _exclusive(stage: Stage, random: Random) -> None:
    traffic.long_exclusive(stage)


def _pieces(stage: Stage, random: Random) -> None:
    traffic.pieces(stage)


def _channel_modes(stage: Stage, random: Random) -> None:
    for _ in range(random.randint(1, 8)):
        stage.keys.send(control_change(random.randrange(16), random.choice(CHANNEL_MODES), 0))


def _typed_nonsense(stage: Stage, random: Random) -> None:
    stage.live_run.type(" ".join(word(random).replace("\n", "").replace("\0", "") for _ in range(random.randint(0, 4))))


def _conducted(stage: Stage, random: Random) -> None:
    for _ in range(random.randint(1, 4)):
        stage.live_run.type(random.choice(CONDUCTING))
    stage.live_run.type(LOOP)  # a seek has ended it
    stage.live_run.type("play")


OF_PORTS: dict[str, Harm] = {
    "keyboard away": _keyboard_away,
    "keyboard killed": _keyboard_killed,
    "module away": _module_away,
    "module killed": _module_killed,
}
OF_ALL: dict[str, Harm] = {
    "stopped": _stopped,
    "hogs": _hogs,
    "exclusive": _exclusive,
    "channel modes": _channel_modes,
    "typed nonsense": _typed_nonsense,
}
OF_LIVE: dict[str, Harm] = {"flood": _flood, "pieces": _pieces}
EVERYWHERE = frozenset({"hogs"})

ACTS = (
    Act("live", ("--performer", "velocity"), OF_PORTS | OF_ALL | OF_LIVE, EVERYWHERE),
    Act("duet", ("--mode", "duet", "--set", "channel=2"), OF_PORTS | OF_ALL, EVERYWHERE),
    Act("look-ahead", ("--performer", "dexter", "--lookahead", "2"), OF_PORTS | OF_ALL, EVERYWHERE, lookahead_s=2.0, clock=True),
    Act(
        "score",
        ("--score", str(EXAMPLES / "haydn_hymn_quartet.musicxml")),
        OF_PORTS | OF_ALL | {"conducted": _conducted},
        EVERYWHERE,
        channel=15,
        typed=(LOOP,),
    ),
)
