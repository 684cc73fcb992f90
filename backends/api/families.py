"""What a family of models is. Declared once, without a model library, and asked by everything that families share.

A family is a folder of backends/families whose `FAMILY` is a `Family`. Nothing shared tells families apart by their names: it asks
a family's methods, or whether the family has a capability.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from . import catalog, marks
from .choosing import Choosing
from .errors import BadInput
from .languages import later, tr
from .marks import Mark
from .numbers import Finding, Numbers, Subject
from .panels import Role
from .params import quoted_value
from .runs import RunFolder
from .spec import JobSpec
from .stages import Stage

# what a plug-in can need of a family, and what is so of a family that lacks it; a family adds what only it can do
CAPABILITIES: Mapping[str, str] = MappingProxyType(
    {
        "classes": later("gives images no classes"),
        "manipulable": later("learns from nothing that Lethe can manipulate"),
        "labelled items": later("has no data set of items with a label each"),
        "pictures": later("draws no pictures"),
        "answers": later("answers no questions in words"),
        "prompts": later("reads no prompt"),
        "router": later("has no router: every token goes through all of it"),
        "dense columns": later("has no dense feed-forward columns that every token goes through"),
        "judged": later("makes nothing that is judged right or wrong"),
        "hidden states": later("looks at no data whose hidden states could be compared"),
        "embeddings": later("makes no embeddings that a map could be drawn of"),
        "weights": later("has no weights that gradients reach"),
        "exam": later("has no questions that every model of a run could be asked"),
    }
)


class Headline(NamedTuple):
    """A number that stands for a run: a metric, or one of its parts, and the role that colours it where its metric does not say."""

    metric: str
    part: str = ""
    role: Role | None = None


class Family:
    """A family of models. A subclass says what is special to it; what is left out is as of a family that needs nothing.

    Attributes:
        id: as run folders and the catalog name it.
        title: as a page names it.
        subject: one of its models, as a sentence begins: "An image classifier".
        noun: what a forget set consists of: "images".
        counted: what `forget_count` of a result counts: "training images".
        capabilities: keys of `CAPABILITIES`, and of its own `introduces`.
        introduces: capabilities that came with it, as `CAPABILITIES` has the others.
        architectures: how the names of the architectures end that it opens.
        task: "module:Class" of its `Task`, imported when a model is opened.
        attaches: "module:function" that attaches to a model what saved tensors hold beside its weights, such as a guard.
        choosing: how its targets are chosen.
        guards: how the names of tensors begin that are guards and no weights.
        guarded: what a reader of an export has to know of such a guard, after "The weights are those before"; empty where they are attached
            as to a model of ours.
        guarded_loading: Python that loads both, where `guarded` is not empty.
        measured: the metrics that its verdict is made of.
        headlines: the numbers that stand for a run, the first first; the first few that were measured are shown.
        returns: the metric that says how much is right again once it is asked for in another way; empty where there is none.
        benchmark: "module:Benchmark" by which its methods are compared; empty where they are not.
        exam: "module:Exam" by which attacks examine its models; empty where they cannot.
        red_team: "module:RedTeam" by which a person tries its models by hand; empty where nobody can.
        hit: what an unlearned model does that counts as a hit then, as a clause: "names a forgotten fact".
        needs_data: whether a person's own model needs a folder of data.
        loading: Python that loads an exported model from the folder ".", for its README.
        order: lower comes first.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    subject: ClassVar[str]
    noun: ClassVar[str]
    counted: ClassVar[str]
    capabilities: ClassVar[frozenset[str]] = frozenset()
    introduces: ClassVar[Mapping[str, str]] = MappingProxyType({})
    architectures: ClassVar[tuple[str, ...]] = ()
    task: ClassVar[str]
    attaches: ClassVar[str] = ""
    guards: ClassVar[tuple[str, ...]] = ()
    guarded: ClassVar[str] = ""
    guarded_loading: ClassVar[str] = ""
    choosing: ClassVar[Choosing] = Choosing()
    measured: ClassVar[tuple[str, ...]] = ()
    headlines: ClassVar[tuple[Headline, ...]] = ()
    returns: ClassVar[str] = ""
    benchmark: ClassVar[str] = ""
    exam: ClassVar[str] = ""
    red_team: ClassVar[str] = ""
    hit: ClassVar[str] = ""
    needs_data: ClassVar[bool] = False
    loading: ClassVar[str] = ""
    order: ClassVar[int] = 50

    def opens(self, architecture: str, config: Mapping[str, Any]) -> bool:
        """Whether it opens models of an architecture; `config` is the model's config.json."""
        return architecture.endswith(self.architectures) if self.architectures else False

    def stage(self, targets: Sequence[str]) -> Stage:
        """Which stage of a model's life such targets belong to, whatever method works on them."""
        return "forget"

    def check_data(self, data: str, model: str) -> None:
        """Check what a person's own model is looked at with, a folder or a model's name.

        Raises:
            BadInput: it is missing, does not exist or is not wanted, or the studio is shared.
        """

    def targets(self, spec: JobSpec, card: Mapping[str, Any], data: str) -> tuple[Sequence[Any], Sequence[Any]]:
        """What is to be forgotten and what is to be kept, checked and complete. The text of each is what the job reads.

        Args:
            spec: what was asked for.
            card: of the model, as far as it is known.
            data: id of the data set that an embedded model brings.

        Raises:
            BadInput: a target is not of the family's grammar or the model's data, is in both lists, or nothing is left to keep.
        """
        raise NotImplementedError

    def verdict(self, numbers: Numbers, about: Subject, findings: Sequence[Finding]) -> str:
        """The one sentence about a finished run, computed from its metrics and from nothing else.

        Args:
            numbers: what was measured.
            about: the job.
            findings: of looks inside the run.
        """
        raise NotImplementedError

    def marks(self, numbers: Numbers, about: Subject) -> tuple[Mark, Mark, Mark]:
        """Forgotten? Rest intact? Really gone? of a finished run, by the same thresholds as its verdict."""
        return marks.forgotten(numbers), marks.kept(numbers), marks.gone(about)

    def about(self, task: Any, targets: Sequence[str], method: Any) -> dict[str, Any]:
        """The fields of a job's `Subject` that only the family knows.

        Args:
            task: with its targets and parts.
            targets: what is to be forgotten, as the person named it.
            method: the catalog's entry.
        """
        raise NotImplementedError

    def about_earlier(
        self, card: Mapping[str, Any], spec: JobSpec, result: Mapping[str, Any], method: Any
    ) -> dict[str, Any]:
        """What the verdict of a run says of its targets, where the run of an earlier version did not write it down."""
        raise NotImplementedError

    def lacks(self, needs: Sequence[str]) -> str:
        """Why it cannot do what needs these capabilities, as a sentence; empty where it can."""
        missing = next((need for need in needs if need not in self.capabilities), None)
        return f"{self.subject} {capabilities()[missing]}." if missing is not None else ""


