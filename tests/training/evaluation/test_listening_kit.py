"""``perf-eval listen``: nothing but the playing differs between the clips of an excerpt, and nothing says who plays."""

import json
import struct
from pathlib import Path

import html5lib
import numpy as np
import pytest
from miniature_corpus import write_corpus
from scipy.signal import lfilter, resample_poly
from test_expressiveness import make_piece

from engine.base.command_line import run
from engine.base.errors import UsageError
from engine.sound.fluidsynth import find_sound_font
from engine.systems import performers
from models.performance.pedal import Pedal
from models.performance.representation import Performed
from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE
from training.evaluation.command import app
from training.evaluation.expressiveness.pieces import as_written
from training.evaluation.listening.clips import FADE_S, LEAD_S, LOUDNESS_LUFS, render_clip
from training.evaluation.listening.excerpts import Take, cut, draw_excerpts, find_excerpts
from training.evaluation.listening.key import KEY_FILE, Key, read_key
from training.evaluation.listening.sources import Ours, takes, written

RATE = 44100
EXCERPTS = 3
SOURCES = ("human", "dexter, sampled", "dexter, mean", "as written")


def call(data: Path, out: Path, *arguments: str) -> int:
    shared = ["--data", str(data), "--cache", str(data / "cache"), "--seconds", "6", "-o", str(out)]
    return run(app, "perf-eval", ["listen", *shared, *arguments])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"), pianists=3)


@pytest.fixture(scope="module")
def kit(corpus: Path) -> Path:
    folder = corpus / "kit"
    assert call(corpus, folder, "--excerpts", str(EXCERPTS), "--seed", "4") == 0
    return folder


@pytest.fixture(scope="module")
def key(kit: Path) -> Key:
    return read_key(kit / KEY_FILE)


def clips(kit: Path) -> dict[str, np.ndarray]:
    """Return the samples of all clips by name, -1 to 1: what follows a header of 44 bytes."""
    paths = sorted((kit / "for_listeners" / "audio").iterdir())
    return {path.name: np.frombuffer(path.read_bytes()[44:], "<i2").reshape(-1, 2) / 32768 for path in paths}


def loudness_lufs(samples: np.ndarray) -> float:
    """Return the integrated loudness by the filters of BS.1770-4 as they are printed, for 48 kHz."""
    sound = resample_poly(samples, 160, 147, axis=0)
    sound = lfilter((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585), sound, axis=0)
    sound = lfilter((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621), sound, axis=0)
    power = np.array([(sound[at : at + 19200] ** 2).mean(axis=0).sum() for at in range(0, len(sound) - 19199, 4800)])
    power = power[power > 10 ** ((-70 + 0.691) / 10)]
    return float(-0.691 + 10 * np.log10(power[power > power.mean() / 10].mean()))


@pytest.mark.sound
def test_the_folder_holds_all_that_an_experimenter_needs(kit: Path, key: Key) -> None:
    found = {path.relative_to(kit).as_posix() for path in kit.rglob("*") if path.suffix != ".wav"}
    listeners = {"for_listeners", "for_listeners/audio", "for_listeners/listen.html", "for_listeners/form.html"}
    assert found == {"README.txt", KEY_FILE, "answers", "answers_template.csv", *listeners}
    assert key.sources == SOURCES and len(key.excerpts) == EXCERPTS and key.temperature == 0.5
    assert [sorted(each.clips.values()) for each in key.excerpts] == [sorted(SOURCES)] * EXCERPTS
    assert sorted(clips(kit)) == [clip for each in key.excerpts for clip in each.clips]
    assert len({tuple(each.clips.values()) for each in key.excerpts}) > 1  # letters are dealt anew for each
    assert all(each.recording.startswith("Bach/Prelude/four/pianist") for each in key.excerpts)
    readme = (kit / "README.txt").read_text(encoding="utf-8")
    assert "CC BY-NC-SA 4.0" in readme and key.sound_font in readme and KEY_FILE in readme and "{" not in readme


