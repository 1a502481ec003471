"""A song, a string quartet and a waltz, written out here from music in the public domain.

The melodies and harmonies are the composers'. The song's piano part and the quartet's lower parts are plain settings made for this.
"""

from engine.examples.musicxml_writer import NotatedPiece, ScorePart, Sign, Staff, joined

# Johannes Brahms, Wiegenlied, op. 49 no. 4 (1868); words from Des Knaben Wunderhorn (1808).
LULLABY_VOICE = """
G4:0.5 G4:0.5 Bb4:1.5 G4:0.5 G4:1 Bb4:1 r:1 (G4:0.5 Bb4:0.5) Eb5:1 D5:1.5 C5:0.5 (C5:1 Bb4:1) (F4:0.5 G4:0.5)
Ab4:1.5 F4:0.5 (F4:0.5 G4:0.5) Ab4:1 r:1 (F4:0.5 Ab4:0.5) (D5:0.5 C5:0.5) Bb4:1 D5:1 Eb5:1 r:1 Eb4:0.5 Eb4:0.5
Eb5:2 C5:0.5 Ab4:0.5 Bb4:2 G4:0.5 Eb4:0.5 Ab4:1 Bb4:1 C5:1 Bb4:2 Eb4:0.5 Eb4:0.5
Eb5:2 C5:0.5 Ab4:0.5 Bb4:2 G4:0.5 Eb4:0.5 Ab4:1 G4:1 F4:1 Eb4:2
"""
LULLABY_WORDS = """
Gu- -ten A- -bend, gut' Nacht, mit _ Ro- -sen be- -dacht, _ mit _ Näg- -lein be- _ -steckt, schlupf _ un- _ -ter die Deck'.
Mor- -gen früh, wenn Gott will, wirst du wie- -der ge- -weckt, mor- -gen früh, wenn Gott will, wirst du wie- -der ge- -weckt.
"""
LULLABY_CHORDS = {"E": ("Eb3", "Bb3+Eb4"), "B": ("Bb2", "Ab3+D4"), "A": ("Ab2", "C4+Eb4")}
LULLABY_BARS = "E E E E B B B E A E B E A E B"


def lullaby() -> NotatedPiece:
    chords = [LULLABY_CHORDS[name] for name in LULLABY_BARS.split()]
    right = joined("r:1", [f"r:1 {chord}:1 {chord}:1" for _, chord in chords], "Bb3+Eb4:2")
    left = joined("r:1", [f"{bass}:3" for bass, _ in chords], "Eb3:2")
    signs = (Sign(0, "p"), Sign(25, "crescendo"), Sign(27, "stop"), Sign(28, "diminuendo"), Sign(30, "stop"))
    voice = ScorePart("Voice", 52, (Staff("treble", LULLABY_VOICE),), signs, LULLABY_WORDS)
    piano = ScorePart("Piano", 0, (Staff("treble", right), Staff("bass", left)), (Sign(0, "p"),))
    return NotatedPiece(
        "brahms_lullaby.musicxml", "Wiegenlied, op. 49 no. 4", "Johannes Brahms", (3, 4), -3, ("Zart bewegt", 76), 1, (voice, piano)
    )


