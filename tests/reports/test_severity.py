"""The figure of detection against strength."""

from bench.reports.sections.ood_severity import strengths


def test_strengths_are_read_from_names_that_share_a_stem() -> None:
    assert strengths(["severity-2", "severity-1", "severity-10"]) == (
        "severity",
        {"severity-2": 2.0, "severity-1": 1.0, "severity-10": 10.0},
    )
    assert strengths(["shift-0", "shift-0.25", "shift-1"])[1]["shift-0.25"] == 0.25
    assert strengths(["a-1", "b-2", "a-3"]) == ("", {})
    assert strengths(["a-1", "a-2"]) == ("", {})
    assert strengths(["blank", "noise", "permuted"]) == ("", {})
    assert strengths([]) == ("", {})
