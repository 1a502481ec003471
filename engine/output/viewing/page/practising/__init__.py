"""How it goes that is practised beside an accompaniment, bar by bar: what was heard is kept, and a program of its own compares it."""