# Joseph Haydn, String Quartet in C major, op. 76 no. 3 (1797), the theme of the second movement, in G major.
HYMN_VIOLIN_1 = """
(G4:1.5 A4:0.5) (B4:1 A4:1) (C5:1 B4:1) (A4:0.5 F#4:0.5) G4:1 (E5:1 D5:1) (C5:1 B4:1) (A4:1 B4:0.5 G4:0.5) D5:2
(A4:1 B4:1) (A4:0.5 F#4:0.5 D4:1) (C5:1 B4:1) (A4:0.5 F#4:0.5 D4:1) (D5:1 C5:1) B4:1.5 B4:0.5 (C#5:1.5 D5:0.5) D5:2
(G5:1.5 F#5:0.5) (F#5:0.5 E5:0.5 D5:1) (E5:1.5 D5:0.5) (D5:0.5 C5:0.5 B4:1) (A4:1.5 B4:0.25 C5:0.25)
(D5:0.5 E5:0.5 C5:0.5 A4:0.5) (G4:1 B4:0.5 A4:0.5) G4:2
"""
HYMN_VIOLIN_2 = """
D4:2 (G4:1 F#4:1) (E4:1 D4:1) D4:1 D4:1 (G4:1 G4:1) (E4:1 D4:1) E4:2 F#4:2
(F#4:1 G4:1) (D4:1 A3:1) (F#4:1 G4:1) (D4:1 A3:1) (G4:1 E4:1) G4:2 E4:2 F#4:2
B4:2 (A4:1 B4:1) G4:2 (F#4:1 G4:1) E4:2 F#4:1 F#4:1 (D4:1 C4:1) B3:2
"""
HYMN_VIOLA = """
B3:2 (D4:1 D4:1) (C4:1 B3:1) (A3:1 B3:1) (E4:1 D4:1) (C4:1 B3:1) C#4:2 A3:2
D4:1 D4:1 (A3:1 F#3:1) D4:1 D4:1 (A3:1 F#3:1) (B3:1 A3:1) E4:2 A3:2 A3:2
D4:2 D4:1 D4:1 E4:2 D4:1 D4:1 C4:2 (A3:1 C4:1) (B3:1 F#3:1) D3:2
"""
HYMN_CELLO = """
G3:2 (G3:1 D3:1) (A2:1 G2:1) (D3:1 G3:1) (C3:1 B2:1) (A2:1 G2:1) A2:2 D3:2
D3:2 D3:2 D3:2 D3:2 (G3:1 A2:1) E3:2 A2:2 D3:2
G3:2 (D3:1 G3:1) C3:2 (D3:1 G2:1) A2:2 D3:1 D3:1 D3:2 G2:2
"""
HYMN_SIGNS = (Sign(0, "p"), Sign(28, "crescendo"), Sign(32, "stop"), Sign(32, "f"), Sign(40, "diminuendo"), Sign(46, "stop"), Sign(46, "p"))


def hymn() -> NotatedPiece:
    staves = (
        ("Violin I", 40, "treble", HYMN_VIOLIN_1),
        ("Violin II", 40, "treble", HYMN_VIOLIN_2),
        ("Viola", 41, "alto", HYMN_VIOLA),
        ("Violoncello", 42, "bass", HYMN_CELLO),
    )
    parts = tuple(ScorePart(name, program, (Staff(clef, notes),), HYMN_SIGNS) for name, program, clef, notes in staves)
    title = "String Quartet, op. 76 no. 3: theme of the second movement"
    return NotatedPiece("haydn_hymn_quartet.musicxml", title, "Joseph Haydn", (4, 4), 1, ("Poco adagio, cantabile", 66), 2, parts)


# Johann Strauss, An der schönen blauen Donau, op. 314 (1866), the first waltz, for piano.
DANUBE_MELODY = """
D4:1 (D4:1 F#4:1 A4:1 A4:2) A5:1 A5:1 r:1 F#5:1 F#5:1 r:1 D4:1 (D4:1 F#4:1 A4:1 A4:2) A5:1 A5:1 r:1 G5:1 G5:1 r:1 C#4:1
(C#4:1 E4:1 B4:1 B4:2) B5:1 B5:1 r:1 G5:1 G5:1 r:1 C#4:1 (C#4:1 E4:1 B4:1 B4:2) B5:1 B5:1 r:1 F#5:1 F#5:1 r:1 D4:1
(D4:1 F#4:1 A4:1 D5:2) D6:1 D6:1 r:1 A5:1 A5:1 r:1 D4:1 (D4:1 F#4:1 A4:1 D5:2) D6:1 D6:1 r:1 B5:1 B5:1 r:1 E4:1
(E4:1 G4:1 B4:1) B4:3 (B4:1 G#4:1 A4:1) F#5:3 (F#5:1 D4:1 F#4:1) (F#4:2 E4:1) (B4:2 A4:1) D4:2
"""
DANUBE_CHORDS = {"D": ("D3", "F#3+A3"), "A": ("A2", "G3+C#4"), "G": ("G2", "G3+B3"), "E": ("E3", "G3+B3")}
DANUBE_BARS = "D D D D D D A A A A A A A A D D D D D D D D G G E E E D D A A"


def danube() -> NotatedPiece:
    chords = [DANUBE_CHORDS[name] for name in DANUBE_BARS.split()]
    left = joined("r:1", [f"{bass}:1 {chord}:1 {chord}:1" for bass, chord in chords], "D3+F#3+A3:2")
    signs = (Sign(0, "p"), Sign(61, "crescendo"), Sign(73, "stop"), Sign(73, "f"), Sign(85, "diminuendo"), Sign(94, "stop"), Sign(94, "p"))
    piano = ScorePart("Piano", 0, (Staff("treble", DANUBE_MELODY), Staff("bass", left)), signs)
    title = "An der schönen blauen Donau, op. 314: the first waltz"
    return NotatedPiece("strauss_danube_waltz.musicxml", title, "Johann Strauss", (3, 4), 2, ("Tempo di valse", 160), 1, (piano,))
