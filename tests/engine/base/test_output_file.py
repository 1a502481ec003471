import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.base.errors import PerfLiveError
from engine.base.files import check_writable, whole_file


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "take.wav"
    with whole_file(path) as temporary:
        temporary.write_bytes(b"first")
        assert not path.exists()
        assert temporary.suffix == ".wav"
        assert temporary.parent == path.parent
    assert path.read_bytes() == b"first"


def test_what_fails_on_the_way_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "take.wav"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), whole_file(path) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["take.wav"]


def test_a_disk_error_is_one_line(tmp_path):
    with pytest.raises(PerfLiveError, match=r"cannot write .*No space"), whole_file(tmp_path / "a.mid"):
        raise OSError(28, "No space left on device")


def test_a_device_is_not_replaced_by_a_file():
    with pytest.raises(PerfLiveError, match="not a regular file"):
        check_writable(os.devnull)


def test_a_link_stays_a_link(tmp_path):
    real, link = tmp_path / "real.mid", tmp_path / "link.mid"
    real.write_bytes(b"old")
    link.symlink_to(real)
    with whole_file(link) as temporary:
        temporary.write_bytes(b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused_before_anything_is_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PerfLiveError, match="no permission"):
        check_writable(tmp_path / "a.mid")


@pytest.mark.skipif(sys.platform == "win32", reason="there nobody can be asked whether a process runs")
def test_what_killed_programs_have_left_of_a_file_is_removed_and_nothing_else(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    stays = [f".take.{os.getppid()}.mid", f".take.{ended.pid}.wav", f".other.{ended.pid}.mid", ".take.notes.mid"]
    for name in (*stays, f".take.{ended.pid}.mid"):
        (tmp_path / name).touch()
    with whole_file(tmp_path / "take.mid") as temporary:
        temporary.write_bytes(b"whole")
        assert not (tmp_path / f".take.{ended.pid}.mid").exists()
    assert {path.name for path in tmp_path.iterdir()} == {*stays, "take.mid"}


def test_a_name_that_is_too_long_for_what_stands_beside_it_meanwhile_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(PerfLiveError, match="File name too long"), whole_file(tmp_path / ("x" * 251 + ".mid")) as temporary:
        temporary.write_bytes(b"x")
