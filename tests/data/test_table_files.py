"""Files: what a cell of CSV and of Parquet is, labels that come back, and files that are broken."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from hazard import spec as specs
from hazard.data import cells, table
from hazard.errors import PanelError
from hazard.spec import ModelSpec

PRIOR = 'prior = { family = "normal", scale = 1.0, reason = "an example only" }\n'
X = '[[term]]\nkind = "covariate"\ncolumn = "x"\n' + PRIOR
G = '[[term]]\nkind = "group"\nby = "g"\n' + PRIOR.replace("normal", "pooled")
DROP = '[table]\nincomplete = "drop"\n'
LABELS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
SPECIAL = ["None", "NA", "null", "NaN", "nan", "", "007", "7", "a,b", 'a"b', "a\nb", "å", "<NA>"]


def model(*parts: str) -> ModelSpec:
    head = 'name = "m"\nquestion = "what comes after?"\n[outcome]\nexits = ["a"]\n'
    return specs.load(head + "".join(parts))


def rows(**columns: object) -> pd.DataFrame:
    n = len(next(iter(columns.values())))  # type: ignore[arg-type]
    frame = pd.DataFrame({"person": range(n), "month": 1, "exit": ["a", *["stay"] * (n - 1)]})
    return frame.assign(**{name: pd.Series(each) for name, each in columns.items()})


def as_csv(frame: pd.DataFrame) -> str:
    """Missing cells without quotes, every text with them."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_STRINGS, lineterminator="\n")
    writer.writerow(list(frame))
    writer.writerows([None if pd.isna(cell) else cell for cell in row] for row in frame.to_numpy())
    return out.getvalue()


def read_csv(folder: Path, text: str, *parts: str) -> pd.DataFrame:
    path = folder / "table.csv"
    path.write_bytes(text.encode())
    return table.read(path, model(*parts))


def read_parquet(folder: Path, frame: pd.DataFrame, *parts: str) -> pd.DataFrame:
    path = folder / "table.parquet"
    parquet.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    return table.read(path, model(*parts))


# --- labels come back ---------------------------------------------------------------------------
@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@settings(max_examples=30)
@example(SPECIAL)
@example(["NA"])
@given(st.lists(st.sampled_from(SPECIAL) | LABELS, min_size=1, max_size=8))
def test_every_label_comes_back_from_every_file(folder: Path, labels: list[str]) -> None:
    assume(not cells.not_labels("g", pd.Series(labels, dtype=object)))
    numeric = [re.fullmatch(r"-?[0-9]+(\.0)?", label) for label in labels if label != "NA"]
    assume(not (numeric and all(numeric)))  # whole numbers with gaps: by hand below
    frame = rows(g=labels)
    for panel in (
        read_csv(folder, as_csv(frame), G),
        read_parquet(folder, frame, G),
        table.panel(frame, model(G)),
    ):
        assert panel["g"].tolist() == labels


@settings(max_examples=20)
@given(st.lists(st.integers(0, 2**70).map(str) | LABELS, min_size=2, max_size=8, unique=True))
def test_ids_never_merge(folder: Path, ids: list[str]) -> None:
    assume(not cells.not_labels("person", pd.Series(ids, dtype=object)))
    assume("NA" not in ids)
    frame = rows(x=np.arange(len(ids)) * 1.5).assign(person=ids)
    for panel in (read_csv(folder, as_csv(frame), X), read_parquet(folder, frame, X)):
        assert panel["person"].nunique() == len(ids)


def test_ids_by_hand(tmp_path: Path) -> None:
    text = "person,month,exit,x\n007,1,stay,0\n7,2,a,1\n18446744073709551616,1,a,0\n"
    panel = read_csv(tmp_path, text + "18446744073709551617,1,stay,0\n", X)
    assert panel["person"].nunique() == 4
    assert panel["entry"].tolist() == [0, 1, 0, 0]  # 7 came in month 2
    big = rows(x=[1, 2]).assign(person=[Decimal(2**70), Decimal(2**70 + 1)])
    assert read_parquet(tmp_path, big, X)["person"].nunique() == 2
    with pytest.raises(PanelError, match="'person' must have whole numbers that can be told apart"):
        read_parquet(tmp_path, big.assign(person=[2.0**53, 2.0**53 + 2]), X)


