"""Bundled music: public-domain notes, written out in ``write_examples.py``, every one at the same velocity."""
