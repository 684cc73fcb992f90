"""Tables of questions as they come: the columns of TOFU, open-unlearning, alpaca and multiple choice, told apart by their names."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

COLUMNS: Final = ("question", "answer", "rephrased_question", "rephrased_answer", "wrong", "value")
# what others call them, the first that is there
NAMES: Final = {
    "question": ("prompt", "instruction"),
    "answer": ("response", "output", "completion"),
    "rephrased_question": ("paraphrased_question",),
    "rephrased_answer": ("paraphrased_answer",),
    "wrong": ("perturbed_answer",),
}
MORE: Final = "input"  # of alpaca: goes on with the instruction
CHOICES: Final = "choices"  # of multiple choice: the answer is a place among them, from 0
TEXT: Final = "text"
FORMS: Final = "question and answer (or instruction and output; of running text, text)"


def lowered(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row with its columns in lower case."""
    return {str(name).strip().casefold(): value for name, value in row.items()}


def is_text(rows: Sequence[Any]) -> bool:
    """Whether every row is a passage of running text."""
    return bool(rows) and all(isinstance(row, dict) and TEXT in row and not _has(row, "question") for row in rows)


def lacks(row: Mapping[str, Any]) -> str:
    """A column that a row has to have and lacks by any name; empty where none."""
    return next((name for name in COLUMNS[:2] if not _has(row, name)), "")


def _has(row: Mapping[str, Any], name: str) -> bool:
    return name in row or any(other in row for other in NAMES[name])


def read(row: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """A row with the columns of COLUMNS, and what was done for that, in words."""
    normalized = {name: value for name, value in row.items() if name in COLUMNS}
    left, done = {name: row[name] for name in row if name not in COLUMNS}, set[str]()
    for name, others in NAMES.items():
        there = next((other for other in others if other in left), None)
        if name not in normalized and there:
            normalized[name] = left.pop(there)
            done.add(f"{there} is read as {name}")
    if "instruction is read as question" in done and MORE in left:
        more = left.pop(MORE)
        if isinstance(more, str) and more.strip():
            normalized["question"] = f"{normalized['question']}\n{more}"
            done.add(f"{MORE} is read as the end of the question")
    place, choices = normalized.get("answer"), left.get(CHOICES)
    if isinstance(place, int) and isinstance(choices, list) and 0 <= place < len(choices):
        del left[CHOICES]
        normalized |= {"answer": choices[place], "wrong": [*choices[:place], *choices[place + 1 :]]}
        done.add(
            f"the answer is the one of its {CHOICES} that its number (from 0) names, and the others are read as wrong"
        )
    return normalized, done | {f"{name[:40]} is passed over" for name in left}


def notes(done: set[str]) -> tuple[str, ...]:
    """What was done to the columns, as one sentence; none of nothing."""
    if not done:
        return ()
    over = sorted(text.removesuffix(" is passed over") for text in done if text.endswith(" is passed over"))
    other = sorted(text for text in done if not text.endswith(" is passed over"))
    clauses = [*other, f"the column{'s' if len(over) > 1 else ''} {', '.join(over)} passed over"] if over else other
    sentence = "; ".join(clauses)
    return (f"{sentence[0].upper()}{sentence[1:]}.",)
