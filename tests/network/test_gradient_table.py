"""The table of gradients is made of the numbers that the tests bound."""

import re

from tests.network import gradient_table


def test_the_short_table_stays_within_the_tolerances(capsys):
    text = gradient_table.main(["--short"])
    assert capsys.readouterr().out.startswith(text)
    against_differences, against_pytorch = text.split("## PyTorch")
    errors = [float(number) for number in re.findall(r"\d\.\de-\d\d", against_differences)]
    assert len(errors) == 2 + 11 + 11
    assert 0.0 < max(errors) <= 1e-6
    differences = [float(number) for number in re.findall(r"\| (\d\.\de-\d\d) \|", against_pytorch)]
    assert len(differences) == 20 + 7
    assert max(differences) <= 1e-10
