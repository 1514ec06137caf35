"""Uncertainty by what several draws of one prompt mean: entropies over meanings, and spectra of their likeness.

All are higher for more uncertain, and need two draws a prompt; greedy texts are not among them.
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints, Ragged
from bench.components import NotApplicable, score
from bench.records import Generations
from bench.semantics.pools import Draws, draws, token_rows
from bench.semantics.relations import meanings, normalised, similarities, states_of

CHECK = "uncertainty/generations-enumerated"
SPECTRA = "uncertainty/generation-spectra"
DIFFUSION = 0.3
RIDGE = 1e-3
SHARPNESS = 1e-3


@score(
    "predictive-entropy",
    of=Generations,
    area="uncertainty",
    unit="nats",
    source="Malinin and Gales 2021, arXiv:2002.07650; LM-Polygraph's MonteCarloSequenceEntropy",
    check=CHECK,
)
def predictive_entropy(record: Generations) -> Float64s:
    """Mean negative log-likelihood of the draws, nats, (n,): unbiased for the entropy of texts at temperature 1."""
    own = draws(record)
    return own.mean(-own.logprobs)


@score(
    "normalised-predictive-entropy",
    of=Generations,
    area="uncertainty",
    unit="nats/token",
    source="Malinin and Gales 2021; LM-Polygraph's MonteCarloNormalizedSequenceEntropy",
    check=CHECK,
)
def normalised_predictive_entropy(record: Generations) -> Float64s:
    """Mean over draws of the negative log-likelihood per token, nats, (n,)."""
    own = draws(record)
    return own.mean(-own.logprobs / np.maximum(own.tokens, 1))


@score(
    "semantic-entropy",
    of=Generations,
    area="uncertainty",
    unit="nats",
    source="Farquhar et al. 2024, Nature 630 (probability-weighted, Rao-Blackwellised)",
    check=CHECK,
)
def semantic_entropy(record: Generations, relation: str = "normalised", model: str = "") -> Float64s:
    """Entropy over meanings, nats, (n,), from 0 to the log of their number: -sum of P log P.

    P of a meaning is the probability of the different texts of it that were drawn, over that of all different texts
    drawn: a text drawn twice counts once, so no sum exceeds 1.  relation, model: see `bench.semantics.relations`.
    """
    own = draws(record)
    logs = _by_meaning(own, meanings(record, relation, model))
    with np.errstate(invalid="ignore"):
        shares = logs - _log_sums(logs)[:, None]
        return -(np.exp(shares) * np.where(np.isfinite(shares), shares, 0.0)).sum(axis=1) + 0.0


@score(
    "semantic-entropy-mc",
    of=Generations,
    area="uncertainty",
    unit="nats",
    source="Kuhn, Gal and Farquhar 2023, arXiv:2302.09664; LM-Polygraph's SemanticEntropy",
    check=CHECK,
)
def semantic_entropy_mc(record: Generations, relation: str = "normalised", model: str = "") -> Float64s:
    """Mean over draws of -log of the probability of their meaning, nats, (n,): Monte Carlo, not normalised.

    A meaning's probability is the sum over the different texts of it that were drawn.  LM-Polygraph sums over draws,
    so that repeated texts bring it above 1 and the score below 0.
    """
    own = draws(record)
    code = meanings(record, relation, model)
    logs = _by_meaning(own, code)
    return own.mean(-logs[own.owner, code])


@score(
    "semantic-entropy-discrete",
    of=Generations,
    area="uncertainty",
    unit="nats",
    source="Farquhar et al. 2024, Nature 630 (discrete)",
    check=CHECK,
)
def semantic_entropy_discrete(record: Generations, relation: str = "normalised", model: str = "") -> Float64s:
    """Entropy of the shares of draws by meaning, nats, (n,); needs no log-probabilities.

    Biased low for few draws, by about (meanings - 1) / (2 draws), and never above the log of their number.
    """
    own = draws(record)
    counts = _counts(own, meanings(record, relation, model))
    shares = counts / counts.sum(axis=1, keepdims=True)
    return -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1) + 0.0


@score(
    "semantic-sets",
    of=Generations,
    area="uncertainty",
    unit="meanings",
    source="Lin, Trivedi and Sun 2024, arXiv:2305.19187 (NumSet)",
    check=CHECK,
)
def semantic_sets(record: Generations, relation: str = "normalised", model: str = "") -> Float64s:
    """Number of different meanings among the draws, (n,)."""
    return (_counts(draws(record), meanings(record, relation, model)) > 0).sum(axis=1).astype(np.float64)


@score(
    "disagreement",
    of=Generations,
    area="uncertainty",
    unit="probability",
    source="Wang et al. 2023, Self-Consistency; Manakul et al. 2023, SelfCheckGPT",
    check=CHECK,
)
def disagreement(record: Generations) -> Float64s:
    """Share of draws that give another answer than the decoder's, after normalising, (n,), in [0, 1]."""
    own = draws(record)
    given = np.array([normalised(str(answer)) for answer in record.answer], dtype=object)
    other = np.array([normalised(str(text)) for text in own.meanings], dtype=object) != given[own.owner]
    return own.mean(other.astype(np.float64))


