"""Small scores, written by the tests themselves."""

HEADER = '<?xml version="1.0" encoding="UTF-8"?><score-partwise version="3.1"><part-list>{}</part-list>'
TIME = "<time><beats>{}</beats><beat-type>{}</beat-type></time>"


def musicxml(*parts):
    """Return a score; each part is a list of the contents of its measures."""
    header = HEADER.format("".join(f'<score-part id="P{i}"><part-name>P</part-name></score-part>' for i in range(len(parts))))
    body = ""
    for i, measures in enumerate(parts):
        numbered = "".join(f'<measure number="{number}">{content}</measure>' for number, content in enumerate(measures, start=1))
        body += f'<part id="P{i}">{numbered}</part>'
    return f"{header}{body}</score-partwise>"


def attributes(beats=4, beat_type=4, divisions=4):
    return f"<attributes><divisions>{divisions}</divisions>{TIME.format(beats, beat_type)}</attributes>"


def note(step, duration, octave=4, before="", notations="", voice=1, staff=1, identifier="", tie=""):
    """Return a note; ``duration`` 0 makes a grace note; ``before`` is '<chord/>' or empty; ``tie`` is start, stop or empty."""
    grace, length = ("<grace/>", "") if duration == 0 else ("", f"<duration>{duration}</duration>")
    own = f' id="{identifier}"' if identifier else ""
    tied = f'<tie type="{tie}"/>' if tie else ""
    marks = notations + (f'<tied type="{tie}"/>' if tie else "")
    return (
        f"<note{own}>{grace}{before}<pitch><step>{step}</step><octave>{octave}</octave></pitch>{length}{tied}"
        f"<voice>{voice}</voice><type>eighth</type><staff>{staff}</staff>"
        f"{f'<notations>{marks}</notations>' if marks else ''}</note>"
    )


def direction(content, sound=""):
    return f"<direction><direction-type>{content}</direction-type>{sound}</direction>"


def barline(content):
    return f"<barline>{content}</barline>"


MEI = """<?xml version="1.0" encoding="UTF-8"?>
<mei xmlns="http://www.music-encoding.org/ns/mei" meiversion="4.0.0">
<meiHead><fileDesc><titleStmt><title/></titleStmt><pubStmt/></fileDesc></meiHead>
<music><body><mdiv><score>
<scoreDef><staffGrp>
<staffDef n="1" lines="5" ppq="4" clef.shape="G" clef.line="2" meter.count="2" meter.unit="4" key.sig="0"/></staffGrp></scoreDef>
<section><measure n="1"><staff n="1"><layer n="1">
<note xml:id="a" dur="4" dur.ppq="4" oct="4" pname="c"/><note xml:id="b" dur="4" dur.ppq="4" oct="4" pname="d"/>
</layer></staff></measure></section>
</score></mdiv></body></music></mei>
"""
HUMDRUM = "**kern\n*clefG2\n*M2/4\n=1\n4c\n4d\n=2\n2e\n==\n*-\n"
