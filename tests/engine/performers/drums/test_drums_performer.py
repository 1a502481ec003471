"""The drummer: live pads, files, and songs that others play beside it."""

import numpy as np
import pytest
from command_line import assert_refused, command
from drum_tracks import BONGO, HAT, KICK, RIM, SNARE, notes_of, pattern, write_song

import engine
from engine.base.errors import UsageError
from engine.commands import live, render
from engine.midi.events import Event, is_note_on, note_off, note_on
from engine.midi.routing import Routing
from engine.performers.registry import load_performer, with_drums
from engine.systems import Request
from models.pretrained import pretrained

LOUD = 100


@pytest.fixture(scope="module")
def drummer():
    return load_performer("drums")


def play(stream, strokes, channel=9):
    """Feed strokes at 120 quarters a minute; return all that is sent."""
    sent = []
    for quarter, key in strokes:
        time_ns = round(quarter * 5e8)
        sent += stream.feed(Event(time_ns, note_on(channel, key, LOUD))) + stream.feed(Event(time_ns + 50, note_off(channel, key)))
    return sent


def test_a_pad_leaves_at_once_and_only_its_velocity_is_another(drummer):
    sent = play(drummer.create_stream(0, {}), pattern(8))
    assert [(event.time_ns, event.message[1]) for event in sent[::2]] == [(round(quarter * 5e8), key) for quarter, key in pattern(8)]
    velocities = {key: {event.message[2] for event in sent if is_note_on(event.message) and event.message[1] == key} for key in (KICK, HAT)}
    assert len(velocities[HAT]) > 4 and velocities[HAT] != velocities[KICK]
    assert {event.message[2] for event in sent if is_note_on(event.message) and event.message[1] == BONGO} == {LOUD}


def test_a_take_is_the_same_whenever_it_is_played_and_goes_on_where_it_was(drummer):
    stream = drummer.create_stream(3, {"temperature": 1.0})
    first = play(stream, pattern(8))
    stream.reset()
    assert play(stream, pattern(8)) == first
    stream.reset()
    play(stream, pattern(4))
    kept = stream.snapshot()
    later = [(quarter + 16, key) for quarter, key in pattern(4)]
    rest = play(stream, later)
    stream.restore(kept)
    assert play(stream, later) == rest
    other = play(drummer.create_stream(4, {"temperature": 1.0}), pattern(8))
    assert other != first


def test_a_late_stroke_carries_the_last_velocity_on(drummer):
    stream = drummer.create_stream(0, {"temperature": 0, "level": 1})
    (first,) = stream.feed(Event(0, note_on(9, SNARE, LOUD)))
    (late,) = stream.feed(Event(1_000_000_000, note_on(9, KICK, LOUD)), late=True)
    assert late.message[2] == first.message[2] != LOUD
    (alone,) = drummer.create_stream(0, {}).feed(Event(0, note_on(9, KICK, 77)), late=True)
    assert alone.message[2] == 77


def test_the_sender_s_clock_says_where_in_the_bar_a_stroke_is(drummer):
    def struck(clock):
        stream = drummer.create_stream(0, {"temperature": 0, "level": 1})
        found = []
        if clock:
            stream.follow_clock(Event(0, b"\xfa"))
        for tick in range(24 * 8):
            time_ns = round(tick * 5e8 / 24)
            if clock:
                stream.follow_clock(Event(time_ns, b"\xf8"))
            if tick % 12 == 0:
                found += stream.feed(Event(time_ns + 1000, note_on(9, HAT, LOUD)))
        return [event.message[2] for event in found]

    assert struck(True) != struck(False)


def test_a_file_gets_velocities_and_timing_and_keeps_the_rest(tmp_path):
    song = write_song(tmp_path / "song.mid")
    engine.render(song, tmp_path / "out.mid", drums="perform", controls={"drums.mix": 0})
    written, performed = notes_of(song), notes_of(tmp_path / "out.mid")
    assert sorted(key for _, key, _ in written) == sorted(key for _, key, _ in performed)
    assert len({velocity for _, key, velocity in performed if key == HAT}) > 4
    pairs = [pair for key in (KICK, SNARE, HAT) for pair in zip(times(written, key), times(performed, key), strict=True)]
    moved = [abs(after - before) for before, after in pairs]
    assert 0.001 < sum(moved) / len(moved) < 0.05 and max(moved) < 0.12
    assert [each for each in performed if each[1] == BONGO] == [each for each in written if each[1] == BONGO]
    engine.render(song, tmp_path / "plain.mid")
    assert notes_of(tmp_path / "plain.mid", 0) == notes_of(tmp_path / "out.mid", 0)  # the piano is as without a drummer
    assert notes_of(tmp_path / "plain.mid") == written


def times(notes, key):
    return [time for time, own, _ in notes if own == key]


LOOKAHEAD = ("--lookahead", "1")


