"""When messages arrived, by the driver's own time stamps."""

import math

MOST_LATE_NS = 250_000_000  # a message that would have been told later than that: the driver's clock has jumped, or stands still
DRIFT = 1e-4  # how much faster or slower than this process's clock a driver's clock may be


class Arrival:
    """Turns a driver's stamps into times of this process's clock.

    JACK brings all messages of a period together, when it begins, and says how long ago that was. Of other drivers rtmidi says how long
    after the message before it each message came. Only this process sees when it was told, which is at once or, while Python's lock is
    taken, later. The soonest that it was ever told is what the driver's times are counted from.
    """

    def __init__(self) -> None:
        self._driver_ns = 0.0
        self._offset_ns = math.inf  # of this process's clock, as far as it is known

    def time_ns(self, since_last_s: float, now_ns: int, age_ns: float | None = None) -> int:
        """Return when a message came that is told now, never later than that; ``since_last_s`` after the one before it, 0 for the first.

        age_ns: how long ago the period began that brought it, where the driver has periods. One that is longer ago than any period lasts
        is not believed: the server stood still, or does not count for this process.
        """
        since_last_ns = since_last_s * 1e9
        self._driver_ns = driver_ns = self._driver_ns + since_last_ns
        offset_ns, known_ns = now_ns - driver_ns, self._offset_ns + DRIFT * since_last_ns  # of this message, and by those before
        if known_ns < offset_ns < known_ns + MOST_LATE_NS:
            offset_ns = known_ns
        self._offset_ns = offset_ns
        if age_ns is not None and age_ns < MOST_LATE_NS:
            return now_ns - round(age_ns)
        return round(driver_ns + offset_ns)
