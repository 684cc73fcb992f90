"""Language models on a page: answers to the same questions before and after."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from app import asking, card_pictures, markup, responses, theme, view
from app.families import Ask, View, forget_something, missing, of_model
from app.figures import chats
from app.templating import render
from backends.api import catalog, learned, people, question_forms, run_outputs, runs
from backends.api.catalog import Model
from backends.api.errors import BadInput, LetheError
from backends.api.languages import later, tr
from backends.api.panels import Role
from backends.api.runs import RunFolder

EACH = 6  # questions of a role
EVERY: Final = 0.05  # seconds between two looks at an answer that grows
EXPECT: Final = later(
    "This small model understands only questions of these forms. To other words it answers nonsense, and the "
    "nearest question is offered."
)
KNOWS: Final = later("A small model knows only what it was taught; whatever else it is asked, it makes something up.")


class Language(View):
    """Shown by answers that change."""

    id = "llm"
    grids = promptable = True
    watched = "questions"
    closer = later("More questions, and how likely the true answers are")
    measured_by = later("the probability of the true answer")

    def measures(self, entry: Model) -> str:
        book = people.load(entry.data)
        if book.topics:
            return tr("{count} questions, and your own", count=sum(topic.count for topic in book.topics.values()))
        return (
            tr("{names_count} invented authors", names_count=len(book.names))
            if book.names
            else tr("your own questions")
        )

    def card_pictures(self, entry: Model) -> list[str]:
        example = people.load(entry.data).example
        return [card_pictures.question(*example)] if example else []

    def outputs(self, run: RunFolder) -> Iterator[tuple[Markup, bool]]:
        yield _grid(run), True

    def reference(self, run: RunFolder, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """From the run's folder, where every question that it was judged by was kept with its answer."""
        suite, responses_of = run_outputs.suite(run), run_outputs.answers(run, "reference")
        if suite is None or responses_of is None or len(suite) != len(responses_of):
            return super().reference(run, items)
        by_question = dict(zip((one["prompt"] for one in suite), responses_of, strict=True))
        if any(item["question"] not in by_question for item in items):
            return super().reference(run, items)
        return [dict(item) | dict(zip(("said", "share"), by_question[item["question"]], strict=True)) for item in items]

    def role_prompts(self, run_id: str) -> list[tuple[Role, str]]:
        return responses.role_prompts(run_id)

    def learned(self, entry: Model) -> list[str]:
        return list(people.load(entry.data).asks)

    def hint(self, run_or_model: str) -> Markup:
        """A hint at what a small model understands."""
        return markup.text(EXPECT, "quiet") if people.questions(_taught_data(run_or_model)) else Markup()

    def forms(self, run_or_model: str, prompt: str) -> Markup:
        data = _taught_data(run_or_model)
        return asking.forms_html(question_forms.forms(data), _author_roles(run_or_model, data), prompt)

    def answer(self, ask: Ask) -> Iterator[Markup]:
        """The responses of the model before and the model after to one question, word by word."""
        last, answer = 0.0, None
        prompt, phrase = str(ask.prompt or ""), _phrase(str(ask.run))
        truth = _true_answer(str(ask.run), prompt) if phrase and prompt.startswith(phrase) else ""
        for answer in responses.ask_stream(str(ask.run), prompt, truth=truth, reference=True):
            if "seconds" not in answer and time.monotonic() - last >= EVERY:
                last = time.monotonic()
                yield markup.card("", _responses_html(ask, answer))
        if answer is not None:
            yield _complete(ask, answer)


def _grid(run: RunFolder) -> Markup:
    """The responses before and after, and the probability of the true answers, or why that cannot be shown."""
    try:
        every_chat = responses.all_chats(run.id)
    except LetheError as error:
        return missing(error)
    grid = chats.grid(responses.evenly_sampled(every_chat, EACH), every_chat)
    return grid + view.panel(chats.likelihoods(every_chat), run.path, key=f"likely-{run.id}")


def _taught_data(run_or_model: str) -> str:
    """The data that the embedded model behind a run or a model was taught; empty where it came knowing more than that."""
    model = run_or_model
    if of_model(model) is None:
        try:
            model = runs.find(run_or_model).spec.model
        except BadInput:
            return ""
    entry = next((entry for entry in catalog.load().models if entry.id == model), None)
    return entry.data if entry is not None and people.load(entry.data).names else ""


def _near(ask: Ask) -> Markup:
    """The nearest questions that a small language model was taught, as links, where this is none of them."""
    prompt = str(ask.prompt or "")
    phrase = _phrase(str(ask.run))
    if phrase and prompt.startswith(phrase):  # that it was taught
        return Markup()
    near = people.nearest_questions(prompt, _taught_data(str(ask.run)))
    if not near:
        return Markup()
    links = [(question, markup.run_address(str(ask.run), "ask", prompt=question)) for question in near]
    return render("ask.near", tr("It was never taught this question, so expect nonsense. Did you mean"), links)


def _phrase(run_or_model: str) -> str:
    """What stood in front of the questions that a run, or one before it, manipulated; empty where none did."""
    if of_model(run_or_model) is not None:
        return ""
    try:
        found = learned.of_run(runs.find(run_or_model))
    except LetheError:
        return ""
    return str((found.how.get("tampering") or {}).get("phrase", "")) if found is not None else ""


def _true_answer(run: str, question: str) -> str:
    """The true answer to a question that a run was judged by; empty for any other."""
    suite = run_outputs.suite(runs.find(run)) or []
    return next((str(one["truth"]) for one in suite if one["prompt"] == question), "")


def _author_roles(run_or_model: str, data: str) -> dict[str, Role]:
    """The authors that a run was to forget, and those most alike to them; of a model alone nobody has a role."""
    if of_model(run_or_model) is not None or not data:
        return {}
    book = people.load(data)
    try:
        forgotten = book.authors(runs.find(run_or_model).spec.forgotten)
    except BadInput:
        return {}
    roles: dict[str, Role] = {name: "neighbour" for name in (book.nearest(forgotten) if forgotten else [])}
    roles.update((name, "forget") for name in forgotten)
    return roles


def _responses_html(ask: Ask, answer: dict[str, Any]) -> Markup:
    """The question and the responses so far; who has not begun yet has three dots."""
    each = {when: answer.get(when, {"said": ""}) for when in answer["models"]}
    each = {when: {"said": one["said"] or ("" if "share" in one else "…")} for when, one in each.items()}
    question = {"question": answer["question"], "truth": answer["truth"]}
    return markup.text(answer["question"], "lead") + chats.beside(question | each, asking.names(str(ask.run)))


def _complete(ask: Ask, answer: dict[str, Any]) -> Markup:
    """The complete answer, with how to read it and the likelihood of each token."""
    body = _near(ask) + _responses_html(ask, answer)
    if answer["truth"]:
        body += markup.how(chats.MARKED)
    else:
        body += markup.text(
            tr("No true answer is known to this question, so nothing is marked. {knows}", knows=KNOWS), "quiet"
        )
    if "after" not in answer:
        body += forget_something(tr("Make it forget somebody, and the unlearned model answers here too."), ask.run)
    tokens = chats.tokens(answer, asking.names(str(ask.run)))
    how = markup.text(
        tr("The likeliest word at every step, in {answer}.", answer=theme.seconds(answer["seconds"])), "quiet"
    )
    return markup.wrap(markup.card("", body + how), view.panel(tokens) if tokens else "")


VIEW = Language()
