"""The reference: the least that a Python program can do between two MIDI ports. ``python -m engine.bench.measuring.echo INPUT OUTPUT``.

python-rtmidi's callback sends what it is given, and nothing else. Ends when standard input does.
"""

import sys

import rtmidi

from engine.midi.ports import new_client, release

CLIENT_NAME = "perf-bench-echo"


def main() -> None:
    input_name, output_name = sys.argv[1:]
    midi_in, midi_out = new_client(rtmidi.MidiIn, "jack", CLIENT_NAME), new_client(rtmidi.MidiOut, "jack", CLIENT_NAME)
    midi_in.ignore_types(sysex=False, timing=False, active_sense=False)
    midi_out.open_port(midi_out.get_ports().index(output_name))
    send = midi_out.send_message
    midi_in.set_callback(lambda message, _: send(message[0]))
    midi_in.open_port(midi_in.get_ports().index(input_name))
    print("ready", flush=True)
    sys.stdin.read()
    for port in (midi_in, midi_out):
        release(port)


if __name__ == "__main__":
    main()
