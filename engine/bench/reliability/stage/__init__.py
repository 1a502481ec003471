"""perf-live between programs that are processes of their own, and what of the notes comes through."""
