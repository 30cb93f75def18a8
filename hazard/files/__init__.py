"""Files: written whole or not at all, read within bounds, sealed with digests.

In the order of imports:

    terminal.py   text without signs that move a cursor or turn an order
    toml.py       TOML that somebody wrote, within bounds
    atomic.py     output written whole or not at all, by one process at a time
    tidy_csv.py   tidy tables as CSV; labels come back as they were
    seal.py       what a folder holds: a manifest with digests, and its own digest
    manifests.py  what a manifest holds, by the kind of its folder
"""
