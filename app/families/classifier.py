"""Image classifiers on a page."""

from app import card_pictures, dataset_images, theme
from app.families import Headline, View
from backends.api.catalog import Model
from backends.api.choosing import TILES
from backends.api.model_info import ModelInfo


class Classifier(View):
    """Shown by images that fade."""

    id = "classifier"
    headlines = (
        Headline("unlearning_accuracy"),
        Headline("testing_accuracy"),
        Headline("neighbour_accuracy", role="neighbour"),
        Headline("mia_efficacy"),
        Headline("remaining_accuracy"),
    )
    does = "looks at images and names what it sees"
    unlike = "The model of this run looks at images and names what it sees; it makes none, and answers no questions."

    def measures(self, entry: Model) -> str:
        test = (entry.card.get("accuracy") or {}).get("test")
        good = f" · {theme.percent(test)} right" if test else ""
        return f"{len(entry.card.get('classes', []))} classes{good}"

    def card_pictures(self, entry: Model) -> list[str]:
        classes = entry.card.get("classes", [])
        first = next((classes.index(name) for name in entry.default_forget if name in classes), 0)
        return list(card_pictures.of_class(entry.data, first, 3))

    def tile_pictures(self, model: ModelInfo) -> dict[str, list[list[str]]]:
        classes = model.card.get("classes", [])
        return {"class": dataset_images.examples(model.id, classes, model.data)} if len(classes) <= TILES else {}


VIEW = Classifier()
