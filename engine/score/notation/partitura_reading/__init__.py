"""partitura's reading of a score: ``asking`` has a process read it, ``process`` is that program, ``scores`` makes tables of the parts."""
