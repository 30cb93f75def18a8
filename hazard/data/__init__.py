"""Rows: registers or a table of one's own -> one panel, with what happened around each person.

In the order of imports:

    labels.py         texts as labels: one spelling, and what no label can be
    left_out.py       how much was left out, by reason: persons, rows, exits
    contracts.py      the columns of a panel and the rules that they obey
    cells.py          cells of a table -> numbers or labels, and sentences for what is neither
    disclosure.py     at least ten persons, or nobody: levels of fewer are put together
    registers/        read, link, check and define: dated registers -> histories of families
    panel.py          histories of families -> one row per family and month at risk
    exposures/        peer and own histories: (row, lag), own events excluded
    roles.py          what a model needs of each column of a table
    person_period.py  one row per person -> one row per person and month
    start_stop.py     start-stop rows with dates, seen through a window of months -> the same
    examples.py       public tables that come with an installed package
    table_files.py    a CSV or Parquet file -> cells, each as the role of its column wants it
    table_columns.py  columns of a ready table, and their cells as a model wants them
    table.py          a ready table -> the same panel
    subset.py         the rows of some persons only, such as one nationality
"""
