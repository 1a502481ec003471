"""A made-up string quartet of as many pages as asked for, in MusicXML."""

import random

MEASURES_A_PAGE = 16  # four systems of four measures, as quartets are printed
PARTS = (("Violin I", 5), ("Violin II", 5), ("Viola", 4), ("Cello", 3))  # and their octaves
STEPS = "CDEFGAB"
REPEATED_MEASURES = 32  # of every hundred
RHYTHMS = ((8, "eighth", 1), (4, "quarter", 2), (2, "half", 4))  # of a measure: notes, their type and length; 4.7 notes on average


def quartet(pages: int, seed: int = 1) -> str:
    """Return the document: notes with slurs and dynamics, and repeats. The same seed gives the same document."""
    rng = random.Random(seed)  # noqa: S311  # not for secrets
    names = "".join(f'<score-part id="P{number}"><part-name>{name}</part-name></score-part>' for number, (name, _) in enumerate(PARTS))
    parts = "".join(f'<part id="P{number}">{_part(pages, octave, rng)}</part>' for number, (_, octave) in enumerate(PARTS))
    return f'<score-partwise version="4.0"><part-list>{names}</part-list>{parts}</score-partwise>'


def _part(pages: int, octave: int, rng: random.Random) -> str:
    return "".join(_measure(number, octave, rng) for number in range(1, pages * MEASURES_A_PAGE + 1))


def _measure(number: int, octave: int, rng: random.Random) -> str:
    before = after = ""
    if number == 1:
        before = "<attributes><divisions>2</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
    if number % 8 == 1:
        level = rng.choice(("pp", "mf", "f"))
        before += f"<direction><direction-type><dynamics><{level}/></dynamics></direction-type></direction>"
    if number % 100 == 1:
        before += '<barline location="left"><repeat direction="forward"/></barline>'
    if number % 100 == REPEATED_MEASURES:
        after = '<barline location="right"><repeat direction="backward"/></barline>'
    count, kind, length = rng.choice(RHYTHMS)
    slurs = {0: "start", count - 1: "stop"}
    notes = "".join(_note(rng.choice(STEPS), octave, kind, length, slurs.get(place)) for place in range(count))
    return f'<measure number="{number}">{before}{notes}{after}</measure>'


def _note(step: str, octave: int, kind: str, length: int, slur: str | None) -> str:
    notations = f'<notations><slur type="{slur}" number="1"/></notations>' if slur else ""
    pitch = f"<pitch><step>{step}</step><octave>{octave}</octave></pitch>"
    return f"<note>{pitch}<duration>{length}</duration><voice>1</voice><type>{kind}</type>{notations}</note>"
