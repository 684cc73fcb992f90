"""What a person asks for, and the states a run goes through."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from .renamed import MethodId

Name = Annotated[str, Field(min_length=1, max_length=500)]
Targets = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=2_000_000)], ...], Field(max_length=200)]

Status = Literal["queued", "running", "cancelling", "cancelled", "failed", "done"]

# from -> what may follow. A running job goes back to queued when its process or machine was lost.
TRANSITIONS: dict[Status, tuple[Status, ...]] = {
    "queued": ("running", "cancelled", "failed"),
    "running": ("cancelling", "queued", "failed", "done"),
    "cancelling": ("cancelled", "failed", "done"),
    "cancelled": (),
    "failed": (),
    "done": (),
}
ENDED: tuple[Status, ...] = tuple(status for status in get_args(Status) if not TRANSITIONS[status])


class JobSpec(BaseModel):
    """One job, complete: the same spec on the same version and machine gives the same numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Name = Field(description="Id of an embedded model, a Hub id, or a local folder.")
    family: str = Field(
        default="",
        max_length=100,
        description="Id of the model's family; empty: told by the model, when a job is checked.",
    )
    method: MethodId = Field(min_length=1, max_length=500, description="Id of an unlearning method.")
    params: dict[str, Any] = Field(
        default_factory=dict, description="The method's parameters; what is left out has its default."
    )
    forget: Targets = Field(min_length=1, description="What to forget.")
    keep: Targets = Field(
        default=(), description="What the method may rehearse; empty: everything else the data holds."
    )
    seed: int = Field(default=0, ge=0, lt=2**31, description="Seed of everything random in the job.")
    metrics: tuple[Name, ...] = Field(default=(), description="Which metrics to measure; empty: all that fit.")
    data: str = Field(
        default="", max_length=4000, description="Folder of images by class, for a model that brings no data."
    )
    after: str = Field(
        default="",
        max_length=100,
        description="Id of the run whose unlearned model this job starts from; empty: the model itself.",
    )
    earlier: Targets = Field(
        default=(), description="What the runs up to `after` forgot; filled in when a job is checked."
    )

    @property
    def forgotten(self) -> tuple[str, ...]:
        """All that the model has to have forgotten when the job is done: by this job, and by those that it starts from."""
        return tuple(dict.fromkeys((*self.earlier, *self.forget)))
