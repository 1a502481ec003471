"""``perf-eval``: quality figures on held-out performances, beside simple baselines."""

from typing import Any

import typer

from engine.base.command_line import HELP, commands_on_demand, run
from engine.systems import parts

OF_NO_SYSTEM = {
    "asynchrony": "training.evaluation.ensemble.asynchrony_command:asynchrony",
    "balance": "training.evaluation.ensemble.balance_command:balance",
    "catalogue": "training.evaluation.expressiveness.catalogue.command:catalogue",
    "data": "training.datasets.data_command:data",
    "describe": "training.evaluation.expressiveness.describe_command:describe_performance",
    "duet": "training.evaluation.ensemble.following.duet_command:duet",
    "eager": "training.evaluation.eager.command:eager",
    "expressiveness": "training.evaluation.expressiveness.command:expressiveness",
    "following": "training.evaluation.ensemble.following.command:following",
    "final-chord": "training.evaluation.ensemble.final_chord_command:final_chord",
    "leakage": "training.performance.leakage_command:leakage",
    "listen": "training.evaluation.listening.command:listen",
    "listen-answers": "training.evaluation.listening.answers_command:listen_answers",
    "practice": "training.evaluation.ensemble.following.practice_command:practice",
    "practice-ranges": "training.evaluation.ensemble.following.ranges:practice_ranges",
    "reading": "training.evaluation.reading.command:reading",
    "sound-data": "training.evaluation.performance_net.data_command:sound_data",
    "tell-apart": "training.evaluation.tell_apart.command:tell_apart",
    "tempo": "training.evaluation.tempo.command:tempo",
    "tempo-limits": "training.evaluation.tempo.limits_command:tempo_limits",
    "voicing": "training.evaluation.ensemble.voicing_command:voicing",
    "voicing-gain": "training.evaluation.ensemble.voicing_gain_command:voicing_gain",
}


def _commands() -> dict[str, str]:
    """Return where each command is, by its name: those of the systems, and what is of no system."""
    return OF_NO_SYSTEM | parts("evaluation")


def _command(name: str, function: Any) -> Any:
    alone = typer.Typer(add_completion=False, context_settings=HELP)
    alone.command(name)(function)
    return typer.main.get_command(alone)


EXAMPLES = (
    "perf-eval velocity --data asap",
    "perf-eval expressiveness --data asap --performer dexter",
    "perf-eval describe piece.musicxml take.mid -o take.csv",
)
app = commands_on_demand("Quality figures on held-out performances, beside simple baselines.", _commands, _command, *EXAMPLES)


def main() -> int:
    return run(app, "perf-eval")
