"""What the length of JACK's period does to the timing of notes, and two ways through it."""
