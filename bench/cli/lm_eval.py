"""`bench lm-eval`: the harness's own command, with bench's models among its models."""

from __future__ import annotations

import sys

import typer


def command(context: typer.Context) -> None:
    """Run lm-evaluation-harness's own command with `--model bench` on bench's engine.

    bench lm-eval run --model bench --model_args pretrained=PATH --tasks hellaswag.  model=SPEC takes any language
    model of bench.  All other words are the harness's: bench lm-eval run --help.
    """
    import bench.harness.lm
    from bench.harness.quiet import compile_templates_once

    compile_templates_once()
    from lm_eval.__main__ import cli_evaluate

    assert bench.harness.lm  # noqa: S101 - importing it is what registers the model
    before = sys.argv
    sys.argv = ["lm-eval", *context.args]
    try:
        cli_evaluate()
    finally:
        sys.argv = before
