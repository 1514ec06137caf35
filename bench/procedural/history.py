"""People and inventions with their years, and rules whose truth follows from the years alone.

After Li et al. 2023 (In Search of the Long-Tail): a symbolic rule is filled with values that many texts speak of, or
few; its truth is the same arithmetic either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

Part = Literal["head", "tail"]

# name -> years of birth and death.  Head: people whom everybody knows; tail: of the same times, whom few do.
HEAD: dict[str, tuple[int, int]] = {
    "Leonardo da Vinci": (1452, 1519), "William Shakespeare": (1564, 1616), "Galileo Galilei": (1564, 1642),
    "Isaac Newton": (1643, 1727), "Johann Sebastian Bach": (1685, 1750), "Benjamin Franklin": (1706, 1790),
    "George Washington": (1732, 1799), "Wolfgang Amadeus Mozart": (1756, 1791), "Napoleon Bonaparte": (1769, 1821),
    "Ludwig van Beethoven": (1770, 1827), "Jane Austen": (1775, 1817), "Abraham Lincoln": (1809, 1865),
    "Charles Darwin": (1809, 1882), "Karl Marx": (1818, 1883), "Marie Curie": (1867, 1934),
    "Albert Einstein": (1879, 1955), "Pablo Picasso": (1881, 1973), "Martin Luther King Jr.": (1929, 1968),
}  # fmt: skip
TAIL: dict[str, tuple[int, int]] = {
    "Regiomontanus": (1436, 1476), "Sofonisba Anguissola": (1532, 1625), "Simon Stevin": (1548, 1620),
    "Robert Hooke": (1635, 1703), "Georg Philipp Telemann": (1681, 1767), "Daniel Bernoulli": (1700, 1782),
    "Maria Gaetana Agnesi": (1718, 1799), "Luigi Boccherini": (1743, 1805), "Caroline Herschel": (1750, 1848),
    "Johann Nepomuk Hummel": (1778, 1837), "Mary Anning": (1799, 1847), "Niels Henrik Abel": (1802, 1829),
    "Hermann Grassmann": (1809, 1877), "Sofia Kovalevskaya": (1850, 1891), "Lise Meitner": (1878, 1968),
    "Emmy Noether": (1882, 1935), "Srinivasa Ramanujan": (1887, 1920), "Barbara McClintock": (1902, 1992),
}  # fmt: skip
INVENTIONS: dict[str, int] = {
    "a telescope": 1608, "a mercury barometer": 1643, "a steam locomotive": 1804, "an electric battery": 1800,
    "a photographic camera": 1839, "a telephone": 1876, "an electric light bulb": 1879, "an X-ray machine": 1895,
    "an aeroplane": 1903, "a television set": 1927, "a jet airliner": 1952, "a laser": 1960,
    "a pocket calculator": 1971, "a mobile phone": 1973, "the World Wide Web": 1991, "a smartphone": 1994,
}  # fmt: skip
MARGIN = 15  # years by which a statement is clear of its boundary
ADULT = 15  # years of age from which people use things and meet others


@dataclass(frozen=True)
class Statement:
    """A statement, whether it is true, the rule and the person that it is about."""

    text: str
    true: bool
    rule: str
    person: str
    part: Part


def could_use(life: tuple[int, int], year: int) -> bool | None:
    """Whether somebody lived to use a thing of that year; `None` where it is too close to say."""
    if life[1] - MARGIN >= year:
        return True
    return False if life[1] + MARGIN <= year else None


def could_meet(one: tuple[int, int], other: tuple[int, int]) -> bool | None:
    """Whether two people were grown up at the same time for `MARGIN` years; `None` where it is too close to say."""
    shared = min(one[1], other[1]) - max(one[0], other[0]) - ADULT
    if shared >= MARGIN:
        return True
    return False if shared + ADULT + MARGIN <= 0 else None


def people(part: Part) -> dict[str, tuple[int, int]]:
    """The people of a part, with their years."""
    return HEAD if part == "head" else TAIL


def pair(rng: Random, part: Part, person: str, rule: str) -> list[Statement]:
    """A true and a false statement about one person, under a rule (`use`, `meet`); fewer where one can't be made."""
    life = people(part)[person]
    out = []
    for wanted in (True, False):
        if rule == "use":
            options = [thing for thing, year in INVENTIONS.items() if could_use(life, year) is wanted]
            say = "{person} could have used {other} during his or her lifetime."
        else:
            options = [
                name for name, years in people(part).items() if name != person and could_meet(life, years) is wanted
            ]
            say = "{person} and {other} could have met as adults."
        if options:
            out.append(Statement(say.format(person=person, other=rng.choice(options)), wanted, rule, person, part))
    return out
