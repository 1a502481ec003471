"""Humdrum as verovio can take it, and what its tokens say."""
