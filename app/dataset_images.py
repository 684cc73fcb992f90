"""Example images for the pages, asked of the live process once and kept."""

from collections.abc import Sequence
from functools import lru_cache
from threading import Lock

from cachetools import LRUCache
from markupsafe import Markup

from app import thumbnails
from app.inference import LIVE
from backends.api.home import ASSETS

PAGE = 24  # images on one page of a gallery
DRAWN = 96  # pixels of a drawing on a tile
CACHED_CHARACTERS = 24 * 2**20  # characters of pictures that are remembered
LISTS = 1024  # lists of ids that are remembered

_cache: LRUCache[tuple[str, str, str], str] = LRUCache(CACHED_CHARACTERS, getsizeof=len)
_lock = Lock()


def of_items(model: str, items: Sequence[str], data: str = "") -> list[str]:
    """Pictures of items ("train-17", "test-3") as data addresses, in their order.

    Raises:
        LetheError: the live process cannot show them; the sentence says why.
    """
    with _lock:
        uris = {item: _cache[model, data, item] for item in items if (model, data, item) in _cache}
    missing = [item for item in dict.fromkeys(items) if item not in uris]
    if missing:
        fresh_uris = dict(zip(missing, LIVE.ask("images", model=model, items=missing, data=data), strict=True))
        with _lock:
            _cache.update({(model, data, item): uri for item, uri in fresh_uris.items()})
        uris |= fresh_uris
    return [uris[item] for item in items]


@lru_cache(maxsize=LISTS)
def class_page(model: str, name: str, page: int, data: str = "") -> tuple[list[int], int]:
    """Ids of the training images of a class on one page (from 0), and how many the class has in all."""
    answer = LIVE.ask("resolve", model=model, forget=[name], keep=[], data=data, start=page * PAGE)
    return [int(str(item).rsplit("-", 1)[-1]) for item in answer["ids"][:PAGE]], int(answer["forget"])


def examples(model: str, classes: Sequence[str], data: str = "", each: int = 3) -> list[list[str]]:
    """The first pictures of each class."""
    ids = [class_page(model, name, 0, data)[0][:each] for name in classes]
    pictures = iter(of_items(model, [f"train-{item}" for row in ids for item in row], data))
    return [[next(pictures) for _ in row] for row in ids]


def drawings(data: str, domains: dict[str, list[str]], each: int = 3) -> dict[str, list[list[str]]]:
    """A few of the drawings that a text-to-image model was trained on: of each object in some styles, of each style some objects.

    They lie in assets/data/<data>/<style>/<object>.png; empty lists where there are none.

    Args:
        data: id of the data set.
        domains: names of objects and styles.
        each: how many of each.
    """
    folder = ASSETS / "data" / data
    objects, styles = domains.get("object", []), domains.get("style", [])

    def tile_uri(style: str, name: str) -> str:
        return thumbnails.small(folder / style / f"{name}.png", DRAWN) if data else ""

    return {
        "object": [[tile_uri(style, name) for style in _evenly_chosen(styles, each)] for name in objects],
        "style": [[tile_uri(style, name) for name in _evenly_chosen(objects, each)] for style in styles],
    }


def _evenly_chosen(names: Sequence[str], count: int) -> list[str]:
    """Some of the names, from all over the list."""
    some = min(count, len(names))
    return [names[at * len(names) // some] for at in range(some)]


def tile_variables(name: str, pictures: Sequence[Sequence[str]]) -> Markup:
    """A style that gives the n-th tile of the groups `.tiles-{name}` its pictures.

    The tiles stay the browser's own checkboxes and radio buttons, so that the keyboard and a screen reader know them.
    """
    rules = []
    for number, row in enumerate(pictures, start=1):
        if any(row):
            layers = ",".join(f"url({picture})" for picture in row if picture)
            rules.append(f".tiles-{name} label:nth-of-type({number})::before{{background-image:{layers}}}")
        else:
            rules.append(f".tiles-{name} label:nth-of-type({number})::before{{display:none}}")
    return Markup("<style>{}</style>").format(Markup("".join(rules)))


def ring(tiles: Sequence[str]) -> Markup:
    """A style that rings some tiles, by their selectors, in the colour of neighbours, and marks them."""
    if not tiles:
        return Markup()
    rings = f"{','.join(tiles)}{{border-color:var(--lethe-neighbour)!important;box-shadow:inset 0 0 0 1px var(--lethe-neighbour)}}"
    marks = f"{','.join(tile + '::after' for tile in tiles)}{{border:3px solid var(--lethe-neighbour);background:var(--lethe-paper)}}"
    return Markup("<style>{}</style>").format(Markup(rings + marks))


@lru_cache(maxsize=LISTS)
def alike(model: str, item: int, count: int, data: str = "") -> list[int]:
    """Ids of the training images that the model finds most alike to one.

    Raises:
        LetheError: the live process cannot say; the sentence says why.
    """
    return [int(image_id) for image_id in LIVE.ask("alike", model=model, item=item, count=count, data=data)]
