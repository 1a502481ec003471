"""What ``perf-bench`` measures. How each figure comes about stands in ``live``, ``velocity`` and ``render``."""
