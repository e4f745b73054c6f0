"""Both reports hold every section, verdict first, and load nothing."""

import re
from dataclasses import replace

import pandas as pd
import pytest
from finnet.reporting.backtest_report import direction_page
from finnet.reporting.validation_report import default_risk_page

from finnet.reporting.html import render

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="session")
def pages(direction_parts, default_risk_parts):
    return [render(direction_page(*direction_parts)), render(default_risk_page(*default_risk_parts))]


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


def test_equal_results_give_equal_bytes(pages, direction_parts, default_risk_parts):
    assert pages == [render(direction_page(*direction_parts)), render(default_risk_page(*default_risk_parts))]


def test_the_verdict_stands_before_everything_else(pages):
    for html in pages:
        assert html.index('class="verdict"') < html.index('class="facts"') < html.index("<h2")


def test_each_sentence_of_the_verdict_has_its_line(direction_parts):
    evidence, trading, run = direction_parts
    verdict = 'Over 3.2 years it beats none. "Always up" is not beaten. No model is.'
    page = direction_page(replace(evidence, verdict=verdict), trading, run)
    assert page.verdict.splitlines()[:3] == [
        "Over 3.2 years it beats none.",
        '"Always up" is not beaten.',
        "No model is.",
    ]


def test_a_hostile_name_is_escaped_everywhere(direction_parts):
    evidence, trading, run = direction_parts
    frames = {
        name: getattr(evidence, name).replace({"model": {"tree": HOSTILE}})
        for name in ("scores", "comparison", "calibration")
    }
    hostile = replace(run, title=HOSTILE, source=HOSTILE, manifest={HOSTILE: HOSTILE}, notes=[HOSTILE])
    html = render(direction_page(replace(evidence, **frames), replace(trading, rule=HOSTILE), hostile))
    assert "<script" not in html
    assert html.count("&lt;script&gt;") > 8


def test_what_was_not_recorded_has_no_section(direction_parts):
    evidence, trading, run = direction_parts
    page = direction_page(replace(evidence, learning=evidence.learning.iloc[:0]), trading, replace(run, notes=()))
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
def test_advice_is_shown_and_its_absence_said_only_where_somebody_kept_watch(advice, words, silence, direction_parts):
    evidence, trading, run = direction_parts
    html = render(direction_page(replace(evidence, advice=advice), trading, run))
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


def test_two_metrics_are_compared_one_after_the_other(direction_parts):
    evidence, trading, run = direction_parts
    both = pd.concat([evidence.comparison, evidence.comparison.assign(metric="log_loss")])
    html = render(direction_page(replace(evidence, comparison=both), trading, run))
    assert html.index("Difference in accuracy") < html.index("Difference in log loss")


def test_naive_forecasts_get_their_table(direction_parts):
    evidence, trading, run = direction_parts
    row = {"model": "network", "hardest": "always_up", "p_value": 0.4, "p_holm": 1.0, "beats_all": False}
    html = render(direction_page(replace(evidence, against_naive=pd.DataFrame([row])), trading, run))
    assert "Does any model beat the naive forecasts?" in html


def test_without_a_known_truth_the_page_does_not_speak_of_it(default_risk_parts):
    evidence, lending, run = default_risk_parts
    html = render(default_risk_page(evidence, replace(lending, known_truth=None), run))
    assert "true probability" not in html


def test_less_than_a_year_of_trading_is_told_in_all(direction_parts):
    evidence, trading, run = direction_parts
    yearly = ["annual_return", "annual_volatility", "sharpe", "sharpe_low", "sharpe_high", "turnover_per_year"]
    summary = trading.summary.assign(
        **dict.fromkeys(yearly, float("nan")), total_return=0.076, total_turnover=12.0, bars=40
    )
    html = render(direction_page(evidence, replace(trading, summary=summary), run))
    assert "brought +7.6 % in all over 40 sessions, too few to speak of a year" in html
    assert "Net return, 40 sessions" in html
    assert "Less than a year of trading" in html
    assert not re.search(r"a year at a Sharpe|Net return a year|Return a year|Turnover a year", html)


def test_a_neutral_book_is_compared_with_cash(direction_parts):
    evidence, trading, run = direction_parts
    summary = trading.summary.rename(index={"buy_and_hold": "cash"})
    html = render(direction_page(evidence, replace(trading, summary=summary), run))
    assert "cash brought" in html
    assert not re.search(r"buy and hold|held ", html, re.IGNORECASE)


def test_where_nobody_could_trade_the_page_says_why_and_draws_nothing(direction_parts):
    evidence, trading, run = direction_parts
    none = replace(trading, rule="No trading is shown: folds trained on later rows.", table=None, summary=None)
    page = direction_page(evidence, none, run)
    assert page.verdict.splitlines()[-1] == none.rule
    assert list(page.facts) == ["Accuracy", "Share that rose"]
    html = render(page)
    assert none.rule in html[html.index("Would it have paid?") :]
    assert not re.search("Growth of 1|Sharpe", html)


def test_what_became_of_the_rows_stands_below_the_trading(direction_parts):
    evidence, trading, run = direction_parts
    html = render(direction_page(evidence, replace(trading, notes=["Of 9 rows 2 left."]), run))
    assert "Of 9 rows 2 left." in html[html.rindex("Would it have paid?") : html.rindex("How did it learn?")]


def test_yearly_figures_say_how_many_bars_make_a_year(direction_parts):
    assert "Yearly figures, 252 bars to the year" in render(direction_page(*direction_parts))


FINDINGS = pd.DataFrame(
    [
        ("warning", "gives_away", "loans.csv, column recoveries: AUC 1.000 on its own", "drop it"),
        ("warning", "likely_code", "loans.csv, column days: 365243 in 125 rows", "declare it"),
    ],
    columns=["severity", "rule", "found", "remedy"],
)


def test_a_column_that_gives_the_outcome_away_stands_before_the_verdict(default_risk_parts):
    evidence, lending, run = default_risk_parts
    page = default_risk_page(evidence, lending, replace(run, quality=FINDINGS))
    assert page.verdict.split("\n")[0].endswith("given away: loans.csv, column recoveries: AUC 1.000 on its own.")


def test_findings_about_the_data_have_a_table_with_what_to_do(default_risk_parts):
    evidence, lending, run = default_risk_parts
    html = render(default_risk_page(evidence, lending, replace(run, quality=FINDINGS)))
    assert "365243 in 125 rows" in html
    assert "declare it" in html
    assert "What is odd about the data" not in render(default_risk_page(evidence, lending, run))
