"""The commands. Importing this, before NumPy is, keeps its products to the calling thread: all are small, and the threads that OpenBLAS
starts for them would spend more time waiting for each other, on cores that other threads need.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
