"""MIDI ports: listed, opened by part of a name or as virtual ones, and looked after while a run lasts."""

from engine.midi.ports.drivers import PortNames, list_ports, new_client, release
from engine.midi.ports.names import match_port, shown_names
from engine.midi.ports.port import InputPort, MergedInputs, OutputPort, open_input, open_inputs, open_output
from engine.midi.ports.watching import watch

__all__ = [
    "InputPort",
    "MergedInputs",
    "OutputPort",
    "PortNames",
    "list_ports",
    "match_port",
    "new_client",
    "open_input",
    "open_inputs",
    "open_output",
    "release",
    "shown_names",
    "watch",
]