@pytest.mark.parametrize(
    "options",
    [
        ("--drums", "perform"),
        ("--drums", "perform", *LOOKAHEAD),
        ("--performer", "drums", "--exclude-track", "Piano"),
        ("--performer", "drums", *LOOKAHEAD),
    ],
)
def test_live_equals_render(tmp_path, capfd, options):
    song = write_song(tmp_path / "song.mid")
    assert command(render.app, "perf-render", capfd)(song, "-o", tmp_path / "render.mid", *options).status == 0
    assert command(live.app, "perf-live", capfd)("--in", song, "--out", tmp_path / "live.mid", *options).status == 0
    assert (tmp_path / "render.mid").read_bytes() == (tmp_path / "live.mid").read_bytes()


def test_a_score_has_its_drums_performed_along_its_tempo(tmp_path):
    song = write_song(tmp_path / "song.mid")
    engine.render(song, tmp_path / "out.mid", "passthrough", drums="perform", controls={"drums.timing": 0})
    flat = notes_of(tmp_path / "out.mid")
    assert times(flat, SNARE) == times(notes_of(song), SNARE) and len({velocity for *_, velocity in flat}) > 4
    engine.render(song, tmp_path / "score.mid", "dexter", drums="perform", controls={"drums.temperature": 0})
    engine.render(song, tmp_path / "left.mid", "dexter")
    performed, left = notes_of(tmp_path / "score.mid"), notes_of(tmp_path / "left.mid")
    assert sorted(key for _, key, _ in performed) == sorted(key for _, key, _ in left)
    assert {velocity for *_, velocity in left} == {LOUD} and len({velocity for *_, velocity in performed}) > 4


def test_pads_and_keys_are_played_at_once_by_channel():
    both = with_drums(load_performer("velocity"), Routing(perform_drums=True))
    stream = both.perform(None, Request(), {"strength": 0.0, "drums.strength": 1.0}, 0, False)
    pads, keys = play(stream, pattern(4)), play(stream, [(16 + number, 60) for number in range(8)], channel=0)
    assert len({event.message[2] for event in pads if is_note_on(event.message)}) > 4
    assert {event.message[2] for event in keys if is_note_on(event.message)} == {LOUD}
    kept = stream.snapshot()
    stream.restore(kept)
    assert stream.feed(Event(20_000_000_000, note_off(9, KICK))) == [Event(20_000_000_000, note_off(9, KICK))]


def test_pads_and_keys_look_ahead_alike_and_pads_are_played_off_the_beat():
    both = with_drums(load_performer("velocity", lookahead_s=1), Routing(perform_drums=True))
    assert both.latency_ns == 10**9
    stream, sent = both.perform(None, Request(), {"drums.temperature": 0}, 0, False), []
    stream.follow_clock(Event(0, b"\xfa"))
    for tick in range(24 * 16):
        time_ns = round(tick * 5e8 / 24)
        stream.follow_clock(Event(time_ns, b"\xf8"))
        if tick % 12 == 0:
            for channel, key in ((9, HAT), (0, 60)):
                sent += stream.feed(Event(time_ns, note_on(channel, key, LOUD)))
                sent += stream.feed(Event(time_ns + 1000, note_off(channel, key)))
        sent += stream.advance(time_ns + 1000)
    sent += stream.advance(time_ns + 3 * 10**9)
    assert stream.finish() == []
    written = [10**9 + number * 250_000_000 for number in range(32)]
    begun = {key: [event.time_ns for event in sent if event.message[1] == key and is_note_on(event.message)] for key in (HAT, 60)}
    assert begun[60] == written and len(begun[HAT]) == 32 and begun[HAT] != written
    assert max(abs(struck - place) for struck, place in zip(begun[HAT], written, strict=True)) < 90_000_000


def test_the_others_lie_around_the_drums_timing(tmp_path):
    song = write_song(tmp_path / "song.mid", [each for each in pattern() if each[1] == HAT])  # on each half of a quarter but the last
    moved = {}
    for mix in (0, 0.5, 1):
        engine.render(song, tmp_path / "out.mid", drums="perform", controls={"drums.mix": mix})
        hats = np.array(times(notes_of(tmp_path / "out.mid"), HAT)) - np.array(times(notes_of(song), HAT))
        piano = np.array(times(notes_of(tmp_path / "out.mid", 0), 60)) - np.array(times(notes_of(song, 0), 60))
        moved[mix] = piano
        on_quarters = hats[[number for number in range(28) if number % 7 in (0, 2, 4, 6)]]
        np.testing.assert_allclose(piano[1:], mix * on_quarters[1:], atol=0.0011)  # a tick of the file
    assert np.abs(moved[1]).mean() > 0.003 and not moved[0].any()
    engine.render(song, tmp_path / "alone.mid", drums="perform", exclude=[1])
    assert notes_of(tmp_path / "alone.mid", 0) == notes_of(song, 0)


