"""Four families whose descriptive tables can be counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from hazard.months import month_number
from hazard.studies.describe.published import EXITS

NONE: dict[str, xr.DataArray] = {}


# family  nationality  size  sex     rows                           centres  exit
#      0  Irak            1  male    2005-11, 2005-12, 2006-01      A A B    assisted
#      1  Irak            1  male    2005-12, 2006-01               A A      forced
#      2  Irak            3  female  2006-01                        B        disappeared
#      3  Iran            2  male    2005-12, 2006-01, 2006-02      B B B    stay
ROWS = [
    *[
        (0, 1, "2005-11", "stay", "A"),
        (0, 2, "2005-12", "stay", "A"),
        (0, 3, "2006-01", EXITS[0], "B"),
    ],
    *[(1, 1, "2005-12", "stay", "A"), (1, 2, "2006-01", "forced", "A")],
    (2, 1, "2006-01", "disappeared", "B"),
    *[(3, k + 1, month, "stay", "B") for k, month in enumerate(["2005-12", "2006-01", "2006-02"])],
]


FAMILIES = {
    "nationality": ["Irak", "Irak", "Irak", "Iran"],
    "family_size": [1, 1, 3, 2],
    "sex": ["male", "male", "female", "male"],
    "large_family": ["no", "no", "yes", "no"],
}


def four_families() -> pd.DataFrame:
    frame = pd.DataFrame(ROWS, columns=["person", "month", "calendar", "exit", "centre"])
    frame["calendar"] = frame["calendar"].map(month_number).astype(np.int32)
    frame["exit"] = pd.Categorical(frame["exit"], ["stay", "assisted", "disappeared", "forced"])
    for name, values in FAMILIES.items():
        frame[name] = frame["person"].map(dict(enumerate(values)))
    categories = ["centre", "nationality", "sex", "large_family"]
    return frame.assign(entry=np.int32(0)).astype(dict.fromkeys(categories, "category"))
