"""Text-to-image models on a page: pictures of the same prompts and seeds before and after."""

from collections.abc import Iterator
from typing import Any, Final

from markupsafe import Markup

from app import asking, dataset_images, generated_images, markup, theme
from app.families import PICTURES, Ask, View, forget_something, missing
from app.figures import drawings as figures
from backends.api import concepts
from backends.api.catalog import Model
from backends.api.errors import BadInput, LetheError
from backends.api.languages import later, tr
from backends.api.model_info import ModelInfo
from backends.api.panels import Role
from backends.api.params import whole_number
from backends.api.runs import RunFolder

EACH = 6  # pictures of a role
FETCHING: Final = later(
    "The pictures that this run was judged by are fetched; where it came from elsewhere they are drawn anew first."
)


class TextToImage(View):
    """Shown by pictures that change."""

    id = "text-to-image"
    grids = promptable = numbered = True
    closer = later("One picture under a drag line, and all pairs")

    def measures(self, entry: Model) -> str:
        return " · ".join(f"{len(names)} {domain}s" for domain, names in entry.card.get("domains", {}).items())

    def card_pictures(self, entry: Model) -> list[str]:
        domains = entry.card.get("domains", {})
        each = dataset_images.drawings(entry.data, domains, 1)["object"][:3]
        return [picture for row in each for picture in row if picture]

    def tile_pictures(self, model: ModelInfo) -> dict[str, list[list[str]]]:
        return dataset_images.drawings(model.dataset, model.card.get("domains") or {}, 1)

    def outputs(self, run: RunFolder) -> Iterator[tuple[Markup, bool]]:
        yield figures.waiting(tr("One picture, before and after"), FETCHING), False
        try:
            yield figures.compared(generated_images.pairs(run.id, EACH), ""), True
        except LetheError as error:
            yield missing(error), True

    def role_prompts(self, run_id: str) -> list[tuple[Role, str]]:
        return generated_images.role_prompts(run_id)

    def prompts(self, run_id: str) -> list[tuple[Role, str]]:
        """A prompt of each role, and the target together with something unrelated."""
        prompts = generated_images.role_prompts(run_id)
        by_role = dict(prompts)
        if "forget" in by_role and "unrelated" in by_role:
            prompts.append(
                ("amount", tr("{by_role} and {by_role_2}", by_role=by_role["forget"], by_role_2=by_role["unrelated"]))
            )
        return prompts

    def learned(self, entry: Model) -> list[str]:
        domains = entry.card.get("domains", {})
        pairs = zip(domains.get("object", [])[::3], domains.get("style", []), strict=False)
        return [concepts.prompt(entry.card, object_name, style) for object_name, style in list(pairs)[:4]]

    def answer(self, ask: Ask) -> Iterator[Markup]:
        """The images of the model before and the model after from the same seeds."""
        seeds = _seeds(ask)
        wishes = {
            "steps": whole_number("steps", ask.steps),
            "guidance": ask.guidance,
            "size": whole_number("size", ask.size),
        }
        answer = generated_images.draw(str(ask.run), str(ask.prompt or ""), seeds, reference=True, **wishes)
        before, after = answer["before"], answer.get("after", [])
        prompt = " ".join(str(ask.prompt).split())
        body = markup.text(prompt, "lead")
        if answer["cut"]:
            body += markup.text(_truncation_sentence(answer["cut"]), "says")
        body += figures.beside(prompt, seeds, answer, asking.names(str(ask.run)))
        if after:
            shares = generated_images.pixel_changes(before, after)
            body += markup.text(
                tr(
                    "The pictures of the original and the unlearned model differ by {shares} of the range of a pixel, on average.",
                    shares=theme.percent(sum(shares) / len(shares)),
                ),
                "says",
            )
            body += markup.how(figures.SAME)
        else:
            body += forget_something(tr("Make it forget something, and the unlearned model answers here too."), ask.run)
        yield markup.card("", body + markup.text(_how_drawn(answer, seeds), "quiet"))


def _truncation_sentence(count: int) -> str:
    tokens = "token" if count == 1 else tr("{count} tokens", count=count)
    return tr(
        "This prompt is longer than the model can read: its last {tokens} (words, or pieces of rare words) had no say.",
        tokens=tokens,
    )


def _how_drawn(answer: dict[str, Any], seeds: list[int]) -> str:
    which = (
        tr("seed {seeds}", seeds=seeds[0])
        if len(seeds) == 1
        else tr("seeds {seeds} to {seeds_2}", seeds=seeds[0], seeds_2=seeds[-1])
    )
    return tr(
        "How it was made: {answer} steps, guidance {answer_2:g}, {answer_3} pixels a side, {which}, drawn in "
        "{answer_4}.",
        answer=answer["steps"],
        answer_2=answer["guidance"],
        answer_3=answer["size"],
        which=which,
        answer_4=theme.seconds(answer["seconds"]),
    )


def _seeds(ask: Ask) -> list[int]:
    """The seeds that are asked for; of far too many one more than is allowed, which is refused by name."""
    count, first = whole_number(tr("The number of pictures"), ask.count), whole_number(tr("The first seed"), ask.seed)
    if not 1 <= count <= PICTURES:
        raise BadInput(tr("{count} pictures were asked for; ask for 1 to {pictures}.", count=count, pictures=PICTURES))
    return list(range(first, first + count))


VIEW = TextToImage()
