"""Regressors on a page: pictures with a gauge, or rows with a number, before and after."""

from collections.abc import Iterator
from typing import Any, Final

from markupsafe import Markup

from app import asking, card_pictures, dataset_images, markup, thumbnails
from app.asking import ShownItem
from app.families import Ask, View, forget_something, of_model
from app.figures.watching import Watching
from app.inference import LIVE
from app.templating import render
from backends.api import catalog, runs
from backends.api.catalog import Model
from backends.api.errors import BadInput
from backends.api.home import ASSETS
from backends.api.languages import later, tr
from backends.api.panels import Role
from backends.api.runs import RunFolder

EACH: Final = 3  # pictures of a role to choose from
OF_MODEL: Final = 9  # of a model without a run
SIDE: Final = 48  # pixels of a picture on a card


class Regressor(View):
    """Shown by needles that wander."""

    id = "regressor"
    pictured = promptable = True
    taken_as = "item"
    does = later("predicts a number")
    unlike = later("The model of this run predicts a number; it makes no pictures, and answers no questions in words.")
    watched = later("items")
    watching = Watching(
        title=later("What the model still predicts"),
        how=later(
            "The needle, or the number, is what the model predicts. Below: how near that is to the truth; 100 % is exactly right, 0 % off by the "
            "whole range."
        ),
        steps=later(
            "The needle, or the number, is what the model predicts at this step. The full bar is how near that is to the truth, the faint one "
            "behind it that of the model before."
        ),
        mean=later("how near the predictions for the watched items are to the truth, on average"),
        subject=later("Nearness to the truth"),
        axis=later("nearness, %"),
        share=later("nearness"),
    )
    measured_by = later("how near it is to the truth")
    on_home = (
        later("Shown {prompt}. How near its reading is to the truth: {was} → {now}."),
        later("Shown {prompt}, the original model reads it {was} near to the truth, the unlearned model {now}."),
    )

    def measures(self, entry: Model) -> str:
        error = (entry.card.get("error") or {}).get("test")
        good = tr(" · off by {error:.3g}{unit}", error=error, unit=entry.card.get("unit", "")) if error else ""
        return tr("{count:,} items{good}", count=entry.card.get("train_count", 0), good=good)

    def card_pictures(self, entry: Model) -> list[str]:
        folder = ASSETS / "data" / entry.data
        if not entry.card.get("pictured"):
            return [card_pictures.question(f"{_example(entry)} …", f"{entry.card.get('label', '')}?")]
        return [thumbnails.small(path, SIDE) for path in sorted(folder.glob("*.png"))[:3]]

    def asked_by(self, run_or_model: str) -> tuple[bool, bool]:
        pictured = _pictured(run_or_model)
        return not pictured, pictured

    def prompts(self, run_id: str) -> list[tuple[Role, str]]:
        items = _watched(runs.find(run_id))
        first = {item["role"]: item["id"] for item in reversed(items)}
        each: list[tuple[Role, str]] = [
            (role, first[role]) for role in ("forget", "neighbour", "unrelated") if role in first
        ]
        return [(item["role"], item["id"]) for item in items] if _pictured(run_id) else each

    def learned(self, entry: Model) -> list[str]:
        row = [] if _pictured(entry.id) else [_example(entry)]
        return [f"test-{at}" for at in range(OF_MODEL if not row else 2)] + row

    def pad(self, run_or_model: str) -> Markup:
        return asking.pad_html(asking.pad(_items(run_or_model))) if _pictured(run_or_model) else Markup()

    def answer(self, ask: Ask) -> Iterator[Markup]:
        """What the models predict for one picture or row."""
        question = str(ask.prompt or "").strip()
        if not question:
            raise BadInput(tr("Nothing was asked; choose an item, write one, or show a picture."))
        answer = LIVE.ask("ask", run_or_model=str(ask.run), question=question, reference=True)
        alone = of_model(str(ask.run)) is not None
        names = dict(zip(asking.WHENS, asking.names(str(ask.run)), strict=True))
        predictions = {names[when]: answer[when] for when in asking.WHENS if when in answer}
        title, truth = tr("your picture") if question.startswith("data:") else question, answer["before"]["truth"]
        body = markup.text(
            tr("{title}, truly {truth}", title=title, truth=truth) if truth else title, "lead"
        ) + _compared(predictions)
        if alone:
            body += forget_something(tr("Make it forget a range, and the unlearned model answers here too."), ask.run)
        yield markup.card("", body)


def _compared(predictions: dict[str, dict[str, Any]]) -> Markup:
    """Predictions by the name of the model: gauges beside each other, or a table of numbers."""
    if all("picture" in one for one in predictions.values()):
        cells = [(one["picture"], f"{name}: {one['said']}", "", one["said"]) for name, one in predictions.items()]
        return render(
            "figures.pictures", tr("The same picture, by each model"), list(predictions), len(predictions), cells
        )
    rows: list[list[markup.Cell]] = [[name, one["said"]] for name, one in predictions.items()]
    return markup.table(["", tr("prediction")], rows)


def _pictured(run_or_model: str) -> bool:
    """Whether the models of a run, or a model, are shown pictures."""
    if of_model(run_or_model) is None:
        run = runs.find(run_or_model)
        return any("prompt" in item for item in _watched(run)) or _of_entry(run.spec.model)
    return _of_entry(run_or_model)


def _of_entry(model: str) -> bool:
    return any(entry.id == model and entry.card.get("pictured") for entry in catalog.load().models)


def _example(entry: Model) -> str:
    """Values of two columns, as a person may write them."""
    columns = list(entry.card.get("ranges", {}).items())[1:3]
    return " ".join(f"{name}={(low + high) / 2:.4g}" for name, (low, high) in columns)


def _watched(run: RunFolder) -> list[dict[str, Any]]:
    samples = run.samples()
    return list(samples[0]["items"]) if samples else []


def _items(run_or_model: str) -> list[ShownItem]:
    """Pictures to choose from: a few of each role that a run watches, or of a model its first test items."""
    if of_model(run_or_model) is not None:
        chosen: list[tuple[Role, str, str]] = [("amount", f"test-{at}", "") for at in range(OF_MODEL)]
        model, data = run_or_model, ""
    else:
        run = runs.find(run_or_model)
        by_role: dict[Role, list[dict[str, Any]]] = {}
        for item in _watched(run):
            by_role.setdefault(item["role"], []).append(item)
        chosen = [(role, item["id"], item["prompt"]) for role, mine in by_role.items() for item in mine[:EACH]]
        model, data = run.spec.model, run.spec.data
    uris = dataset_images.of_items(model, [item for _, item, _ in chosen], data)
    return [ShownItem(role, item, name, uri) for (role, item, name), uri in zip(chosen, uris, strict=True)]


VIEW = Regressor()
