"""Texts of a table in one spelling, with the rows where that changed one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pyarrow import compute as pc

from hazard.arrays import BoolArray, IntArray
from hazard.data.labels import PLAIN, has_control, normalised

LABELS = pa.dictionary(pa.int32(), pa.string())


def spelled(
    table: pa.Table, columns: Sequence[str]
) -> tuple[pa.Table, dict[str, BoolArray]] | None:
    """The table with normalised texts, and by column the rows whose text is another now.

    Parameters
    ----------
    table : Table
    columns : sequence of str
        Columns of type ``LABELS``.

    Returns
    -------
    tuple of Table and dict, or None
        None where a text holds control characters. A text with nothing to see is missing.

    Notes
    -----
    Only distinct texts are looked at, and of these only the ones that are not plain ASCII.
    """
    altered = {}
    for name in columns:
        column = table.column(name).unify_dictionaries()
        words = column.chunk(0).dictionary if column.num_chunks else pa.array([], pa.string())
        not_plain = pc.invert(pc.match_substring_regex(words, PLAIN)).to_numpy(zero_copy_only=False)
        normal_words = words.to_numpy(zero_copy_only=False).copy()
        if any(has_control(word) for word in normal_words[not_plain]):
            return None
        normal_words[not_plain] = [normalised(word) for word in normal_words[not_plain]]
        changed = normal_words != words.to_numpy(zero_copy_only=False)
        if changed.any():
            codes = pc.fill_null(
                pa.chunked_array([chunk.indices for chunk in column.chunks]), -1
            ).to_numpy()
            altered[name] = np.append(changed, False)[codes]
            position = table.schema.get_field_index(name)
            table = table.set_column(position, name, _labels(normal_words, codes))
    return table, altered


def _labels(
    words: np.ndarray[tuple[int], np.dtype[np.object_]], codes: IntArray
) -> pa.ChunkedArray:
    """Coded words as a column of distinct labels; code -1 and an empty word are missing."""
    texts = pa.array([word or None for word in words], pa.string())
    column = texts.take(pa.array(codes, mask=codes < 0)).dictionary_encode()
    return pa.chunked_array([column.cast(LABELS)])
