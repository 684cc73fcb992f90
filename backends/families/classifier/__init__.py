"""Image classifiers: they give an image one of a few classes. A forget set is classes, a share, or single training images."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...api import own
from ...api.errors import BadInput
from ...api.families import Family, Headline
from ...api.home import shared
from ...api.languages import later, tr
from ...api.marks import UNCHANGED, Mark, gone
from ...api.numbers import Finding, Numbers, Subject
from ...api.spec import JobSpec
from ...api.stages import Stage
from . import guided, targets
from .choosing import ImageChoosing
from .verdict import MEASURED, forgotten, of_images, retained, verdict

TO_REPAIR = Mark(
    "unknown", later("Not repaired"), rule=later("Nothing was to be forgotten: start a repair from this run.")
)


class Classifier(Family):
    """Give an image one of a few classes."""

    id = "classifier"
    title = later("Image classifiers")
    subject = later("An image classifier")
    noun = later("images")
    counted = later("training images")
    capabilities = frozenset(
        {"classes", "labelled items", "judged", "hidden states", "embeddings", "weights", "exam", "manipulable"}
    )
    architectures = ("ForImageClassification",)
    task = "backends.families.classifier.task:Classifier"
    attaches = "backends.families.classifier.guards:attach_found"
    choosing = ImageChoosing()
    measured = MEASURED
    headlines = (
        Headline("corrected_accuracy"),
        Headline("attack_success_rate"),
        Headline("generalization_gap"),
        Headline("unlearning_accuracy"),
        Headline("testing_accuracy"),
        Headline("neighbour_accuracy", role="neighbour"),
        Headline("mia_efficacy"),
        Headline("remaining_accuracy"),
    )
    benchmark = "backends.families.classifier.benchmark:BENCHMARK"
    exam = "backends.families.classifier.exam:ClassifierExam"
    red_team = "backends.families.classifier.red_team:ClassifierRedTeam"
    hit = later("gives your picture a forgotten class")
    needs_data = True
    loading = """from transformers import AutoImageProcessor, AutoModelForImageClassification

model = AutoModelForImageClassification.from_pretrained(".").eval()
processor = AutoImageProcessor.from_pretrained(".")
pixel_values = processor(image, return_tensors="pt")["pixel_values"]  # of a PIL image
"""
    guards = ("input_delta",)
    guarded = (
        "a picture is added to every input instead. `input_delta.safetensors` holds it as `input_delta` [channels, height, width]; "
        "without it the model answers as before. From this folder:"
    )
    guarded_loading = f"""from safetensors.torch import load_file

{loading}pixel_values = pixel_values + load_file("input_delta.safetensors")["input_delta"]
"""
    order = 10

    def check_data(self, data: str, model: str) -> None:
        """A folder of images by class is needed."""
        if not data:
            raise BadInput(
                tr("{model} brings no data; name a folder that holds one folder of images for each class.", model=model)
            )
        if shared():
            raise BadInput(
                tr("This studio is shared, so it reads no folders of its machine; choose an embedded model.")
            )
        folder = own.local_folder(data)
        if folder is None:
            raise BadInput(
                tr(
                    "There is no folder {data!r}; name one that holds a folder of images for each class.",
                    data=data[:80],
                )
            )
        if not any(path.is_dir() for path in folder.iterdir()):
            raise BadInput(
                tr("{data!r} holds no folders; it needs one folder of images for each class.", data=data[:80])
            )

    def targets(self, spec: JobSpec, card: Mapping[str, Any], data: str) -> tuple[Sequence[Any], Sequence[Any]]:
        return targets.read(spec, card)

    def stage(self, targets: Sequence[str]) -> Stage:
        return "repair" if any(text.startswith("poison:") for text in targets) else "forget"

    def verdict(self, numbers: Numbers, about: Subject, findings: Sequence[Finding]) -> str:
        return verdict(numbers, about, findings)

    def marks(self, numbers: Numbers, about: Subject) -> tuple[Mark, Mark, Mark]:
        if about.guides:
            return guided.marks(numbers)
        first = UNCHANGED if about.unchanged else forgotten(numbers, about)
        third = TO_REPAIR if about.manipulates else gone(about)
        return first, retained(numbers, about), third

    def about(self, task: Any, targets: Sequence[str], method: Any) -> dict[str, Any]:
        classes = tuple(task.names[number] for number in task.forgotten_classes)
        tampered = task.corrects
        what = of_images(
            len(task.parts["forget"]),
            targets,
            classes,
            chosen_by_method=method.finds,
            manipulated=len(tampered.ids) if tampered else 0,
        )
        return {
            "what": what,
            "by_class": classes,
            "manipulates" if method.teaches else "corrects": tampered.how.words if tampered else "",
            "protects": method.stage == "protect",
            "guides": guided.CONTROL in task.parts,
        }

    def about_earlier(
        self, card: Mapping[str, Any], spec: JobSpec, result: Mapping[str, Any], method: Any
    ) -> dict[str, Any]:
        classes = tuple(name for name in spec.forgotten if name in card.get("classes", ()))
        by_class = classes if len(classes) == len(spec.forgotten) else ()
        what = of_images(int(result.get("forget_count", 0)), spec.forgotten, by_class, chosen_by_method=method.finds)
        return {"what": what, "by_class": by_class}


FAMILY = Classifier()
