"""The generated parts of the documents: results, methods by family, metrics, limits, the tree of the code.

Each stands between two markers; what is around them is written by hand. `python -m backends.zoo table --write` renews all.
"""

from pathlib import Path
from typing import Any

from ..api import families, files
from ..api.home import ASSETS
from ..api.renamed import current
from . import _comeback_tables, _comebacks, _limits, _matrix, _metrics, _table_defaults, _tree

Rows = list[dict[str, Any]]


def documents(root: Path, measured: Path) -> dict[str, str]:
    """Every document that has generated parts, by its path in `root`, as it should be now.

    Args:
        root: folder with README.md and docs.
        measured: folder with the rows of each model, and in `defaults` with the trials of settings.

    Raises:
        ValueError: a document has lost a marker.
    """
    benchmarks = _matrix.benchmarks()
    rows: dict[str, Rows] = {family: [] for family in benchmarks}
    for path in sorted(measured.glob("*.json")):
        family = files.read_json(ASSETS / "models" / path.stem / "card.json")["family"]
        rows[family] += [row | {"method": current("methods", row["method"])} for row in files.read_json(path)]
    texts = {
        one.page: families.load(one.table)((root / one.page).read_text("utf-8"), rows[family])
        for family, one in benchmarks.items()
    }
    for name, into in {
        "docs/results/settings.md": lambda text: _table_defaults.into(text, measured / "defaults"),
        "docs/results/metrics.md": _metrics.into,
        "docs/results/comes-back.md": lambda text: _comeback_tables.into(text, measured / "comebacks"),
        "docs/results/attacks.md": lambda text: _comebacks.into(text, ASSETS / "runs"),
        "docs/architecture.md": lambda text: _tree.into(text, ASSETS.parent),
        "docs/deploy.md": _limits.into,
        "docs/methods.md": _matrix.into,
    }.items():
        texts[name] = into((root / name).read_text("utf-8"))
    return texts


def write(root: Path, measured: Path) -> None:
    """Renew the generated parts of every document."""
    for name, text in documents(root, measured).items():
        files.write_bytes(root / name, text.encode())