@score(
    "lexical-similarity",
    of=Generations,
    area="uncertainty",
    source="Fomicheva et al. 2020, Unsupervised Quality Estimation; LM-Polygraph's LexicalSimilarity",
    check=SPECTRA,
)
def lexical_similarity(record: Generations, relation: str = "rouge-l", model: str = "") -> Float64s:
    """1 minus the mean ROUGE-L of all pairs of draws, (n,), in [0, 1]; or of another relation."""

    def apart(similar: Float64s) -> Float64s:
        m = similar.shape[1]
        return 1 - (similar.sum(axis=(1, 2)) - m) / (m * (m - 1))

    return draws(record).over_similarities(similarities(record, relation, model), apart)


@score("degree", of=Generations, area="uncertainty", source="Lin, Trivedi and Sun 2024 (U_Deg)", check=SPECTRA)
def degree(record: Generations, relation: str = "rouge-l", model: str = "") -> Float64s:
    """trace(m - D) / m^2 for the degrees D of the graph of m draws, (n,): mean distance of all pairs, own included."""

    def far(similar: Float64s) -> Float64s:
        return 1 - similar.mean(axis=(1, 2))

    return draws(record).over_similarities(similarities(record, relation, model), far)


@score("eigv", of=Generations, area="uncertainty", source="Lin, Trivedi and Sun 2024 (U_EigV)", check=SPECTRA)
def eigv(record: Generations, relation: str = "rouge-l", model: str = "") -> Float64s:
    """Sum of max(0, 1 - eigenvalue) of the graph's normalised Laplacian, (n,): a soft number of meanings, from 1."""

    def soft(similar: Float64s) -> Float64s:
        return np.maximum(0.0, 1 - np.linalg.eigvalsh(_laplacian(similar))).sum(axis=1)

    return draws(record).over_similarities(similarities(record, relation, model), soft)


@score("eccentricity", of=Generations, area="uncertainty", source="Lin, Trivedi and Sun 2024 (U_Ecc)", check=SPECTRA)
def eccentricity(record: Generations, relation: str = "rouge-l", model: str = "", limit: float = 0.9) -> Float64s:
    """Root of the summed squared distances of the draws from their mean, in spectral coordinates, (n,).

    Coordinates are the eigenvectors of the normalised Laplacian whose eigenvalues are below `limit`.
    """

    def spread(similar: Float64s) -> Float64s:
        values, vectors = np.linalg.eigh(_laplacian(similar))
        kept = vectors * (values < limit)[:, None, :]
        return np.sqrt(((kept - kept.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2)))

    return draws(record).over_similarities(similarities(record, relation, model), spread)


@score(
    "kernel-language-entropy",
    of=Generations,
    area="uncertainty",
    unit="nats",
    source="Nikitin et al. 2024, arXiv:2405.20003 (KLE with a heat kernel)",
    check=SPECTRA,
)
def kernel_language_entropy(
    record: Generations, relation: str = "rouge-l", model: str = "", time: float = DIFFUSION
) -> Float64s:
    """Von Neumann entropy of the heat kernel exp(-t L) of the graph of m draws, brought to a trace of 1, (n,).

    L = D - W is the graph's Laplacian; the kernel is scaled to a unit diagonal, then divided by m.  From 0 (one
    meaning, t large) to log m (all unlike).  time: t.
    """

    def entropy(similar: Float64s) -> Float64s:
        m = similar.shape[1]
        laplacian = np.eye(m) * similar.sum(axis=2, keepdims=True) - similar
        values, vectors = np.linalg.eigh(laplacian)
        kernel = (vectors * np.exp(-time * values)[:, None, :]) @ vectors.transpose(0, 2, 1)
        scale = np.sqrt(np.einsum("rii->ri", kernel))
        spectrum = np.linalg.eigvalsh(kernel / (scale[:, :, None] * scale[:, None, :] * m))
        return -(spectrum * np.log(np.where(spectrum > 0, spectrum, 1.0))).sum(axis=1) + 0.0

    return draws(record).over_similarities(similarities(record, relation, model), entropy)


@score(
    "eigenscore",
    of=Generations,
    area="uncertainty",
    source="Chen et al. 2024, arXiv:2402.03744 (INSIDE)",
    check=SPECTRA,
)
def eigenscore(record: Generations) -> Float64s:
    """Mean log-eigenvalue of the m draws' covariance in state space, plus .001, (n,).

    States (m, d), each centred over its own d numbers as in the paper; here those of the last layer, mean over tokens.
    """
    own = draws(record)
    covariances = []
    for rows in states_of(own):
        centred = rows - rows.mean(axis=1, keepdims=True)
        covariances.append(centred @ centred.T + RIDGE * np.eye(len(rows)))
    return own.over_similarities(covariances, lambda c: np.linalg.slogdet(c)[1] / c.shape[1])


