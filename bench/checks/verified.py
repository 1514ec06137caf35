"""Decoders with verifiers against closed forms: models that answer from a fixed distribution, trees that are listed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import product

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import ERRORS, exact, simulated
from bench.checks.chains import prompts
from bench.checks.language import CONTEXT, Spinner, expected_vote, paths, table, tiny_model
from bench.components import Truth, check
from bench.decisions import Judgement, Prompt
from bench.decoders.best_of_n import best_of_n, best_of_n_adaptive
from bench.decoders.crowd import diverse_prompts, expected_utilities, mbr, rouge_l, token_f1
from bench.decoders.draws import Pool
from bench.decoders.guided import early_rejection, step_best_of_n, value_beam
from bench.decoders.priority import enumerate_texts
from bench.decoders.stepping import Stepper, opened
from bench.decoders.tree_search import mcts, self_refine
from bench.language import Generated, LanguageModel

_ANSWERS, _PROBS = ("right", "wrong", "other", ""), (0.4, 0.3, 0.2, 0.1)
_COUNT = 800


def _asked(count: int = _COUNT) -> list[Prompt]:
    return [
        Prompt(str(k), "?", lambda text: text or None, ("\n",), 1, right=lambda text: text == "right")
        for k in range(count)
    ]


@check("best-of-n", area="reasoning", source="1 - (1 - p)^n; with a verifier of known error rates, by enumeration")
def best() -> list[Truth]:
    """Accuracy over 800 prompts of a model of known answers, within 4.5 standard errors of the closed form.

    Under a verifier of false-positive rate f and false-negative rate g the first of n texts that pass is taken, or the
    first readable one where none passes.  The errors are drawn once for each text, so equal texts share them.
    """
    model = Spinner(_ANSWERS, _PROBS)
    out = []
    for n in (1, 3, 5):
        for fpr, fnr in ((0.0, 0.0), (0.3, 0.2)):
            found = best_of_n(model, _asked(), 1, n=n, temperature=1.0, verifier="exact", fpr=fpr, fnr=fnr)
            right = np.array([decision.answer == "right" for decision in found], dtype=np.float64)
            truth = _accuracy(n, fpr, fnr)
            error = ERRORS * math.sqrt(truth * (1 - truth) / _COUNT)
            out.append(Truth(truth, float(right.mean()), error, f"n = {n}, errors {fpr} and {fnr}"))
    for n in (1, 4):
        blind = best_of_n(model, _asked(), 2, n=n, temperature=1.0, verifier="random")
        out.append(_of_random(n, [decision.answer for decision in blind]))
    return out


def _of_random(n: int, answers: Sequence[str]) -> Truth:
    """A verifier that knows nothing scores each distinct text by chance: any of the readable ones seen may win."""
    truth = 0.0
    for seen in product(range(4), repeat=n):
        readable = {k for k in seen if _ANSWERS[k]}
        truth += math.prod(_PROBS[k] for k in seen) * (1 / len(readable) if 0 in readable else 0.0)
    error = ERRORS * math.sqrt(truth * (1 - truth) / len(answers))
    return Truth(truth, answers.count("right") / len(answers), error, f"a verifier that knows nothing, n = {n}")


def _accuracy(n: int, fpr: float, fnr: float) -> float:
    """By enumeration of what is drawn and of which distinct texts are misjudged."""
    total = 0.0
    for seen in product(range(4), repeat=n):
        readable = list(dict.fromkeys(k for k in seen if _ANSWERS[k]))
        mass = math.prod(_PROBS[k] for k in seen)
        for passes in product((False, True), repeat=len(readable)):
            chance = math.prod(
                ((1 - fnr) if ok else fnr) if k == 0 else (fpr if ok else 1 - fpr)
                for k, ok in zip(readable, passes, strict=True)
            )
            passing = [k for k, ok in zip(readable, passes, strict=True) if ok]
            first = (passing or readable or [-1])[0]
            total += mass * chance * (first == 0)
    return total


@check("adaptive-sampling", area="reasoning", source="Manvi et al. 2024; optimal stopping of independent draws")
def adaptive() -> list[Truth]:
    """A verifier that gives each text its quantile: stopping at `enough` takes 1 / (1 - enough) samples.

    With at most n of them, it takes (1 - enough^n) / (1 - enough), and the chosen quantile has a closed mean too.
    """
    names = [f"{k:02d}" for k in range(64)]
    model = Spinner(names, [1 / 64] * 64)
    out = []
    for enough, n in ((0.75, 500), (0.5, 3), (0.0, 8), (1.0, 5)):
        asked = [Prompt(str(k), "?", lambda text: text, ("\n",), 1) for k in range(1500)]
        found = best_of_n_adaptive(model, asked, 3, n=n, enough=enough, temperature=1.0, verifier=_quantile)
        taken = np.array([len(decision.pool) for decision in found], dtype=np.float64)
        # The quantile of name k of K is (k + 1) / K, so `enough` is passed with probability 1 - ceil(K·enough - 1) / K.
        miss = max(0, math.ceil(len(names) * enough - 1)) / len(names)
        truth = (1 - miss**n) / (1 - miss)
        label = f"samples taken, enough = {enough}, at most {n}"
        out.append(simulated(truth, taken, label) if taken.std() > 0 else exact(truth, float(taken.mean()), label))
    return out


def _quantile(_: LanguageModel, __: Sequence[Prompt], texts: Sequence[Generated], *, whole: bool) -> Judgement:
    """The share of the 64 equally likely texts that are no better."""
    del whole
    return Judgement.free(np.array([(int(text.text) + 1) / 64 for text in texts]))


@check("mbr", area="reasoning", source="Suzgun et al. 2023; a vote's closed form; texts compared by hand")
def crowd() -> list[Truth]:
    """With equal answers for utility it is a vote; a pool worked by hand; the expected utilities by a double loop."""
    model = Spinner(_ANSWERS, _PROBS)
    out = []
    accuracy, share, spread = expected_vote(_PROBS, 5)
    found = mbr(model, _asked(), 0, n=5, temperature=1.0, utility="answer")
    # A vote's ties go to the more probable answer, here to the first seen: both are as likely to be the right one only
    # where no tie is broken, so the share is compared, which ties leave alone.
    means = float(np.mean([decision.confidence for decision in found]))
    out.append(Truth(share, means, ERRORS * spread / math.sqrt(_COUNT), "mean share of a vote of 5"))
    del accuracy
    out.append(exact(2 * 2 / 7, token_f1("a b b c", "b b d"), "F1 of 'a b b c' and 'b b d'"))
    out.append(exact(2 * 3 / 9, rouge_l("the cat sat on", "the dog sat on it"), "ROUGE-L of two sentences"))
    texts = ("a b c", "a b d", "x y", "a b c")
    pool = Pool(tuple(Generated(t, np.array([0]), np.array([-1.0]), True) for t in texts), texts)
    for utility, alike in (("token-f1", token_f1), ("rouge-l", rouge_l)):
        loop = [float(np.mean([alike(a, b) for b in texts])) for a in texts]
        apart = float(np.abs(expected_utilities(pool, utility) - loop).max())
        out.append(Truth(0.0, apart, 1e-12, f"expected {utility} against a double loop"))
    return out


@check("diverse-prompts", area="reasoning", source="Wang et al. 2025: Π(1 - pⱼ) against (1 - mean p)ⁿ")
def diverse() -> list[Truth]:
    """A model whose success depends on the injected text: how often no sample is right, against the product."""

    class Moody:
        """Right with a probability that its prompt's first letter tells."""

        chances: dict[str, float] = {"a": 0.9, "b": 0.1, "c": 0.3}  # noqa: RUF012 - never changed

        def score(self, _: object) -> list[object]:
            raise NotImplementedError

        def generate(self, draws: Sequence[object]) -> list[Generated]:
            by = {mood: Spinner(("right", "wrong"), (p, 1 - p)) for mood, p in self.chances.items()}
            return [by[draw.prompt[0]].generate([draw])[0] for draw in draws]  # type: ignore[attr-defined, list-item]

    found = diverse_prompts(Moody(), _asked(), 0, n=6, temperature=1.0, injections="a|b|c")  # type: ignore[arg-type]
    missed = np.array([all(text.text != "right" for text in decision.pool) for decision in found], dtype=np.float64)
    truth = (0.1 * 0.9 * 0.7) ** 2
    error = ERRORS * math.sqrt(truth * (1 - truth) / _COUNT)
    return [
        Truth(truth, float(missed.mean()), error, "no right sample among six of three prompts"),
        Truth(1, float(truth <= (1 - 1.3 / 3) ** 6), 0, "at most that of six from one prompt of the mean success"),
    ]


