"""The generated parts of README.md and docs: results, methods by family, metrics, limits, the tree of the code.

Each stands between two markers; what is around them is written by hand. `python -m backends.zoo table --write` renews all.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..api import files
from ..api.home import ASSETS
from ..api.renamed import current
from . import _limits, _matrix, _metrics, _table, _table_answers, _table_defaults, _table_drawn, _table_moe, _tree

Rows = list[dict[str, Any]]

RESULTS: dict[str, tuple[str, Callable[[str, Rows], str]]] = {
    "classifier": ("docs/results/classifiers.md", lambda text, rows: _table.into(text, _table.tables(rows))),
    "text-to-image": ("docs/results/text-to-image.md", _table_drawn.into),
    "llm": ("docs/results/language.md", _table_answers.into),
    "moe": ("docs/results/moe.md", _table_moe.into),
}  # family -> document, and what puts rows into its text


def documents(root: Path, measured: Path) -> dict[str, str]:
    """Every document that has generated parts, by its path in `root`, as it should be now.

    Args:
        root: folder with README.md and docs.
        measured: folder with the rows of each model, and in `defaults` with the trials of settings.

    Raises:
        ValueError: a document has lost a marker.
    """
    rows: dict[str, Rows] = {family: [] for family in RESULTS}
    for path in sorted(measured.glob("*.json")):
        family = files.read_json(ASSETS / "models" / path.stem / "card.json")["family"]
        rows[family] += [row | {"method": current("methods", row["method"])} for row in files.read_json(path)]
    texts = {name: into((root / name).read_text("utf-8"), rows[family]) for family, (name, into) in RESULTS.items()}
    for name, into in {
        "docs/results/settings.md": lambda text: _table_defaults.into(text, measured / "defaults"),
        "docs/results/metrics.md": _metrics.into,
        "docs/architecture.md": lambda text: _tree.into(text, ASSETS.parent),
        "docs/deploy.md": _limits.into,
        "README.md": _matrix.into,
    }.items():
        texts[name] = into((root / name).read_text("utf-8"))
    return texts


def write(root: Path, measured: Path) -> None:
    """Renew the generated parts of every document."""
    for name, text in documents(root, measured).items():
        files.write_bytes(root / name, text.encode())
