"""Languages: every text that a reader sees, one file ``xx.toml`` per language.

The languages are the files of this folder, so that one more is one more file. A file holds tables
by use: ``shared``, ``figures``, ``describe``, ``scenario``, ``commands``, ``brief``. All have the
same tables, keys and {places} as ``en.toml``. They are data: reading them runs nothing.

In the order of imports:

    catalogues.py  the files of the folder, read and compared with the English one
    names.py       units of time, and texts of model files and registers, in a language
    remarks.py     remarks in English, translated to another language
"""

from hazard.languages.catalogues import ENGLISH, Words, catalogue, codes, faults, figure, words
from hazard.languages.names import Unit, translated, unit
from hazard.languages.remarks import translated_remark

__all__ = [
    "ENGLISH",
    "Unit",
    "Words",
    "catalogue",
    "codes",
    "faults",
    "figure",
    "translated",
    "translated_remark",
    "unit",
    "words",
]
