"""Count what is translated of what Lethe says; with --write bring the catalogues up to date with the code."""

from typing import Annotated

import typer

from backends.api import languages
from backends.api.languages import _po
from backends.zoo import _messages

PLACES = 3  # of a sentence that are named, those of scripts first: the scripts of a page are told what they say


def main(
    write: Annotated[bool, typer.Option(help="Write the catalogues anew: what is new without a translation.")] = False,
) -> None:
    """Count what is translated of what Lethe says."""
    for language in languages.NAMES:
        if language == languages.ENGLISH:
            continue
        files = catalogue(language)
        for name, messages in files.items():
            done = sum(all(one.texts) for one in messages)
            print(f"{language}/{name}.po: {done} of {len(messages)}")
            if write:
                (languages.FOLDER / language / f"{name}.po").write_text(_po.written(messages, language), "utf-8")
        every = [one for messages in files.values() for one in messages]
        print(f"{language}: {sum(all(one.texts) for one in every)} of {len(every)} sentences are translated")


def catalogue(language: str) -> dict[str, list[_po.Message]]:
    """The messages of each file of a catalogue: everything that is said, with its translation where there is one."""
    translated = {one.source: one for one in _po.read_folder(languages.FOLDER / language)}
    places: dict[str, list[str]] = {}
    many: dict[str, str] = {}
    for source, other, place in _messages.every():
        here = places.setdefault(source, [])
        if place not in here:
            here.append(place)
        many[source] = many.get(source) or other
    files: dict[str, list[_po.Message]] = {name: [] for name, _ in _messages.FILES}
    for source, where in places.items():
        texts = translated[source].texts if source in translated else ()
        count = 2 if many[source] else 1
        texts = texts if len(texts) == count else ("",) * count
        files[_messages.file_of(where[0])].append(
            _po.Message(
                source, many[source], texts, tuple(sorted(where, key=lambda one: not one.endswith(".js"))[:PLACES])
            )
        )
    return files
