"""What there is, written as one JSON document: `python -m backends.catalog PATH`.

Methods, metrics, inspectors and attacks come from the registry, models and data from the cards beside their files,
lessons from the docstrings of their pages, which are read without being run.
"""

import ast
import re
import sys
from pathlib import Path
from typing import Any

from .api import catalog, files
from .api.errors import LetheError
from .api.home import ASSETS
from .core.registry import entries

LESSONS = ASSETS.parent / "pages" / "classroom" / "lessons"
WORDS_A_MINUTE = 150  # of prose with things to try in between


def build() -> catalog.Catalog:
    """The catalog of this installation.

    Raises:
        LetheError: a card or a lesson lacks something; the sentence names its file.
    """
    return catalog.Catalog(
        models=_sorted(_models()),
        data=_sorted(_data()),
        lessons=_lessons(),
        **{
            kind: [item.entry for item in entries(kind).values()]
            for kind in ("methods", "metrics", "inspectors", "attacks")
        },
    )


def _cards(kind: str) -> list[tuple[Path, dict[str, Any]]]:
    """(folder, card) of everything under assets/`kind` that has a card."""
    return [(path.parent, files.read_json(path)) for path in sorted((ASSETS / kind).glob("*/card.json"))]


def _common(folder: Path, card: dict[str, Any]) -> dict[str, Any]:
    try:
        return {
            "id": folder.name,
            "title": card["title"],
            "summary": card["summary"],
            "source": card["source"],
            "works_with": {card["family"]: True},
            "order": card.get("order", 50),
            "card": card,
        }
    except KeyError as error:
        raise LetheError(f"{folder.relative_to(ASSETS)}/card.json says nothing about {error.args[0]!r}.") from None


def _models() -> list[catalog.Model]:
    fields = ("family", "data", "default_forget", "default_method")
    models = []
    for folder, card in _cards("models"):
        missing = [name for name in fields if name not in card]
        if missing:
            raise LetheError(f"{folder.relative_to(ASSETS)}/card.json says nothing about {missing[0]!r}.")
        model_fields = {name: card[name] for name in fields} | {"tuned": files.read_json(folder / "tuned.json", [])}
        models.append(catalog.Model(**_common(folder, card), **model_fields))
    return models


def _data() -> list[catalog.Data]:
    return [catalog.Data(**_common(folder, card)) for folder, card in _cards("data")]


def _sorted(listed: list[Any]) -> list[Any]:
    return sorted(listed, key=lambda entry: (entry.order, entry.id))


def _lessons() -> list[catalog.Lesson]:
    """pages/classroom/lessons/<number>_<id>.py in the order of their numbers: title, then summary, from the docstring."""
    lessons = []
    for path in sorted(LESSONS.glob("[0-9]*_*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        title, _, body = docstring.partition("\n")
        if not title.strip() or not body.strip():
            raise LetheError(f"{path.name} needs a docstring: its title, an empty line, and one paragraph of summary.")
        summary = re.split(r"\n\s*\n", body.strip())[0]
        lesson_id = path.stem.partition("_")[2]
        minutes = _minutes(path.read_text("utf-8"))
        lessons.append(
            catalog.Lesson(id=lesson_id, title=title.strip(), summary=" ".join(summary.split()), minutes=minutes)
        )
    return lessons


def _minutes(lesson: str) -> int:
    """How long a lesson takes: its words at a reading pace, and a minute for each question."""
    nodes = list(ast.walk(ast.parse(lesson)))
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    words = sum(len(text.split()) for text in texts if " " in text)
    questions = sum(isinstance(node, ast.Attribute) and node.attr == "question" for node in nodes)
    return max(1, round(words / WORDS_A_MINUTE + questions))


def main() -> None:
    """Write the catalog to the path given; what older sources said beside it is removed."""
    if len(sys.argv) != 2:
        raise SystemExit("python -m backends.catalog PATH writes the catalog as JSON to PATH.")
    path = Path(sys.argv[1])
    try:
        files.write_json(path, build().model_dump())
    except LetheError as error:
        raise SystemExit(str(error)) from None
    except OSError as error:
        raise SystemExit(f"The catalog could not be written to {path} ({error.strerror}).") from None
    for old in path.parent.glob("catalog-*.json"):
        if old != path and path.name.startswith("catalog-"):
            old.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
