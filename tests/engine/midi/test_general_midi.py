import pytest

from engine.midi.events import control_change, program_change
from engine.midi.general_midi import Lengths, Programs, chooses_program, instrument_of, program_of

NAMES = {
    0: "Pno.|Piano|Pianoforte|Klavier|keyboard.piano",
    6: "Harpsichord|Cembalo|Basso continuo",
    19: "Organ|Orgel|Organo|Positif",
    40: "Violin I|Violine 2|Violino|Vln. 1|strings.violin|violn",
    41: "Viola|Bratsche|Va.|Bratschen",
    43: "Contrabass|Kontrabass|Double Bass|Kontrabässe|Contrabbassi",
    52: "Soprano|Alto|Tenor|Bass|Voice|Singstimme|Sopraan|Altos|Contralto|Basses|S.|A1|T. 2|B II|Baritone",
    56: "Trumpet in C|Trompete|Tromba",
    57: "Trombone|Bass Trombone|Posaune|Bassposaune",
    58: "Tuba|Basstuba|Tenor Horn in Eb|Tenorhorn|Baritone in Bb|Baritone (T.C.)|Euphonium|Eb Bass|BBb Bass|E♭ Bass",
    60: "Horn in F|Corni in D|brass.french-horn",
    65: "Alto Saxophone|Altsaxophon|Altosaxofon|A. Sax.",
    64: "Soprano Sax|Sopransaxophon",
    47: "Timpani|Timp.|Pauken",
    46: "Harp|Hp.|Arpa|Arpe",
    72: "Piccolo|Picc.",
    66: "Tenor Saxophone|Tenorsaxophon|T. Sax.|Saxofón tenor",
    68: "Oboe|Hautbois|Oboe d'amore|Oboi 1.2",
    69: "English Horn|Corno inglese",
    70: "Bassoon|Fagotto|Contrabassoon",
    71: "Clarinet in B♭|Bass Clarinet|Klarinette|Bb Bass Clarinet|Basset Horn",
    73: "Flute|Flûte|Flöte|Flauto 2|Alto Flute",
    74: "Recorder|Blockflöte|Altblockflöte",
    32: "Upright Bass|pluck.bass|pluck.bass.acoustic",
    27: "Electric Guitar|E-Gitarre|pluck.guitar.electric",
    4: "E-Piano|keyboard.piano.electric",
    33: "E-Bass|Electric Bass|Bass Guitar|pluck.bass.electric",
    81: "Synth Lead|Synthesizer",
    89: "Synth Pad|Pad",
    38: "Synth Bass",
    42: "Violoncello|Cello|Vc.|Viola da gamba|Viole de gambe",
    None: "Part P1|Drums|English|Chord||MusicXML Part",
}


@pytest.mark.parametrize(("program", "names"), NAMES.items())
def test_instruments_are_known_by_their_names_in_four_languages(program, names):
    assert {name: program_of(name) for name in names.split("|")} == dict.fromkeys(names.split("|"), program)


def test_a_channel_has_a_pedal_while_it_is_a_piano():
    programs = Programs()
    assert programs.has_pedal(3)  # an instrument that says nothing
    for program, pedal in ((40, False), (5, True), (6, False), (7, False), (8, True), (11, False), (19, False), (0, True)):
        programs.observe(program_change(3, program))
        assert (programs.has_pedal(3), programs.has_pedal(4)) == (pedal, True)


def test_a_program_is_chosen_by_its_change_and_by_its_bank():
    assert chooses_program(program_change(2, 5)) and chooses_program(control_change(2, 0, 1)) and chooses_program(control_change(2, 32, 1))
    assert not chooses_program(control_change(2, 7, 1)) and not chooses_program(b"\xf0\xc0\xf7")


PEDALLED = {0, 1, 2, 3, 4, 5, 8}  # acoustic and electric pianos and the celesta: keyboards with dampers that a pedal lifts
RINGING = {*range(9, 16), *range(24, 40), 45, 46, 47, 55, *range(104, 109), *range(112, 128)}  # struck, plucked, sound effects
ONE_LOUDNESS = {6, *range(16, 21), 109}  # harpsichord, organs, bagpipe: how fast a key goes down is not heard


@pytest.mark.parametrize("program", range(128))
def test_each_program_is_played_as_its_instrument_is(program):
    instrument = instrument_of(program)
    assert instrument.has_pedal == (program in PEDALLED)
    assert instrument.has_velocity == (program not in ONE_LOUDNESS)
    assert (instrument.lengths is Lengths.WRITTEN) == (program in RINGING)
    assert (instrument.lengths is Lengths.TOUCH) == (program in PEDALLED)
    assert instrument.swells == (program not in PEDALLED | RINGING | {6, 7, 109})


def test_a_channel_without_a_program_is_as_it_is_named():
    programs = Programs({2: 40})
    assert [programs.has_pedal(channel) for channel in (1, 2)] == [True, False]
    programs.observe(program_change(2, 0))
    assert programs.has_pedal(2)
