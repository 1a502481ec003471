"""What became of a run, as figures and in a musician's words."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.performers.counts import WindowCounts


@dataclass(frozen=True)
class Report:
    """The account of a run."""

    events_in: int
    events_out: int
    notes: int  # note-ons that the performer was given; of an improvisation to a file, those in the file
    degraded: int  # of the events, how many came to the performer past their deadline
    late: int  # of what was sent, how many more than 10 ms after they were due
    most_lateness_ns: int
    stopped: bool  # by stop(), before the input ended
    real_time: bool  # whether the system let the thread that sends run before all others
    windows: "WindowCounts | None" = None  # of a performer that looks ahead in windows
    failures: int = 0  # how often the performer was left out, because it failed or did not answer
    passed: int = 0  # notes that went out as they came meanwhile
    standstills: int = 0  # how often the process did not run for 20 ms or more
    longest_standstill_ns: int = 0

    def in_words(self, underruns: int = 0) -> str:
        """Return one line; what did not happen is left out. ``underruns``: of the sound card."""
        parts = [f"{_count(self.notes, 'note')} played", self._lateness()]
        if self.degraded:
            parts.append(f"{self.degraded:,} without the model, as time was up")
        if self.windows:
            parts.append(_windows(self.windows))
        if self.failures:
            parts.append(f"the performer failed {_times(self.failures)} and {_count(self.passed, 'note')} went out as they came")
        if underruns:
            parts.append(_count(underruns, "audio underrun"))
        if self.standstills:
            parts.append(f"the computer stood still {_times(self.standstills)}, for {_duration(self.longest_standstill_ns)} at most")
        return ", ".join(part for part in parts if part)

    def _lateness(self) -> str:
        if self.late:
            return f"{self.late:,} late, longest wait {_duration(self.most_lateness_ns)}"
        return f"none late, longest wait {_duration(self.most_lateness_ns)}" if self.most_lateness_ns else "none late"


def _windows(counts: "WindowCounts") -> str:
    if not counts.windows:
        return f"{_count(counts.failed, 'note')} as written, as the model failed" if counts.failed else ""
    said = ((counts.reduced, "with fewer steps"), (counts.carried, "bridged"), (counts.failed, "failed"))
    aside = [f"{number:,} {what}" for number, what in said if number]
    return _count(counts.windows, "window") + (f" ({', '.join(aside)})" if aside else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


def _duration(length_ns: int) -> str:
    """Return milliseconds, or from a second on seconds; what is shorter than a millisecond is less than one."""
    if length_ns < 1_000_000:
        return "under 1 ms"
    return f"{length_ns / 1e6:.0f} ms" if length_ns < 1_000_000_000 else f"{length_ns / 1e9:.1f} s"
