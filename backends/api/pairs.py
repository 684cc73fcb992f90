"""A person's own questions and texts as forget or keep targets of a language model, as people write them.

    What is the capital of France? => Paris       a question with its answer
    text: Once upon a time there was a miller.    running text
    pairs:Paris:[["Who …?","…"],…]                many questions under a title, complete in itself
    @facts.csv                                    a file that `expand` turns into one of these

This module knows only the grammar; what a model makes of it is not its to say.
"""

import csv
import io
import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from . import columns
from .columns import COLUMNS
from .errors import BadInput
from .home import shared
from .languages import plural, tr
from .limits import limits

MAX_FILE: Final = 2_000_000  # bytes; a target in a spec may have as many characters
QUESTION, ANSWER, TITLE = 1_000, 2_000, 80  # characters
SHORTEST = 20  # characters of a running text
ENDINGS: Final = (".csv", ".tsv", ".json", ".jsonl", ".txt")
KINDS: Final = {  # how files begin that are no text -> what they are, and what to do
    b"PAR1": "a parquet file; write it as .jsonl (pandas: to_json with orient='records' and lines=True)",
    b"PK\x03\x04": "a zip or Excel file; save what it holds as .csv",
    b"\x1f\x8b": "packed (gzip); unpack it",
    b"ARROW1": "an arrow file; write it as .jsonl",
    b"%PDF": "a PDF; copy its text into a .txt",
}
ARROW = re.compile(r"\s*=>\s*")
FORMS = "write question => answer, text: and the text, or @file"
Part = Literal["forget", "keep"]


class Pair(BaseModel):
    """A question with its answer, and what else is known of it.

    Attributes:
        wrong: false answers in the form of `rephrased_answer`.
        value: what is asked, as it stands in the answer.
    """

    model_config = ConfigDict(frozen=True)

    question: str
    answer: str
    rephrased_question: str = ""
    rephrased_answer: str = ""
    wrong: tuple[str, ...] = ()
    value: str = ""

    @property
    def key(self) -> str:
        """What tells a question from others."""
        return self.question.casefold()

    @property
    def plain(self) -> bool:
        """Whether there is nothing but question and answer, each on one line."""
        more = self.rephrased_question or self.rephrased_answer or self.wrong or self.value
        return not more and self.line == f"{self.question} => {self.answer}"

    @property
    def line(self) -> str:
        """Question and answer on one line, with single blanks."""
        return f"{' '.join(self.question.split())} => {' '.join(self.answer.split())}"


