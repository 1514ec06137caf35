"""The five tables of density estimation, from their published files to what models see, after Papamakarios et al.

Their files are in one archive (Zenodo, record 1161203).  Source: Papamakarios, Pavlakou and Murray 2017, Masked
Autoregressive Flow for Density Estimation, arXiv:1705.07057, and the code that came with it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.arrays import Bools, Float64s
from bench.errors import UsageError
from bench.field.numbers import NAMED, TABLES
from bench.field.reading import Reader, files, parts, read

Splits = dict[str, Float64s]
TENTH = 10
CORRELATED = 0.98
REPEATED = 5


def power(path: str) -> Splits:
    """POWER: data.npy, shuffled, two columns left out, with noise of the size of the last digit; (n, 6)."""
    rows = _matrix(path)
    draws = np.random.RandomState(42)  # theirs, so that the same rows are of the same split
    draws.shuffle(rows)
    n = len(rows)
    rows = np.delete(rows, [1, 3], axis=1)
    voltage = 0.01 * draws.rand(n, 1)
    power_noise = 0.001 * draws.rand(n, 1)
    noise = np.hstack([power_noise, voltage, draws.rand(n, 3), np.zeros((n, 1))])
    return _standardised(_tenths(rows + noise))


def gas(path: str) -> Splits:
    """GAS: the table in ethylene_CO.pickle as .parquet or .csv, with its names; (n, 8).

    The concentrations and the time are left out, then the first of the sensors that correlate with another by more than
    .98, again and again until none does.  All rows are standardised together.
    """
    columns = read(files(path, NAMED)[0], NAMED)
    kept = np.stack([c for name, c in columns.items() if name not in {"Meth", "Eth", "Time"}], axis=1)
    while True:
        close = (np.corrcoef(kept.T) > CORRELATED).sum(axis=1) > 1
        if not close.any():
            break
        kept = np.delete(kept, int(close.argmax()), axis=1)
    return _tenths((kept - kept.mean(axis=0)) / kept.std(axis=0, ddof=1))


def hepmass(path: str) -> Splits:
    """HEPMASS: 1000_train.csv and 1000_test.csv; signal alone, without features whose least value repeats; (n, 21)."""
    found = parts(path, {"train": ("*train*",), "test": ("*test*",)}, _UNNAMED)
    if "train" not in found:
        raise UsageError(
            "HEPMASS is prepared by its training rows",
            cause="the path is one file, or a folder without them",
            fix="give the folder of 1000_train.csv and 1000_test.csv",
        )
    train, test = (_signal(read(found[split][0], _UNNAMED)) for split in ("train", "test"))
    test = test[:, : train.shape[1]]  # the test file has the mass as one column more
    kept = ~repeating(train)
    mean, spread = train.mean(axis=0), train.std(axis=0, ddof=1)
    train, test = (((part - mean) / spread)[:, kept] for part in (train, test))
    held = len(train) // TENTH
    return {"train": train[:-held], "calibration": train[-held:], "test": test}


def _signal(rows: Float64s) -> Float64s:
    return rows[rows[:, 0] == 1][:, 1:]


def repeating(rows: Float64s) -> Bools:
    """Columns whose least value occurs more than five times, (d,)."""
    return (rows == rows.min(axis=0)).sum(axis=0) > REPEATED


def miniboone(path: str) -> Splits:
    """MINIBOONE: data.npy, of which outliers and repeating features are already left out; (n, 43)."""
    return _standardised(_tenths(_matrix(path)))


def bsds300(path: str) -> Splits:
    """BSDS300: BSDS300.hdf5 (or .npz) with train, validation and test, prepared already; (n, 63)."""
    readers: dict[str, Reader] = {".hdf5": _hdf5, ".h5": _hdf5, ".npz": _archive}
    held: Splits = read(files(path, readers)[0], readers)
    return held


def _hdf5(path: Path) -> Splits:
    try:
        import h5py
    except ImportError as error:
        raise UsageError(
            "HDF5 can't be read", cause="h5py is not installed", fix="pip install 'bench[hdf5]', or give .npz"
        ) from error
    with h5py.File(path, "r") as held:
        return {ours: np.asarray(held[theirs], dtype=np.float64) for ours, theirs in _NAMES.items()}


def _archive(path: Path) -> Splits:
    with np.load(path, allow_pickle=False) as held:
        return {ours: np.asarray(held[theirs], dtype=np.float64) for ours, theirs in _NAMES.items()}


_NAMES = {"train": "train", "calibration": "validation", "test": "test"}


def _unnamed(path: Path) -> Float64s:
    """A .csv whose first line is names, which need not be as many as there are columns."""
    import io

    import pyarrow as pa
    import pyarrow.csv as pc

    from bench.field.reading import content

    try:
        how = pc.ReadOptions(skip_rows=1, autogenerate_column_names=True)
        table = pc.read_csv(io.BytesIO(content(path)), read_options=how)
        return np.stack([column.to_numpy().astype(np.float64) for column in table.columns], axis=1)
    except pa.ArrowException as error:
        raise ValueError(str(error).splitlines()[0]) from error


_UNNAMED: dict[str, Reader] = {".csv": _unnamed}


def _matrix(path: str) -> Float64s:
    found: Float64s = read(files(path, TABLES)[0], TABLES)
    return found


def _tenths(rows: Float64s) -> Splits:
    """The last tenth is the test split, the last tenth of the rest for calibration."""
    held = len(rows) // TENTH
    if not held:
        raise UsageError("there are too few rows", cause=f"{len(rows)} can't be split in tenths", fix="give them all")
    rest, test = rows[:-held], rows[-held:]
    held = len(rest) // TENTH
    return {"train": rest[: len(rest) - held], "calibration": rest[len(rest) - held :], "test": test}


def _standardised(splits: Splits) -> Splits:
    """By the mean and deviation of training and calibration rows together."""
    known = np.concatenate([splits["train"], splits["calibration"]])
    mean, spread = known.mean(axis=0), known.std(axis=0)
    return {name: (rows - mean) / spread for name, rows in splits.items()}


PREPARED: dict[str, Callable[[str], Splits]] = {
    "power": power,
    "gas": gas,
    "hepmass": hepmass,
    "miniboone": miniboone,
    "bsds300": bsds300,
}
