"""What perf-live survives: faults on purpose (``faults``), hours of playing among them (``soak``), and nonsense as input (``fuzz``).

Everything real stands beside perf-live in processes of its own, which can be killed: a JACK server, a keyboard, sound modules. The modules
write down what they hear; what perf-live says of itself is not asked.
"""
