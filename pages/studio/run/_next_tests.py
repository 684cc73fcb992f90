"""What is left to do on "Does it come back?": lines whose buttons ask for a set of tests."""

from typing import Final

from app.live_html import JS, Alive

PRESS: Final = (
    "root.addEventListener('click', event => { const press = event.target.closest('button[data-set]');"
    " if (press) trigger('select', { set: press.dataset.set }); });"
)


class Steps(Alive):
    """The lines of `app.next_tests`. A press on a button comes as `select` with `set`, "quick" or "deep"."""

    def __init__(self) -> None:
        super().__init__(elem_id="back-steps", js=JS + PRESS, apply_default_css=False)
