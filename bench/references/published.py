"""Published figures of the field's data sets, to set beside one's own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A figure as its paper prints it, in the unit of `metric`.

    kind: exact, lower (bound of the likelihood) or estimate, as in a `Density`.
    """

    model: str
    metric: str
    value: float
    kind: str
    source: str


def _of(metric: str, *figures: tuple[str, float, str, str]) -> tuple[Published, ...]:
    return tuple(Published(model, metric, value, kind, source) for model, value, kind, source in figures)


_GLOW = "Kingma and Dhariwal 2018, arXiv:1807.03039"
_FLOWPP = "Ho et al. 2019, arXiv:1902.00275"
_VDVAE = "Child 2021, arXiv:2011.10650"
_VDM = "Kingma et al. 2021, arXiv:2107.00630"
_SCOREFLOW = "Song et al. 2021, arXiv:2101.09258"
_SPARSE = "Child et al. 2019, arXiv:1904.10509"
_FFJORD = "Grathwohl et al. 2019, arXiv:1810.01367"
_MAF = "Papamakarios et al. 2017, arXiv:1705.07057"
_SPLINE = "Durkan et al. 2019, arXiv:1906.04032"
_GPT2 = "Radford et al. 2019, Language Models are Unsupervised Multitask Learners; zero-shot"
_XL = "Dai et al. 2019, arXiv:1901.02860"
_D3PM = "Austin et al. 2021, arXiv:2107.03006"


def _tabular(gaussian: float, nvp: float, maf: float, ffjord: float, spline: float) -> tuple[Published, ...]:
    """Mean log-likelihoods as the papers print them; here -log p."""
    return _of(
        "nll-nats",
        ("Gaussian", -gaussian, "exact", _MAF),
        ("Real NVP (10)", -nvp, "exact", _MAF),
        ("MAF (10)", -maf, "exact", _MAF),
        ("FFJORD", -ffjord, "estimate", _FFJORD),
        ("RQ-NSF (AR)", -spline, "exact", _SPLINE),
    )


PUBLISHED: dict[str, tuple[Published, ...]] = {
    "likelihood/cifar10": _of(
        "bits-per-dim",
        ("Glow", 3.35, "lower", _GLOW),
        ("Flow++", 3.08, "lower", _FLOWPP),
        ("score-SDE (DDPM++ cont., sub-VP, deep)", 2.99, "estimate", "Song et al. 2021, arXiv:2011.13456"),
        ("PixelCNN++", 2.92, "exact", "Salimans et al. 2017, arXiv:1701.05517"),
        ("NVAE", 2.91, "lower", "Vahdat and Kautz 2020, arXiv:2007.03898"),
        ("VDVAE", 2.87, "lower", _VDVAE),
        ("ScoreFlow (variational dequantisation)", 2.83, "estimate", _SCOREFLOW),
        ("Sparse Transformer", 2.80, "exact", _SPARSE),
        ("VDM", 2.65, "lower", _VDM),
    ),
    "likelihood/mnist": _of(
        "bits-per-dim",
        ("Real NVP", 1.06, "lower", _FFJORD),
        ("Glow", 1.05, "lower", _FFJORD),
        ("FFJORD", 0.99, "estimate", _FFJORD),
    ),
    "likelihood/imagenet-32": _of(
        "bits-per-dim",
        ("Glow", 4.09, "lower", _GLOW),
        ("Flow++", 3.86, "lower", _FLOWPP),
        ("VDVAE", 3.80, "lower", _VDVAE),
        ("ScoreFlow (variational dequantisation)", 3.76, "estimate", _SCOREFLOW),
        ("VDM", 3.72, "lower", _VDM),
    ),
    "likelihood/imagenet-64": _of(
        "bits-per-dim",
        ("Glow", 3.81, "lower", _GLOW),
        ("Flow++", 3.69, "lower", _FLOWPP),
        ("VDVAE", 3.52, "lower", _VDVAE),
        ("Sparse Transformer", 3.44, "exact", _SPARSE),
        ("VDM", 3.40, "lower", _VDM),
    ),
    "likelihood/power": _tabular(-7.74, 0.17, 0.24, 0.46, 0.66),
    "likelihood/gas": _tabular(-3.58, 8.33, 10.08, 8.59, 13.09),
    "likelihood/hepmass": _tabular(-27.93, -18.71, -17.73, -14.92, -14.01),
    "likelihood/miniboone": _tabular(-37.24, -13.84, -12.24, -10.43, -9.22),
    "likelihood/bsds300": _tabular(96.67, 153.28, 154.93, 157.40, 157.31),
    "likelihood/wikitext-2": _of(
        "word-perplexity", ("GPT-2 124M", 29.41, "exact", _GPT2), ("GPT-2 1.5B", 18.34, "exact", _GPT2)
    ),
    "likelihood/wikitext-103": _of(
        "word-perplexity",
        ("GPT-2 124M", 37.50, "exact", _GPT2),
        ("GPT-2 1.5B", 17.48, "exact", _GPT2),
        ("Transformer-XL, large", 18.3, "exact", _XL),
    ),
    "likelihood/lambada": _of(
        "word-perplexity", ("GPT-2 124M", 35.13, "exact", _GPT2), ("GPT-2 1.5B", 8.63, "exact", _GPT2)
    ),
    "likelihood/pile": _of(
        "bits-per-byte",
        ("GPT-2 124M, test split", 1.2253, "exact", "Gao et al. 2020, arXiv:2101.00027"),
        ("GPT-3 davinci, test split", 0.7177, "exact", "Gao et al. 2020, arXiv:2101.00027"),
    ),
    "likelihood/text8": _of(
        "bits-per-byte", ("GPT-2 1.5B", 0.98, "exact", _GPT2), ("Transformer-XL, 24 layers", 1.08, "exact", _XL)
    ),
    "likelihood/enwik8": _of(
        "bits-per-byte", ("GPT-2 1.5B", 0.93, "exact", _GPT2), ("Transformer-XL, 24 layers", 0.99, "exact", _XL)
    ),
    "likelihood/text8-symbols": _of(
        "bits-per-dim",
        ("D3PM (absorbing)", 1.45, "lower", _D3PM),
        ("autoregressive transformer", 1.23, "exact", _D3PM),
    ),
}
