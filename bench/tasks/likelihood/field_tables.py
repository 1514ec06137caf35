"""The field's tables for density estimation: POWER, GAS, HEPMASS, MINIBOONE and BSDS300, in nats."""

from __future__ import annotations

import numpy as np

from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples
from bench.field.densities import PREPARED
from bench.records import Density

_MAF = "Papamakarios, Pavlakou and Murray 2017, arXiv:1705.07057, its preparation and splits"
FILES = {
    "power": "power/data.npy",
    "gas": "gas.parquet, made by pd.read_pickle('ethylene_CO.pickle').to_parquet('gas.parquet')",
    "hepmass": "hepmass, the folder of 1000_train.csv and 1000_test.csv",
    "miniboone": "miniboone/data.npy",
    "bsds300": "BSDS300/BSDS300.hdf5",
}


@task("likelihood/power", needs="density", yields=Density, source=_MAF)
def power(seed: int, path: str = "") -> Examples:
    """Electric power use of a household: 6 dimensions; 1,659,917 / 184,435 / 204,928 rows.

    path: power/data.npy of the archive (Zenodo, record 1161203).
    """
    return _examples("power", path, seed)


@task("likelihood/gas", needs="density", yields=Density, source=_MAF)
def gas(seed: int, path: str = "") -> Examples:
    """Gas sensors: 8 dimensions; 852,174 / 94,685 / 105,206 rows.

    path: the table in gas/ethylene_CO.pickle as .parquet or .csv; a pickle runs what it holds, and is not opened here.
    """
    return _examples("gas", path, seed)


@task("likelihood/hepmass", needs="density", yields=Density, source=_MAF)
def hepmass(seed: int, path: str = "") -> Examples:
    """Particle collisions: 21 dimensions; 315,123 / 35,013 / 174,987 rows.  path: the folder of 1000_*.csv."""
    return _examples("hepmass", path, seed)


@task("likelihood/miniboone", needs="density", yields=Density, source=_MAF)
def miniboone(seed: int, path: str = "") -> Examples:
    """Neutrino events: 43 dimensions; 29,556 / 3,284 / 3,648 rows.  path: miniboone/data.npy of the archive."""
    return _examples("miniboone", path, seed)


@task("likelihood/bsds300", needs="density", yields=Density, source=_MAF)
def bsds300(seed: int, path: str = "") -> Examples:
    """Patches of natural images: 63 dimensions; 1,000,000 / 50,000 / 250,000 rows.

    path: BSDS300.hdf5 (extra `hdf5`), or .npz with train, validation and test.
    """
    return _examples("bsds300", path, seed)


def _examples(name: str, path: str, _: int) -> Examples:
    if not path:
        raise UsageError(
            f"likelihood/{name} needs its files",
            cause="they are not on the hub",
            fix=f"unpack the archive of Zenodo record 1161203, and give path={FILES[name]}",
        )
    splits = PREPARED[name](path)
    return Examples.join(
        {
            split: Examples(ids=np.char.add(f"{split}-", np.arange(len(rows)).astype(np.str_)), inputs=rows)
            for split, rows in splits.items()
        }
    )
