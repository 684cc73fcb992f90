"""Runs of a tiny model that draws, to look into: a model after of one's own, and a judge that answers at once."""

import numpy as np
import pictures

from backends.core.evidence import InspectContext


class Judge:
    """Answers by a fixed random projection of the pixels, so that other pictures get other answers."""

    name = "a judge made by hand"

    def __init__(self, sizes):
        self.sizes = sizes

    def look(self, shown, asked=()):
        pixels = shown.reshape(len(shown), -1) / 255.0
        pixels = pixels - pixels.mean(1, keepdims=True)
        rng = np.random.default_rng(0)
        maps = {
            name: rng.normal(size=(pixels.shape[1], count)) for name, count in (self.sizes | {"features": 6}).items()
        }
        return {name: (pixels @ weights).astype(np.float32) for name, weights in maps.items()}


def task(folder, forget=("cat",), *, judged=True):
    """The tiny pipeline in `folder` at work, with the judge of this file or with none."""
    made = pictures.task(folder, forget)
    made.__dict__["judge"] = Judge({kind: len(names) for kind, names in pictures.DOMAINS.items()}) if judged else None
    return made


def look(task, tmp_path, after=None, said=None):
    """A look at a run whose model after is `after` (the model before, if left out).

    `said` replaces what the judge says: by when (before, after), logits by domain.
    """
    models = {"before": task.load(), "after": after if after is not None else task.load(), "reference": None}
    kept = {}

    def outputs(when):
        if when not in kept:
            kept[when] = task.outputs(models[when]) | (said or {}).get(when, {})
        return kept[when]

    return InspectContext(task, models.get, outputs, tmp_path, tmp_path / "inspect")


def answers(task, wrong=(), domain="object"):
    """Logits of a judge who finds every picture of the suite right, but takes those in `wrong` for the next name."""
    asking, said = task.asking, {}
    for kind, names in asking.domains.items():
        seen = np.array([names.index(getattr(shot, kind)) for shot in asking.suite])
        if kind == domain:
            seen[list(wrong)] = (seen[list(wrong)] + 1) % len(names)
        said[kind] = 4 * np.eye(len(names), dtype=np.float32)[seen]
    return said
