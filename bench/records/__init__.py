"""Records: typed, columnar tables of what a model answered."""

from bench.records.base import Column, Record, attribute, column
from bench.records.events import Events
from bench.records.kinds import (
    JUDGED,
    RECORDS,
    Choices,
    Classification,
    Density,
    Generations,
    Judged,
    Regression,
    Responses,
    Scores,
    Tokens,
    log_softmax,
)
from bench.records.posterior import Posterior
from bench.records.preferences import Preferences
from bench.records.speculation import Speculation

__all__ = [
    "JUDGED",
    "RECORDS",
    "Choices",
    "Classification",
    "Column",
    "Density",
    "Events",
    "Generations",
    "Judged",
    "Posterior",
    "Preferences",
    "Record",
    "Regression",
    "Responses",
    "Scores",
    "Speculation",
    "Tokens",
    "attribute",
    "column",
    "log_softmax",
]
