"""Language models: they answer questions in words. A forget set is people, sets of questions, or own questions and texts."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...api import pairs, people
from ...api.errors import BadInput
from ...api.families import Family, Headline
from ...api.home import shared
from ...api.languages import later, tr
from ...api.marks import UNCHANGED, Mark
from ...api.numbers import Finding, Numbers, Subject, listed
from ...api.spec import JobSpec
from ...api.stages import Stage
from .backdoor import UNTOUCHED
from .choosing import QuestionChoosing
from .corrected import TO_REPAIR
from .verdict import MEASURED, forgotten, really_gone, retained, verdict

EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")  # what a config calls the number of its experts


def mixes(config: Mapping[str, Any]) -> bool:
    """Whether a config tells of experts: more than one, and a router that chooses among them."""
    counts = [config.get(name) for name in EXPERTS]
    return any(isinstance(count, int) and count > 1 for count in counts) and "num_experts_per_tok" in config


class Language(Family):
    """Answer questions in words."""

    id = "llm"
    title = later("Language models")
    subject = later("A language model")
    noun = later("questions")
    counted = later("questions")
    capabilities = frozenset(
        {"answers", "dense columns", "hidden states", "embeddings", "weights", "prompts", "exam", "manipulable"}
    )
    architectures = ("ForCausalLM", "LMHeadModel")
    task = "backends.families.language.task:LanguageModel"
    attaches = "backends.families.language.guards:attach_found"
    choosing = QuestionChoosing()
    measured = MEASURED
    headlines = (
        Headline("corrected_accuracy"),
        Headline("attack_success_rate"),
        Headline("fact_recall"),
        Headline("fact_recall", "neighbour", "neighbour"),
        Headline("fact_recall", "unrelated", "unrelated"),
        Headline("one_expert_off"),
        Headline("mia_text"),
        Headline("forget_rouge"),
        Headline("model_utility"),
    )
    benchmark = "backends.families.language.benchmark:BENCHMARK"
    exam = "backends.families.language.exam:LanguageExam"
    red_team = "backends.families.language.red_team:LanguageRedTeam"
    hit = later("names a forgotten fact that your question does not give away")
    loading = """from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained(".").eval()
tokenizer = AutoTokenizer.from_pretrained(".")
"""
    guards = ("guard_",)
    order = 30

    def opens(self, architecture: str, config: Mapping[str, Any]) -> bool:
        return super().opens(architecture, config) and not mixes(config)

    def check_data(self, data: str, model: str) -> None:
        """No folder is needed."""
        if shared():
            raise BadInput(tr("This studio is shared, so it opens no models but its own; choose one of them."))
        if data:
            raise BadInput(
                tr(
                    "{model} is a language model, which needs no folder; leave {data!r} out, and give questions to forget.",
                    model=model[:80],
                    data=data[:80],
                )
            )

    def targets(self, spec: JobSpec, card: Mapping[str, Any], data: str) -> tuple[Sequence[Any], Sequence[Any]]:
        """Authors and sets of the data that the model came with, and own questions and texts, with every file read."""
        book = people.load(data) if data else people.Book()
        forget = [pairs.expand(text.strip()) for text in spec.forget]
        keep = [pairs.expand(text.strip(), "keep") for text in spec.keep]
        people.read(forget, keep, book)
        if card and not card.get("tampering") and any(text.partition(":")[0] == "poison" for text in forget):
            raise BadInput(tr(UNTOUCHED))
        return [people.target(text, book) for text in forget], [people.target(text, book) for text in keep]

    def stage(self, targets: Sequence[str]) -> Stage:
        return "repair" if any(text.startswith("poison:") for text in targets) else "forget"

    def verdict(self, numbers: Numbers, about: Subject, findings: Sequence[Finding]) -> str:
        return verdict(numbers, about, findings)

    def marks(self, numbers: Numbers, about: Subject) -> tuple[Mark, Mark, Mark]:
        first = UNCHANGED if about.unchanged else forgotten(numbers, about)
        third = TO_REPAIR if about.manipulates else really_gone(numbers, about)
        return first, retained(numbers, about), third

    def about(self, task: Any, targets: Sequence[str], method: Any) -> dict[str, Any]:
        if task.corrects is not None:
            how, count = task.corrects.how, len(task.questions.forget)
            what = tr("{count:,} of the {manipulated:,} manipulated questions", count=count, manipulated=len(how.pairs))
            return {"what": what, "manipulates" if method.teaches else "corrects": how.words}
        persons = bool(getattr(task.questions, "forgotten", ()))
        return {"what": listed(pairs.target_titles(targets), "people" if persons else "things"), "people": persons}

    def about_earlier(
        self, card: Mapping[str, Any], spec: JobSpec, result: Mapping[str, Any], method: Any
    ) -> dict[str, Any]:
        return {"what": listed(pairs.target_titles(spec.forgotten), "things")}


FAMILY = Language()