@check("guided-search", area="reasoning", source="trees of which every text and its value are listed")
def guided() -> list[Truth]:
    """An exact value function makes every search find the best text; one that says nothing leaves plain sampling.

    The value of a text is the largest of a random number for each text that can still come of it.
    """
    from scipy.special import chdtri

    model = tiny_model(2)
    law = paths({past: np.exp(row) for past, row in table(model, CONTEXT).items()})
    stream = np.random.default_rng(0)
    worth = {path: float(stream.random()) for path in law if any(k > 1 for k in path)}

    def value(_: LanguageModel, __: Sequence[Prompt], texts: Sequence[Generated], *, whole: bool) -> Judgement:
        out = []
        for text in texts:
            own = tuple(text.token_ids.tolist())
            after = [w for path, w in worth.items() if (path == own if whole else path[: len(own)] == own)]
            out.append(max(after, default=0.0))
        return Judgement.free(np.array(out))

    best = max(worth.values())
    wide: dict[str, list[float]] = {
        "step-best-of-n": [d.confidence for d in step_best_of_n(model, prompts(1), 0, 100, 3.0, verifier=value)],
        "value-beam": [d.confidence for d in value_beam(model, prompts(1), 0, 2, 60, 3.0, verifier=value)],
        "mcts": [d.confidence for d in mcts(model, prompts(1), 0, 60, 60, 1.0, 3.0, verifier=value)],
    }
    out = [exact(best, found[0], f"best text of all, by {name}") for name, found in wide.items()]

    def blind(_: LanguageModel, __: Sequence[Prompt], texts: Sequence[Generated], *, whole: bool) -> Judgement:
        del whole
        return Judgement.free(np.full(len(texts), 0.5))

    count = 300
    for name, decided in (
        ("step-best-of-n", step_best_of_n(model, prompts(count), 0, 2, 1.0, verifier=blind)),
        ("value-beam", value_beam(model, prompts(count), 0, 2, 1, 1.0, verifier=blind)),
    ):
        seen = Counter(tuple(decision.pool[0].token_ids.tolist()) for decision in decided)
        cells = [(count * p, seen[path]) for path, p in law.items() if count * p >= 5]
        rest = count - sum(e for e, _ in cells), count - sum(o for _, o in cells)
        cells += [rest] if rest[0] >= 5 else []
        statistic, freedom = sum((o - e) ** 2 / e for e, o in cells), len(cells) - 1
        quantile = float(chdtri(freedom, 1e-5))
        out.append(
            Truth(freedom, float(statistic), quantile - freedom, f"χ² of texts, values that say nothing, {name}")
        )
    return out


