"""The tempo of a transfer: between that of its reference and that of a performance without one."""

from engine.performers.score_playing.expression import ColumnExpression
from engine.performers.score_playing.shaping.tempo import TempoDrift, TempoRule


class TransferredTempo:
    """As far from the reference's tempo as the control ``depth`` says; immutable."""

    def __init__(self, reference: TempoRule, plain: TempoRule):
        self._reference, self._plain = reference, plain

    def heard(self, period: float, note: int, expression: ColumnExpression, drift: TempoDrift) -> float:
        """Return the beat period that is heard, as ``TempoRule.heard``."""
        depth = expression.controls["depth"]
        kept, left = (rule.heard(period, note, expression, drift) for rule in (self._reference, self._plain))
        return left if depth == 1 else kept + depth * (left - kept)

    def passed(self, drift: TempoDrift, note: int, quarters: float, heard_s: float, expression: ColumnExpression) -> None:
        """Let so many quarters be over, as ``TempoRule.passed``."""
        self._plain.passed(drift, note, quarters, heard_s, expression)
