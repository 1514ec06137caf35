"""One thread in each process of the tests, and no test that fails because the machine is busy."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Before numpy and torch are imported: several processes run side by side, and threads that wait for one another spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("bench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bench")
