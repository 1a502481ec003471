"""Typed lines as a run reads them."""

import io
from types import SimpleNamespace

from engine.runtime.steering.requests import Asker
from engine.runtime.steering.typed_lines import obey_lines


def test_a_line_that_cannot_be_read_is_refused_in_one_line_whatever_is_in_it():
    refused = []
    obey_lines(io.StringIO("save 'one\x0btwo\x85three\n"), SimpleNamespace(commands={}), Asker(lambda answer: None, refused.append))
    assert refused == ["save 'one two three: No closing quotation"]
