"""The field's texts: perplexity of WikiText, last words of LAMBADA, bits a byte of the Pile, text8 and enwik8."""

from __future__ import annotations

import re
from string import ascii_lowercase
from typing import Any

import numpy as np

from bench.arrays import Ragged
from bench.components import task
from bench.examples import Examples
from bench.field import texts
from bench.field.items import numbered
from bench.field.reading import Hub, converted, rows
from bench.metrics.domains import domain_metrics
from bench.models.documents import document_logprobs
from bench.procedural.items import digest
from bench.records import Density, Record, Tokens
from bench.records.last_words import LastWords
from bench.tasks.asking import Asked

_WIKI = "Merity et al. 2016, Pointer Sentinel Mixture Models, arXiv:1609.07843"
_MAHONEY = "Mahoney 2011, Large Text Compression Benchmark"
LETTERS = " " + ascii_lowercase


@task("likelihood/wikitext-2", needs="language", yields=Tokens, source=_WIKI)
def wikitext_2(seed: int, path: str = "") -> Examples:
    """The 62 articles of WikiText-2's test split, untokenised; words and bytes are counted as they were tokenised.

    As in lm-evaluation-harness, so that word perplexities can be compared.  The test split is that of WikiText-103.
    path: wiki.test.raw, or rows with `text` or `page`.
    """
    del seed  # the texts are given
    return _articles(Hub("Salesforce/wikitext", "test", "wikitext-2-raw-v1"), path)


@task("likelihood/wikitext-103", needs="language", yields=Tokens, source=_WIKI)
def wikitext_103(seed: int, path: str = "") -> Examples:
    """The articles of WikiText-103's test split, as `likelihood/wikitext-2` has its own."""
    del seed
    return _articles(Hub("Salesforce/wikitext", "test", "wikitext-103-raw-v1"), path)


def _articles(hub: Hub, path: str) -> Examples:
    found = texts.wikitext(hub, path)
    return Examples(ids=numbered(map(digest, found)), inputs=found, asker=Asked(_ask_articles))


def _ask_articles(model: Any, _: Any, batch: Examples, __: int, common: dict[str, Any]) -> Record:
    articles: list[str] = list(batch.inputs)
    return Tokens(
        **common,
        logprobs=Ragged.of(document_logprobs(model, [texts.untokenised(page) for page in articles]), np.float64),
        bytes=np.array([len(page.encode()) for page in articles]),
        words=np.array([len(re.split(r"\s+", page)) for page in articles]),
    )


@task("likelihood/lambada", needs="language", yields=LastWords,
      source="Paperno et al. 2016, The LAMBADA dataset, arXiv:1606.06031; OpenAI's untokenised passages")  # fmt: skip
def lambada(seed: int, path: str = "") -> Examples:
    """The last word of 5,153 passages, given what is before it: `word-perplexity` is LAMBADA's perplexity.

    `last-word-accuracy` counts words of which every token is the likeliest one.
    """
    del seed
    passages = converted(rows(Hub("EleutherAI/lambada_openai", "test", "default"), path), texts.last_word, "LAMBADA")
    return Examples(ids=numbered(digest(a + b) for a, b in passages), inputs=passages, asker=Asked(_ask_last_words))


def _ask_last_words(model: Any, _: Any, batch: Examples, __: int, common: dict[str, Any]) -> Record:
    passages: list[tuple[str, str]] = [(a, b) for a, b in batch.inputs]
    scored = model.score(passages)
    return LastWords(
        **common,
        logprobs=Ragged.of([s.logprobs for s in scored], np.float64),
        bytes=np.array([len(word.encode()) for _, word in passages]),
        words=np.ones(len(passages), dtype=np.int64),
        greedy=np.array([s.greedy for s in scored], dtype=bool),
    )


@task("likelihood/pile", needs="language", yields=Tokens, own=domain_metrics,
      source="Gao et al. 2020, The Pile, arXiv:2101.00027")  # fmt: skip
def pile(seed: int, path: str = "", domain: str = "", each: int = 0) -> Examples:
    """Bits a byte of documents of the Pile's validation split, over all and in each domain.

    path: rows of `text` with `meta.pile_set_name`, `domain`, `subset` or `source` (.jsonl, also .zst), so that other
    collections by domain can be asked the same way.  domain: of one alone.  each: the first so many of every domain; 0:
    all.
    """
    del seed
    found = converted(rows(Hub("mit-han-lab/pile-val-backup", "validation"), path), texts.document, "the Pile")
    kept, seen = [], dict[str, int]()
    for one in found:
        seen[one.domain] = seen.get(one.domain, 0) + 1
        if domain in {"", one.domain} and (not each or seen[one.domain] <= each):
            kept.append(one)
    return Examples(
        ids=numbered(digest(one.text) for one in kept),
        inputs=[one.text for one in kept],
        dataset=np.array([one.domain for one in kept]),
    )


@task("likelihood/text8", needs="language", yields=Tokens, source=_MAHONEY)
def text8(seed: int, path: str = "", chunk: int = 20_000) -> Examples:
    """Bits a byte, which here are bits a character, of text8's last 5 million characters.

    chunk: bytes of one sample, which begins without context: longer ones cost a little less.
    """
    del seed
    return _characters(texts.corpus("text8", Hub("afmck/text8", "test"), path)["test"], chunk)


@task("likelihood/enwik8", needs="language", yields=Tokens, source=_MAHONEY)
def enwik8(seed: int, path: str = "", chunk: int = 20_000) -> Examples:
    """Bits a byte of enwik8's last 5 million bytes; path: the file of that name."""
    del seed
    return _characters(texts.corpus("enwik8", None, path)["test"], chunk)


def _characters(text: texts.Bytes, chunk: int) -> Examples:
    found = list(texts.chunks(text, chunk))
    return Examples(ids=np.array([f"chunk-{i:06d}" for i in range(len(found))]), inputs=found)


@task("likelihood/text8-symbols", needs="density", yields=Density,
      source=f"{_MAHONEY}; Austin et al. 2021, arXiv:2107.03006 for pieces of 256")  # fmt: skip
def text8_symbols(seed: int, path: str = "", width: int = 256) -> Examples:
    """text8 in pieces of 256 letters for models of discrete data: bits/dim are bits a character; 27 levels.

    A space is 0, a to z are 1 to 26.  Each piece begins without context, as in work on discrete diffusion.
    """
    del seed
    found = texts.corpus("text8", Hub("afmck/text8", "test"), path)
    pieces = {split: texts.symbols(text, width, LETTERS) for split, text in found.items()}
    return Examples.join(
        {
            split: Examples(
                ids=np.array([f"{split}-{i:06d}" for i in range(len(part))]), inputs=part, levels=len(LETTERS)
            )
            for split, part in pieces.items()
        }
    )
