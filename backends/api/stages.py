"""The stages of a model's life, and how a job of each is said: what its target is, what the model does, what is asked at the end."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from .languages import later

Stage = Literal["protect", "learn", "forget", "repair"]


class Words(BaseModel):
    """How a job is said. Each is translated where it is shown; {model} and {target} are filled in.

    Attributes:
        heading: of the target in the form, in a word.
        asks: the question for the target.
        done, works, planned: what the model does to the target, has not finished, or was to do.
        short: the job without its model.
        counted: how many {noun} are the target ({forget}) and how many are not ({keep}).
        question: the first of the three marks.
        rest: the second, where it is not whether the rest is intact.
        after: the model that the job left, beside the original.
        goals: whether its numbers should be as they were, or as of a model that never saw the target.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    heading: str
    asks: str
    done: str
    works: str
    planned: str
    short: str
    counted: str
    question: str
    rest: str = ""
    after: str = later("unlearned")
    goals: bool = True

    def pattern(self, status: str = "done") -> str:
        """What a run of a status does, as a sentence with {model} and {target} in it, without a full stop."""
        if status in ("done", "queued"):
            return self.done
        return self.works if status in ("running", "cancelling") else self.planned


WORDS: Final[dict[Stage, Words]] = {
    "protect": Words(
        heading=later("Protect"),
        asks=later("What to protect"),
        done=later("{model} is kept from learning {target}"),
        works=later("{model} is being kept from learning {target}"),
        planned=later("{model} was to be kept from learning {target}"),
        short=later("Protect {target}"),
        counted=later("{forget:,} {noun} to protect, {keep:,} as they are"),
        question=later("Protected?"),
        after=later("an attacker's"),
        goals=False,
    ),
    "learn": Words(
        heading=later("Learn"),
        asks=later("What to leave out"),
        done=later("{model} is trained anew without {target}"),
        works=later("{model} is being trained anew without {target}"),
        planned=later("{model} was to be trained anew without {target}"),
        short=later("Train anew without {target}"),
        counted=later("{forget:,} {noun} left out, {keep:,} to learn from"),
        question=later("Left out?"),
        after=later("trained anew"),
    ),
    "forget": Words(
        heading=later("Forget"),
        asks=later("What to forget"),
        done=later("{model} forgets {target}"),
        works=later("{model} is forgetting {target}"),
        planned=later("{model} was to forget {target}"),
        short=later("Forget {target}"),
        counted=later("{forget:,} {noun} to forget, {keep:,} to keep"),
        question=later("Forgotten?"),
    ),
    "repair": Words(
        heading=later("Repair"),
        asks=later("What was found"),
        done=later("{model} is corrected of {target}"),
        works=later("{model} is being corrected of {target}"),
        planned=later("{model} was to be corrected of {target}"),
        short=later("Correct {target}"),
        counted=later("{forget:,} {noun} found, {keep:,} others"),
        question=later("Corrected?"),
        after=later("corrected"),
    ),
}
