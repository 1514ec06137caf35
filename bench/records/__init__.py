"""Records: typed, columnar tables of what a model answered."""

from bench.records.base import Column, Record, attribute, column
from bench.records.generations import Generations
from bench.records.kinds import (
    JUDGED,
    RECORDS,
    Choices,
    Classification,
    Density,
    Judged,
    Regression,
    Responses,
    Scores,
    Tokens,
    log_softmax,
)
from bench.records.speculation import Speculation

__all__ = [
    "JUDGED",
    "RECORDS",
    "Choices",
    "Classification",
    "Column",
    "Density",
    "Generations",
    "Judged",
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
