"""An echo with frame-accurate times. ``python -m engine.bench.periods.echo [busy]``; ends when standard input does.

As a driver of perf-live's would, it hands what it hears to a thread and sends what that thread answers one period after it was heard.
``busy``: another thread computes in Python all the time, as a performer may.
"""

import queue
import sys
import threading
from collections import deque
from collections.abc import Iterable

from engine.bench.periods.frames import FrameClient, Timed
from engine.runtime.real_time import SWITCH_INTERVAL_S

CLIENT_NAME = "perf-bench-frames"


def main() -> None:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    heard_events: queue.SimpleQueue[Timed] = queue.SimpleQueue()
    answers: deque[Timed] = deque()
    period = [0]

    def on_period(first: int, frames: int, heard: list[Timed]) -> Iterable[Timed]:
        period[0] = frames
        for event in heard:
            heard_events.put(event)
        due = []
        while answers and answers[0][0] < first + frames:
            due.append(answers.popleft())
        return due

    def answer() -> None:
        while True:
            frame, message = heard_events.get()
            answers.append((frame + period[0], message))

    def compute() -> None:
        while True:
            sum(range(1000))

    for work in (answer, compute)[: 2 if "busy" in sys.argv else 1]:
        threading.Thread(target=work, daemon=True).start()
    client = FrameClient(CLIENT_NAME, on_period)
    print("ready", flush=True)
    sys.stdin.read()
    client.close()


if __name__ == "__main__":
    main()