def test_a_bass_goes_with_the_kick_drum_and_is_left_alone_where_told(tmp_path):
    song = write_song(tmp_path / "song.mid", bass=(2, 4.75, 5.75, 7.25))  # with the kick and without, twice
    engine.render(song, tmp_path / "out.mid", drums="perform")
    kicks, performed = times(notes_of(tmp_path / "out.mid"), KICK), times(notes_of(tmp_path / "out.mid", 1), 40)
    assert performed[0] in kicks and performed[2] in kicks and kicks != times(notes_of(song), KICK)
    assert performed[1::2] == [4.75 / 2, 7.25 / 2]
    engine.render(song, tmp_path / "alone.mid", drums="perform", exclude=[2])
    assert times(notes_of(tmp_path / "alone.mid", 1), 40) == times(notes_of(song, 1), 40)
    engine.render(song, tmp_path / "grid.mid", drums="perform", controls={"drums.timing": 0})
    assert times(notes_of(tmp_path / "grid.mid", 1), 40) == times(notes_of(song, 1), 40)


def test_another_kit_is_understood_and_keeps_its_keys(tmp_path):
    kit = tmp_path / "kit.yaml"
    kit.write_text("C1: kick\n25: snare\nD1: closed hi-hat\n")
    keys = {KICK: 24, SNARE: 25, HAT: 26}
    song = write_song(tmp_path / "song.mid", [each for each in pattern() if each[1] in keys], keys=keys)
    plain = write_song(tmp_path / "plain.mid", [each for each in pattern() if each[1] in keys])
    engine.render(song, tmp_path / "own.mid", "drums", kit=kit, exclude_tracks=["Piano"])
    engine.render(plain, tmp_path / "general.mid", "drums", exclude_tracks=["Piano"])
    general = notes_of(tmp_path / "general.mid")
    assert notes_of(tmp_path / "own.mid") == [(time, keys[key], velocity) for time, key, velocity in general]


@pytest.mark.parametrize(("line", "said"), [("C1: kazoo", "got 'C1: kazoo'"), ("H9: kick", "got 'H9: kick'"), ("200: 36", "got '200: 36'")])
def test_a_kit_that_is_none_is_one_line(tmp_path, line, said):
    kit = tmp_path / "kit.yaml"
    kit.write_text(line)
    song = write_song(tmp_path / "song.mid")
    with pytest.raises(UsageError, match=f"{said}, expected a key and its drum"):
        engine.render(song, tmp_path / "out.mid", "drums", kit=kit)
    assert not (tmp_path / "out.mid").exists()


def test_what_is_left_alone_is_left_alone(tmp_path):
    song = write_song(tmp_path / "song.mid")
    for options in ({"exclude": [10]}, {"exclude_tracks": ["Drums"]}):
        engine.render(song, tmp_path / "out.mid", drums="perform", **options)
        assert notes_of(tmp_path / "out.mid") == notes_of(song)


def test_amounts_of_nothing_change_nothing(tmp_path):
    song = write_song(tmp_path / "song.mid", [*pattern(), (15.9, RIM)], piano=False)
    engine.render(song, tmp_path / "out.mid", "drums", controls={"strength": 0, "timing": 0})
    assert notes_of(tmp_path / "out.mid") == notes_of(song)
    engine.render(song, tmp_path / "moved.mid", "drums")
    assert times(notes_of(tmp_path / "moved.mid"), RIM) == times(notes_of(song), RIM)  # somebody has played it there


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--performer", "drums", "--model", pretrained("velocity.onnx")), "has several files; give the folder that perf-export wrote"),
        (("--drums", "perform", "--set", "drums.style=polka"), "control 'drums.style': got 'polka', allowed: any, afrobeat"),
        (("--set", "drums.style=funk"), "drums.style"),
    ],
)
def test_what_the_drummer_does_not_know_is_refused_in_one_line(tmp_path, capfd, arguments, said):
    song = write_song(tmp_path / "song.mid")
    assert_refused(command(render.app, "perf-render", capfd)(song, "-o", tmp_path / "out.mid", *arguments), 2, said)


def test_it_is_the_same_whether_there_is_time_to_rest_between_strokes_or_not(drummer):
    busy, resting = (drummer.create_stream(3, {"temperature": 1.0}) for _ in range(2))
    for stroke in pattern(8):
        assert play(resting, [stroke]) == play(busy, [stroke])
        assert not resting.rest()


def test_the_mix_of_a_song_is_an_option_as_well(tmp_path, capfd):
    song, rendering = write_song(tmp_path / "song.mid", pattern()), command(render.app, "perf-render", capfd)
    for name, told in (("option", ["--mix", "0.25"]), ("setting", ["--set", "drums.mix=0.25"]), ("usual", [])):
        assert rendering(song, "-o", tmp_path / f"{name}.mid", "--drums", "perform", *told).status == 0
    option, setting, usual = ((tmp_path / f"{name}.mid").read_bytes() for name in ("option", "setting", "usual"))
    assert option == setting != usual
    assert_refused(rendering(song, "-o", tmp_path / "out.mid", "--mix", "0.25"), 2, "--mix 0.25:", "give --drums perform")
