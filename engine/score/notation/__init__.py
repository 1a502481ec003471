"""Scores in notation: MusicXML, MEI, Humdrum and ABC.

``reader`` reads a file twice: through partitura, which gives its markings, and through verovio, which plays its repeats and jumps as
players do. ``partitura_scores`` makes a Score of what partitura read, ``verovio_scores`` mends it where verovio hears other notes.
"""
