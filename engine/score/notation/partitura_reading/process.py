"""A process of its own for partitura: requests come in, tables of what it has read go out.

Run by its path. What partitura prints and warns of is not for the user.
"""

import gc
import os
import pickle
import signal
import sys
import warnings
from pathlib import Path
from typing import Any


def main() -> None:
    """Answer until the other side has ended."""
    sys.path.insert(0, str(Path(__file__).parents[4]))  # of the engine that this file is part of
    from engine.base.limited_process import limit_time, receive, send
    from engine.base.partitura_loader import load_partitura_readers
    from engine.score.notation.partitura_reading.quick_elements import quicken_notes

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other side ends this one
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    load_partitura_readers()
    quicken_notes(sys.modules["partitura.io.importmusicxml"])
    while (received := receive(sys.stdin.buffer)) is not None:
        request = pickle.loads(received)  # noqa: S301  # our own
        limit_time(request.most_s)
        gc.disable()  # it would look at each of a million new objects again and again, and none can go before the end
        send(answers, pickle.dumps(_answer(request)))
        gc.enable()


def _answer(request: Any) -> Any:
    """Return the reading, or the exception that says why there is none, of a class that the other side knows."""
    from engine.base.errors import PerfLiveError
    from engine.score.notation.partitura_reading.scores import read

    try:
        return read(request)
    except PerfLiveError as error:
        return error
    except Exception as error:  # whatever partitura meets: key, index, type, syntax and recursion errors
        reason = str(error) or type(error).__name__
        return OSError(reason) if isinstance(error, SyntaxError | OSError) else ValueError(reason)


if __name__ == "__main__":
    main()
