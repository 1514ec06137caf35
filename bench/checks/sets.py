"""Sets with guarantees, rules among classes, and pairs of answers, where the truth is enumerated or simulated."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import combinations, pairwise, product

import numpy as np

from bench.arrays import Float64s, Ints, Ragged
from bench.calibrators.conformal_sets import conformal_knowledge, conformal_lac
from bench.calibrators.program_sets import pac_programs
from bench.checks.cases import area
from bench.components import Truth, check
from bench.conformal.programs import Node, covers, holes, nested, pac_choice, parse
from bench.conformal.reasoning import COLEP, Rule, bounds, by_knowledge, corrected, implies
from bench.conformal.thresholds import threshold
from bench.metrics.pairs import PAPER as PAIRS
from bench.metrics.pairs import pair_bias, pair_coverage, pair_variance
from bench.metrics.programs import PAPER, nodes_left_out, program_coverage
from bench.metrics.truth import mse_p
from bench.records import Paired, Programs, Reasoned
from bench.scores.pairs import cheat_variance
from bench.stats.pairs import audit, cheat
from bench.tasks.uncertainty import pairs as twice

PROGRAM = """def mean(values, start=0):
    total = start
    for value in values:
        total += value
    return total / len(values)
"""


def _random_tree(rng: np.random.Generator, nodes: int) -> Node:
    children: list[list[int]] = [[] for _ in range(nodes)]
    for k in range(1, nodes):
        children[int(rng.integers(0, k))].append(k)
    costs = rng.exponential(1.0, nodes)

    def build(k: int) -> Node:
        return Node(str(k), float(costs[k]), tuple(build(c) for c in children[k]))

    return build(0)


def _brute(root: Node, limit: float, most: int) -> int | None:
    """Fewest nodes left out, by trying every set of disjoint subtrees."""
    every = list(root.walk())
    below = [{id(n) for n in node.walk()} for node in every]
    best: int | None = None
    for k in range(most + 1):
        for chosen in combinations(range(len(every)), k):
            if any(below[a] & below[b] for a, b in combinations(chosen, 2)):
                continue
            kept = root.total - sum(every[c].total for c in chosen)
            removed = sum(every[c].size for c in chosen)
            if kept <= limit + 1e-12 and (best is None or removed < best):
                best = removed
    return best


@check(
    "uncertainty/program-sets",
    area="uncertainty",
    source="all sets of subtrees of small trees; the binomial tail; a Python program",
    papers=(PAPER,),
)
def program_sets() -> list[Truth]:
    """Holes against brute force, nested over limits, and how often a chosen limit misses more than it may."""
    rng = np.random.default_rng(0)
    apart = unnested = 0
    for _ in range(25):
        tree = _random_tree(rng, 7)
        size = {k: node.size for k, node in enumerate(tree.walk())}
        for limit in (0.2, 0.5, 0.8):
            found = holes(tree, limit * tree.total, 2)
            fewest = _brute(tree, limit * tree.total, 2)
            apart += (None if found is None else sum(size[k] for k in found)) != fewest
        sets = nested(tree, [share * tree.total for share in (0.9, 0.6, 0.3, 0.1, 0.0)], 2)
        inside = [_covered(tree, s) for s in sets]
        unnested += sum(not a <= b for a, b in pairwise(inside))
    tree = parse(PROGRAM, [PROGRAM.index("start=0") + 6], [-3.0])
    zero = [k for k, node in enumerate(tree.walk()) if node.label.startswith("Constant")]
    left_out = holes(tree, 0.5, 1)
    gold = parse(PROGRAM.replace("start=0", "start=len(values)"))
    other = parse(PROGRAM.replace("total += value", "total -= value"))
    return [
        Truth(0, apart, 0, "programs with other holes than by brute force"),
        Truth(0, unnested, 0, "sets that do not hold those at larger limits"),
        Truth(zero[0], float(next(iter(left_out or frozenset([-1])))), 0, "the unsure constant is the hole"),
        Truth(1, float(covers(tree, left_out or frozenset(), gold)), 0, "any default value is in the set"),
        Truth(0, float(covers(tree, left_out or frozenset(), other)), 0, "another program is not"),
        *_guarantee(rng),
        *_constants(rng),
    ]


def _constants(rng: np.random.Generator) -> Iterator[Truth]:
    """Programs right but for a constant, which is wrong in 3 of 10 and said to be: the constants become the holes."""
    texts = [f"sum(v for v in values if v > {k % 10})" for k in range(300)]
    wrong = rng.random(300) < 0.3
    written = [text[:-2] + "7 + 3)" if bad else text for text, bad in zip(texts, wrong, strict=True)]
    record = Programs(
        ids=np.arange(300).astype(np.str_),
        program=np.array(texts, dtype=object),
        target=np.array(written, dtype=object),
        starts=Ragged.of([[0, len(text) - 2] for text in texts], np.int64),
        logprobs=Ragged.of([[-0.01, np.log(0.7)] for _ in texts], np.float64),
        matches=~wrong,
    )
    first = np.arange(300) < 200
    sets = pac_programs(record.where(first)).apply(record.where(~first))
    nodes = parse(texts[0]).size
    yield Truth(1.0, float(program_coverage(sets).values.mean()), 0, "coverage with the constants for holes")
    yield Truth(1 / nodes, float(nodes_left_out(sets).values.mean()), 1e-12, "share of nodes left out: the constant")


def _covered(root: Node, left_out: frozenset[int]) -> set[int]:
    every = list(root.walk())
    numbers = {id(node): k for k, node in enumerate(every)}
    return {numbers[id(n)] for k in left_out for n in every[k].walk()}


def _guarantee(rng: np.random.Generator) -> Iterator[Truth]:
    """A world of 300 programs; from 80 of them, drawn again and again, a limit is chosen for 15 % misses at 10 %."""
    shares = (0.9, 0.6, 0.4, 0.2, 0.1, 0.0)
    misses = []
    for _ in range(300):
        tree = _random_tree(rng, 6)
        wrong = {k for k, node in enumerate(tree.walk()) if rng.random() > np.exp(-0.3 * node.nll)}
        misses.append([not wrong <= _covered(tree, s) for s in nested(tree, [x * tree.total for x in shares], 2)])
    world = np.array(misses)
    rates = world.mean(axis=0)
    failed, epsilon, delta, repeats = 0, 0.15, 0.1, 2000
    for _ in range(repeats):
        chosen = pac_choice(world[rng.integers(0, len(world), 80)], epsilon, delta)
        failed += chosen >= 0 and rates[chosen] > epsilon
    yield Truth(0, max(0.0, failed / repeats - delta), 3 * np.sqrt(delta / repeats), "failures beyond delta")


@check(
    "uncertainty/knowledge-corrected",
    area="uncertainty",
    source="all worlds of five variables one by one; grids within boxes; exchangeable draws",
    papers=(COLEP,),
)
def knowledge_corrected() -> list[Truth]:
    """Corrected probabilities, their bounds, and the coverage of split conformal sets made of them."""
    rng = np.random.default_rng(1)
    probs = rng.uniform(0.05, 0.95, (6, 5))
    rules = [implies(0, 1, 1.5), implies(2, 3, 0.7), Rule(lambda w: w[:, 1] ^ w[:, 4], 0.4)]
    direct = np.zeros((6, 5))
    for row in range(6):
        total = 0.0
        for world in product((False, True), repeat=5):
            p = float(np.prod([q if t else 1 - q for q, t in zip(probs[row], world, strict=True)]))
            p *= float(np.exp(1.5 * (not world[0] or world[1]) + 0.7 * (not world[2] or world[3])))
            p *= float(np.exp(0.4 * (world[1] != world[4])))
            total += p
            direct[row] += p * np.array(world)
        direct[row] /= total
    low, high = np.maximum(probs - 0.1, 0), np.minimum(probs + 0.1, 1)
    least, most = bounds(low, high, rules)
    outside = 0.0
    for _ in range(200):
        inner = corrected(rng.uniform(low, high), rules)
        outside = max(outside, float((least - inner).max()), float((inner - most).max()))
    return [
        Truth(0, float(np.abs(corrected(probs, rules) - direct).max()), 1e-12, "against every world"),
        Truth(0, float(np.abs(corrected(probs, [implies(0, 1, 0.0)]) - probs).max()), 1e-12, "rules of no weight"),
        Truth(0, max(0.0, outside), 1e-12, "beyond the bounds, 200 points of the box"),
        Truth(0, float(np.abs(np.stack(bounds(probs, probs, rules)) - corrected(probs, rules)).max()), 1e-12, "no box"),
        _coverage(rng, rules),
        *_concepts(rng),
    ]


def _concepts(rng: np.random.Generator) -> Iterator[Truth]:
    """Classes corrected by four concepts: with obeyed o, pi prod(o e^w + 1 - o) against (1 - pi) e^(4 w)."""
    probs, concepts, weight = rng.dirichlet(np.ones(3), 20), rng.random((20, 4)), 1.7
    knowledge = ("1010", "0111", "0000")
    has = np.array([[one == "1" for one in row] for row in knowledge])
    obeyed = np.where(has, concepts[:, None], 1 - concepts[:, None])
    inside = probs * (obeyed * np.exp(weight) + 1 - obeyed).prod(axis=2)
    expected = inside / (inside + (1 - probs) * np.exp(4 * weight))
    found = by_knowledge(probs, concepts, knowledge, weight)
    yield Truth(0, float(np.abs(found - expected).max()), 1e-12, "classes by concepts, in closed form")
    n = len(probs)
    record = Reasoned(
        ids=np.arange(n).astype(np.str_),
        logits=np.log(probs),
        labels=np.arange(n) % 3,
        concepts=concepts,
        knowledge=knowledge,
    )
    apart = [found(record).apply(record).sets for found in (conformal_lac, partial(conformal_knowledge, weight=0.0))]
    yield Truth(0, float((apart[0] != apart[1]).sum()), 0, "sets by rules of no weight, against plain ones")


def _coverage(rng: np.random.Generator, rules: list[Rule]) -> Truth:
    """Mean coverage over 300 calibrations of 60 rows is 1 - alpha = ceil(61 x .9) / 61."""
    n, repeats = 60, 300
    held = 0.0
    for _ in range(repeats):
        probs = rng.uniform(0.05, 0.95, (n + 40, 5))
        labels = rng.integers(0, 5, n + 40)
        probs[np.arange(n + 40), labels] = np.maximum(probs[np.arange(n + 40), labels], rng.uniform(0, 1, n + 40))
        scores = 1 - corrected(np.clip(probs, 0, 1), rules)[np.arange(n + 40), labels]
        held += float((scores[n:] <= threshold(scores[:n], 0.1)).mean())
    expected = np.ceil((n + 1) * 0.9) / (n + 1)
    # A calibration's own coverage is Beta(k, n + 1 - k), and 40 rows tell it with a binomial's error.
    variance = expected * (1 - expected) * (1 / (n + 2) + 1 / 40)
    return Truth(float(expected), held / repeats, 4 * float(np.sqrt(variance / repeats)), "coverage of corrected sets")


@check(
    "uncertainty/pair-prediction",
    area="uncertainty",
    source="a world of questions in groups that the model cannot tell apart, p(y|x) known",
    papers=(PAIRS,),
)
def pair_prediction() -> list[Truth]:
    """The Bayes-optimal pair predictor's variance is that within the group; intervals cover; the audit is unbiased."""
    rng = np.random.default_rng(2)
    groups, each, classes = 4, 300, 3
    truth = rng.dirichlet(np.ones(classes), (groups, each))
    first = truth.mean(axis=1)
    joint = np.einsum("gec,ged->gcd", truth, truth) / each
    found = cheat(first, joint / first[:, :, None])
    within = truth.var(axis=1)
    known = cheat(truth[:, 0], np.repeat(truth[:, :1], classes, axis=1))
    low, high = found.interval(first, 0.2)
    held = ((truth >= low[:, None]) & (truth <= high[:, None])).mean()
    group, question = rng.integers(0, groups, 60_000), rng.integers(0, each, 60_000)
    drawn = _pairs(truth[group, question], rng)
    error, said, shown = audit(first[group], found.variance[group], drawn, bins=4)
    noise = 0.25 / np.sqrt(60_000 * classes / 4)
    return [
        Truth(0, float(np.abs(found.variance - within).max()), 1e-12, "variance within groups"),
        Truth(0, float(known.variance.max()), 1e-12, "an informed model knows all"),
        Truth(1, float(held >= 0.8), 0, f"intervals at beta = .2 hold {held:.3f} of the truths"),
        Truth(0, float(np.abs(said - shown).max()), 5 * noise, "audit by pairs, the worst of four bins"),
        Truth(0, error, 5 * noise, "second-order calibration error of a calibrated model"),
        *_best_pairs(),
    ]


