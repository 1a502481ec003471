"""Scores in notation: MusicXML, MEI, Humdrum and ABC.

``reader`` reads a file twice, each time in a process of its own: through partitura, which gives its markings, and through verovio, which
plays its repeats and jumps as players do. ``partitura_reading`` makes a Score of what partitura read, ``verovio_scores`` another where
verovio hears other notes.
"""