@check("early-rejection", area="reasoning", source="Cheshmi et al. 2025; token ledger by hand; rejection at no risk")
def early() -> list[Truth]:
    """What is spent is the beginnings and the ends that are kept; keeping all is best-of-N, and never worse."""
    model = tiny_model(1)
    asked = [
        Prompt(str(k), CONTEXT, lambda text: text or None, (), 3, right=lambda text: "c" in text) for k in range(400)
    ]

    def long(_: LanguageModel, __: Sequence[Prompt], texts: Sequence[Generated], *, whole: bool) -> Judgement:
        del whole
        return Judgement.free(np.array([text.text.count("c") / 3 for text in texts]))

    out = []
    for keep, stay in ((1.0, 8), (0.25, 2)):
        found = early_rejection(model, asked, 0, n=8, tokens=1, keep=keep, temperature=1.0, verifier=long)
        calls = sum(decision.spent.calls for decision in found)
        ends = sum(len(text.token_ids) > 1 for decision in found for text in decision.pool)
        out.append(Truth(8 * len(asked) + ends, calls, 0, f"beginnings and ends asked for, keeping {stay} of 8"))
        out.append(Truth(stay, max(len(decision.pool) for decision in found), 0, f"texts finished, keeping {stay}"))
        # The best of 8 by a count of c, where the first token decides who stays.
        whole = np.array([max(text.text.count("c") for text in decision.pool) for decision in found], dtype=np.float64)
        if stay == 8:
            law = paths({past: np.exp(row) for past, row in table(model, CONTEXT).items()})
            counts = np.bincount([path.count(4) for path in law], weights=list(law.values()), minlength=4)
            upto = np.cumsum(counts) ** 8
            truth = float(np.arange(4) @ np.diff(np.concatenate([[0.0], upto])))
            out.append(simulated(truth, whole, "most c's among eight texts"))
        spent = sum(decision.spent.tokens for decision in found)
        most = len(asked) * (8 + stay * 2)
        out.append(Truth(1, float(spent <= most), 0, f"tokens within {most:,}, keeping {stay}"))
    return out


