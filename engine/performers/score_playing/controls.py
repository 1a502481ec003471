"""The controls that all performers of scores share: how fast, how loud, and how much of the expression is heard."""

from engine.performers.controls import KEEP, Control

SLOWEST, FASTEST = 0.25, 4.0  # of the ``tempo`` control
AS_SAID = -1.0  # the value of ``tempo_from`` that leaves the choice to what the score says

HEARD_CONTROLS: tuple[Control, ...] = (
    Control("tempo", SLOWEST, FASTEST, 1, "x", "faster or slower than the performance; half is half as fast"),
    Control(
        "tempo_from",
        0,
        1,
        AS_SAID,
        "",
        "the score's mean tempo or the model's, or between them; auto: the score's where it says one, the model's where not",
        words=(("auto", AS_SAID), ("score", 1.0), ("model", 0.0)),
    ),
    Control("level", 0, 1, KEEP, "", "velocities keep the mean of those in a MIDI file, or are the model's", ("keep", "model")),
    Control("dynamics", -40, 40, 0, "velocity steps", "louder or softer than the performance"),
    Control("expression", 0, 2, 1, "x", "0 plays as written, 1 as the model, 2 exaggerates"),
    Control("expression_tempo", 0, 2, 1, "x", "the same for the tempo alone, times the overall expression"),
    Control("expression_timing", 0, 2, 1, "x", "the same for the notes of a chord and other deviations from the tempo"),
    Control("expression_velocity", 0, 2, 1, "x", "the same for the velocities"),
    Control("expression_articulation", 0, 2, 1, "x", "the same for the lengths"),
    Control("expression_pedal", 0, 2, 1, "x", "the same for the sustain pedal's depth"),
)
