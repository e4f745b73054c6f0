"""What the data were checked for is told, found or not."""

import pandas as pd
import pytest

from finnet.reporting.html import Table
from tests.reporting.conftest import made_data
from tests.reporting.test_loan_sections import html_of

CHECK = {"rule": "constant_column", "sought": "columns of one value", "columns": "a, b, c, d", "n_columns": 4}
CHECKS = pd.DataFrame([CHECK | {"rows": 1500, "ignored": False, "found": 0}])


def test_a_check_that_found_nothing_is_told_from_one_that_was_not_made():
    section = made_data(checks=CHECKS)
    assert "by 1 check, and nothing odd was found." in html_of(section)
    (table,) = (block for block in section.draw().blocks if "checked for" in getattr(block, "caption", ""))
    assert table.rows == [["Columns of one value", "4", "1,500", "nothing"]]


@pytest.mark.parametrize(
    ("change", "cell"),
    [
        ({"found": 2}, "2, above"),
        ({"ignored": True}, "not told, as rules ask"),
        ({"n_columns": 0, "columns": ""}, "none"),
        ({"n_columns": -1, "columns": ""}, "whole rows"),
    ],
)
def test_what_a_check_found_and_where_it_looked_is_in_words(change, cell):
    assert f">{cell}<" in html_of(made_data(checks=CHECKS.assign(**change)))


def test_the_model_card_leaves_the_checks_to_the_page():
    assert not any(isinstance(block, Table) for block in made_data(checks=CHECKS).card.blocks)