def test_groups_of_numbers_with_gaps_by_hand(tmp_path: Path) -> None:
    head = "person,month,exit,g\n"
    text = head + "1,1,stay,12\n2,1,a,7\n3,1,stay,\n4,1,a,0301\n5,1,a,301\n"
    panel = read_csv(tmp_path, text, DROP, G)
    assert panel["g"].tolist() == ["12", "7", "0301", "301"]
    assert panel.attrs["left_out"] == {"persons with a missing value": (1, 1, 0)}
    gaps = rows(g=[12, 7, None, 12])  # pandas makes these floating-point numbers
    for panel in (
        read_csv(tmp_path, gaps.to_csv(index=False), DROP, G),
        read_parquet(tmp_path, gaps, DROP, G),
        table.panel(gaps, model(DROP, G)),
        table.panel(gaps.astype({"g": "Int64"}), model(DROP, G)),
    ):
        assert panel["g"].tolist() == ["12", "7", "12"]
    exact = pa.table({"person": [1, 2, 3], "month": [1, 1, 1], "exit": ["a", "stay", "stay"]})
    exact = exact.append_column("g", pa.array([2**62, 2**62 + 1, None], pa.int64()))
    parquet.write_table(exact, tmp_path / "exact.parquet")
    panel = table.read(tmp_path / "exact.parquet", model(DROP, G))
    assert panel["g"].tolist() == [str(2**62), str(2**62 + 1)]


def test_a_group_called_na_is_kept_and_an_empty_cell_is_missing(tmp_path: Path) -> None:
    text = "person,month,exit,g\n1,1,stay,NA\n2,1,a,NO\n3,1,stay,12\n4,1,a,\n"
    assert read_csv(tmp_path, text, DROP, G)["g"].tolist() == ["NA", "NO", "12"]
    with pytest.raises(PanelError, match=r"'g' must not be missing; .* 1 of 4 rows \(first: row 4"):
        read_csv(tmp_path, text, G)
    quoted = text.replace("4,1,a,", '4,1,a,""')
    assert read_csv(tmp_path, quoted, G)["g"].tolist() == ["NA", "NO", "12", ""]


@pytest.mark.parametrize("missing", ["", "NA", "NaN", '""'])
def test_a_number_that_is_not_known_is_missing(tmp_path: Path, missing: str) -> None:
    text = f"person,month,exit,x\n1,1,stay,1.5\n2,1,a,{missing}\n3,1,a,-2e3\n"
    assert read_csv(tmp_path, text, DROP, X)["x"].tolist() == [1.5, -2000.0]
    for other in ("null", ".", "None", "-"):  # negative control
        with pytest.raises(PanelError, match="got text that is mostly numbers, with other text"):
            read_csv(tmp_path, text.replace(f",{missing}\n", f",{other}\n"), X)


def test_truth_values_are_levels_whatever_their_case(tmp_path: Path) -> None:
    text = "person,month,exit,x\n1,1,stay,TRUE\n2,1,a,False\n3,1,a,true\n"
    truth = rows(x=[True, False, True])
    for panel in (read_csv(tmp_path, text, X), read_parquet(tmp_path, truth, X)):
        assert panel["x"].tolist() == ["True", "False", "True"]


@settings(max_examples=20)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_every_number_comes_back_exactly(folder: Path, values: list[float]) -> None:
    frame = rows(x=values)
    text = frame.to_csv(index=False)  # the shortest text of each number
    assert read_csv(folder, text, X)["x"].tolist() == values
    assert read_parquet(folder, frame, X)["x"].tolist() == values


def test_a_reference_takes_numbers_as_levels(tmp_path: Path) -> None:
    with_reference = X.replace('"x"\n', '"x"\nreference = "1"\n')
    for text in ("0\n1\n1", "0.0\n1.0\n1.0", "0\n1.0\n1"):
        lines = [f"{n},1,{'a' if n else 'stay'},{x}" for n, x in enumerate(text.split("\n"))]
        panel = read_csv(tmp_path, "person,month,exit,x\n" + "\n".join(lines), with_reference)
        assert panel["x"].tolist() == ["0", "1", "1"]
    with pytest.raises(PanelError, match="'x' must hold whole numbers where the term states a ref"):
        read_csv(tmp_path, "person,month,exit,x\n1,1,a,0.5\n2,1,stay,1\n", with_reference)


# --- files that are broken ----------------------------------------------------------------------
QUOTE = (
    "table must close every quote at the end of its cell; got a quote that opens and goes on over "
    "the end of the row (first: row {}). Close it, or double it where the text has a quote."
)
HEAD = "person,month,exit,x,name\n"


