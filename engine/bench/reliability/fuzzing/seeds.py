"""What is whole before it is damaged: bundled takes, and small scores that hold much of what their notation has."""

from functools import cache
from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "examples"
SHORT_FILES = 12  # to the bundled takes, of which there are three

MEI = """<?xml version="1.0" encoding="UTF-8"?>
<mei xmlns="http://www.music-encoding.org/ns/mei" meiversion="4.0.0"><meiHead><fileDesc><titleStmt><title>T</title></titleStmt>
<pubStmt/></fileDesc></meiHead><music><body><mdiv><score>
<scoreDef meter.count="4" meter.unit="4" key.sig="2s" midi.bpm="96"><staffGrp symbol="brace">
<staffDef n="1" lines="5" clef.shape="G" clef.line="2"/><staffDef n="2" lines="5" clef.shape="F" clef.line="4"/></staffGrp></scoreDef>
<section><measure n="1" xml:id="m1"><staff n="1"><layer n="1"><beam><note xml:id="a1" pname="d" oct="5" dur="8"/>
<note xml:id="a2" pname="f" oct="5" dur="8" accid.ges="s"/></beam><tuplet num="3" numbase="2"><note pname="a" oct="5" dur="8"/>
<note pname="g" oct="5" dur="8"/><note pname="e" oct="5" dur="8"/></tuplet><note xml:id="a3" pname="d" oct="5" dur="2"/></layer></staff>
<staff n="2"><layer n="1"><chord dur="2" dots="0"><note pname="d" oct="3"/><note pname="a" oct="3"/></chord><rest dur="2"/></layer>
</staff>
<dynam staff="1" tstamp="1">p</dynam><hairpin staff="1" tstamp="1" tstamp2="1m+2" form="cres"/><slur startid="#a1" endid="#a3"/></measure>
<measure n="2" right="rptend"><staff n="1"><layer n="1"><note xml:id="b1" pname="c" oct="5" dur="4" accid="s" tie="i"/>
<note pname="c" oct="5" dur="4" accid.ges="s" tie="t"/><note pname="b" oct="4" dur="4" grace="acc"/>
<note pname="a" oct="4" dur="2" artic="stacc"/>
</layer></staff><staff n="2"><layer n="1"><mRest/></layer></staff><tempo staff="1" tstamp="1" mm="80" mm.unit="4">Andante</tempo>
<trill staff="1" startid="#b1"/><fermata staff="1" startid="#b1"/><pedal staff="2" tstamp="1" dir="down"/></measure></section>
</score></mdiv></body></music></mei>
"""
MUSICXML = """<?xml version="1.0" encoding="UTF-8"?>
<score-partwise version="4.0"><part-list><score-part id="P1"><part-name>Violin</part-name><midi-instrument id="I1">
<midi-channel>1</midi-channel><midi-program>41</midi-program></midi-instrument></score-part>
<score-part id="P2"><part-name>Piano</part-name></score-part></part-list>
<part id="P1"><measure number="0" implicit="yes"><attributes><divisions>12</divisions><key><fifths>-2</fifths></key>
<time><beats>3</beats><beat-type>4</beat-type></time><clef><sign>G</sign><line>2</line></clef></attributes>
<direction><direction-type><metronome><beat-unit>quarter</beat-unit><per-minute>112</per-minute></metronome></direction-type>
<sound tempo="112"/></direction><note><pitch><step>D</step><octave>5</octave></pitch><duration>12</duration><type>quarter</type></note>
</measure>
<measure number="1"><barline location="left"><repeat direction="forward"/></barline><direction><direction-type><dynamics><mf/></dynamics>
</direction-type></direction><note><grace slash="yes"/><pitch><step>C</step><octave>5</octave></pitch><type>eighth</type></note>
<note><pitch><step>B</step><alter>-1</alter><octave>4</octave></pitch><duration>24</duration><tie type="start"/><type>half</type>
<notations><tied type="start"/><ornaments><trill-mark/></ornaments></notations></note><note><pitch><step>B</step><alter>-1</alter>
<octave>4</octave></pitch><duration>12</duration><tie type="stop"/><type>quarter</type><notations><tied type="stop"/></notations>
</note></measure>
<measure number="2"><barline location="left"><ending number="1" type="start"/></barline><note><pitch><step>A</step><octave>4</octave>
</pitch>
<duration>4</duration><type>eighth</type><time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes>
</time-modification></note>
<note><rest/><duration>4</duration></note><forward><duration>28</duration></forward><barline location="right">
<ending number="1" type="stop"/>
<repeat direction="backward" times="2"/></barline></measure></part>
<part id="P2"><measure number="0" implicit="yes"><attributes><divisions>2</divisions><time><beats>3</beats><beat-type>4</beat-type></time>
<staves>2</staves></attributes><note><rest/><duration>2</duration><staff>1</staff></note></measure><measure number="1">
<note><pitch><step>G</step><octave>4</octave></pitch><duration>6</duration><voice>1</voice><staff>1</staff><notations><fermata/>
</notations></note>
<note><chord/><pitch><step>D</step><octave>4</octave></pitch><duration>6</duration><voice>1</voice><staff>1</staff></note>
<backup><duration>6</duration></backup><direction><direction-type><wedge type="crescendo"/></direction-type><offset>1</offset></direction>
<note><pitch><step>G</step><octave>2</octave></pitch><duration>3</duration><voice>5</voice><staff>2</staff><notations><articulations>
<staccato/>
</articulations></notations></note></measure><measure number="2"><note><rest measure="yes"/><duration>6</duration></note></measure></part>
</score-partwise>
"""
HUMDRUM = """!!!OTL: T
**kern\t**kern\t**dynam
*staff2\t*staff1\t*staff1
*clefF4\t*clefG2\t*
*k[f#]\t*k[f#]\t*
*M3/4\t*M3/4\t*
*MM100\t*MM100\t*
*>[A,A,B]\t*>[A,A,B]\t*>[A,A,B]
*>A\t*>A\t*>A
=1\t=1\t=1
2.GG 2.G\t4g/\tp
.\t8a/L\t<
.\t8b/J\t.
.\t4cc'\\\t.
=2\t=2\t=2
*\t*^\t*
4D\t2dd\\[\t4b/\tf
4F#\t.\t8a/\t.
.\t.\t8g/\t.
4A;\t4dd\\]\t4f#/\t.
*\t*v\t*v\t*
*>B\t*>B\t*>B
=3:|!\t=3:|!\t=3:|!
4G\tqb/\t.
.\t(4gT\t>
4r\t4a)\t.
4GG\t4g^\t.
==\t==\t==
*-\t*-\t*-
"""
ABC = """X:1
T:T
M:6/8
L:1/8
Q:3/8=90
K:Dmin
V:1
|: "Dm" (d2e) f>ed | {g}a3 !f! [dfa]3 |1 (3bag f2 z :|2 ~d6 |]
V:2
|: D,3 A,3 | D,6 |1 G,3 C3 :|2 D,6 |]
"""
# Format 1 with 96 ticks a quarter (Standard MIDI Files 1.0): every kind of meta event, running status, and each kind of message.
MIDI_HEAD = "4d546864 00000006 0001 0002 0060"
MIDI_TRACKS = (
    """00 ff00020001 00 ff010474657874 00 ff0203284329 00 ff030154 00 ff540561000000 00 00 ff510307a120 00 ff580403021808 00 ff5902fd01
    8160 ff06014d 00 ff070143 00 ff5103061a80 00 ff7f0300007f 60 ff580406030c08 8740 ff2f00""",
    """00 ff200100 00 ff210100 00 ff04025669 00 c028 00 b00740 00 6501 00 6400 00 0602 00 e00040 00 903c40 10 403c 10 3c00 08 4000
    00 ff05026c61 08 b0407f 00 a03c20 00 d030 00 f0057e7f0901f7 10 993264 30 8932 40 20 9f7f01 8100 8f7f00 00 b04000 00 b07b00
    00 f70343f80a 60 903c00 00 ff2f00""",
)
PRESET = """performer: velocity
seed: 7
set:
  dynamics: 6
  strength: 0.5
  hint: auto
cc:
  1: dynamics
  11: temperature
exclude: [10, 16]
keyswitches: C-1-B0
soundfont: font.sf2
virtual: keys
out: [Module, take.mid]
"""


@cache
def of_suffix(suffix: str) -> tuple[bytes, ...]:
    """Return what is whole and of one kind; of MIDI files mostly a short one, as the bundled takes are long."""
    if suffix == ".mid":
        return (_midi_file(),) * SHORT_FILES + tuple(path.read_bytes() for path in sorted(EXAMPLES.glob("*.mid")))
    written = {".musicxml": MUSICXML, ".mei": MEI, ".krn": HUMDRUM, ".abc": ABC, ".yaml": PRESET}
    return (written[suffix].encode(),)


def _midi_file() -> bytes:
    tracks = [bytes.fromhex(track) for track in MIDI_TRACKS]
    return bytes.fromhex(MIDI_HEAD) + b"".join(b"MTrk" + len(track).to_bytes(4, "big") + track for track in tracks)
