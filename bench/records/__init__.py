"""Records: typed, columnar tables of what a model answered."""

from bench.records.base import Column, Record, attribute, column
from bench.records.kinds import (
    RECORDS,
    Choices,
    Classification,
    Density,
    Generations,
    Judged,
    Regression,
    Scores,
    Tokens,
    log_softmax,
)

__all__ = [
    "RECORDS",
    "Choices",
    "Classification",
    "Column",
    "Density",
    "Generations",
    "Judged",
    "Record",
    "Regression",
    "Scores",
    "Tokens",
    "attribute",
    "column",
    "log_softmax",
]
