"""What the teacher of a class has chosen, in the form: filled in, shown with the reason, and nothing else to press. The server checks it again."""

from app import classes
from app.live_html import Alive
from app.widgets import Updates
from backends.api import catalog, class_locks, runs
from backends.api.classes import Locks
from backends.api.home import in_class
from pages.studio.new._form import FormPage

PART = "chosen"


def build(page: FormPage) -> None:
    """The place of what is chosen, where the server is one for a class."""
    if in_class():
        page.add(PART, Alive(elem_id="chosen", apply_default_css=False))


def query(address: list[tuple[str, str]], owner: str) -> list[tuple[str, str]]:
    """The address that fills the form in, with what is chosen in the place of what the visitor asks for.

    Args:
        address: names and values of the visitor's address.
        owner: `runs.owner_mark` of the visitor.
    """
    locks = class_locks.of_visitor(owner)
    if not locks.some:
        return address
    if cloned := dict(address).get("clone"):
        if class_locks.obeys(runs.find(cloned).spec, locks):
            return address
        address = [pair for pair in address if pair[0] != "clone"]
    fields = dict(address)
    fitting = [locks.model] if locks.model else class_locks.fitting_models(locks.method)
    model = fields["model"] if fields.get("model") in fitting else next(iter(fitting), "")
    method = _method(locks, model) or fields.get("method", "")
    replaced = {"model", "method", *(["forget", "keep"] if locks.forget else [])}
    others = [(name, value) for name, value in address if name not in replaced]
    return [*others, ("model", model), ("method", method), *(("forget", text) for text in locks.forget)]


def method(owner: str, family: str) -> str:
    """The chosen method for a family, or its variant; empty where each visitor chooses, or it does not work with the family."""
    chosen = class_locks.of_visitor(owner).method
    return class_locks.fitting_method(chosen, family) if chosen else ""


def _method(locks: Locks, model: str) -> str:
    family = next((entry.family for entry in catalog.load().models if entry.id == model), "")
    return class_locks.fitting_method(locks.method, family) if locks.method else ""


def updates(owner: str) -> Updates:
    """What is chosen, with the reason; nothing where the server is none for a class."""
    return {PART: classes.chosen(class_locks.of_visitor(owner))} if in_class() else {}
