"""Scores that are damaged, absurd or made to harm: each is read as far as it goes or refused, in one line, in bounded time and memory."""

import random
import signal
import zipfile
from pathlib import Path

import pytest

from engine.base import limited_process
from engine.base.errors import PerfLiveError
from engine.base.limited_process import KeptProcess, LimitedProcess, ProcessFailed
from engine.score import files
from engine.score.files import read_score

CASES = Path(__file__).parents[2] / "data" / "scores"
NOTE = "<note><pitch><step>C</step><octave>4</octave></pitch><duration>4</duration><type>quarter</type></note>"
SCORE = (
    '<score-partwise version="4.0"><part-list><score-part id="P1"><part-name>M</part-name></score-part></part-list><part id="P1">'
    '<measure number="1"><attributes><divisions>4</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>'
    f"{NOTE * 4}</measure></part></score-partwise>"
)
FOUR_QUARTERS = [0, 1, 2, 3]
CONTAINER = '<container><rootfiles><rootfile full-path="{}"/></rootfiles></container>'
LAUGHS = "<!DOCTYPE score-partwise [" + '<!ENTITY a0 "ha">' + "".join(
    f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 11)
) + "]>"  # fmt: skip


def archive(path, *entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written:
        for name, text in entries:
            written.writestr(name, text)


def onsets(path):
    return read_score(path).notes["onset_quarter"].tolist()


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("<divisions>4<", "<divisions>abc<", "measure 1: divisions 'abc'"),
        ("<divisions>4<", "<divisions>-4<", "measure 1: divisions '-4'"),
        ("</measure>", '<barline><repeat direction="backward" times="1000000000"/></barline></measure>', "repeat times '1000000000'"),
        ("<step>C</step>", "<step>C</step><alter>nan</alter>", "measure 1: alter 'nan'"),
    ],
)
def test_numbers_that_mean_nothing_are_left_out_with_one_line(tmp_path, capfd, before, after, what):
    (tmp_path / "odd.musicxml").write_text(SCORE.replace(before, after))
    assert onsets(tmp_path / "odd.musicxml")[:4] == FOUR_QUARTERS
    said = capfd.readouterr().err
    assert what in said and "odd.musicxml" in said and said.count("\n") == 1


@pytest.mark.parametrize(
    "data",
    [SCORE.encode("utf-16"), b"\n " + SCORE.encode() + bytes(9), SCORE.replace(">M<", ">Fl\xfbte<").encode("latin-1")],
    ids=["UTF-16", "blanks and zeros around it", "Latin-1 that says nothing of it"],
)
def test_any_encoding_is_read(tmp_path, data):
    (tmp_path / "score.musicxml").write_bytes(data)
    assert onsets(tmp_path / "score.musicxml") == FOUR_QUARTERS


@pytest.mark.parametrize("entries", [[("à/b c.xml", SCORE)], [("META-INF/container.xml", CONTAINER.format("x.dat")), ("x.dat", SCORE)]])
def test_an_archive_may_name_its_score_as_it_likes_and_lack_a_container(tmp_path, entries):
    archive(tmp_path / "score.mxl", *entries)
    assert onsets(tmp_path / "score.mxl") == FOUR_QUARTERS


def test_an_archive_that_unpacks_to_more_than_a_score_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST_BYTES", 100_000)
    archive(tmp_path / "bomb.mxl", ("score.xml", " " * 1_000_000))
    with pytest.raises(PerfLiveError, match=r"bomb\.mxl.*1 MB"):
        read_score(tmp_path / "bomb.mxl")
    data = bytearray((tmp_path / "bomb.mxl").read_bytes())
    entry = data.rfind(b"PK\1\2")
    data[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")  # the directory lies about its size
    (tmp_path / "bomb.mxl").write_bytes(data)
    with pytest.raises(PerfLiveError, match=r"bomb\.mxl.*damaged"):
        read_score(tmp_path / "bomb.mxl")


def test_entities_neither_grow_nor_open_files(tmp_path):
    (tmp_path / "laughs.musicxml").write_text(LAUGHS + SCORE.replace(">M<", ">&a10;<"))
    with pytest.raises(PerfLiveError, match="laughs"):
        read_score(tmp_path / "laughs.musicxml")
    (tmp_path / "secret").write_text("<oops")  # an entity that is opened makes the document no XML
    entity = f'<!DOCTYPE score-partwise [<!ENTITY x SYSTEM "{(tmp_path / "secret").as_uri()}">]>'
    (tmp_path / "outside.musicxml").write_text(entity + SCORE.replace(">M<", ">&x;<"))
    assert onsets(tmp_path / "outside.musicxml") == FOUR_QUARTERS


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("long.musicxml", SCORE.replace("<duration>4<", "<duration>900000000<", 1), "2.25e+08 quarters"),
        ("empty.krn", "", "empty"),
        ("none.mxl", "text", "not a compressed MusicXML file"),
        ("text.musicxml", "text", "damaged or of another format"),
    ],
)
def test_what_is_no_score_is_refused_in_one_line(tmp_path, name, text, what):
    (tmp_path / name).write_text(text)
    with pytest.raises(PerfLiveError) as caught:
        read_score(tmp_path / name)
    assert what in str(caught.value) and name in str(caught.value) and "\n" not in str(caught.value)


