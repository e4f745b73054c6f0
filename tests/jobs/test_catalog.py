"""Every model that a job file can name has words for sentences and headings."""

from finnet.models import model_names
from finnet.names import model_heading, model_in_sentence


def test_every_model_has_a_name_for_sentences_and_headings():
    for model in model_names():
        assert model_heading(model) != model
        assert "_" not in model_in_sentence(model)
