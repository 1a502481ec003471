"""A made-up string quartet of as many pages as asked for, in each format of notation."""

import random
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

MEASURES_A_PAGE = 16  # four systems of four measures, as quartets are printed
PARTS = (("Violin I", 5), ("Violin II", 5), ("Viola", 4), ("Cello", 3))  # and their octaves
STEPS = "CDEFGAB"
REPEATED_MEASURES = 32  # of every hundred
RHYTHMS = ((8, "eighth", 1), (4, "quarter", 2), (2, "half", 4))  # of a measure: notes, their type and length; 4.7 notes on average
EIGHTHS = 8  # of a measure
KERN_OCTAVES = {3: "C", 4: "c", 5: "cc"}  # of Humdrum and ABC what stands for a C
ABC_OCTAVES = {3: "C,", 4: "C", 5: "c"}

Form = Literal["musicxml", "mei", "krn", "abc"]


class Measure(NamedTuple):
    """What one part plays: ``steps`` of equal length under a slur, ``level`` is a dynamic mark or None."""

    number: int
    level: str | None
    steps: str
    kind: str
    eighths: int

    @property
    def begins_repeat(self) -> bool:
        return self.number % 100 == 1

    @property
    def ends_repeat(self) -> bool:
        return self.number % 100 == REPEATED_MEASURES


def quartet(pages: int, form: Form = "musicxml", seed: int = 1) -> str:
    """Return the document: notes with slurs, dynamics (MusicXML and MEI) and repeats. The same seed gives the same music."""
    rng = random.Random(seed)  # noqa: S311  # not for secrets
    numbers = range(1, pages * MEASURES_A_PAGE + 1)
    return _WRITERS[form]([[_measure(number, rng) for number in numbers] for _ in PARTS])


def _measure(number: int, rng: random.Random) -> Measure:
    level = rng.choice(("pp", "mf", "f")) if number % 8 == 1 else None
    count, kind, eighths = rng.choice(RHYTHMS)
    return Measure(number, level, "".join(rng.choice(STEPS) for _ in range(count)), kind, eighths)


def _musicxml(parts: list[list[Measure]]) -> str:
    names = "".join(f'<score-part id="P{number}"><part-name>{name}</part-name></score-part>' for number, (name, _) in enumerate(PARTS))
    written = "".join(
        f'<part id="P{number}">{"".join(_musicxml_measure(measure, octave) for measure in part)}</part>'
        for number, (part, (_, octave)) in enumerate(zip(parts, PARTS, strict=True))
    )
    return f'<score-partwise version="4.0"><part-list>{names}</part-list>{written}</score-partwise>'


def _musicxml_measure(measure: Measure, octave: int) -> str:
    before = after = ""
    if measure.number == 1:
        before = "<attributes><divisions>2</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
    if measure.level:
        before += f"<direction><direction-type><dynamics><{measure.level}/></dynamics></direction-type></direction>"
    if measure.begins_repeat:
        before += '<barline location="left"><repeat direction="forward"/></barline>'
    if measure.ends_repeat:
        after = '<barline location="right"><repeat direction="backward"/></barline>'
    slurs = {0: "start", len(measure.steps) - 1: "stop"}
    notes = "".join(_musicxml_note(step, octave, measure, slurs.get(place)) for place, step in enumerate(measure.steps))
    return f'<measure number="{measure.number}">{before}{notes}{after}</measure>'


def _musicxml_note(step: str, octave: int, measure: Measure, slur: str | None) -> str:
    notations = f'<notations><slur type="{slur}" number="1"/></notations>' if slur else ""
    pitch = f"<pitch><step>{step}</step><octave>{octave}</octave></pitch>"
    return f"<note>{pitch}<duration>{measure.eighths}</duration><voice>1</voice><type>{measure.kind}</type>{notations}</note>"


