"""Image classifiers on a page."""

from collections.abc import Iterator
from typing import Any, Final

from markupsafe import Markup

from app import asking, card_pictures, dataset_images, markup, run_results, theme
from app.asking import ShownItem
from app.families import Ask, View, forget_something, of_model
from app.figures import classes
from app.inference import LIVE
from backends.api import runs
from backends.api.catalog import Model
from backends.api.choosing import TILES
from backends.api.errors import BadInput
from backends.api.languages import later, tr
from backends.api.model_info import ModelInfo
from backends.api.panels import Role
from backends.api.runs import RunFolder

EACH: Final = 3  # pictures of a role to choose from
OF_MODEL: Final = 12  # of a model without a run


class Classifier(View):
    """Shown by images that fade."""

    id = "classifier"
    pictured = True
    taken_as = "item"
    does = later("looks at images and names what it sees")
    unlike = later(
        "The model of this run looks at images and names what it sees; it makes none, and answers no questions."
    )

    def measures(self, entry: Model) -> str:
        test = (entry.card.get("accuracy") or {}).get("test")
        good = tr(" · {test} right", test=theme.percent(test)) if test else ""
        return tr("{card_count} classes{good}", card_count=len(entry.card.get("classes", [])), good=good)

    def card_pictures(self, entry: Model) -> list[str]:
        classes = entry.card.get("classes", [])
        first = next((classes.index(name) for name in entry.default_forget if name in classes), 0)
        return list(card_pictures.of_class(entry.data, first, 3))

    def tile_pictures(self, model: ModelInfo) -> dict[str, list[list[str]]]:
        classes = model.card.get("classes", [])
        return {"class": dataset_images.examples(model.id, classes, model.data)} if len(classes) <= TILES else {}

    def prompts(self, run_id: str) -> list[tuple[Role, str]]:
        return [(item["role"], str(item["id"])) for item in _watched(runs.find(run_id))]

    def learned(self, entry: Model) -> list[str]:
        return _first_test_items()

    def pad(self, run_or_model: str) -> Markup:
        return asking.pad_html(asking.pad(_items(run_or_model)))

    def answer(self, ask: Ask) -> Iterator[Markup]:
        """What the models take one picture for."""
        run_or_model, shown = str(ask.run), str(ask.prompt or "").strip()
        if not shown:
            raise BadInput(tr("No picture was given; choose one, draw one or upload one."))
        alone, drawn = of_model(run_or_model) is not None, shown.startswith("data:")
        what = {"picture": shown} if drawn else {"items": [shown]}
        answer = LIVE.ask("predict", run_or_model=run_or_model, reference=True, **what)
        label = answer["items"][0]["label"]
        if drawn:
            picture, caption = shown, tr("your picture")
        else:
            spec = None if alone else runs.find(run_or_model).spec
            (picture,) = dataset_images.of_items(
                spec.model if spec else run_or_model, [shown], spec.data if spec else ""
            )
            caption = f"{answer['classes'][label]}, {shown.replace('-', ' image ')}"
        roles = {} if alone else _roles(runs.find(run_or_model))
        body = classes.beside(answer, asking.names(run_or_model), roles, picture, caption)
        if alone:
            body += forget_something(
                tr("Make it forget a class, and the unlearned model answers here too."), run_or_model
            )
        yield markup.card("", body)


def _first_test_items() -> list[str]:
    return [f"test-{at}" for at in range(OF_MODEL)]


def _items(run_or_model: str) -> list[ShownItem]:
    """Pictures to choose from: a few of each role that a run watches, or of a model its first test images."""
    if of_model(run_or_model) is not None:
        names = _first_test_items()
        uris = dataset_images.of_items(run_or_model, names)
        return [ShownItem("amount", name, "", uri) for name, uri in zip(names, uris, strict=True)]
    run = runs.find(run_or_model)
    selected: dict[Role, list[tuple[str, int]]] = {}
    for item in _watched(run):
        mine = selected.setdefault(item["role"], [])
        if len(mine) < EACH:
            mine.append((item["id"], int(item["label"])))
    names = [name for mine in selected.values() for name, _ in mine]
    by_name = dict(zip(names, dataset_images.of_items(run.spec.model, names, run.spec.data), strict=True))
    titles = run_results.class_names(run)
    return [
        ShownItem(role, name, titles[label] if label < len(titles) else "", by_name[name])
        for role, mine in selected.items()
        for name, label in mine
    ]


def _watched(run: RunFolder) -> list[dict[str, Any]]:
    samples = run.samples()
    return list(samples[0]["items"]) if samples else []


def _roles(run: RunFolder) -> dict[str, str]:
    """Class -> its role in a run: what was forgotten, the neighbours that were watched, and all others."""
    titles = run_results.class_names(run)
    near = {titles[int(item["label"])] for item in _watched(run) if item["role"] == "neighbour"}
    roles = {name: "neighbour" if name in near else "unrelated" for name in titles}
    return roles | dict.fromkeys((name for name in titles if name in run.spec.forgotten), "forget")


VIEW = Classifier()
