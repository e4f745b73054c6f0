"""The names of job files, of comparisons and of reports are the same."""

from finnet.evaluation import comparison
from finnet.jobs.catalog import MODELS, NAIVE
from finnet.names import model_heading, model_in_sentence


def test_comparisons_know_the_naive_forecasts_of_the_catalog():
    assert set(NAIVE) <= set(comparison.NAIVE)


def test_every_model_has_a_name_for_sentences_and_headings():
    for model in MODELS:
        assert model_heading(model) != model
        assert "_" not in model_in_sentence(model)