@score(
    "token-sar",
    of=Generations,
    area="uncertainty",
    unit="nats",
    source="Duan et al. 2024, arXiv:2307.01379 (SAR)",
    check="uncertainty/relevance",
)
def token_sar(record: Generations, relation: str = "rouge-l", model: str = "") -> Float64s:
    """Mean over draws of the negative log-likelihood with tokens weighed by how much the text changes without them.

    (n,), nats a token.  A token's relevance is 1 minus the likeness of the text to that without it, over the sum of
    all; where no token matters, all matter alike.
    """
    return draws(record).mean(_relevant(record, relation, model))


@score(
    "sentence-sar",
    of=Generations,
    area="uncertainty",
    unit="nats",
    source="Duan et al. 2024, arXiv:2307.01379 (SAR)",
    check="uncertainty/relevance",
)
def sentence_sar(record: Generations, relation: str = "rouge-l", model: str = "") -> Float64s:
    """Mean over draws i of -log(p_i + sum over j != i of likeness(i, j) p_j / t), t = .001, (n,)."""
    own = draws(record)
    return _shifted(own, own.logprobs, similarities(record, relation, model))


@score(
    "sar",
    of=Generations,
    area="uncertainty",
    unit="nats",
    source="Duan et al. 2024, arXiv:2307.01379 (SAR)",
    check="uncertainty/relevance",
)
def sar(record: Generations, relation: str = "rouge-l", model: str = "") -> Float64s:
    """As `sentence-sar`, with exp(-`token-sar`) of each draw for its probability, (n,)."""
    own = draws(record)
    return _shifted(own, -_relevant(record, relation, model), similarities(record, relation, model))


def _shifted(own: Draws, logs: Float64s, similar: list[Float64s]) -> Float64s:
    out = np.empty(len(own.rows))
    for prompts, places in own.by_size():
        matrix = np.stack([similar[i] for i in prompts.tolist()]) / SHARPNESS
        np.einsum("rii->ri", matrix)[:] = 1.0
        values = logs[places]
        top = values.max(axis=1, keepdims=True)
        total = np.einsum("rij,rj->ri", matrix, np.exp(values - top))
        out[prompts] = -(np.log(total) + top).mean(axis=1)
    return out


def _relevant(record: Generations, relation: str, model: str) -> Float64s:
    """Token-SAR of each draw, (total,)."""
    from bench.semantics.alike import likeness

    own = draws(record)
    logprobs = token_rows(record, "token_logprobs").take(own.rows.values)
    pieces = token_rows(record, "pieces").take(own.rows.values)
    pairs = []
    for i in range(len(pieces)):
        each = pieces[i].tolist()
        whole = "".join(each)
        pairs += [(whole, "".join(each[:k] + each[k + 1 :])) for k in range(len(each))]
    weight = 1 - likeness(pairs, relation, model)
    sums = Ragged(weight, pieces.offsets).sums()
    row = np.repeat(np.arange(len(pieces)), pieces.lengths)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(sums[row] > 1e-12, weight / sums[row], 1 / pieces.lengths[row])
    return Ragged(-logprobs.values * share, pieces.offsets).sums()


def _laplacian(similar: Float64s) -> Float64s:
    """I - D^-1/2 W D^-1/2 of each, (r, m, m)."""
    root = np.sqrt(similar.sum(axis=2))
    return np.eye(similar.shape[1]) - similar / (root[:, :, None] * root[:, None, :])


def _counts(own: Draws, code: Ints) -> Float64s:
    """Draws of each meaning, (n, most)."""
    out = np.zeros((len(own.rows), int(code.max(initial=0)) + 1))
    np.add.at(out, (own.owner, code), 1.0)
    return out


def _by_meaning(own: Draws, code: Ints) -> Float64s:
    """Log of the summed probability of the different texts of each meaning, (n, most), -inf where there is none."""
    first: dict[tuple[int, str], int] = {}
    for place, key in enumerate(zip(own.owner.tolist(), own.texts.tolist(), strict=True)):
        first.setdefault(key, place)
    chosen = np.array(list(first.values()), dtype=np.int64)
    out = np.full((len(own.rows), int(code.max(initial=0)) + 1), -np.inf)
    np.logaddexp.at(out, (own.owner[chosen], code[chosen]), own.logprobs[chosen])
    if np.isneginf(_log_sums(out)).any():
        raise NotApplicable("some prompt's draws all have probability 0")
    return out


def _log_sums(logs: Float64s) -> Float64s:
    top = logs.max(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(top), top + np.log(np.exp(logs - top[:, None]).sum(axis=1)), -np.inf)
