"""The errors that a user may cause; each carries one line for standard error."""


def one_line(said: object) -> str:
    """Return a text, or what an error says, in one line."""
    return " ".join(str(said).split())


class PerfLiveError(Exception):
    """A run that failed. The command line prints it as one line and exits with status 1."""

    exit_status = 1
    reported = False  # True when the line is on standard error already, because it could not wait until the end of the run


class UsageError(PerfLiveError):
    """A wrong call: an unknown name, a value out of range. The command line exits with status 2."""

    exit_status = 2