@check("priority", area="reasoning", source="Grubisic et al. 2024; a plain queue over all texts of a tiny model")
def priorities() -> list[Truth]:
    """All texts come out, each once, the greedy one first, in the order of a plain queue; their masses sum to 1."""
    model = tiny_model(2)
    logs = table(model, CONTEXT)
    law = paths({past: np.exp(row) for past, row in logs.items()})
    out = []
    for order in ("token", "path"):
        with opened(model, "priority", prompts(1)) as session:
            (found,), _ = enumerate_texts(Stepper(session, prompts(1)), 1000, order)
        own = [one.tokens for one in found]
        out.append(Truth(len(law), len(set(own)), 0, f"distinct texts, by {order}"))
        out.append(Truth(len(law), len(own), 0, f"texts, by {order}"))
        out.append(exact(1.0, math.fsum(math.exp(one.total) for one in found), f"their mass, by {order}"))
        same = sum(a == b for a, b in zip(own, _queue(logs, order), strict=True))
        out.append(Truth(len(law), same, 0, f"texts in the place that a plain queue gives them, by {order}"))
    return out


def _queue(logs: dict[tuple[int, ...], Float64s], order: str) -> list[tuple[int, ...]]:
    """Every branch in one list, searched from its beginning each time."""
    branches: list[tuple[float, int, tuple[int, ...]]] = [(math.inf, 0, ())]
    out: list[tuple[int, ...]] = []
    while branches:
        place = min(range(len(branches)), key=lambda k: (-branches[k][0], branches[k][1]))
        _, __, path = branches.pop(place)
        while len(path) < 3 and path[-1:] != (1,):
            row = logs[path]
            taken = int(row.argmax())
            total = sum(float(logs[path[:k]][path[k]]) for k in range(len(path)))
            for token in np.argsort(-row, kind="stable").tolist():
                if token != taken:
                    own = float(row[token]) + (total if order == "path" else 0.0)
                    branches.append((own, len(branches) + 10 * len(out) * 10**3 + len(path), (*path, token)))
            path = (*path, taken)
        out.append(path)
    return out


@check("self-refine", area="reasoning", source="independent revisions: 1 - (1 - p)^(rounds + 1)")
def refined() -> list[Truth]:
    """A model that answers alike whatever it sees, revised under a perfect verifier: as good as so many samples."""
    model = Spinner(_ANSWERS, _PROBS)
    out = []
    for rounds in (0, 3):
        found = self_refine(model, _asked(), 0, rounds=rounds, temperature=1.0, verifier="exact")
        truth = 1 - 0.6 ** (rounds + 1)
        error = ERRORS * math.sqrt(truth * (1 - truth) / _COUNT)
        right = float(np.mean([decision.answer == "right" for decision in found]))
        out.append(Truth(truth, right, error, f"accuracy after {rounds} revisions"))
    return out
