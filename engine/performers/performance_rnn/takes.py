"""Takes of an improvisation, offline: of several seeds, or the likeliest of many, computed in streams of one network side by side.

All takes follow the same primer, which is heard once, and are played as the partner plays.
"""

from collections.abc import Callable, Mapping, Sequence

from engine.base.errors import UsageError
from engine.midi.events import PITCH_BEND, PROGRAM_CHANGE, Event, channel_of, is_channel_message, is_control_change
from engine.midi.file import MidiTimeline
from engine.onnx.model import Model
from engine.performers.performance_rnn.improvisation import Improvisation
from engine.performers.performance_rnn.networks import Ensemble
from engine.performers.performance_rnn.stream import PerformanceRNNStream
from engine.performers.performance_rnn.voice import Preferences, Voice
from engine.performers.protocol import PerformerStream, Take
from engine.systems.performance_rnn import ImprovisationRequest
from models.layers.sampling import GumbelNoise
from models.performance_rnn.representation import EventCodec

BRANCHES = 4  # continuations of each beam
STRETCH_EVENTS = 64  # after which they are compared
FIRST_CHANNEL_MODE = 120  # controllers from here on are commands, not a state


class Listener(PerformanceRNNStream):
    """Hears a primer to its end, from where takes go on."""

    def __init__(self, model: Model, seed: int, controls: Mapping[str, float]):
        super().__init__(model, seed, controls)
        self.begin_ns = 0  # where takes begin

    def finish(self) -> list[Event]:
        """Raises UsageError when it has played: what follows would belong to its own seed only."""
        _, voice = self._improvisation.snapshot()
        if self._state.playing or voice.index:
            named = "--takes, --beam and --without-primer"
            raise UsageError(f"{named}: it must not play before its primer ends; leave the controls mode and pause alone")
        self._state.finished = True
        return []

    def improvise(self, seeds: Sequence[int], beams: int = 0) -> list[list[Event]]:
        """Return the take of each seed, until the control ``seconds`` has passed and all its notes have ended.

        With ``beams`` each is the likeliest that a search finds (see ``search``).
        """
        self.begin_ns = self._state.now_ns
        self._take_turn(self.begin_ns)
        heard, improvisation = self.snapshot(), self._improvisation
        network, voice = improvisation.snapshot()
        end_ns = self.begin_ns + round(self._controls["seconds"] * 1e9)
        last_step = (end_ns - self._state.origin_ns) // self._step_ns
        ensemble = Ensemble(self._model.create_stepper(beams * BRANCHES or len(seeds)))
        voices = [voice.copy(noise=GumbelNoise(seed)) for seed in seeds]
        if beams:
            futures = []
            for each in voices:
                ensemble.stepper.restore(network)
                futures.append(search(ensemble, each, beams, self._preferences, last_step))
        else:
            ensemble.stepper.restore(network)
            futures = sample_takes(ensemble, voices, self._preferences, last_step)
        takes = []
        for future in futures:
            self._improvisation = improvisation
            self.restore(heard)
            self._improvisation = _Retold(improvisation.codec, voice.copy(), future)
            takes.append(super().finish())
        return takes


class _Retold(Improvisation):
    """An improvisation whose events are given."""

    def __init__(self, codec: EventCodec, voice: Voice, events: Sequence[int]):
        self.codec, self._voice, self._events = codec, voice, iter(events)

    def sample(self, preferences: Preferences) -> int:
        event = next(self._events)
        self._voice.follow(event)
        return event

    def snapshot(self) -> None:
        """It is never taken back."""


def sample_takes(ensemble: Ensemble, voices: Sequence[Voice], preferences: Preferences, last_step: int) -> list[list[int]]:
    """Return the events of each voice until all are past ``last_step``."""
    takes: list[list[int]] = [[] for _ in voices]
    while any(voice.keys.step <= last_step for voice in voices):
        _sample(ensemble, voices, takes, preferences)
    return takes


def search(ensemble: Ensemble, voice: Voice, beams: int, preferences: Preferences, last_step: int) -> list[int]:
    """Return the likeliest events found by a beam search that samples its branches, as the generator of Magenta's Performance RNN does.

    Each of ``beams`` sequences (at first all are ``voice``) goes on ``BRANCHES`` times for ``STRETCH_EVENTS`` events, sampled with the
    preferences. The ``beams`` of the greatest log likelihood are kept, and so on until all are past ``last_step``; the likeliest is
    returned. ``ensemble`` has ``beams * BRANCHES`` streams, each in the state of ``voice``.
    """
    streams = [0] * (beams * BRANCHES)
    noises = [voice.noise.with_lane(lane) for lane in range(len(streams))]
    voices, takes = [voice.copy(judges=True)], [list[int]()]
    while True:
        ensemble.stepper.select(streams)
        voices = [voices[stream].copy(noise=noise) for noise, stream in zip(noises, streams, strict=True)]
        takes = [list(takes[stream]) for stream in streams]
        for _ in range(STRETCH_EVENTS):
            _sample(ensemble, voices, takes, preferences)
        kept = sorted(range(len(streams)), key=lambda stream: -voices[stream].log_likelihood)[:beams]
        if all(voices[stream].keys.step > last_step for stream in kept):
            return takes[kept[0]]
        streams = [stream for stream in kept for _ in range(BRANCHES)]


def _sample(ensemble: Ensemble, voices: Sequence[Voice], takes: Sequence[list[int]], preferences: Preferences) -> None:
    for take, event in zip(takes, ensemble.sample(voices, preferences), strict=True):
        take.append(event)


def improvise_takes(
    model: Model,
    primer: MidiTimeline,
    request: ImprovisationRequest,
    controls: Mapping[str, float],
    seeds: Sequence[int],
    listen: Callable[[PerformerStream], None],
) -> list[Take]:
    """Return a take of each seed after ``primer``, which ``listen`` plays to one stream, once."""
    listener = Listener(model, 0, controls)
    listen(listener)
    takes = []
    for seed, events in zip(seeds, listener.improvise(seeds, request.beam), strict=True):
        before, after = without_primer(primer, events, listener.begin_ns) if request.without_primer else (primer, events)
        takes.append(Take(seed, before, after))
    return takes


def without_primer(primer: MidiTimeline, take: Sequence[Event], begin_ns: int) -> tuple[MidiTimeline, list[Event]]:
    """Return what replaces the primer when a take that begins at ``begin_ns`` is to begin at 0, and the take from there.

    The replacement sets the instruments as the primer leaves them: the last program, pitch bend and value of each controller by channel.
    """
    state: dict[bytes, bytes] = {}
    for _, message, _ in primer.events:
        if is_channel_message(message) and (key := _state_key(message)):
            state.pop(key, None)
            state[key] = message  # in order of the last: a program stays after its bank
    timeline = MidiTimeline([Event(0, message) for message in state.values()])
    return timeline, [event._replace(time_ns=event.time_ns - begin_ns) for event in take]


def _state_key(message: bytes) -> bytes | None:
    """Return the key of the state that a message sets, or None if it sets none that lasts."""
    if is_control_change(message):
        return message[:2] if message[1] < FIRST_CHANNEL_MODE else None
    return message[:1] if message[0] - channel_of(message) in (PROGRAM_CHANGE, PITCH_BEND) else None
