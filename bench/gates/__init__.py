"""The gate: a policy, the checks that it makes of two runs, their verdicts, and the document that says so."""
