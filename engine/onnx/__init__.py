"""Models in ONNX Runtime. This package is the only one that imports it: whoever else needs it takes it from ``engine.onnx.model``.

ONNX Runtime collects telemetry unless a variable is set before its import: it looks up a host of its maker, and writes a device identifier
and a database below the home folder. Its own ``disable_telemetry_events`` comes too late. Who sets the variable otherwise is obeyed.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