@pytest.mark.sound
def test_clips_are_equally_loud_and_begin_and_end_alike(kit: Path) -> None:
    for name, samples in clips(kit).items():
        assert loudness_lufs(samples) == pytest.approx(LOUDNESS_LUFS, abs=0.1), name
        level = np.abs(samples).max(axis=1)
        lead = round(LEAD_S * RATE)
        assert not level[: lead - 64].any(), name  # of 64 are the blocks in which FluidSynth begins a note
        assert level[lead : lead + RATE // 20].any(), name
        fades = len(level) - round(FADE_S * RATE)
        assert level[-RATE // 100 :].max() < 0.002 < level[fades - RATE // 50 : fades].max(), name


@pytest.mark.sound
def test_nothing_that_listeners_get_says_who_plays(kit: Path, key: Key) -> None:
    given = sorted((kit / "for_listeners").rglob("*"))
    secret = ["human", "written", "sampled", "pianist", "bach", "prelude", "perf-", "key_", *performers()]
    for path in given:
        told = path.name.lower().encode() + (path.read_bytes().lower() if path.suffix == ".html" else b"")
        assert not [word for word in secret if word.encode() in told], path
    for path in given:
        if path.suffix == ".wav":
            data = path.read_bytes()  # one format, and then nothing but samples
            assert data[:4] == b"RIFF" and data[8:16] == b"WAVEfmt " and data[36:40] == b"data"
            assert struct.unpack("<I", data[40:44]) == (len(data) - 44,)
    assert len({path.stat().st_mtime_ns for path in kit.rglob("*")}) == 1
    for excerpt in key.excerpts:
        assert len({(kit / "for_listeners" / "audio" / clip).stat().st_size for clip in excerpt.clips}) == len(excerpt.clips)


@pytest.mark.sound
def test_the_pages_are_valid_and_reach_for_nothing_outside(kit: Path, key: Key) -> None:
    for name in ("listen.html", "form.html"):
        text = (kit / "for_listeners" / name).read_text(encoding="utf-8")
        document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
        assert "//" not in text.replace("// ", "")  # no address of another place
        assert not [each for each in document.iter() if {"src", "href", "action"} & set(each.attrib)]
        identifiers = [each.attrib["id"] for each in document.iter() if "id" in each.attrib]
        assert len(identifiers) == len(set(identifiers))
        assert document.attrib["lang"] == "en"
        for clip in clips(kit):
            assert Path(clip).stem in text
    page = html5lib.parse((kit / "for_listeners" / "listen.html").read_text(encoding="utf-8"), namespaceHTMLElements=False)
    shown = json.loads(page.find(".//script[@id='kit']").text)
    assert shown == {"kit": key.kit, "excerpts": [{"excerpt": each.excerpt, "clips": list(each.clips)} for each in key.excerpts]}


@pytest.mark.sound
@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--performer", "velocity"], 2, "--performer 'velocity': allowed: dexter, score-performer"),
        (["--excerpts", "90"], 2, "of about 6 s without ornaments; give fewer, or other --seconds"),
        (["--soundfont", "none.sf2"], 1, "sound font 'none.sf2': there is no such file"),
        (["--pieces", "Liszt"], 1, "no validation piece with 3 performances has 'Liszt' in its name"),
        (["--seed", "-1"], 2, "0 or more is allowed"),
    ],
)
def test_a_test_that_cannot_be_made_leaves_nothing(
    corpus: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, said: str
) -> None:
    assert call(corpus, corpus / "other", *arguments) == status
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not list(corpus.glob("*other*"))