def _mei(parts: list[list[Measure]]) -> str:
    staves = "".join(
        f'<staffDef n="{staff}" lines="5" clef.shape="{"F" if octave == 3 else "G"}" clef.line="{4 if octave == 3 else 2}" label="{name}"/>'
        for staff, (name, octave) in enumerate(PARTS, 1)
    )
    head = "<meiHead><fileDesc><titleStmt><title/></titleStmt><pubStmt/></fileDesc></meiHead>"
    metre = f'<scoreDef meter.count="4" meter.unit="4"><staffGrp>{staves}</staffGrp></scoreDef>'
    measures = "".join(_mei_measure(own) for own in zip(*parts, strict=True))
    music = f"<music><body><mdiv><score>{metre}<section>{measures}</section></score></mdiv></body></music>"
    return f'<mei xmlns="http://www.music-encoding.org/ns/mei" meiversion="5.0">{head}{music}</mei>'


def _mei_measure(own: tuple[Measure, ...]) -> str:
    first = own[0]
    bars = ' left="rptstart"' * first.begins_repeat + ' right="rptend"' * first.ends_repeat
    staves = signs = ""
    for staff, (measure, (_, octave)) in enumerate(zip(own, PARTS, strict=True), 1):
        names = [f"n{staff}.{measure.number}.{place}" for place in range(len(measure.steps))]
        notes = "".join(
            f'<note xml:id="{name}" dur="{EIGHTHS // measure.eighths}" oct="{octave}" pname="{step.lower()}"/>'
            for name, step in zip(names, measure.steps, strict=True)
        )
        staves += f'<staff n="{staff}"><layer n="1">{notes}</layer></staff>'
        signs += f'<slur startid="#{names[0]}" endid="#{names[-1]}"/>'
        signs += f'<dynam staff="{staff}" tstamp="1">{measure.level}</dynam>' if measure.level else ""
    return f'<measure n="{first.number}"{bars}>{staves}{signs}</measure>'


def _krn(parts: list[list[Measure]]) -> str:
    """The lowest part is the first spine."""
    names = [f'*I"{name}' for name, _ in PARTS]
    lines = [["**kern"] * len(PARTS), names[::-1], ["*clefF4", *["*clefG2"] * (len(PARTS) - 1)], ["*M4/4"] * len(PARTS)]
    ended = ""  # what the measure before has at its end
    for own in zip(*parts, strict=True):
        lines.append([f"={own[0].number}{ended}{'!|:' * own[0].begins_repeat}"] * len(PARTS))
        ended = ":|!" * own[0].ends_repeat
        columns = [_krn_column(measure, octave) for measure, (_, octave) in zip(own, PARTS, strict=True)]
        lines += [list(row)[::-1] for row in zip(*columns, strict=True) if set(row) != {"."}]
    lines += [[f"=={ended}"] * len(PARTS), ["*-"] * len(PARTS)]
    return "".join("\t".join(line) + "\n" for line in lines)


def _krn_column(measure: Measure, octave: int) -> list[str]:
    """Return what stands at each eighth."""
    column = ["."] * EIGHTHS
    letters = KERN_OCTAVES[octave]
    for place, step in enumerate(measure.steps):
        name = (step if letters.isupper() else step.lower()) * len(letters)
        column[place * measure.eighths] = f"{'(' * (place == 0)}{EIGHTHS // measure.eighths}{name}{')' * (place == len(measure.steps) - 1)}"
    return column


def _abc(parts: list[list[Measure]]) -> str:
    head = "X:1\nT:Quartet\nM:4/4\nL:1/8\nK:C\n"
    return head + "".join(
        f'V:{number} name="{name}"\n{"".join(_abc_measures(part, octave))}'
        for number, (part, (name, octave)) in enumerate(zip(parts, PARTS, strict=True), 1)
    )


def _abc_measures(part: list[Measure], octave: int) -> Iterator[str]:
    letter = ABC_OCTAVES[octave]
    for measure in part:
        notes = " ".join(letter.replace("c", step.lower()).replace("C", step) + f"{measure.eighths}" for step in measure.steps)
        yield f"{'|: ' * measure.begins_repeat}({notes}) {':|' if measure.ends_repeat else '|'}\n"


_WRITERS: dict[Form, Callable[[list[list[Measure]]], str]] = {"musicxml": _musicxml, "mei": _mei, "krn": _krn, "abc": _abc}
