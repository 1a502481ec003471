"""The styles of the networks that ship: another touch, and with look-ahead a pedal."""

import pytest
from played_events import play, velocities

from engine.midi.events import Event, is_control_change, note_off, note_on
from engine.onnx.model import Model
from engine.performers.velocity.controls import CLASSICAL, POP
from engine.performers.velocity.performer import known_controls, load_performer
from engine.systems.manifest import Request
from models.pretrained import pretrained

MS = 1_000_000
FLAT = 80


@pytest.fixture(scope="module", params=[None, 2.0], ids=["causal", "looking ahead"])
def performer(request):
    return load_performer(None, request.param)


def chords(bars=6):
    """Broken chords over a bass, flat, as a sequencer has them."""
    events = []
    for step in range(bars * 8):
        at_ns = step * 250 * MS
        bass = (36, 41, 43, 36)[step // 8 % 4]
        for pitch in [bass, bass + 24] if step % 8 == 0 else [bass + (24, 28, 31)[step % 3]]:
            events += [Event(at_ns, note_on(0, pitch, FLAT)), Event(at_ns + 200 * MS, note_off(0, pitch, 64))]
    return sorted(events, key=lambda event: event.time_ns)


def pedals(events):
    return [event.message[2] for event in events if is_control_change(event.message) and event.message[1] == 64]


def test_pop_has_a_touch_of_its_own(performer):
    classical, pop = (velocities(play(performer.create_stream(0, {"style": style}), chords())) for style in (CLASSICAL, POP))
    assert classical != pop and len(set(pop)) > 3
    assert velocities(play(performer.create_stream(0, {}), chords())) == classical


def test_pop_pedals_with_look_ahead_and_leaves_it_up(performer):
    sent = play(performer.create_stream(0, {"style": POP}), chords())
    moves = pedals(sent)
    if performer.latency_ns:
        assert moves.count(127) >= 2 and moves[::2] == [127] * (len(moves) // 2) and moves[-1] == 0
        assert [event.time_ns for event in sent] == sorted(event.time_ns for event in sent)
        assert pedals(play(performer.create_stream(0, {"style": CLASSICAL}), chords())) == []
    else:
        assert moves == []


def test_the_style_can_be_changed_while_playing(performer):
    events = chords()
    stream = performer.create_stream(0, {"style": POP})
    before = [sent for event in events[:60] for sent in stream.feed(event)]
    snapshot = stream.snapshot()
    stream.set_control("style", CLASSICAL)
    changed = play(stream, events[60:])
    stream.restore(snapshot)
    kept = play(stream, events[60:])
    assert velocities(changed) != velocities(kept)
    whole = play(performer.create_stream(0, {"style": POP}), events)
    if not performer.latency_ns:
        assert before + kept == whole
    assert len(velocities(changed)) == len(velocities(kept))


def test_a_model_of_ones_own_has_no_style():
    own = load_performer(pretrained("velocity.onnx"), None)
    assert "style" not in {control.name for control in own.controls}
    assert own.controls == known_controls(pretrained("velocity.onnx"), None)


@pytest.mark.parametrize("live", [False, True])
def test_the_other_style_is_opened_live_before_the_first_note_and_in_a_file_when_it_is_asked_for(monkeypatch, live):
    opened = []
    monkeypatch.setattr("engine.performers.velocity.networks.Model", lambda path, *rest: opened.append(path.name) or Model(path, *rest))
    stream = load_performer(None, None).perform(None, Request(), {}, 0, live)
    play(stream, chords())
    assert any("pop" in name for name in opened) == live
    stream.set_control("style", POP)
    assert len(opened) == 4 and any("pop" in name for name in opened)
