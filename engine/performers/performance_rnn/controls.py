"""What an improviser can be told while it plays."""

from collections.abc import Mapping

from engine.performers.controls import Control, defaults
from engine.performers.performance_rnn.voice import Preferences
from models.performance_rnn.sampling import Boldness, Limits

CONTINUE, DUET = 0, 1
GRID_QUARTERS = {"off": 0.0, "quarter": 1.0, "eighth": 1 / 2, "triplet": 1 / 3, "sixteenth": 1 / 4, "thirtysecond": 1 / 8}
CLASSES = ("c", "d_flat", "d", "e_flat", "e", "f", "g_flat", "g", "a_flat", "a", "b_flat", "b")
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10, 11)
KEYS = ("any", *(f"{tonic}_{scale}" for scale in ("major", "minor") for tonic in CLASSES))

CONTROLS: tuple[Control, ...] = (
    Control("mode", 0, 1, CONTINUE, "", "goes on when you stop, or plays along all the time", ("continue", "duet")),
    Control("pause", 0, 60, 1.0, "s", "continue: how long no key is down before it goes on; 0: only when the input has ended"),
    Control("take_turn", 0, 1, 0, "", "continue: on lets it go on at once; give it a pedal, as in --cc 66=take_turn", ("off", "on")),
    Control("seconds", 0, 3600, 0, "s", "how long it goes on when the input has ended"),
    Control("temperature", 0, 2, 0.75, "", "how boldly it chooses notes and velocities; 0 takes the likeliest"),
    Control("top_p", 0, 1, 1.0, "", "leaves out unlikely notes and velocities: keeps those that make up this share"),
    Control("motifs", 0, 2, 1.0, "", "how readily it comes back to what was played, by it or by you; 0 only by chance"),
    Control("density", 0, 64, 0, "notes/s", "how many notes to play; 0 leaves it to the model"),
    Control("velocity", -60, 60, 0, "velocity steps", "louder or softer than the model plays"),
    Control("lowest", 0, 127, 21, "", "the lowest pitch it plays"),
    Control("highest", 0, 127, 108, "", "the highest pitch it plays"),
    Control("channel", 0, 16, 0, "", "the channel it plays on; 0 is yours"),
    Control("mute", 0, 1, 0, "", "whether it only listens", ("off", "on")),
    Control("panic", 0, 1, 0, "", "on ends all its notes, and it waits until you play", ("off", "on")),
    Control("quantise", 0, len(GRID_QUARTERS) - 1, 0, "", "moves its onsets to a grid of MIDI clock", tuple(GRID_QUARTERS)),
    Control("key", 0, len(KEYS) - 1, 0, "", "keeps to a scale", KEYS),
    *(Control(name, 0, 1, 1, "", f"how much of pitch class {name} to play; 0 is none") for name in CLASSES),
)


def grid_quarters(controls: Mapping[str, float]) -> float:
    return list(GRID_QUARTERS.values())[int(controls["quantise"])]


def preferences_of(controls: Mapping[str, float]) -> Preferences:
    """Return what controls, all of them, ask of the events to come."""
    weights = [controls[name] for name in CLASSES]
    if key := int(controls["key"]):
        minor, tonic = divmod(key - 1, len(CLASSES))
        scale = {(tonic + degree) % len(CLASSES) for degree in (MINOR if minor else MAJOR)}
        weights = [weight if index in scale else 0.0 for index, weight in enumerate(weights)]
    total = sum(weights)
    open_weights = total == 0 or len(set(weights)) == 1
    lowest, highest = sorted((int(controls["lowest"]), int(controls["highest"])))
    return Preferences(
        Boldness(controls["temperature"], controls["top_p"]),
        controls["motifs"],
        controls["density"] or None,
        None if open_weights else tuple(weight / total for weight in weights),
        Limits(lowest, highest, tuple(total == 0 or weight > 0 for weight in weights)),
    )


DEFAULT_PREFERENCES = preferences_of(defaults(CONTROLS))