def test_text_formats_are_taken_up_to_their_own_size(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST_OF_TEXT_BYTES", 100)
    (tmp_path / "long.krn").write_text("**kern\n" + "4c\n" * 100)
    with pytest.raises(PerfLiveError, match=r"long\.krn"):
        read_score(tmp_path / "long.krn")


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("import time; time.sleep(60)", "longer than 0 s"),
        ("while 1: pass", "longer than 0 s"),
        ("import os; os.abort()", "status"),
        ("len('a' * 2_000_000_000)", "status"),
    ],
)
def test_a_program_that_hangs_crashes_or_grows_is_ended(tmp_path, program, what):
    (tmp_path / "program.py").write_text(program)
    with pytest.raises(ProcessFailed, match=what):
        LimitedProcess(tmp_path / "program.py", b"", 1_000_000_000, 0.2 if "longer" in what else 60).output()


ANSWERING = """
import sys, time
from engine.base.limited_process import limit_time, receive, send
while (request := receive(sys.stdin.buffer)) is not None:
    limit_time(0.2)
    exec(request)
    send(sys.stdout.buffer, request[::-1])
"""


def test_a_kept_process_answers_until_one_request_is_too_much(tmp_path):
    (tmp_path / "program.py").write_text(ANSWERING)
    for request, what in ((b"sys.exit()", "it has ended"), (b"time.sleep(60)", "longer than 0 s")):
        process = KeptProcess(tmp_path / "program.py", 1_000_000_000)
        for answered in (b"1 + 1", b"2 + 2222"):
            process.ask(answered)
            assert process.answer(60) == answered[::-1]
        assert process.is_ready()
        process.ask(request)
        with pytest.raises(ProcessFailed, match=what):
            process.answer(0.2)
        assert not process.is_ready()


def test_a_kept_process_ends_itself_when_a_request_takes_much_processor_time(tmp_path, monkeypatch):
    pytest.importorskip("resource")
    monkeypatch.setattr(limited_process, "PATIENCE", 300)
    (tmp_path / "program.py").write_text(ANSWERING)
    process = KeptProcess(tmp_path / "program.py", 1_000_000_000)
    process.ask(b"while 1: pass")
    with pytest.raises(ProcessFailed, match="longer than 0 s"):
        process.answer(0.2)
    assert process._process.returncode == -signal.SIGXCPU


def test_a_kept_process_is_its_owner_s_alone(tmp_path, monkeypatch):
    """A forked process has a copy of the object: it neither uses nor ends what its parent has started."""
    (tmp_path / "program.py").write_text(ANSWERING)
    process = KeptProcess(tmp_path / "program.py", 1_000_000_000)
    with monkeypatch.context() as forked:
        forked.setattr(limited_process.os, "getpid", lambda: 0)
        assert not process.is_ready()
        limited_process._end(process._owner, process._process, process._pipes)
    assert process.is_ready()
    process.ask(b"1 + 1")
    assert process.answer(60) == b"1 + 1"
    process.close()


def mutated(data, rng):
    """Return a document with bytes changed, a part of it taken out, or cut short."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(changed))
        match rng.randrange(3):
            case 0:
                changed[at] = rng.randrange(256)
            case 1:
                del changed[at : at + rng.randrange(40)]
            case _:
                changed[at:at] = changed[at : at + rng.randrange(40)]
    return bytes(changed[: rng.randrange(len(changed)) if rng.random() < 0.2 else None])


def test_whatever_a_file_has_is_read_or_refused_in_one_line(tmp_path):
    rng = random.Random(20)
    paths = sorted(path for path in CASES.iterdir() if path.suffix != ".json" and path.stat().st_size < 2000)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(16):
        path = rng.choice(paths)
        (tmp_path / path.name).write_bytes(mutated(path.read_bytes(), rng))
        try:
            read_score(tmp_path / path.name)
            outcomes["read"] += 1
        except PerfLiveError as error:
            assert "\n" not in str(error) and path.name in str(error)
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 0
