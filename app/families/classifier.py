"""Image classifiers on a page."""

from app import dataset_images
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
        good = f"{test:.1f} % right on images it has never seen · " if test else ""
        return (
            f"{good}{len(entry.card.get('classes', []))} classes · {entry.card.get('train_count', 0):,} training images"
        )

    def tile_pictures(self, model: ModelInfo) -> dict[str, list[list[str]]]:
        classes = model.card.get("classes", [])
        return {"class": dataset_images.examples(model.id, classes, model.data)} if len(classes) <= TILES else {}


VIEW = Classifier()
