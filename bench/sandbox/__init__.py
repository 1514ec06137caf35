"""Running programs that a model wrote: in a process of their own that can compute, print, and nothing else."""

from bench.sandbox.judging import Tests, passes
from bench.sandbox.running import Limits, Outcome, require_sandbox, run

__all__ = ["Limits", "Outcome", "Tests", "passes", "require_sandbox", "run"]