@pytest.mark.parametrize(
    ("text", "row"),
    [
        (HEAD + '1,1,stay,0,"A\n2,1,a,1,B\n3,1,a,1,"B\n4,1,stay,1,C\n', 1),  # text after a quote
        (HEAD + '1,1,stay,0,A\n2,1,a,1,"B\n3,1,a,1,C\n', 2),  # to the end of the file
        (HEAD + '1,1,stay,0,"A\n2,1,a,1,B"\n3,1,a,1,C\n', 1),  # well formed
        ('person,name,month,exit,x\n1,A,1,stay,1\n2,"A,1,stay,1\n3,B",1,a,1\n', 2),
        ('person,name,month,exit,x\r\n1,A,1,stay,1\r\n2,"A,1,stay,1\r\n3,B",1,a,1\r\n', 2),
    ],
)
def test_a_quote_that_swallows_rows(tmp_path: Path, text: str, row: int) -> None:
    with pytest.raises(PanelError, match=f"^{re.escape(QUOTE.format(row))}$"):
        read_csv(tmp_path, text, X)


@settings(max_examples=20)
@given(st.integers(1, 8), st.data())
def test_no_quote_swallows_a_row_unseen(folder: Path, n: int, data: st.DataObject) -> None:
    lines = [[str(i), "1", "stay" if i else "a", "1.5", f"name {i}"] for i in range(n)]
    text = ["\n".join(",".join(line) for line in lines)]
    commas = [m.end() for m in re.finditer("[,\n]", text[0])]
    opens = data.draw(st.sampled_from([0, *commas]))
    broken = HEAD + text[0][:opens] + '"' + text[0][opens:] + "\n"
    with pytest.raises(PanelError):
        read_csv(folder, broken, X)
    assert len(read_csv(folder, HEAD + text[0] + "\n", X)) == n  # negative control


def test_quotes_that_are_fine(tmp_path: Path) -> None:
    text = 'person,month,exit,g\n1,1,stay,"A\nb"\n2,1,a,"c""d"\n3,1,a,"C, D"\n4,1,a,5" pipe\n'
    panel = read_csv(tmp_path, text, G)
    assert panel["g"].tolist() == ["A\nb", 'c"d', "C, D", '5" pipe']


BROKEN = {
    b"person,month,exit,x\n1,1,a,0\n2,1,stay,\xff\n": (
        "table must be a CSV file in UTF-8; got other bytes (first: row 2). Save the table as UTF-8"
    ),
    b"person;month;exit;x\n1;1;a;0,5\n": (
        "table must have commas between cells; got semicolons. Save the table with commas, and with"
    ),
    b"person,month,exit,x\n1,1,a,0\n2,1,stay\n": (
        "table must have as many cells in every row as in its header; got another number in 1 rows "
        "(first: row 2). Quote cells with a comma."
    ),
    b"person,month,exit,x,x\n1,1,a,0,1\n": "table column 'x' must exist once; got 2.",
    b"person,month,exit ,x\n1,1,a,0\n": (
        "table column 'exit' must exist once; got 0. Did you mean 'exit '?"
    ),
    b"person,month,exit,x\n1,1,a,m\n2,1,stay,m\0\n": (
        "table column 'x' must hold text that can be written to a file; got a NUL character or half"
    ),
}


@pytest.mark.parametrize("content", BROKEN)
def test_csv_that_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(PanelError, match=f"^{re.escape(BROKEN[content])}"):
        table.read(path, model(X))


def test_a_mark_of_the_byte_order_is_no_part_of_the_header(tmp_path: Path) -> None:
    assert len(read_csv(tmp_path, "\ufeffperson,month,exit,x\n1,1,a,0\n", X)) == 1


def test_damaged_parquet_is_one_sentence(tmp_path: Path, rng: np.random.Generator) -> None:
    frame = rows(x=rng.normal(size=4000))
    read_parquet(tmp_path, frame, X)
    path = tmp_path / "table.parquet"
    content = path.read_bytes()
    for size in (100, 1000, len(content) - 9):
        path.write_bytes(content[:size])
        with pytest.raises(PanelError, match=r"^table must be a whole Parquet file; got [^\n]+$"):
            table.read(path, model(X))


def test_parquet_columns_of_other_types(tmp_path: Path) -> None:
    decimal = rows(x=[Decimal("1.10"), Decimal("1.20"), None])
    assert read_parquet(tmp_path, decimal, DROP, X)["x"].tolist() == [1.1, 1.2]
    for odd in ([["q"], ["r"]], [{"u": 1}, {"u": 2}], [b"q", b"r"]):
        with pytest.raises(PanelError, match=r"^table column 'x' must hold text or whole [^\n]+$"):
            read_parquet(tmp_path, rows(x=odd), X)
        assert len(read_parquet(tmp_path, rows(x=[1, 2]).assign(other=odd), X)) == 2  # not asked
