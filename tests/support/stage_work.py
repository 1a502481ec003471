"""What a stage of a recipe is given, in a test."""

from training.stages import Work


def work(data, folder, **reads):
    """Return a stage's work in ``folder``, beside which what is slow to compute is kept; ``reads``: a folder, or several, by role."""
    folder.mkdir(parents=True, exist_ok=True)
    return Work(data, folder, folder.parent, {role: each if isinstance(each, tuple) else (each,) for role, each in reads.items()})
