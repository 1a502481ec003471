"""The manifest of the performer that changes nothing."""

from engine.systems.manifest import Kind, System

SYSTEM = System(
    name="passthrough",
    summary="plays every note as it comes",
    plays=frozenset({Kind.NOTES}),
    performer="engine.performers.passthrough.performer:load_performer",
    controls="engine.performers.passthrough.performer:known_controls",
)
