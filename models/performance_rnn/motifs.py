"""What comes back: the keys that went on, earlier, from what was just played.

A network of this size forgets a motif after some seconds and hardly ever plays four notes again in their order; of pianists' notes a tenth
end four that were there within the minute. A cache of what was played, beside the network, makes up for it, as in language models (Grave,
Joulin & Usunier, ICLR 2017). Left alone it would go round in circles: the more comes back, the less is made of it.
"""

from dataclasses import dataclass

REMEMBERED_NOTES = 512  # the last minute or so
FAVOUR = 0.5, 2.0, 6.0  # nats, by how many of the last notes stand before a key's earlier note too: one, two, three
JUDGED_NOTES, MOST_RETURNS = 256, 0.3  # of so many notes, how many at most may end four that were there before


@dataclass(frozen=True)
class Motifs:
    """The ``pitches`` of the last notes, the latest last; ``returns`` is 1 for those that end four notes that were there before.

    It never changes, so that copies of a voice share it.
    """

    pitches: bytes = b""
    returns: bytes = b""

    def after(self, pitch: int) -> "Motifs":
        """Return the motifs after one more note."""
        four = self.pitches[-len(FAVOUR) :] + bytes((pitch,))
        returns = len(four) > len(FAVOUR) and four in self.pitches
        return Motifs(self.pitches[1 - REMEMBERED_NOTES :] + four[-1:], self.returns[1 - JUDGED_NOTES :] + bytes((returns,)))

    def favour(self, strength: float) -> dict[int, float]:
        """Return by how many nats keys are favoured that went on from the last notes before."""
        strength *= 1 - self.returns.count(1) / (MOST_RETURNS * JUDGED_NOTES)
        favour: dict[int, float] = {}
        if strength <= 0:
            return favour
        pitches = self.pitches
        for count, nats in enumerate(FAVOUR, 1):
            last, place = pitches[-count:], -1
            while 0 <= (place := pitches.find(last, place + 1)) < len(pitches) - count:
                favour[pitches[place + count]] = strength * nats
        return favour
