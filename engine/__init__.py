"""The runtime: notes in, a performance out. Never imports torch and opens no network connection."""
