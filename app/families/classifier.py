"""Image classifiers on a page."""

from app.families import View
from backends.api.catalog import Model


class Classifier(View):
    """Shown by images that fade."""

    id = "classifier"
    unlike = "The model of this run looks at images and names what it sees; it makes none, and answers no questions."

    def measures(self, entry: Model) -> str:
        test = (entry.card.get("accuracy") or {}).get("test")
        good = f"{test:.1f} % right on images it has never seen · " if test else ""
        return (
            f"{good}{len(entry.card.get('classes', []))} classes · {entry.card.get('train_count', 0):,} training images"
        )


VIEW = Classifier()