class Own(BaseModel):
    """One target: questions under a title that may be empty, or running text. `notes` say how a file was read, for people."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["pairs", "text"]
    title: str = ""
    pairs: tuple[Pair, ...] = ()
    text: str = ""
    notes: tuple[str, ...] = Field(default=(), exclude=True, repr=False)

    def __str__(self) -> str:
        if self.kind == "text":
            plain = "\n" not in self.text and not self.text.startswith('"')
            return f"text: {self.text if plain else json.dumps(self.text, ensure_ascii=False)}"
        if len(self.pairs) == 1 and self.pairs[0].plain and not self.title:
            return self.pairs[0].line
        rows = [_row(pair) for pair in self.pairs]
        return f"pairs:{self.title}:{json.dumps(rows, ensure_ascii=False, separators=(',', ':'))}"


def _row(pair: Pair) -> list[str] | dict[str, Any]:
    if pair.plain:
        return [pair.question, pair.answer]
    return {name: value for name, value in pair.model_dump().items() if value}


@lru_cache(maxsize=64)
def read(text: str) -> Own | None:
    """Take one target apart; None where it is none of these forms, but perhaps a name.

    Raises:
        BadInput: an empty, endless or doubled question, an answer that is missing, or damaged JSON.
    """
    stripped = text.strip()
    if stripped.startswith("text:"):
        return running(_unquoted(stripped.removeprefix("text:").strip()))
    if stripped.startswith("pairs:"):
        title, _, rows = stripped.removeprefix("pairs:").partition(":")
        return of_rows(_json(rows, tr("the target pairs:")), title, tr("the target pairs:"))
    return of_lines(stripped) if "=>" in stripped else None


def of_lines(text: str, title: str = "", where: str = "") -> Own:
    """Questions from lines of the form question => answer; empty lines are passed over.

    Args:
        text: the lines.
        title: what they are about; may be empty.
        where: the file, for sentences.

    Raises:
        BadInput: as `read`; the sentence names the line.
    """
    _check_count(text.count("=>"), where)  # before a million lines are taken apart
    placed_pairs = []
    for number, line in enumerate(_lines(text), 1):
        if line.strip():
            place = _place("line", number, where)
            halves = ARROW.split(line.strip())
            if len(halves) != 2:
                has = "no =>" if len(halves) == 1 else "more than one =>"
                raise BadInput(f"{_upper(place)} has {has} ({short(line)}); write question => answer, one a line.")
            placed_pairs.append((place, _pair({"question": halves[0], "answer": halves[1]}, place)))
    return _without_repeats(placed_pairs, title, where)


def of_rows(rows: Any, title: str = "", where: str = "") -> Own:
    """Questions from a list whose entries are [question, answer] or objects with some of `COLUMNS`.

    Raises:
        BadInput: as `read`; the sentence names the row.
    """
    placed_pairs = []
    for number, row in enumerate(_listed(rows, where), 1):
        place = _place("row", number, where)
        if isinstance(row, (list, tuple)) and len(row) == 2:
            row = {"question": row[0], "answer": row[1]}
        placed_pairs.append((place, _pair(row, place)))
        _check_count(len(placed_pairs), where)
    return _without_repeats(placed_pairs, title, where)


def of_table(rows: Any, title: str, where: str) -> Own:
    """Questions, or passages of a text, from the rows of a file: columns may have the names that others give them (see
    columns.py), and those that mean nothing here are passed over; the notes say so.

    Raises:
        BadInput: as `of_rows`.
    """
    listed = [columns.lowered(row) if isinstance(row, dict) else row for row in _listed(rows, where)]
    _check_count(len(listed), where)
    if columns.is_text(listed):
        text = "\n\n".join(_passage(row[columns.TEXT], number, where) for number, row in enumerate(listed, 1))
        note = plural(
            "Read as running text of {count:,} passage.", "Read as running text of {count:,} passages.", len(listed)
        )
        return running(text, where).model_copy(update={"notes": (note,)})
    done: set[str] = set()
    normalized_rows: list[Any] = []
    for number, row in enumerate(listed, 1):
        if isinstance(row, dict):
            lacks = columns.lacks(row)
            if lacks:
                has = ", ".join(name[:40] for name in list(row)[:6]) or "nothing"
                raise BadInput(
                    tr(
                        "{number} has the columns {has}, but none called {lacks}; name them {forms}.",
                        number=_upper(_place("row", number, where)),
                        has=has,
                        lacks=lacks,
                        forms=columns.FORMS,
                    )
                )
            row, more = columns.read(row)
            done |= more
        normalized_rows.append(row)
    own = of_rows(normalized_rows, title, where)
    return own.model_copy(update={"notes": (*columns.notes(done), *own.notes)})


def _listed(rows: Any, where: str) -> list[Any]:
    if isinstance(rows, list):
        return rows
    raise BadInput(
        tr(
            "{where} holds no list; give a list of objects with question and answer.",
            where=_upper(where or tr("the table")),
        )
    )


def _passage(text: Any, number: int, where: str) -> str:
    if not isinstance(text, str):
        raise BadInput(
            tr("Text in {number} is {text}; give a text.", number=_place("row", number, where), text=short(str(text)))
        )
    return text


def _lines(text: str) -> list[str]:
    """Lines as files have them; a text may hold other signs that end a line (U+2028)."""
    return re.split(r"\r\n|\r|\n", text)


def running(text: str, where: str = "the text") -> Own:
    """Running text.

    Raises:
        BadInput: it is too short or too long, or holds control characters.
    """
    tidied = "\n".join(line.rstrip() for line in text.splitlines()).strip()
    if len(tidied) < SHORTEST:
        has = tr("only {tidied_count} characters", tidied_count=len(tidied)) if tidied else "nothing"
        raise BadInput(
            tr(
                "{where} holds {has}; at least {shortest} are needed to tell a text from others.",
                where=_upper(where),
                has=has,
                shortest=SHORTEST,
            )
        )
    if len(tidied) > MAX_FILE:
        raise BadInput(
            tr(
                "{where} has {tidied_count:,} characters; at most {max_file:,} are allowed.",
                where=_upper(where),
                tidied_count=len(tidied),
                max_file=MAX_FILE,
            )
        )
    _check_printable(tidied.replace("\n", " ").replace("\t", " "), where)
    return Own(kind="text", text=tidied)


def _pair(row: Any, place: str) -> Pair:
    """One question, checked."""
    if not isinstance(row, dict):
        raise BadInput(
            tr(
                "{place} is no object; give one with {columns} and {columns_2}.",
                place=_upper(place),
                columns=COLUMNS[0],
                columns_2=COLUMNS[1],
            )
        )
    strange = [str(name) for name in row if name not in COLUMNS]
    if strange:
        raise BadInput(
            tr(
                "{place} has a column {strange}; a question can have {columns}.",
                place=_upper(place),
                strange=short(strange[0]),
                columns=", ".join(COLUMNS),
            )
        )
    wrong = row.get("wrong") or ()
    listed: Sequence[Any] = wrong.split("|") if isinstance(wrong, str) else wrong
    if not isinstance(listed, (list, tuple)):
        raise BadInput(
            tr(
                "wrong in {place} is {wrong}; give a list of false answers, or text with | between.",
                place=place,
                wrong=short(str(wrong)),
            )
        )
    texts = {name: _cell(row.get(name), name, place) for name in COLUMNS if name != "wrong"}
    return Pair(**texts, wrong=tuple(wrong_answer for one in listed if (wrong_answer := _cell(one, "wrong", place))))


def _cell(value: Any, name: str, place: str) -> str:
    """A text, without blanks at its ends; what is within, lines and indents of code too, stays as it is.

    Raises:
        BadInput: it is missing though needed, no text, too long, or holds an arrow or control characters.
    """
    odd = isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value))
    if odd or not isinstance(value, (str, int, float, type(None))):
        raise BadInput(
            tr("{name} in {place} is {value}; give a text.", name=_upper(name), place=place, value=short(str(value)))
        )
    cell_text = "\n".join(_lines(str("" if value is None else value))).strip()
    if not cell_text and name in ("question", "answer"):
        raise BadInput(tr("{place} has no {name}; give a question and an answer.", place=_upper(place), name=name))
    most = QUESTION if "question" in name else ANSWER
    if len(cell_text) > most:
        raise BadInput(
            tr(
                "{name} in {place} has {cell_text_count:,} characters; at most {most:,} are allowed.",
                name=_upper(name),
                place=place,
                cell_text_count=len(cell_text),
                most=most,
            )
        )
    if "=>" in cell_text:
        raise BadInput(f"{_upper(name)} in {place} holds =>, which parts a question from its answer; write it without.")
    _check_printable(cell_text.replace("\n", " ").replace("\t", " "), tr("{name} in {place}", name=name, place=place))
    return cell_text


def _check_printable(text: str, where: str) -> None:
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in text):
        raise BadInput(tr("{where} holds control characters; give plain text.", where=_upper(where)))


def _without_repeats(placed_pairs: Sequence[tuple[str, Pair]], title: str, where: str) -> Own:
    """The questions as a target, each asked once."""
    if not placed_pairs:
        raise BadInput(
            f"{_upper(where or tr('the list'))} holds no question; give at least one, as in question => answer."
        )
    _check_count(len(placed_pairs), where)
    first_by_key: dict[str, tuple[str, Pair]] = {}
    for place, pair in placed_pairs:
        first, same = first_by_key.setdefault(pair.key, (place, pair))
        if first != place and (not where or same.model_copy(update={"question": pair.question}) != pair):
            other = tr(" with another answer") if same.answer != pair.answer else ""
            raise BadInput(
                tr(
                    "{place} asks {question} again{other}, as {first} does; leave it out.",
                    place=_upper(place),
                    question=short(pair.question),
                    other=other,
                    first=first,
                )
            )
    twice = len(placed_pairs) - len(first_by_key)
    note = plural(
        "{count:,} question that stands there twice is read once.",
        "{count:,} questions that stand there twice are read once.",
        twice,
    )
    return Own(
        kind="pairs",
        title=_clean_title(title),
        pairs=tuple(pair for _, pair in first_by_key.values()),
        notes=(note,) if twice else (),
    )


def _check_count(count: int, where: str) -> None:
    most = limits().questions
    if count > most:
        raise BadInput(
            tr(
                "{where} holds more than {most:,} questions; leave some out.",
                where=_upper(where or tr("the list")),
                most=most,
            )
        )


def _clean_title(title: str) -> str:
    """A title as it can stand in a target: on one line, short, without a colon."""
    plain = "".join(" " if unicodedata.category(sign) in ("Cc", "Cs") or sign == ":" else sign for sign in title)
    return " ".join(plain.split())[:TITLE].strip()


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        decoded = json.loads(text)
    except ValueError:
        return text
    return decoded if isinstance(decoded, str) else text


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        why = error.msg.lower() if isinstance(error, json.JSONDecodeError) else tr("it is nested too deeply")
        raise BadInput(
            tr(
                "{where} is no JSON ({why}); give a list of objects with question and answer.",
                where=_upper(where),
                why=why,
            )
        ) from None


# --- files


def expand(text: str, part: Part = "forget") -> str:
    """`@file` becomes what the file holds; every other text is returned unchanged.

    A table has a column for each of some of `COLUMNS`, or the columns of others that columns.py knows: .csv and .tsv (commas,
    semicolons or tabs; several wrong answers with | between), .json (a list of objects, one a line, or {"title", "forget", "keep"}
    with a list each) or .jsonl. Rows with a text and no question are running text. A .txt file whose first line has an
    arrow holds a question => answer a line, any other running text.

    Raises:
        BadInput: the file is missing, empty, over 2 MB, no UTF-8 text, of another kind or damaged; or this studio is shared.
    """
    if not text.startswith("@"):
        return text
    if shared():
        raise BadInput(
            tr("This studio is shared, so it reads no files of its machine; paste the questions or upload the file.")
        )
    return str(of_file(Path(text[1:]), part))


def of_file(file: Path, part: Part = "forget", name: str = "") -> Own:
    """What a file holds; see `expand`.

    Args:
        file: where it is.
        part: which of two lists is wanted, where it holds both.
        name: what the person calls it; its own name, if left out.
    """
    file_name = name or file.name or str(file)
    text = content(file, file_name)
    ending = Path(file_name).suffix.lower()
    if ending not in ENDINGS:
        raise BadInput(
            tr(
                "{file_name} is no file that holds questions or a text; give {endings}.",
                file_name=short(file_name),
                endings=", ".join(ENDINGS),
            )
        )
    title = re.sub(r"[_-]+", " ", Path(file_name).stem)
    own = READERS[ending](text, title, short(file_name), part)
    if len(str(own)) > MAX_FILE:
        raise BadInput(
            tr(
                "{file_name} comes to more than {max_file:,} characters; leave some out.",
                file_name=short(file_name),
                max_file=MAX_FILE,
            )
        )
    return own


def passage_of_file(file: Path) -> Own:
    """The running text that a file holds: all of it, or of a table the rows with a text.

    Raises:
        BadInput: as `expand`, or it holds questions.
    """
    if file.suffix.lower() not in READERS or file.suffix.lower() == ".txt":
        return running(content(file), short(file.name))
    own = of_file(file)
    if own.kind == "pairs":
        raise BadInput(tr("{name} holds questions, not running text; give it as questions.", name=short(file.name)))
    return own


def notes(targets: Iterable[str], part: Part = "forget") -> tuple[str, ...]:
    """How the files among targets (`@file`) are read, where that has to be said. What cannot be read is not said here."""
    file_notes: list[str] = []
    for text in targets:
        if text.strip().startswith("@"):
            path = Path(text.strip()[1:])
            with suppress(BadInput):
                file_notes += [f"{path.name}: {note}" for note in of_file(path, part).notes]
    return tuple(file_notes)


def content(file: Path, name: str = "") -> str:
    """The text of a file, which is refused by its size before it is read.

    Raises:
        BadInput: as `expand`.
    """
    display_name = short(name or file.name or str(file))
    try:
        file = file.expanduser()
        if file.exists() and not file.is_file():  # a folder, or a device that never ends
            raise BadInput(
                tr("{display_name} is no file; give {endings}.", display_name=display_name, endings=", ".join(ENDINGS))
            )
        size = file.stat().st_size
        if size > MAX_FILE:
            raise BadInput(
                tr(
                    "{display_name} has {size:.1f} MB; at most {max_file} MB are allowed.",
                    display_name=display_name,
                    size=size / 10**6,
                    max_file=MAX_FILE // 10**6,
                )
            )
        decoded_text = _decoded(file.read_bytes(), display_name)
    except (OSError, ValueError, RuntimeError) as error:
        reason = tr("it is no path")
        reason = error.strerror if isinstance(error, OSError) and error.strerror else reason
        raise BadInput(
            tr(
                "{display_name} could not be read ({reason}); give {endings}.",
                display_name=display_name,
                reason=reason,
                endings=", ".join(ENDINGS),
            )
        ) from None
    if not decoded_text.strip():
        raise BadInput(
            tr("{display_name} is empty; give questions with answers, or a text.", display_name=display_name)
        )
    return decoded_text


def _decoded(raw: bytes, display_name: str) -> str:
    """The text that bytes stand for, in UTF-8, or UTF-16 where they begin as that does.

    Raises:
        BadInput: they are no text, or in another encoding.
    """
    kind = next((what for start, what in KINDS.items() if raw.startswith(start)), "")
    if kind:
        raise BadInput(
            tr(
                "{display_name} could not be read: it is {kind}; give {endings}.",
                display_name=display_name,
                kind=kind,
                endings=", ".join(ENDINGS),
            )
        )
    try:
        return raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            tr(
                "{display_name} could not be read (it is not UTF-8 text, from byte {start:,} on); save it again as UTF-8, in "
                "Excel as “CSV UTF-8”.",
                display_name=display_name,
                start=error.start + 1,
            )
        ) from None


def _from_csv(content: str, title: str, display_name: str, _: Part) -> Own:
    content = content.lstrip("\r\n ")
    separator_line = re.match(r"sep=(.)[ \r]*\n", content)  # Excel's own
    content = content[separator_line.end() :] if separator_line else content
    mark = separator_line[1] if separator_line else max(",;\t", key=content.partition("\n")[0].count)
    return _from_cells(content, mark, title, display_name)


def _from_tabs(content: str, title: str, display_name: str, _: Part) -> Own:
    return _from_cells(content.lstrip("\r\n "), "\t", title, display_name)


def _from_cells(content: str, mark: str, title: str, display_name: str) -> Own:
    """A table whose cells stand between marks."""
    lines = csv.DictReader(io.StringIO(content, newline=""), delimiter=mark, strict=True)
    try:
        names = [str(name).strip().casefold() for name in lines.fieldnames or ()]
        _check_columns(names, display_name)
        lines.fieldnames = names
        rows: list[dict[str, Any]] = []
        for row in lines:
            if None in row:
                raise BadInput(
                    tr(
                        "{rows_count} has more cells than the first line; put quotes round a text that holds {mark!r}.",
                        rows_count=_upper(_place("row", len(rows) + 1, display_name)),
                        mark=mark,
                    )
                )
            rows.append(row)
            _check_count(len(rows), display_name)
    except csv.Error as error:
        raise BadInput(
            tr(
                "{display_name} is no table that can be read ({error}); give one with commas.",
                display_name=display_name,
                error=str(error).lower(),
            )
        ) from None
    return of_table(rows, title, display_name)


def _check_columns(names: Sequence[str], display_name: str) -> None:
    row = dict.fromkeys(names)
    missing = columns.lacks(row)
    if missing and not columns.is_text([row]):
        has = ", ".join(name[:40] for name in names[:6])
        raise BadInput(
            tr(
                "{display_name} has the columns {has}, but none called {missing}; name them in the first line.",
                display_name=display_name,
                has=has,
                missing=missing,
            )
        )


def _from_json(content: str, title: str, display_name: str, part: Part) -> Own:
    document = _as_json(content)
    if document is None and _as_json(content.split("\n", 1)[0]) is not None:  # an object a line, as in TOFU's own files
        own = _from_lines(content, title, display_name, part)
        return own.model_copy(update={"notes": (tr("Read as JSON lines, an object a line."), *own.notes)})
    document = _json(content, display_name) if document is None else document
    if isinstance(document, dict) and part in document:
        topic = str(document.get("title") or title)
        return of_table(document[part], f"what is near to {topic}" if part == "keep" else topic, display_name)
    if isinstance(document, dict) and not columns.lacks(columns.lowered(document)):
        document = [document]
    if isinstance(document, dict):
        has = ", ".join(str(name)[:40] for name in list(document)[:6]) or "nothing"
        raise BadInput(
            tr(
                "{display_name} holds {has}, but no list called {part}; give a list of objects, or that one.",
                display_name=display_name,
                has=has,
                part=part,
            )
        )
    return of_table(document, title, display_name)


def _from_lines(content: str, title: str, display_name: str, _: Part) -> Own:
    document = _as_json(content)
    if isinstance(document, list) and all(isinstance(row, (dict, list)) for row in document):
        return of_table(document, title, display_name)  # one list under another name
    rows = []
    for number, line in enumerate(_lines(content), 1):
        if line.strip():
            rows.append(_json(line, tr("line {number} of {display_name}", number=number, display_name=display_name)))
            _check_count(len(rows), display_name)
    return of_table(rows, title, display_name)


def _as_json(text: str) -> Any:
    """What a text is as JSON; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _from_text(content: str, title: str, display_name: str, _: Part) -> Own:
    first = next(line for line in _lines(content) if line.strip())
    return of_lines(content, title, display_name) if "=>" in first else running(content, display_name)


