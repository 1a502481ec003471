"""MusicXML as the readers can take it, and what its durations and its notes say."""
