"""Both reports hold every section, verdict first, and load nothing."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from finnet.reporting import plots
from finnet.reporting.html import Note, render
from finnet.reporting.sections import training
from finnet.reporting.sections.comparison import ComparisonSection
from finnet.reporting.sections.guidance import GuidanceSection
from finnet.reporting.sections.points import PointsSection
from finnet.reporting.sections.purpose import PurposeSection
from finnet.reporting.sections.trading import TradingSection
from tests.reporting.changing import changed, section_of

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module", autouse=True)
def drawn_once():
    """Draw what is drawn from equal tables once, since most of these tests are about words."""
    drawn = {}

    def once(name, draw):
        def again(*args, **options):
            key = (name, *map(content, args), *map(str, options.items()))
            if key not in drawn:
                drawn[key] = draw(*args, **options)
            return drawn[key]

        return again

    with pytest.MonkeyPatch.context() as patch:
        for name in plots.__all__:
            patch.setattr(plots, name, once(name, getattr(plots, name)))
        patch.setattr(training, "training_plot", once("training_plot", training.training_plot))
        yield


def content(value):
    return value.to_csv() if hasattr(value, "to_csv") else repr(value)


@pytest.fixture(scope="session")
def pages(direction_report, default_risk_report):
    return [render(report.page()) for report in (direction_report, default_risk_report)]


def headings(html, level):
    return re.findall(rf"<h{level}[^>]*>([^<]+)</h{level}>", html)


def test_the_direction_report_has_every_section(pages):
    assert headings(pages[0], 2) == [
        "Does the network beat the others?",
        "Can its probabilities be trusted?",
        "Would it have paid?",
        "How did it learn?",
        "What was it given?",
        "What limits this result?",
        "How to reproduce it",
    ]


def test_the_validation_report_has_the_headings_of_model_risk(pages):
    assert headings(pages[1], 2) == [
        "Outcomes analysis",
        "Conceptual soundness",
        "Ongoing monitoring",
        "How to reproduce it",
        "Beside supervisory guidance",
    ]
    assert "Where to draw the line?" in headings(pages[1], 3)
    assert "Model validation report" in pages[1]


def test_pages_load_nothing_and_run_nothing(pages):
    for html in pages:
        own = re.sub(r'xmlns(:xlink)?="[^"]*"', "", html)
        assert not re.search(r"https?:|\ssrc=|<link|<script|@import|url\((?!#)", own)


def test_ids_are_unique_and_references_meet_them(pages):
    for html in pages:
        ids = re.findall(r'\sid="([^"]+)"', html)
        assert len(ids) == len(set(ids))
        assert set(re.findall(r'(?:href="#|url\(#|labelledby=")([^")]+)', html)) <= set(ids)


def test_equal_results_give_equal_bytes(pages, direction_report, default_risk_report):
    assert pages == [render(report.page()) for report in (direction_report, default_risk_report)]


def test_the_verdict_stands_before_everything_else(pages):
    for html in pages:
        assert html.index('class="verdict"') < html.index('class="facts"') < html.index("<h2")


def test_each_sentence_of_the_verdict_has_its_line(direction_report):
    verdict = 'Over 3.2 years it beats none. "Always up" is not beaten. No model is.'
    page = changed(direction_report, verdict_text=verdict).page()
    assert page.verdict.splitlines()[:3] == [
        "Over 3.2 years it beats none.",
        '"Always up" is not beaten.',
        "No model is.",
    ]


def test_a_hostile_name_is_escaped_everywhere(direction_report):
    names = ("scores", "comparison", "calibration")
    sections = {name: s for s in direction_report.sections for name in names if hasattr(s, name)}
    frames = {name: getattr(sections[name], name).replace({"model": {"tree": HOSTILE}}) for name in names}
    words = {"source": HOSTILE, "manifest": {HOSTILE: HOSTILE}, "points": [HOSTILE], "rule": HOSTILE}
    html = render(replace(changed(direction_report, **frames, **words), title=HOSTILE).page())
    assert "<script" not in html
    assert html.count("&lt;script&gt;") > 8


def test_what_was_not_recorded_has_no_section(direction_report):
    page = changed(direction_report, learning=pd.DataFrame(), points=()).page()
    titles = [section.title for section in page.sections]
    assert "How did it learn?" not in titles
    assert "What limits this result?" not in titles


@pytest.mark.parametrize(
    ("advice", "words", "silence"),
    [
        (["Fold 3: gradients vanish."], "Fold 3: gradients vanish.", "No trouble"),
        ([], "No trouble was seen in training.", "Fold 3:"),
        (None, "How did it learn?", "No trouble"),
    ],
    ids=["trouble", "none", "nobody kept watch"],
)
def test_advice_is_shown_and_its_absence_said_only_where_somebody_kept_watch(advice, words, silence, direction_report):
    html = render(changed(direction_report, advice=advice).page())
    assert words in html
    assert silence not in html


def test_folds_say_how_many_networks_were_trained_chosen_and_how_far_they_disagree(pages):
    for html in pages:
        cells = [re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<t[hd][^>]*>.*?</t[hd]>", html, re.DOTALL)]
        start = cells.index("Trained")
        assert cells[start : start + 5] == ["Trained", "Chosen", "Largest share", "Best epoch (median)", "Spread"]
        assert cells[start + 5 : start + 11] == ["0", "6", "3", "33.3 %", "9", "2.1 %"]


def test_layers_are_summed_up_in_one_row_each_however_many_folds_there_were(pages):
    for html in pages:
        cells = [re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<t[hd][^>]*>.*?</t[hd]>", html, re.DOTALL)]
        start = cells.index("Gradient")
        assert cells[start : start + 5] == ["Gradient", "Update", "Dead", "Saturated", "Clipped"]
        assert cells[start + 5 : start + 11] == ["1", "0.012", "0.0002", "25.0 %", "0.0 %", "0.0 %"]
        assert cells[start + 17] == "3 (output)"


def test_settings_are_summed_up_in_seven_rows_however_many_networks_there_were(pages):
    for html in pages:
        table = html[html.index("Settings of the chosen networks") :].split("</table>")[0]
        names = re.findall(r'<th scope="row"[^>]*>([^<]*)<', table)
        assert names == ["Learning rate", "Dropout", "L1", "L2", "Hidden layers", "Best epoch", "Validation loss"]


def test_two_metrics_are_compared_one_after_the_other(direction_report):
    table = section_of(direction_report, ComparisonSection).comparison
    html = render(changed(direction_report, comparison=pd.concat([table, table.assign(metric="log_loss")])).page())
    assert html.index("Difference in accuracy") < html.index("Difference in log loss")


def test_naive_forecasts_get_their_table(direction_report):
    row = {"model": "network", "hardest": "always_up", "p_value": 0.4, "p_holm": 1.0, "beats_all": False}
    html = render(changed(direction_report, against_naive=pd.DataFrame([row])).page())
    assert "Does any model beat the naive forecasts?" in html


def test_the_best_single_column_is_named_with_its_direction_and_its_use(default_risk_report):
    row = {"column": "debt", "moves": "up", "folds": 3, "held_out": 0.02, "held_out_error": 0.005}
    other = {"column": "home", "moves": "levels", "folds": 2, "held_out": 0.001, "held_out_error": 0.005}
    down = {**other, "moves": "down", "folds": 1}
    rows = pd.DataFrame([row, {**other, "folds": 1}, down])
    html = render(changed(default_risk_report, single_columns=rows, event="defaulted").page())
    assert "debt in 3 of 5 folds (higher values defaulted more often)" in html
    assert "home in 1 of 5 folds (each of its levels at its own rate)" in html
    assert (
        "The network is given debt too, and uses it: dealt to other test rows, it moves the log loss by +0.02" in html
    )
    assert html.count("The network is given home too, and is not shown to use it") == 1


def test_a_single_column_that_misleads_the_model_is_not_said_to_be_unused(default_risk_report):
    row = {"column": "debt", "moves": "up", "folds": 1, "held_out": -0.02, "held_out_error": 0.005}
    html = render(changed(default_risk_report, single_columns=pd.DataFrame([row])).page())
    assert "is given debt too, and uses it to its harm: dealt to other test rows" in html


def test_without_a_known_truth_the_page_does_not_speak_of_it(default_risk_report):
    html = render(changed(default_risk_report, known_truth=None).page())
    assert "true probability" not in html


def test_less_than_a_year_of_trading_is_told_in_all(direction_report):
    yearly = ["annual_return", "annual_volatility", "sharpe", "sharpe_low", "sharpe_high", "turnover_per_year"]
    summary = section_of(direction_report, TradingSection).summary.assign(
        **dict.fromkeys(yearly, float("nan")), total_return=0.076, total_turnover=12.0, bars=40
    )
    html = render(changed(direction_report, summary=summary).page())
    assert "brought +7.6 % in all over 40 sessions, too few to speak of a year" in html
    assert "Net return, 40 sessions" in html
    assert "Less than a year of trading" in html
    assert not re.search(r"a year at a Sharpe|Net return a year|Return a year|Turnover a year", html)


def test_a_neutral_book_is_compared_with_cash(direction_report):
    summary = section_of(direction_report, TradingSection).summary.rename(index={"buy_and_hold": "cash"})
    html = render(changed(direction_report, summary=summary).page())
    assert "cash brought" in html
    assert not re.search(r"buy and hold|held ", html, re.IGNORECASE)


def test_where_nobody_could_trade_the_page_says_why_and_draws_nothing(direction_report):
    why = "No trading is shown: folds trained on later rows."
    page = changed(direction_report, rule=why, table=None, summary=None).page()
    assert page.verdict.splitlines()[-1] == why
    assert list(page.facts) == ["Accuracy", "Share that rose"]
    html = render(page)
    assert why in html[html.index("Would it have paid?") :]
    assert not re.search("Growth of 1|Sharpe", html)


def test_what_became_of_the_rows_stands_below_the_trading(direction_report):
    html = render(changed(direction_report, notes=["Of 9 rows 2 left."]).page())
    assert "Of 9 rows 2 left." in html[html.rindex("Would it have paid?") : html.rindex("How did it learn?")]


def test_yearly_figures_say_how_many_bars_make_a_year(direction_report):
    assert "Yearly figures, 252 bars to the year" in render(direction_report.page())


FINDINGS = pd.DataFrame(
    [
        ("warning", "gives_away", "loans.csv, column recoveries: AUC 1.000 on its own", "drop it"),
        ("warning", "likely_code", "loans.csv, column days: 365243 in 125 rows", "declare it"),
    ],
    columns=["severity", "rule", "found", "remedy"],
)


def test_a_column_that_gives_the_outcome_away_stands_before_the_verdict(default_risk_report):
    page = changed(default_risk_report, quality=FINDINGS).page()
    assert page.verdict.split("\n")[0].endswith("given away: loans.csv, column recoveries: AUC 1.000 on its own.")


def test_findings_about_the_data_have_a_table_with_what_to_do(default_risk_report):
    html = render(changed(default_risk_report, quality=FINDINGS).page())
    assert "365243 in 125 rows" in html
    assert "declare it" in html
    assert "What is odd about the data" not in render(default_risk_report.page())


def test_a_purpose_that_is_not_stated_is_asked_for():
    asked = PurposeSection(stated={"Use": ""}, missing="Say it in [purpose].").draw()
    assert asked.blocks == [Note("Say it in [purpose].")]
    some = PurposeSection(stated={"Use": "Lend", "Owner": ""}, missing="Say it in [purpose].").draw()
    assert some.blocks[-1] == Note("Not stated: Owner.")


def test_what_is_saved_of_a_purpose_agrees_with_the_answers_beside_it():
    kept = {
        stated: PurposeSection(stated={"Use": stated}, missing="Nothing is stated.").missing for stated in ("", "Lend")
    }
    assert kept == {"": "Nothing is stated.", "Lend": ""}
    again = PurposeSection(stated={"Use": "Lend", "Owner": ""}, missing="Not stated: Owner.")
    assert again.missing == "Not stated: Owner."


def test_guidance_maps_the_sections_that_the_report_has_and_no_others():
    section = GuidanceSection.of([PurposeSection(stated={}), PointsSection(title="Ongoing monitoring")])
    (details, _) = section.draw().blocks
    assert details.block.frame["Section"].tolist() == ["What is it for?", "Ongoing monitoring"]


NAIVE_TEST = {"model": "tree", "hardest": "always_up", "p_value": 0.01, "p_fits": 0.2, "p_holm": 0.02}
NAIVE_TEST |= {"p_fits_holm": 0.4, "beats_all": True}


def test_captions_count_the_tests_of_a_correction_and_every_one_is_printed(direction_report):
    metric = str(section_of(direction_report, ComparisonSection).comparison["metric"].iloc[0])
    tests = pd.DataFrame([NAIVE_TEST | {"metric": metric}, NAIVE_TEST | {"metric": metric, "model": "network"}])
    section = section_of(changed(direction_report, against_naive=tests), ComparisonSection)
    n_own, html = len(section.comparison), render(changed(direction_report, against_naive=tests).page())
    assert f"Holm&#39;s correction counts {n_own + 1} tests: {n_own} of this table and 1 of the other models" in html
    assert "for these fits" in html


def test_a_run_that_did_not_record_all_tests_does_not_count_them(direction_report):
    html = render(changed(direction_report, against_naive=pd.DataFrame([NAIVE_TEST])).page())
    assert "correction counts" not in html
