"""The leaderboard as Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from bench.leaderboard.aggregation import Aggregate
from bench.leaderboard.tables import OVERALL, Leaderboard
from bench.reports import words
from bench.reports.numerals import interval_of, value_of, written
from bench.reports.standings import rows
from bench.reports.text import csv_cell, markdown, shorten

if TYPE_CHECKING:
    from bench.reports.standings.site import Page

COLUMNS = (
    "area", "task", "variant", "metric", "better", "unit", "likelihood", "model", "decoder", "place", "place_low",
    "place_high", "value", "low", "high", "n", "n_failed", "seconds_per_1000", "tokens_per_1000", "created", "run",
    "method", "places_by",
)  # fmt: skip
MOST_MODELS, MOST_BOARDS = 50, 300
WHAT = (
    "{models} models on {boards} boards. Places in brackets hold for all models of a table at once, with 95 %; a "
    "missing number is left out, and never a zero."
)


def as_csv(found: Leaderboard) -> str:
    """Every standing, a row each; text that a spreadsheet would run as a formula is defused."""
    lines = [",".join(COLUMNS)]
    for ranked in found.boards:
        board, p, one = ranked.board, ranked.places, ranked.board.result
        texts = (board.area, board.task, board.variant, board.metric, one.better, one.unit, one.likelihood)
        about, how = ",".join(map(_text, texts)), _text(p.method)
        placed = list(zip(p.rank.tolist(), p.low.tolist(), p.high.tolist(), strict=True))
        for i in ranked.order:
            s, r = board.standings[i], board.standings[i].result
            numbers = (*placed[i], r.value, r.low, r.high, r.n, r.n_failed, s.seconds, s.tokens)
            told = ",".join(["" if x is None else repr(x) for x in numbers])
            rest = f"{_text(s.created)},{_text(s.run.path.name)},{_text(r.method)},{how}"
            lines.append(f"{about},{_text(r.model)},{_text(r.decoder)},{told},{rest}")
    return "\n".join(lines) + "\n"


@lru_cache(maxsize=1 << 16)
def _text(value: str) -> str:
    """A cell of text, in quotes where it has to be."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow((csv_cell(shorten(value, 300)), ""))
    return out.getvalue()[:-1]  # without the comma before an empty cell, beside which an empty one needs no quotes


def as_markdown(found: Leaderboard) -> str:
    """The aggregates and the boards, as GitHub shows them."""
    parts = [
        "# bench · leaderboard",
        WHAT.format(models=f"{len(found.models):,}", boards=f"{len(found.boards):,}"),
    ]
    for field, several in found.fields.items():
        parts.append(f"## {_title(field)}")
        for a in several:
            parts += [
                _aggregate(a),
                f"Places by {a.method}; normalised means over {len(a.boards)} boards, in per cent.",
            ]
    head = "| task | area | metric | models | first | may be first too | value | 95 % interval |\n"
    lines = []
    for ranked in found.boards[:MOST_BOARDS]:
        board, best = ranked.board, ranked.board.standings[ranked.order[0]].result
        leader, others = rows.first(ranked)
        cells = [
            board.name, board.field, rows.metric_of(board), str(len(board.standings)), leader, str(others),
            value_of(best), interval_of(best),
        ]  # fmt: skip
        lines.append("| " + " | ".join(markdown(c, 80) for c in cells) + " |")
    rest = len(found.boards) - len(lines)
    parts += ["## Tasks", head + "|---|---|---|--:|---|--:|--:|--:|\n" + "\n".join(lines)]
    if rest > 0:
        parts.append(f"And {rest:,} more in leaderboard.csv.")
    return "\n\n".join(parts) + "\n"


def _title(field: str) -> str:
    area, _, kind = field.partition(", ")
    return "Overall" if field == OVERALL else markdown(words.title(area) + (f" ({kind})" if kind else ""))


def _aggregate(a: Aggregate) -> str:
    head = "| place | model | mean | ± 95 % | Borda | Bradley–Terry | boards |\n|--:|---|--:|--:|--:|--:|--:|\n"
    lines = []
    for k, model in enumerate(a.models[:MOST_MODELS]):
        cells = [
            rows.place(int(a.rank[k]), int(a.low[k]), int(a.high[k])), model, written(100 * float(a.value[k]), 1),
            written(100 * float(a.half[k]), 1), written(float(a.others["borda"][k]), 3),
            written(float(a.others["bradley-terry"][k]), 2), f"{int(a.coverage[k])}/{len(a.boards)}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(markdown(c, 60) for c in cells) + " |")
    return head + "\n".join(lines) + (f"\n\nAnd {len(a.models) - MOST_MODELS} more." * (len(a.models) > MOST_MODELS))


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "−": "$-$", "–": "--", "·": r"$\cdot$", "—": "---",
    "±": r"$\pm$", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


def latex(text: str) -> str:
    """Text that means only itself in LaTeX."""
    return "".join(_LATEX.get(sign, sign) for sign in shorten(text, 80))


def as_latex(found: Leaderboard) -> str:
    """The aggregates as booktabs tables."""
    return "\n".join(_tabular(_title_plain(f), a) for f, several in found.fields.items() for a in several)


def _title_plain(field: str) -> str:
    return (
        "Overall"
        if field == OVERALL
        else words.title(field.partition(", ")[0]) + field[len(field.partition(", ")[0]) :]
    )


def _tabular(title: str, a: Aggregate) -> str:
    lines = [
        f"% {latex(title)}: places by {latex(a.method)}; 95 \\% for all models at once",
        r"\begin{tabular}{rlrrr}",
        r"\toprule",
        r"Place & Model & Mean & Borda & Boards \\",
        r"\midrule",
    ]
    for k, model in enumerate(a.models):
        cells = [
            rows.place(int(a.rank[k]), int(a.low[k]), int(a.high[k])), model,
            f"{written(100 * float(a.value[k]), 1)} ± {written(100 * float(a.half[k]), 1)}",
            written(float(a.others["borda"][k]), 3), f"{int(a.coverage[k])}/{len(a.boards)}",
        ]  # fmt: skip
        lines.append(" & ".join(latex(c) for c in cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def files(found: Leaderboard) -> list[Page]:
    """File and what makes its text, of all three."""
    return [
        ("leaderboard.md", partial(as_markdown, found)),
        ("leaderboard.csv", partial(as_csv, found)),
        ("leaderboard.tex", partial(as_latex, found)),
    ]