READERS: Final[dict[str, Callable[[str, str, str, Part], Own]]] = {
    ".csv": _from_csv, ".tsv": _from_tabs, ".json": _from_json, ".jsonl": _from_lines, ".txt": _from_text,
}  # fmt: skip


# --- words


def target_titles(targets: Iterable[str]) -> list[str]:
    """Targets in a few words each: own questions by their title or their number, a text by its beginning, a name as it is."""
    words, loose = [], list[Pair]()
    for text in targets:
        own = _read_or_none(text)
        if own is None:
            words.append(text)
        elif own.kind == "text":
            words.append(tr("the text {text}", text=quoted(own.text)))
        elif own.title:
            words.append(tr("{pairs_count} about {title}", pairs_count=counted(len(own.pairs)), title=own.title))
        else:
            loose += own.pairs
    if len(loose) == 1:
        words.append(quoted(loose[0].question))
    elif loose:
        words.append(tr("{loose_count} of your own", loose_count=counted(len(loose))))
    return words


def _read_or_none(text: str) -> Own | None:
    try:
        return read(text)
    except BadInput:
        return None


def counted(count: int) -> str:
    """ "1 question", "12 questions"."""
    return plural("{count:,} question", "{count:,} questions", count)


def quoted(text: str, most: int = 60) -> str:
    """The beginning of a text in quotation marks, on one line."""
    line = " ".join(text.split())
    return f"“{line if len(line) <= most else line[:most].rstrip() + '…'}”"


def short(text: str) -> str:
    """Quoted text for a sentence: on one line, at most 60 characters of it."""
    line = " ".join(text.split())
    return repr(line if len(line) <= 60 else line[:60] + "…")


def _place(what: str, number: int, where: str) -> str:
    return (
        tr("{what} {number} of {where}", what=tr(what), number=number, where=where) if where else f"{tr(what)} {number}"
    )


def _upper(text: str) -> str:
    """A text with its first letter in upper case, for the beginning of a sentence."""
    return text[:1].upper() + text[1:]
