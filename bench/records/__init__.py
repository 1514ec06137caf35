"""Records: typed, columnar tables of what a model answered."""

from bench.records.authored import Authored
from bench.records.base import Column, Record, attribute, column
from bench.records.chains import Chains
from bench.records.collapses import Collapses
from bench.records.conditionals import Conditionals
from bench.records.continuations import Continuations
from bench.records.contrasted import Contrasted
from bench.records.events import Events
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
from bench.records.last_words import LastWords
from bench.records.marginals import Marginals
from bench.records.paired import Paired
from bench.records.posterior import Posterior
from bench.records.preferences import Preferences
from bench.records.probed import Probed, ProbedDensity
from bench.records.programs import Programs
from bench.records.reasoned import Reasoned
from bench.records.reweighted import Reweighted
from bench.records.rollouts import Rollouts
from bench.records.searches import Searches
from bench.records.selections import Selections
from bench.records.signals import Signals
from bench.records.speculation import Speculation

__all__ = [
    "JUDGED",
    "RECORDS",
    "Authored",
    "Chains",
    "Choices",
    "Classification",
    "Collapses",
    "Column",
    "Conditionals",
    "Continuations",
    "Contrasted",
    "Density",
    "Events",
    "Generations",
    "Judged",
    "LastWords",
    "Marginals",
    "Paired",
    "Posterior",
    "Preferences",
    "Probed",
    "ProbedDensity",
    "Programs",
    "Reasoned",
    "Record",
    "Regression",
    "Responses",
    "Reweighted",
    "Rollouts",
    "Scores",
    "Searches",
    "Selections",
    "Signals",
    "Speculation",
    "Tokens",
    "attribute",
    "column",
    "log_softmax",
]
