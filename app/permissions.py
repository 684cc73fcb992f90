"""Permissions: who may change a run, and who a class. Checked where it is changed, not only where a button is shown."""

from app.account import secret_of
from backends.api import classes, runs
from backends.api.classes import SchoolClass
from backends.api.errors import BadInput
from backends.api.home import shared
from backends.api.languages import tr
from backends.api.runs import RunFolder


def may_change(run: RunFolder, secret: str | None) -> bool:
    """Whether the browser that keeps this secret may cancel or delete the run.

    On a person's own machine everyone who reaches the studio may; where strangers share one, only who started it. Whoever
    has a run's link may look at it, compare it, and start jobs of their own from it: its id is the link.
    """
    if run.shipped:
        return False
    return not shared() or runs.is_owner(run, runs.owner_mark(secret_of(secret)))


def for_change(run_id: str, secret: str | None) -> RunFolder:
    """The run, for one who may change it; also one that cannot be read, which can only be deleted.

    Raises:
        BadInput: there is no such run, it came with Lethe, or it is somebody else's.
    """
    run = runs.find(run_id, unreadable=True)
    if run.shipped:
        raise BadInput(tr("Run {id} came with Lethe; it can be looked at, not changed.", id=run.id))
    if not may_change(run, secret):
        raise BadInput(
            tr("Run {id} was started in another browser or program, so it can only be looked at here.", id=run.id)
        )
    return run


def as_teacher(secret: str | None) -> SchoolClass:
    """The class, for its teacher.

    Raises:
        NotTheTeacher: the browser that keeps this secret has not opened the teacher's link, or the class has ended.
    """
    klass = classes.current()
    if klass is None:
        raise classes.NotTheTeacher(tr("This class has ended."))
    if not klass.is_teacher(runs.owner_mark(secret_of(secret))):
        raise classes.NotTheTeacher(tr("Only the teacher's browser may do this; open the teacher's link in it first."))
    return klass
