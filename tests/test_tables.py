"""The dictionary of the tables: it is read, and holds every column that the report reads."""

from table_dictionary import dictionary

from repviz.report.sections import SECTIONS, get_section


def test_the_dictionary_is_read():
    known = dictionary()
    assert known["ladder_samples"]["nearest_row"] is False
    assert known["images"]["factor_*"] is True
    assert known["sweep"].keys() >= {"n_seeds", "n_splits", "split_by"}


def test_every_column_that_the_report_reads_is_in_the_dictionary():
    known = dictionary()
    lacking = [
        f"{table}.{column}"
        for name in SECTIONS
        for table, columns in get_section(name).tables.items()
        for column in columns.split()
        if column not in known.get(table, {})
    ]
    assert lacking == []