def load(name: str) -> Any:
    """What "module:name" names, imported."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


@cache
def every() -> Mapping[str, Family]:
    """All families by id, in the order a page shows them."""
    package = importlib.import_module("backends.families")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg)
    each = [importlib.import_module(f"backends.families.{name}").FAMILY for name in names]
    return MappingProxyType({family.id: family for family in sorted(each, key=lambda one: (one.order, one.id))})


@cache
def capabilities() -> Mapping[str, str]:
    """Every capability, with what is so of a family that lacks it."""
    own = (family.introduces for family in every().values())
    return MappingProxyType({name: lack for each in (CAPABILITIES, *own) for name, lack in each.items()})


def get(family: str) -> Family:
    """One family.

    Raises:
        BadInput: there is none of that id; the sentence lists those there are.
    """
    if family not in every():
        raise BadInput(f"There is no family of models {quoted_value(family)}; there are {', '.join(every())}.")
    return every()[family]


def has(family: str, capability: str) -> bool:
    """Whether a family, which may be unknown here, has a capability."""
    return family in every() and capability in every()[family].capabilities


def require(family: str, capability: str, model: str) -> None:
    """Check that a model's family has a capability.

    Raises:
        BadInput: it has not.
    """
    if not has(family, capability):
        able = [tr(one.title).lower() for one in every().values() if capability in one.capabilities]
        raise BadInput(
            tr(
                "{model} {lacks}; this is for {able}.",
                model=model[:80],
                lacks=capabilities()[capability],
                able=tr(" and ").join(able),
            )
        )


def of_config(architecture: str, config: Mapping[str, Any]) -> Family | None:
    """The family that opens an architecture, if there is one."""
    return next((family for family in every().values() if family.opens(architecture, config)), None)


def of_model(model: str) -> str | None:
    """The id of the family of an embedded model; None of any other."""
    return next((entry.family for entry in catalog.load().models if entry.id == model), None)


def of_run(run: RunFolder) -> str:
    """The id of the family of a run's model, as the run names it."""
    result = run.result or {}
    stated_family = result.get("family") or (result.get("about") or {}).get("family") or run.spec.family
    return str(stated_family or of_model(run.spec.model) or _measured(run))


def _measured(run: RunFolder) -> str:
    """Of a person's own model in a run of an earlier version, which named no family: the first that all its metrics work with."""
    metrics = [metric for metric in catalog.load().metrics if metric.id in run.metrics]
    fits = [family for family in every() if all(metric.works_with.get(family) is True for metric in metrics)]
    return fits[0] if fits else next(iter(every()))
