"""A job on hardware of the Hub that one pays oneself: `lethe run SPEC` in an image that holds Lethe, its run kept in one's own bucket."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from . import files
from .errors import BadInput, OutOfReach
from .spec import JobSpec

MOUNT: Final = "/data"  # where the bucket lies within the job
MOST: Final = 24 * 60  # minutes
PLACE: Final = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")
HOUR: Final = {"minute": 60.0, "hour": 1.0, "second": 3600.0}  # of a unit that the Hub has a price for


@dataclass(frozen=True)
class Order:
    """A job as it is asked of the Hub.

    Attributes:
        image: that holds Lethe, as hf.co/spaces/user/lethe of a Docker Space.
        command: what it does there.
        flavor: the hardware, as the Hub names it.
        minutes: after which the Hub ends it.
        bucket: user/name of the bucket that gets the run.
        env: its environment; no secret is among it.
    """

    image: str
    command: Sequence[str]
    flavor: str
    minutes: int
    bucket: str
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Price:
    """What a flavor costs: dollars an hour, and its name in words."""

    dollars: float
    title: str

    def words(self, minutes: int) -> str:
        """ "Nvidia T4 - small: $0.40 an hour, at most $0.20 for 30 minutes"."""
        return f"{self.title}: ${self.dollars:.2f} an hour, at most ${self.dollars * minutes / 60:.2f} for {minutes} minutes"


def order(spec: JobSpec, image: str, bucket: str, flavor: str, minutes: int) -> Order:
    """The order of a job, checked as far as it can be without the Hub.

    Raises:
        BadInput: a name is none, or the job needs what lies on this machine.
    """
    if not re.fullmatch(r"[\w./:@-]{1,300}", image):
        raise BadInput(
            f"--image was {image[:80]!r}; name an image that holds Lethe, as hf.co/spaces/user/lethe of a Docker Space."
        )
    if not PLACE.fullmatch(bucket):
        raise BadInput(f"--bucket was {bucket[:80]!r}; name a bucket of your own, as user/name.")
    if not 1 <= minutes <= MOST:
        raise BadInput(f"--minutes was {minutes}; give 1 to {MOST}.")
    if spec.after or spec.data or spec.model.startswith((".", "/", "~")):
        raise BadInput(
            "A job on the Hub sees no run, folder or model of this machine; name a model of Lethe or of the Hub, and no run to start from."
        )
    fields = spec.model_dump(exclude_defaults=True) | {"metrics": spec.metrics}
    command = ["lethe", "run", files.dumps(fields)]
    return Order(image, command, flavor, minutes, bucket, {"LETHE_KEEP": MOUNT})


def price(flavor: str, token: str | None = None) -> Price:
    """What a flavor costs now.

    Raises:
        BadInput: the Hub has no such flavor.
        OutOfReach: the Hub does not answer.
    """
    from huggingface_hub import HfApi

    each = _answer("The prices of the Hub could not be read", lambda: HfApi(token=token).list_jobs_hardware())
    for one in each:
        if one.name == flavor and one.unit_label in HOUR:
            return Price(one.unit_cost_usd * HOUR[one.unit_label], one.pretty_name)
    raise BadInput(f"--flavor was {flavor[:60]!r}; the Hub has {', '.join(sorted(one.name for one in each))}.")


def start(chosen: Order, token: str | None = None) -> tuple[str, str]:
    """Start a job on the Hub. Returns its id and its page.

    Args:
        chosen: of `order`.
        token: of who pays it; without one, that which `hf auth login` keeps. It goes to the Hub alone, and not into the job.

    Raises:
        OutOfReach: the Hub refuses, or does not answer.
    """
    from huggingface_hub import HfApi, Volume

    volume = Volume(type="bucket", source=chosen.bucket, mount_path=MOUNT)
    info = _answer(
        "The Hub did not start the job",
        lambda: HfApi(token=token).run_job(
            image=chosen.image,
            command=list(chosen.command),
            env=dict(chosen.env),
            flavor=chosen.flavor,
            timeout=f"{chosen.minutes}m",
            volumes=[volume],
        ),
    )
    return str(info.id), str(info.url)


def _answer(what: str, ask: Any) -> Any:
    """What the Hub answers.

    Raises:
        OutOfReach: it refuses or does not answer; what it says stands in the sentence, and no token.
    """
    try:
        return ask()
    except Exception as error:
        raise OutOfReach(f"{what} ({message_of(error)}).") from None


TOKENS: Final = re.compile(r"\bhf_\w+|\beyJ[\w.-]+")


def message_of(error: Exception) -> str:
    """What an error of the Hub says, in a few words and without anything that looks like a token."""
    message = str(getattr(error, "server_message", "") or error).strip().splitlines() or [type(error).__name__]
    return TOKENS.sub("…", message[0])[:200].rstrip(".")
