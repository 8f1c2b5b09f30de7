"""Words of any script in pictures: the fonts that have their letters, and the order of those."""

import logging
import re
import sys
import unicodedata
import warnings
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, fontManager, get_font
from matplotlib.text import Text

from utils.sentences import ACCENTS

SCRIPTS = (
    *("Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala"),
    *("Thai", "Lao", "Khmer", "Myanmar", "Arabic", "Hebrew", "Armenian", "Georgian", "Ethiopic", "CJK"),
)
EAST_ASIAN = ("CJK", "HANGUL", "HIRAGANA", "KATAKANA")  # a font of one has the others too, and is named CJK
# Those that are installed draw the letters that matplotlib's own font lacks.
FAMILIES = (
    *(f"{maker} {script}" for maker in ("Noto Sans", "Lohit") for script in SCRIPTS),
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei"),  # Linux
    *("Nirmala UI", "Leelawadee UI", "Malgun Gothic", "Microsoft YaHei"),  # Windows
    *("Kohinoor Devanagari", "Thonburi", "Apple SD Gothic Neo", "PingFang SC", "Heiti TC", "Arial Unicode MS"),  # macOS
)
NAMES = set(fontManager.get_font_names())
INSTALLED = [family for family in FAMILIES if family in NAMES]
matplotlib.rcParams["font.family"] = ["DejaVu Sans", *INSTALLED]
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # some have no bold letters, and that's no matter
# Of each letter that is missing, two lines, of each script two more; `name_missing` says it in one.
warnings.filterwarnings("ignore", r"Glyph \d+ |Matplotlib currently does not support ")


def name_missing(figure: Figure, path: Path) -> None:
    """Says on stderr which scripts of a picture's texts no font here has, and what to install."""
    families = matplotlib.rcParams["font.family"]
    known = set().union(*(get_font(findfont(family)).get_charmap() for family in families))
    text = "".join(text.get_text() for text in figure.findobj(Text))
    letters = {letter for letter in text if ord(letter) not in known and unicodedata.category(letter)[0] in "LMN"}
    names = {unicodedata.name(letter, "UNKNOWN").split()[0] for letter in letters}  # each begins with its script's
    scripts = sorted({"CJK" if name in EAST_ASIAN else name.capitalize() for name in names})
    if scripts:
        fonts = ", ".join(f"Noto Sans {script}" for script in scripts)
        print(f"{path}: no font here has letters of {', '.join(scripts)}; install {fonts}", file=sys.stderr)


def in_reading_order(word: str) -> str:
    """A word as matplotlib takes it: before its version 3.11 it sets the letters of any script from left to right."""
    if matplotlib.__version_info__ >= (3, 11) or unicodedata.bidirectional(word[0]) not in ("R", "AL"):
        return word
    return "".join(reversed(re.findall(f".[{ACCENTS}]*", word)))
