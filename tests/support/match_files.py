"""A score of two bars and match files of it, in the two versions of the format that corpora have."""

NOTE = (
    '<note id="{id}"><pitch><step>{step}</step><octave>4</octave></pitch><duration>1</duration><voice>1</voice>'
    "<type>quarter</type><staff>1</staff>{marks}</note>"
)
STACCATO = "<notations><articulations><staccato/></articulations></notations>"
# Two quarters in 2/4, to be repeated.
MUSICXML = (
    '<?xml version="1.0" encoding="UTF-8"?><score-partwise version="3.1"><part-list><score-part id="P1"><part-name>Piano</part-name>'
    '</score-part></part-list><part id="P1"><measure number="1"><attributes><divisions>1</divisions><time><beats>2</beats>'
    "<beat-type>4</beat-type></time></attributes>"
    + NOTE.format(id="n1", step="C", marks="")
    + NOTE.format(id="n2", step="D", marks=STACCATO)
    + '<barline location="right"><repeat direction="backward"/></barline></measure></part></score-partwise>'
)

# The second note is not played, one note is not in the score; ticks of 1/960 s.
VERSION_1 = """info(matchFileVersion,1.0.0).
info(midiClockUnits,480).
info(midiClockRate,500000).
scoreprop(timeSignature,2/4,1:1,0,0.0000).
snote(n1-1,[C,n],4,1:1,0,1/4,0.0000,1.0000,[v1,staff1])-note(n0,60,960,1440,64,0,0).
snote(n2-1,[D,n],4,1:2,0,1/4,1.0000,2.0000,[v1,staff1,staccato])-deletion.
snote(n1-2,[C,n],4,2:1,0,1/4,2.0000,3.0000,[v1,staff1])-note(n2,60,2880,3360,70,0,0).
insertion-note(n3,61,3000,3100,20,0,0).
snote(n2-2,[D,n],4,2:2,0,1/4,3.0000,4.0000,[v1,staff1,staccato])-note(n4,62,3840,4000,127,0,0).
sustain(1920,100).
sustain(2880,0).
soft(960,40).
"""
VERSION_5 = """info(matchFileVersion,5.0).
info(midiClockUnits,480).
info(midiClockRate,500000).
info(keySignature,[C Maj]).
info(timeSignature,[3/8]).
snote(n1-1,[C,n],4,1:1,0,1/4,0.0,1.0,[])-note(n0,[C,n],4,480,960,1920,64).
snote(n2-1,[D,n],4,1:2,0,1/4,1.0,2.0,[])-note(n1,[D,n],4,960,1440,1440,65).
snote(n1-2,[C,n],4,2:1,0,1/4,2.0,3.0,[])-note(n2,[C,n],4,1440,1920,1920,66).
snote(n2-2,[D,n],4,2:2,0,1/4,3.0,4.0,[])-note(n3,[D,n],4,1920,2400,2400,67).
sustain(480,127).
"""
