"""A person's own table: a CSV file with a header and numbers, of which one column is predicted."""

import csv
import io
import math
from pathlib import Path

import numpy as np

from ...api.errors import BadInput
from ...api.params import quoted_value
from .labelled import Labelled, LabelledSet

FILE = "table.csv"  # in the folder of a model, or of its data
LARGEST = 10 * 2**20  # bytes
ROWS, COLUMNS, NAME = 100_000, 200, 60  # at most, and characters of a name
FEWEST = 20  # rows, of which a fifth is never trained on
TEST = 0.2


def read(path: Path, label: str, data_id: str = "") -> LabelledSet:
    """The rows of a CSV file in an order drawn once; a fifth of them is for tests.

    Args:
        path: of the file: UTF-8, commas, a header, every value a number.
        label: the column that is predicted; left empty, the last one.
        data_id: of an embedded table.

    Raises:
        BadInput: it is missing, too large, or no such table; one sentence says where.
    """
    header, rows = _rows(_text(path), path.name)
    label = label or header[-1]
    if label not in header:
        raise BadInput(f"{path.name} has no column {quoted_value(label)}; it has {', '.join(header[:20])}.")
    values = np.array(rows, np.float32)
    at = header.index(label)
    order = np.random.default_rng(0).permutation(len(values))
    columns, labels = np.delete(values, at, 1)[order], values[order, at]
    if np.ptp(labels) == 0:
        raise BadInput(f"Every row of {path.name} has the same {label}; give a column whose values differ.")
    count = len(values) - max(1, round(TEST * len(values)))
    names = tuple(name for name in header if name != label)
    train, test = (Labelled(columns[part], labels[part]) for part in (slice(count), slice(count, None)))
    return LabelledSet(data_id, label, "", names, train, test)


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise BadInput(f"There is no file {path.name}; give a CSV file.")
        if path.stat().st_size > LARGEST:
            raise BadInput(
                f"{path.name} has {path.stat().st_size / 2**20:.1f} MB; a table has at most {LARGEST // 2**20} MB."
            )
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path.name} is no UTF-8 text; save the table as CSV in UTF-8.") from None
    except OSError as error:
        raise BadInput(
            f"{path.name} could not be read ({error.strerror}); give a CSV file that you may read."
        ) from None


def _rows(text: str, name: str) -> tuple[list[str], list[list[float]]]:
    """The names of the columns, and the numbers of every row.

    Raises:
        BadInput: something is no number, a row is longer or shorter than the header, or there is too much or too little.
    """
    try:
        lines = [line for line in csv.reader(io.StringIO(text), strict=True) if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise BadInput(f"{name} is no CSV ({error}); save the table with commas between its values.") from None
    header = [cell.strip() for cell in lines[0]] if lines else []
    _check_header(header, name)
    if not FEWEST <= len(lines) - 1 <= ROWS:
        raise BadInput(f"{name} has {len(lines) - 1:,} rows below its header; {FEWEST} to {ROWS:,} are allowed.")
    return header, [_numbers(line, header, at, name) for at, line in enumerate(lines[1:], 2)]


def _check_header(header: list[str], name: str) -> None:
    if not 2 <= len(header) <= COLUMNS:
        raise BadInput(f"{name} has {len(header)} columns; a table has 2 to {COLUMNS}, with commas between.")
    if all(_number(cell) is not None for cell in header):
        raise BadInput(f"{name} begins with numbers; write the names of the columns into its first line.")
    wrong = next(
        (cell for cell in header if not cell or len(cell) > NAME or ":" in cell or not cell.isprintable()), None
    )
    if wrong is not None:
        raise BadInput(
            f"{name} has a column named {quoted_value(wrong)}; a name has 1 to {NAME} characters and no colon."
        )
    twice = next((cell for at, cell in enumerate(header) if cell in header[:at]), None)
    if twice is not None:
        raise BadInput(f"{name} has two columns named {quoted_value(twice)}; give each a name of its own.")


def _numbers(cells: list[str], header: list[str], line: int, name: str) -> list[float]:
    if len(cells) != len(header):
        raise BadInput(f"Row {line} of {name} has {len(cells)} values, but the header has {len(header)}; complete it.")
    numbers = [_number(cell) for cell in cells]
    if None in numbers:
        at = numbers.index(None)
        raise BadInput(
            f"Row {line} of {name} holds {quoted_value(cells[at])} as {header[at]}, which is no number; give a number."
        )
    return [number for number in numbers if number is not None]


def _number(text: str) -> float | None:
    """A finite number that fits single precision; None of anything else."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and abs(number) < 1e30 else None