@pytest.mark.sound
def test_a_folder_that_is_there_is_left_alone(corpus: Path, kit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(corpus, kit) == 2
    assert capsys.readouterr().err == f"perf-eval: -o {str(kit)!r} exists; give the name of a new folder\n"
    assert call(corpus, kit / "no" / "such") == 2
    assert "create it first" in capsys.readouterr().err


@pytest.mark.sound
def test_a_clip_does_not_depend_on_the_one_before() -> None:
    piece = make_piece()
    loud, soft = (cut(find_excerpts(piece, human, 6.0)[0], piece.humans[human]) for human in (0, 1))
    first, _, again = (render_clip(take, find_sound_font()) for take in (loud, soft, loud))
    np.testing.assert_array_equal(first, again)


@pytest.mark.sound
def test_strings_without_dampers_are_faded_out() -> None:
    note = np.array([(0.0, 0.5, 104, 127)], NOTE_DTYPE)
    sound = render_clip(Take(note, np.zeros(0, PEDAL_DTYPE), 0.5), find_sound_font())
    assert np.abs(sound).max() > 0.1 and np.abs(sound[-RATE // 20 :]).max() < 3e-5  # a step of 16 bits; five of them unless faded


def test_all_play_the_same_notes_of_the_same_bars() -> None:
    piece = make_piece(presentations=False)
    piece.humans[0].onset_sec[20] = np.nan  # the human misses a note
    (excerpt,) = (each for each in find_excerpts(piece, 0, 6.0) if each.first == 2)
    assert 20 in range(excerpt.rows[0], excerpt.rows[-1]) and 20 not in excerpt.rows
    ours = Ours("dexter", lambda given, seed, controls: as_written(given.score), 0.5)
    played = takes(excerpt, ours, 7)
    assert tuple(played) == SOURCES
    measures = piece.score.measures
    begin, end = measures["onset_quarter"][excerpt.first], measures["onset_quarter"][excerpt.last + 1]
    inside = (piece.notes["onset_quarter"] >= begin) & (piece.notes["onset_quarter"] < end) & (np.arange(len(piece.notes)) != 20)
    for take in played.values():
        np.testing.assert_array_equal(take.notes["pitch"], piece.notes["pitch"][inside])
        assert take.notes["onset_sec"].min() == 0 and (take.notes["onset_sec"] + take.notes["duration_sec"]).max() <= take.seconds
    assert played["human"].seconds == pytest.approx(6, rel=0.25)
    assert len(np.unique(played["as written"].notes["velocity"])) == 1 < len(np.unique(played["human"].notes["velocity"]))
    assert len(played["human"].pedals) > 1 and not played["as written"].pedals["value"].any()


def test_a_performer_that_samples_at_temperature_0_has_one_version() -> None:
    piece, asked = make_piece(), []

    def render(given, seed, controls):
        asked.append((seed, dict(controls)))
        return as_written(given.score)

    excerpt = find_excerpts(piece, 0, 6.0)[0]
    assert list(takes(excerpt, Ours("score-performer", render, 0.0), 3)) == ["human", "score-performer, mean", "as written"]
    takes(excerpt, Ours("dexter", render, 0.5), 3)
    assert asked == [(None, {}), (3, {"temperature": 0.5}), (None, {})]


def test_the_pedal_is_as_it_stands_at_the_beginning_and_up_at_the_end() -> None:
    """Bars of four quarters of half a second: bar 3 begins after 4 s. The pedal moves before, within and after bars 3 and 4."""
    piece = make_piece()
    pedal = Pedal(np.array([1.0, 3.0, 5.0, 7.5, 8.5]), np.array([10, 100, 0, 90, 20]))
    performed = as_written(piece.score)._replace(pedal=pedal, duration_sec=np.full(len(piece.notes), 3.0))
    excerpt = next(each for each in find_excerpts(piece, 0, 4.0) if (each.first, each.last) == (2, 3))
    take = cut(excerpt, performed)
    assert take.seconds == pytest.approx(4)
    np.testing.assert_allclose(take.pedals["time_sec"], [0, 1, 3.5, 4])
    assert take.pedals["value"].tolist() == [100, 0, 90, 0]
    np.testing.assert_allclose(take.notes["duration_sec"], np.minimum(3, 4 - take.notes["onset_sec"]))
    silent = cut(excerpt, performed._replace(pedal=Pedal(np.array([5.0]), np.array([70]))))
    assert silent.pedals["value"].tolist() == [70, 0]  # not yet down at the beginning
    np.testing.assert_allclose(silent.pedals["time_sec"], [1, 4])


def test_bars_that_an_alignment_does_not_tell_of_are_left_out() -> None:
    piece = make_piece()
    everywhere = {each.first for each in find_excerpts(piece, 0, 6.0)}
    assert everywhere >= {0, 1, 2, 3, 4, 5}
    piece.score.markings["ornament"][16] = True  # in bar 3
    around = find_excerpts(piece, 0, 6.0)
    assert around and all(each.last < 2 or each.first > 2 for each in around)
    piece.notes["is_grace"][:] = True
    assert find_excerpts(piece, 0, 6.0) == []
    played = make_piece()
    played.humans[0].onset_sec[::9] = np.nan
    assert find_excerpts(played, 0, 6.0) == []  # more than a twentieth of the notes is missing


def test_excerpts_are_of_all_works_and_share_no_note() -> None:
    pieces = [make_piece(name, 3, seed) for seed, name in enumerate(("Bach/one", "Bach/one_no_repeat", "Liszt/two"))]
    drawn = draw_excerpts(pieces, 4, 5.0, np.random.default_rng(0))
    names = [each.piece.name for each in drawn]
    assert {name.removesuffix("_no_repeat") for name in names[:2]} == {"Bach/one", "Liszt/two"} and names[:2] == names[2:]
    assert drawn[0].printed.isdisjoint(drawn[2].printed) and drawn[1].printed.isdisjoint(drawn[3].printed)
    again = draw_excerpts(pieces, 4, 5.0, np.random.default_rng(0))
    assert [(each.piece.name, each.human, each.first) for each in again] == [(each.piece.name, each.human, each.first) for each in drawn]
    orders = {tuple(each.first for each in draw_excerpts(pieces, 2, 5.0, np.random.default_rng(seed))) for seed in range(5)}
    assert len(orders) > 1
    with pytest.raises(UsageError, match=r"^--excerpts 40: the pieces have \d of about 5 s"):
        draw_excerpts(pieces, 40, 5.0, np.random.default_rng(0))


def test_a_score_without_a_tempo_is_as_fast_as_the_human() -> None:
    piece = make_piece()
    excerpt = find_excerpts(piece, 0, 6.0)[0]
    np.testing.assert_allclose(np.diff(np.unique(written(excerpt).onset_sec)), 0.5)  # the score says 120
    piece.score.tempos.resize(0, refcheck=False)
    played = written(excerpt)
    assert np.ptp(played.onset_sec) == pytest.approx(np.ptp(piece.humans[0].onset_sec))
    assert cut(excerpt, played).seconds != pytest.approx(cut(excerpt, piece.humans[0]).seconds, abs=1e-3)
    assert isinstance(played, Performed)
