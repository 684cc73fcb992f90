"""Mixtures of experts on a page: as any language model."""

from app.families.language import Language


class Mixture(Language):
    """Shown by answers that change."""

    id = "moe"


VIEW = Mixture()
