"""The field's own question sets, from the Hugging Face hub or from a local file in the published format."""

from __future__ import annotations

from bench.answers.equivalence import require_math, same
from bench.answers.extraction import NUMERIC, Extractor, read_boxed
from bench.components import task
from bench.examples import Examples, Reading
from bench.field import formats
from bench.field.items import choice_examples, written_examples
from bench.field.reading import Hub, converted, rows
from bench.records import Choices, Generations

_NUMBERS = Reading(extract=NUMERIC, stop=("\n\nQuestion:", "\nQuestion:"), max_tokens=512)
_MATHS = Reading(extract=read_boxed, stop=("\n\nProblem:", "\nProblem:"), max_tokens=2048, same=same)
# A letter in brackets or bare, a word or a few, a number.
_SHORT = Extractor(r"[Tt]he (?:final )?answer is:?[ \t]*\(?([^\n]{1,200})", r"[^\n]{1,200}?\)?", "short")


@task("reasoning/gsm8k", needs="language", yields=Generations, decoders=("greedy",),
      source="Cobbe et al. 2021, Training Verifiers to Solve Math Word Problems, arXiv:2110.14168")  # fmt: skip
def gsm8k(seed: int, path: str = "") -> Examples:
    """Grade-school word problems (test split), read as numbers after 'The answer is', '####' or in a box."""
    del seed  # the questions are given
    hub = Hub("openai/gsm8k", "test", "main")
    return written_examples(converted(rows(hub, path), formats.gsm8k, "GSM8K"), _NUMBERS)


@task("reasoning/math-500", needs="language", yields=Generations, decoders=("greedy",),
      source="Hendrycks et al. 2021, MATH, arXiv:2103.03874; Lightman et al. 2023 (the 500)")  # fmt: skip
def math_500(seed: int, path: str = "") -> Examples:
    """500 problems of MATH; boxed answers, judged equal by math-verify (extra `math`)."""
    del seed
    require_math()
    hub = Hub("HuggingFaceH4/MATH-500", "test")
    return written_examples(converted(rows(hub, path), formats.math_500, "MATH"), _MATHS)


@task("reasoning/aime", needs="language", yields=Generations, decoders=("greedy",),
      source="American Invitational Mathematics Examination, 2024 and other years")  # fmt: skip
def aime(seed: int, path: str = "") -> Examples:
    """Problems of AIME (2024 unless a file is given); boxed whole numbers, judged equal by math-verify."""
    del seed
    require_math()
    return written_examples(
        converted(rows(Hub("HuggingFaceH4/aime_2024", "train"), path), formats.aime, "AIME"), _MATHS
    )


@task("reasoning/arc", needs="language", yields=Choices,
      source="Clark et al. 2018, AI2 Reasoning Challenge, arXiv:1803.05457")  # fmt: skip
def arc(seed: int, path: str = "", level: str = "challenge") -> Examples:
    """Science questions, the likeliest of the answers as continuations; level: challenge or easy."""
    del seed
    hub = Hub("allenai/ai2_arc", "test", f"ARC-{level.capitalize()}")
    return choice_examples(converted(rows(hub, path), formats.arc, "ARC"))


@task("reasoning/mmlu", needs="language", yields=Choices,
      source="Hendrycks et al. 2021, Measuring Massive Multitask Language Understanding, arXiv:2009.03300")  # fmt: skip
def mmlu(seed: int, path: str = "", subject: str = "all") -> Examples:
    """Four choices under letters, zero-shot; subject: one of the 57, or all."""
    del seed
    return choice_examples(converted(rows(Hub("cais/mmlu", "test", subject), path), formats.mmlu, "MMLU"))


@task("reasoning/mmlu-pro", needs="language", yields=Choices,
      source="Wang et al. 2024, MMLU-Pro, arXiv:2406.01574")  # fmt: skip
def mmlu_pro(seed: int, path: str = "") -> Examples:
    """Up to ten choices under letters, zero-shot, by likelihood of the letter."""
    del seed
    return choice_examples(converted(rows(Hub("TIGER-Lab/MMLU-Pro", "test"), path), formats.mmlu_pro, "MMLU-Pro"))


@task("reasoning/gpqa", needs="language", yields=Choices, source="Rein et al. 2023, GPQA, arXiv:2311.12022")
def gpqa(seed: int, path: str = "", subset: str = "diamond") -> Examples:
    """Graduate questions of four choices, whose order is drawn by the seed; subset: diamond, main or extended."""
    hub = Hub("Idavidrein/gpqa", "train", f"gpqa_{subset}")
    return choice_examples(converted(rows(hub, path), lambda row, _: formats.gpqa(row, seed), "GPQA"))


@task("reasoning/bbh", needs="language", yields=Generations, decoders=("greedy",),
      source="Suzgun et al. 2022, Challenging BIG-Bench Tasks, arXiv:2210.09261")  # fmt: skip
def bbh(seed: int, path: str = "", subset: str = "boolean_expressions") -> Examples:
    """One of the 23 hard tasks of BIG-bench, read after 'The answer is'; compared without case and brackets."""
    del seed
    reading = Reading(extract=_SHORT, stop=("\n\nQ:", "\nQ:"), max_tokens=512)
    return written_examples(converted(rows(Hub("lukaemon/bbh", "test", subset), path), formats.bbh, "BBH"), reading)


@task("reasoning/folio", needs="language", yields=Choices,
      source="Han et al. 2022, FOLIO, arXiv:2209.00840")  # fmt: skip
def folio(seed: int, path: str = "") -> Examples:
    """Conclusions from premises in natural language: true, false or unknown."""
    del seed
    return choice_examples(converted(rows(Hub("yale-nlp/FOLIO", "validation"), path), formats.entailment, "FOLIO"))


@task("reasoning/proofwriter", needs="language", yields=Choices,
      source="Tafjord et al. 2021, ProofWriter, arXiv:2012.13048")  # fmt: skip
def proofwriter(seed: int, path: str = "") -> Examples:
    """Conclusions from rules and facts in plain English, by depth of proof: true, false or unknown."""
    del seed
    hub = Hub("tasksource/proofwriter", "test")
    return choice_examples(converted(rows(hub, path), formats.entailment, "ProofWriter"))
