"""A catalogue of translations in the format of gettext, .po, as far as Lethe uses it: read and written, the same every time."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

KEYWORD: Final = re.compile(r'(msgid|msgid_plural|msgstr|msgstr\[(\d)\])\s+(".*")')
HEADER: Final = """msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
"""


@dataclass(frozen=True)
class Message:
    """A sentence and its translation.

    Attributes:
        source: in English; where it has a plural, for one thing.
        many: in English for many things; empty where it has no plural.
        texts: translated; of a plural for one and for many. Empty strings where it is not translated.
        places: the files that say it.
    """

    source: str
    many: str = ""
    texts: tuple[str, ...] = ("",)
    places: tuple[str, ...] = ()


def read_folder(folder: Path) -> list[Message]:
    """All messages of the .po files of a folder; none where there is no such folder."""
    return [message for path in sorted(folder.glob("*.po")) for message in read(path.read_text("utf-8"))]


def read(text: str) -> Iterator[Message]:
    """The messages of a file, without its header."""
    for block in text.split("\n\n"):
        parts: dict[str, str] = {}
        places: list[str] = []
        name = ""
        for line in block.splitlines():
            if match := KEYWORD.fullmatch(line):
                name = match[1]
                parts[name] = ast.literal_eval(match[3])
            elif line.startswith('"') and name:
                parts[name] += ast.literal_eval(line)
            elif line.startswith("#: "):
                places += line.removeprefix("#: ").split()
        if parts.get("msgid"):
            texts = [value for name, value in parts.items() if name.startswith("msgstr")]
            yield Message(parts["msgid"], parts.get("msgid_plural", ""), tuple(texts), tuple(places))


def written(messages: Iterable[Message], language: str) -> str:
    """The text of a file with these messages, in their order."""
    return "\n".join([HEADER.format(language=language), *map(_block, messages)])


def _block(message: Message) -> str:
    lines = [f"#: {place}" for place in message.places]
    lines.append(f"msgid {_quoted(message.source)}")
    if message.many:
        lines.append(f"msgid_plural {_quoted(message.many)}")
        lines += [f"msgstr[{at}] {_quoted(text)}" for at, text in enumerate(message.texts)]
    else:
        lines.append(f"msgstr {_quoted(message.texts[0])}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
