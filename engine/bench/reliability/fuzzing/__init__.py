"""Nonsense as input: how it is made, what it is given to, and the worker that may crash over it."""
