"""What ``perf-bench`` measures: how fast each system is here, and how perf-live and perf-render do as wholes.

A benchmark is a module with a report, ``measure`` that makes it and ``print_table`` that shows it; ``BENCHMARK`` names the three. How each
figure comes about stands in its docstring.
"""