def _best_pairs() -> Iterator[Truth]:
    """The best model of the pairs of `uncertainty/pairs`: its variance is the known one, and the truth's on average."""
    examples = twice.uncertainty_pairs(3)
    rows = np.asarray(examples.inputs)
    hidden, number = rows[:, 0], rows[:, 1]
    joint = twice.pairs(number, hidden)
    both = np.asarray(examples.targets)
    record = Paired(
        ids=examples.ids, logits=np.log(joint.sum(axis=2)), labels=both // 3, second=both % 3, joint=joint,
        truth=examples.truth,
    )  # fmt: skip
    admitted, shown = pair_variance(record).values, pair_bias(record).values
    true = np.asarray(mse_p(record).values)
    known = twice.variance(number, hidden).sum(axis=1) / 2
    error = 4 / np.sqrt(len(record))
    separation = area(cheat_variance(record)[hidden == 0], cheat_variance(record)[hidden == 1])
    yield Truth(0, float(np.abs(admitted - known).max()), 1e-12, "variance of the best model, by formula")
    yield Truth(float(known.mean()), float(true.mean()), error * float(true.std()), "its mse-p, by the true p(y|x)")
    yield Truth(0, float(shown.mean()), error * float(shown.std()), "what second answers show beyond it")
    yield Truth(1, separation, 0, "AUROC of its variance for hidden questions")
    yield Truth(1, float(pair_coverage(record).values.mean() >= 0.9), 0, "true p within Chebyshev's intervals")


def _pairs(law: Float64s, rng: np.random.Generator) -> Ints:
    """Two independent answers to each question of law (n, C), (n, 2)."""
    upto = law.cumsum(axis=1)
    return np.stack([(rng.random((len(law), 1)) > upto[:, :-1]).sum(axis=1) for _ in range(2)], axis=1)
