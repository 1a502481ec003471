"""Faults, each of which is done to perf-live on purpose."""
