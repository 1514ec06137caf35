"""Documents of the tasks beside this file, made from the same questions."""

from __future__ import annotations

from typing import Any


def as_inputs(data: Any) -> Any:
    """Each document as sentences of which one is true, and what follows them."""

    def one(doc: dict[str, Any]) -> dict[str, Any]:
        sentences = [f"Q: {doc['question']}\nA: {choice}." for choice in doc["choices"]]
        return {"sentences": sentences, "label": doc["gold"], "ending": "That is so."}

    return data.map(one, remove_columns=data.column_names)


def as_claims(data: Any) -> Any:
    """Each document as a claim that is right for every second one."""

    def one(doc: dict[str, Any], number: int) -> dict[str, Any]:
        right = number % 2 == 0
        claim = doc["choices"][doc["gold"] if right else (doc["gold"] + 1) % 4]
        return {"question": doc["question"], "claim": claim, "label": int(right)}

    return data.map(one, with_indices=True, remove_columns=data.column_names)
