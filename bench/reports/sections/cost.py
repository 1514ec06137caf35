"""What the run cost: tokens that were asked for and run, how fast, and how near to what the machine can do."""

from __future__ import annotations

from bench.reports.material import Cell, Material
from bench.reports.numerals import count, short
from bench.reports.text import name, shorten
from bench.reports.view import Grid, Head, Item, Row, Section
from bench.usage import Usage

_NONE = Item("—", sort=-1.0)


def section(material: Material) -> Section | None:
    """The cells whose models count what they cost; `None` where there are none."""
    counted = [(cell, Usage.of(cell.cost)) for cell in material.cells if cell.cost]
    if not counted:
        return None
    heads = (
        Head("Task"), Head("Model"),
        Head("Asked", numeric=True, note="tokens of all requests and texts, each as if it were run alone"),
        Head("Run", numeric=True, note="tokens that went through the model: shared ones once, padding among them"),
        Head("Saved", numeric=True, note="asked over run: how many times less work than one request at a time"),
        Head("Passes", numeric=True),
        Head("Seconds", numeric=True, note="in the engine, without loading, reading and measuring"),
        Head("Tokens/s", numeric=True, note="asked over seconds"),
        Head("Of peak", numeric=True,
             note="operations with the weights over what a large matrix product reaches in that time on this machine; "
                  "attention is not counted"),
        Head("Memory", numeric=True, note="the most held so far: by the accelerator, or by the whole process"),
        *([Head("Energy", numeric=True, note="by the machine's counters, whatever else ran")]
          if any(usage.joules for _, usage in counted) else []),
    )  # fmt: skip
    rows = tuple(_row(cell, usage, energy=len(heads) > 10) for cell, usage in counted)
    engines = dict.fromkeys(cell.engine for cell, _ in counted if cell.engine)
    notes = [f"Texts were scored by the engine {shorten(engine, 300)}." for engine in engines]
    return Section(
        id="cost",
        area="cost",
        title="What it cost",
        lead="Tokens that requests share, such as a prompt before its choices, run once; a text that is drawn many "
        "times pays for its prompt once.",
        grid=Grid(heads, rows, caption="Language models"),
        notes=tuple(notes),
    )


def _row(cell: Cell, usage: Usage, *, energy: bool) -> Row:
    asked = usage.scored_tokens + usage.prompt_tokens + usage.generated_tokens
    run = usage.scored_tokens_run + usage.prompt_tokens_run + usage.generated_tokens_run
    seconds = usage.seconds
    items = [
        Item(name(cell.task)),
        Item(name(cell.model), small=f"by {name(cell.decoder)}" if cell.decoder else ""),
        Item(count(asked), sort=float(asked)),
        Item(count(run), sort=float(run)),
        Item(f"{asked / run:.1f} ×", sort=asked / run) if run else _NONE,
        Item(count(usage.forwards), sort=float(usage.forwards)),
        Item(f"{seconds:.2f}", sort=seconds),
        Item(count(round(asked / seconds)), sort=asked / seconds) if seconds else _NONE,
        _share(usage),
        Item(f"{usage.memory / 2**20:,.0f} MiB", sort=float(usage.memory)) if usage.memory else _NONE,
    ]
    if energy:
        items.append(Item(f"{short(usage.joules)} J", sort=usage.joules) if usage.joules else _NONE)
    return Row(tuple(items), area=name(cell.area))


def _share(usage: Usage) -> Item:
    if not (usage.flops and usage.seconds and usage.peak):
        return _NONE
    share = usage.flops / usage.seconds / usage.peak
    return Item(f"{share:.0%}", sort=share, title=f"{usage.peak / 1e9:,.0f} GFLOP/s at the peak")
