"""Text-to-image models: they draw a picture of a prompt. A forget set is objects, styles, or any phrase."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...api import concepts, own
from ...api.errors import BadInput
from ...api.families import Family, Headline
from ...api.home import shared
from ...api.languages import later, tr
from ...api.marks import UNCHANGED, Mark, gone
from ...api.numbers import Finding, Numbers, Subject, listed
from ...api.spec import JobSpec
from .choosing import ConceptChoosing
from .verdict import MEASURED, forgotten, retained, verdict


class TextToImage(Family):
    """Draw a picture of a prompt."""

    id = "text-to-image"
    title = later("Text-to-image models")
    subject = later("A model that draws")
    noun = later("prompts")
    counted = later("pictures judged")
    capabilities = frozenset({"pictures", "judged", "embeddings", "weights", "prompts", "exam"})
    task = "backends.families.text_to_image.task:TextToImage"
    attaches = "backends.families.text_to_image.one_step:attach_found"
    choosing = ConceptChoosing()
    measured = MEASURED
    headlines = (
        Headline("unlearning_accuracy"),
        Headline("in_domain_retain_accuracy", role="neighbour"),
        Headline("cross_domain_retain_accuracy"),
        Headline("weights_changed"),
    )
    benchmark = "backends.families.text_to_image.benchmark:BENCHMARK"
    exam = "backends.families.text_to_image.exam:DrawingExam"
    red_team = "backends.families.text_to_image.red_team:DrawingRedTeam"
    hit = later("draws what was to be forgotten, as the judge of pictures sees it")
    loading = """from diffusers import DDIMScheduler, DiffusionPipeline

pipeline = DiffusionPipeline.from_pretrained(".")
pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=False)  # as Lethe draws
"""
    order = 20

    def opens(self, architecture: str, config: Mapping[str, Any]) -> bool:
        return architecture == own.PIPELINE

    def check_data(self, data: str, model: str) -> None:
        """A CLIP model to judge by, which may be left out."""
        if shared():
            raise BadInput(tr("This studio is shared, so it fetches no models; choose an embedded one."))
        if data and own.local_folder(data) is None and not own.is_hub_id(data):
            raise BadInput(
                tr("There is no CLIP model {data!r}; give its folder or its Hub id, or leave it empty.", data=data[:80])
            )

    def targets(self, spec: JobSpec, card: Mapping[str, Any], data: str) -> tuple[Sequence[Any], Sequence[Any]]:
        about = dict(card)
        forget, keep = ([concepts.read(text, about, spec.model) for text in part] for part in (spec.forget, spec.keep))
        concepts.check_apart(forget, keep, about)
        return forget, keep

    def verdict(self, numbers: Numbers, about: Subject, findings: Sequence[Finding]) -> str:
        return verdict(numbers, about, findings)

    def marks(self, numbers: Numbers, about: Subject) -> tuple[Mark, Mark, Mark]:
        first = UNCHANGED if about.unchanged else forgotten(numbers, about)
        return first, retained(numbers, about), gone(about)

    def about(self, task: Any, targets: Sequence[str], method: Any) -> dict[str, Any]:
        names = [concept.name for concept in task.asking.forget]
        return {"what": listed(names, "concepts"), "other_kind": task.other_kind}

    def about_earlier(
        self, card: Mapping[str, Any], spec: JobSpec, result: Mapping[str, Any], method: Any
    ) -> dict[str, Any]:
        forget = [concepts.read(text, dict(card), spec.model) for text in spec.forgotten]
        other_kind = "objects" if all(one.kind == "style" for one in forget) else "styles"
        return {"what": listed([one.name for one in forget], "concepts"), "other_kind": other_kind}


FAMILY = TextToImage()
