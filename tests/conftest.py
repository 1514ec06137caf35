"""One thread in each process of the tests: several run side by side, and threads that wait for one another spin."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch are imported
