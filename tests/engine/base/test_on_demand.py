"""Objects that are imported by name when they are asked for."""

import subprocess
import sys

import pytest

from engine.base.on_demand import load_object


def test_the_object_is_that_of_the_module():
    from engine.base.errors import PerfLiveError

    assert load_object("engine.base.errors:PerfLiveError") is PerfLiveError


@pytest.mark.parametrize("reference", ["engine.base.errors", ":PerfLiveError", "engine.base.errors:"])
def test_a_name_must_be_of_the_form(reference):
    with pytest.raises(ValueError, match="expected 'module:name'"):
        load_object(reference)


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="'engine.base.errors:Perfect': the module has no 'Perfect'"):
        load_object("engine.base.errors:Perfect")


def test_nothing_is_imported_before_it_is_asked_for():
    code = "import sys; import engine.base.on_demand as d; a = 'numpy' in sys.modules; d.load_object('numpy:zeros'); "
    subprocess.run([sys.executable, "-c", code + "assert not a and 'numpy' in sys.modules"], check=True)
