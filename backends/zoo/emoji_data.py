"""The emoji style data: 20 objects by eight design teams, drawn from the vector files of npm's @iconify-json packages."""

import io
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image

from ..api.errors import BadInput, OutOfReach
from ..api.files import write_bytes, write_json
from ..data.emoji import FOLDER, OBJECTS, SIZE, STYLES
from ..families.text_to_image import FAMILY

# style -> (package, its version, the set's name, licence, whose, where)
SETS = {
    "fluent": ("fluent-emoji", "1.2.7", "Fluent Emoji", "MIT", "Microsoft Corporation", "microsoft/fluentui-emoji"),
    "flat": ("fluent-emoji-flat", "1.2.6", "Fluent Emoji Flat", "MIT", "Microsoft Corporation", "microsoft/fluentui-emoji"),
    "contrast": ("fluent-emoji-high-contrast", "1.2.6", "Fluent Emoji High Contrast", "MIT", "Microsoft Corporation", "microsoft/fluentui-emoji"),
    "noto": ("noto", "1.2.9", "Noto Emoji", "Apache-2.0", "Google Inc", "googlefonts/noto-emoji"),
    "blob": ("noto-v1", "1.2.5", "Noto Emoji, version 1", "Apache-2.0", "Google Inc", "googlefonts/noto-emoji"),
    "twemoji": ("twemoji", "1.2.5", "Twitter Emoji", "CC-BY-4.0", "Twitter, Inc and other contributors", "twitter/twemoji"),
    "openmoji": ("openmoji", "1.2.29", "OpenMoji", "CC-BY-SA-4.0", "OpenMoji project", "hfg-gmuend/openmoji"),
    "emojione": ("emojione", "1.2.3", "EmojiOne 2.3", "CC-BY-4.0", "EmojiOne", "EmojiTwo/emojitwo"),
}  # fmt: skip
LICENCES = {
    "MIT": "https://opensource.org/license/mit",
    "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
}
ICONS = {
    "cat": "cat-face",
    "dog": "dog-face",
    "tree": "deciduous-tree",
    "apple": "red-apple",
    "cake": "birthday-cake",
    "car": "automobile",
    "heart": "red-heart",
}  # the others are named as the object
INK = "#222"  # of sets that draw in one colour
README = """# Emoji by eight artists

160 pictures: 20 things, each drawn by eight design teams, as `<style>/<object>.png`. Whose they are and under which
licences is in ATTRIBUTION.md. `python -m backends.zoo emoji-data` draws them again.
"""
CARD = {
    "title": "Emoji by eight artists",
    "summary": "Twenty things, each drawn by eight design teams: 160 pictures that have an object and a style.",
    "family": FAMILY.id,
    "objects": OBJECTS,
    "styles": STYLES,
    "train_count": len(OBJECTS) * len(STYLES),
    "size": [SIZE, SIZE, 3],
    "source": {
        "title": "Eight emoji sets under free licences, see ATTRIBUTION.md",
        "url": "https://icon-sets.iconify.design",
        "licence": "MIT, Apache-2.0, CC BY 4.0 and CC BY-SA 4.0, by style",
    },
}


def main(
    source: Annotated[
        Path | None, typer.Option(help="Folder with the packages as npm packs them; left out: fetched with npm.")
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = FOLDER,
) -> None:
    """Draw the emoji style data, 20 objects in 8 styles, with its attribution and card."""
    with tempfile.TemporaryDirectory() as fetched:
        for style in STYLES:
            icons = _icons(source or Path(fetched), SETS[style][:2], fetch=source is None)
            for object_name in OBJECTS:
                write_bytes(to / style / f"{object_name}.png", draw(icons, ICONS.get(object_name, object_name)))
    write_bytes(to / "ATTRIBUTION.md", attribution().encode())
    write_bytes(to / "README.md", README.encode())
    write_json(to / "card.json", CARD)
    typer.echo(f"Drew {len(STYLES) * len(OBJECTS)} pictures in {to}.", err=True)


def draw(icons: dict[str, Any], name: str) -> bytes:
    """One icon as the bytes of a PNG, SIZE x SIZE, white behind.

    Args:
        icons: an Iconify set: `icons` by name, each with a `body` of SVG; `aliases`; default `width` and `height`.
        name: of the icon, or of an alias.

    Raises:
        OutOfReach: resvg-py is not installed.
    """
    try:
        import resvg_py
    except ModuleNotFoundError:
        raise OutOfReach("Drawing needs the package resvg-py; install it with pip install lethe-studio[zoo].") from None
    while name in icons.get("aliases", {}):
        name = icons["aliases"][name]["parent"]
    icon = icons["icons"][name]
    width, height = (icon.get(side, icons.get(side, 16)) for side in ("width", "height"))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" color="{INK}" '
        f'width="{SIZE}" height="{SIZE}" viewBox="{icon.get("left", 0)} {icon.get("top", 0)} {width} {height}">'
        f"{icon['body']}</svg>"
    )
    rendered = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, background="white")))).convert("RGB")
    out = io.BytesIO()
    rendered.save(out, "PNG", optimize=True)
    return out.getvalue()


def attribution() -> str:
    """Whose each style is, under which licence, and what was changed."""
    rows = [
        f"| {style} | {title} | {whose} | [{licence}]({LICENCES[licence]}) | https://github.com/{where} | @iconify-json/{package} {version} |"
        for style, (package, version, title, licence, whose, where) in SETS.items()
    ]
    return "\n".join(
        [
            f"# {CARD['title']}\n",
            f"{len(OBJECTS)} objects in {len(STYLES)} styles. Each picture is one icon of the set named below, drawn at {SIZE} x "
            f"{SIZE} pixels on white; sets of one colour are drawn in {INK}. Nothing else was changed. The pictures of a style "
            "stay under the licence of its set; what is derived from the style openmoji is shared alike.\n",
            "| style | set | by | licence | from | package |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "To draw them again: `python -m backends.zoo emoji-data` (needs npm, or the packages in a folder, and resvg-py).",
            "",
        ]
    )


def _icons(folder: Path, package: tuple[str, str], *, fetch: bool) -> dict[str, Any]:
    """The icon set of a package, fetched first where asked for."""
    name, version = package
    path = folder / f"iconify-json-{name}-{version}.tgz"
    if fetch:
        command = ["npm", "pack", f"@iconify-json/{name}@{version}", "--silent", "--pack-destination", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise OutOfReach(f"npm could not fetch @iconify-json/{name} {version} ({error}).") from None
    if not path.is_file():
        raise BadInput(f"{path} is missing; fetch @iconify-json/{name} {version} with npm pack, or leave --source out.")
    with tarfile.open(path) as packed:
        member = packed.extractfile("package/icons.json")
        assert member is not None
        icons: dict[str, Any] = json.load(member)
        return icons
