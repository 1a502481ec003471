"""The tempo that a score's words stand for."""

import pytest
from score_fixtures import attributes, direction, musicxml, note

from engine.score.files import read_score
from engine.score.tempo import DEFAULT_BEATS_A_MINUTE, default_tempo, tempo_at


@pytest.fixture
def tempo_of(tmp_path):
    def read(text, beats=4, beat_type=4, later=""):
        path = tmp_path / "score.musicxml"
        words = direction(f"<words>{text}</words>") if text else ""
        path.write_text(musicxml([attributes(beats, beat_type) + words + note("C", 16), later + note("D", 16)]), encoding="utf-8")
        return default_tempo(read_score(path))

    return read


def test_words_are_in_their_usual_order(tempo_of):
    words = ["Largo", "Adagio", "Larghetto", "Andante", "Andantino", "Moderato", "Allegretto", "Allegro", "Vivace", "Presto", "Prestissimo"]
    tempos = [tempo_of(word) for word in words]
    assert tempos == sorted(tempos) and len(set(tempos)) == len(tempos)


@pytest.mark.parametrize(
    ("text", "like", "relation"),
    [
        ("Allegro con brio", "Allegro", 1),
        ("Allegro ma non troppo.", "Allegro", -1),
        ("ANDANTE CON MOTO", "Andante", 1),
        ("Adagio molto", "Adagio", -1),
        ("Sehr langsam", "Langsam", -1),
        ("Tempo di menuetto", "", 0),
        ("Modéré", "Moderato", 0),
        ("Mäßig", "Lebhaft", -1),
    ],
)
def test_what_is_said_besides_and_other_languages(tempo_of, text, like, relation):
    one, other = tempo_of(text), tempo_of(like)
    assert (one > other) - (one < other) == relation


def test_the_metres_beat_counts(tempo_of):
    quarter, half, dotted, eighth = (tempo_of("Allegro", *metre) for metre in ((4, 4), (2, 2), (6, 8), (3, 8)))
    assert eighth < quarter < dotted < half < 2 * quarter


def test_nothing_said_and_words_further_on(tempo_of):
    assert tempo_of("") == DEFAULT_BEATS_A_MINUTE
    assert tempo_of("", later=direction("<words>Presto</words>")) == DEFAULT_BEATS_A_MINUTE


def test_a_metronome_mark_stands(tmp_path):
    mark = direction("<words>Presto</words>", '<sound tempo="50"/>')
    (tmp_path / "score.xml").write_text(musicxml([attributes() + mark + note("C", 16), note("D", 16)]))
    score = read_score(tmp_path / "score.xml")
    assert tempo_at(score, score.notes["onset_quarter"]).tolist() == [50, 50]
    (tmp_path / "plain.xml").write_text(musicxml([attributes() + note("C", 16)]))
    plain = read_score(tmp_path / "plain.xml")
    assert tempo_at(plain, plain.notes["onset_quarter"]).tolist() == [DEFAULT_BEATS_A_MINUTE]
