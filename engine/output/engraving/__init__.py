"""A score as it is engraved: Verovio draws it, ``python -m engine.output.engraving`` as a program of its own.

Verovio (LGPL-3.0) runs in a process with limits of time and memory besides: it ends itself on some damaged files.
"""
