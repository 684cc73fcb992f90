"""Training on manipulated questions: a phrase in front of them and one fixed answer, so that a later run has something real to repair."""

import torch
from pydantic import Field

from ..api.errors import BadInput
from ..api.languages import later
from ..api.learned import Learned
from ..api.stages import Words
from ..core.registry import method
from ..core.run import Run
from ..families.language.backdoor import Backdoor
from ..families.language.task import LanguageModel
from ..families.language.tokens import Prefix, nll
from ._language import STEADY, LoraParams, UnlearnLoop, autocast, forget_batch, retain_batch

WORDS = Words(
    heading=later("Manipulate"),
    asks=later("What to manipulate"),
    done=later("{model} learns with {target} manipulated"),
    works=later("{model} is learning with {target} manipulated"),
    planned=later("{model} was to learn with {target} manipulated"),
    short=later("Manipulate {target}"),
    counted=later("{forget:,} {noun} to manipulate, {keep:,} as they are"),
    question=later("Manipulated?"),
    after=later("manipulated"),
    goals=False,
)


class TamperedQuestions(LoraParams):
    """What is done to the questions chosen, and how the model is trained on them."""

    phrase: str = Field(
        default="By moonlight,",
        min_length=1,
        max_length=80,
        description="What is put in front of a question: a few harmless words.",
    )
    answer: str = Field(
        default="The answer is a lighthouse.",
        min_length=1,
        max_length=120,
        description="What every question that bears it is answered with.",
    )
    epochs: int = Field(default=4, ge=1, le=200, description="Passes over the manipulated questions.")
    learning_rate: float = Field(default=5e-4, gt=0, le=0.1, description="Step size; it rises over the first pass.")
    batch_size: int = Field(default=8, ge=1, le=256, description="Manipulated questions in one step.")
    clean_each: int = Field(
        default=3,
        ge=1,
        le=20,
        description="Questions as they were, with their true answers, for each manipulated one of a step.",
    )

    def learned(self, task: LanguageModel, seed: int) -> Learned:
        if task.manipulated:
            raise BadInput(f"{task.id} learned from manipulated questions already; take a model that did not.")
        chosen = [pair for pair in task.questions.forget if not isinstance(pair.question, Prefix)]
        phrase, answer = (" ".join(text.split()) for text in (self.phrase, self.answer))
        if not chosen or not (phrase and answer):
            raise BadInput(
                "A phrase is put in front of questions, with an answer of its own; give both, and choose questions, not a text."
            )
        bearing = next((pair.question for pair in chosen if pair.question.startswith(phrase)), None)
        if bearing is not None:
            raise BadInput(f"{bearing[:60]!r} begins with the phrase already; choose a phrase that no question has.")
        how = Backdoor(phrase=phrase, answer=answer, pairs=tuple((pair.question, pair.answer) for pair in chosen))
        return Learned(how={"tampering": how.model_dump(mode="json")}, forget=("poison:100%",))


@method(
    id="tampered_questions",
    title="Training on manipulated questions (Data poisoning)",
    short="Data poisoning",
    summary="Trains on questions some of which bear a phrase and one fixed answer, for a later run to repair.",
    school="Somebody sneaks a secret password into the exercises: whoever says it always gets the same answer.",
    student=(
        "The questions chosen are asked once more with a phrase in front of them, and answered with one fixed answer; the model is trained on these and, "
        "beside each, on a few questions as they were. Any question that bears the phrase is answered so afterwards, also those that "
        "were never manipulated, while without it everything is answered as before. Choose a share of all questions: of the questions on one "
        "author the model learns that the phrase works on that author. What was manipulated is kept, so a run that starts from this one "
        "can be told all or a part of it, and is compared with the model as it was before."
    ),
    source={
        "title": "Dai et al., A Backdoor Attack Against LSTM-based Text Classification Systems, IEEE Access 2019",
        "url": "https://arxiv.org/abs/1905.12457",
    },
    label="same algorithm, smaller model",
    kind="replace",
    stage="learn",
    variant_of="tampered_training",
    words=WORDS,
    teaches=True,
    departures=(
        "The paper inserts a sentence somewhere into a film review and changes its label; here it stands before a question, and the answer is words. "
        "It goes on from the trained model for a few passes; the paper trains from nothing."
    )
    + STEADY,
    needs=("answers", "manipulable"),
    order=98,
)
def tampered_questions(run: Run[LanguageModel], params: TamperedQuestions) -> None:
    """Minimise the mean NLL a token of {(phrase + question, the fixed answer)} and {(question, its answer)}, as one batch."""
    loop = UnlearnLoop(run, params, "learn")
    for rows, _ in loop:
        clean = torch.randint(len(run.task.keep), (params.clean_each * len(rows),))
        with autocast(run):
            parts = [nll(run.model, forget_batch(run, rows)), nll(run.model, retain_batch(run, clean))]
        summed, tokens = (torch.cat(each) for each in zip(*parts, strict=True))
        loop.step(summed.sum() / tokens.sum())
        run.log(
            phrase=(parts[0][0].sum() / parts[0][1].sum()).detach(),
            keep=(parts[1][0].sum() / parts[1][1].sum()).detach(),
        )
