"""What is right for each case: sentences, exit codes and figures in what it printed and wrote."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

__all__ = ["JUDGES", "Output"]


@dataclass(frozen=True)
class Output:
    """What a case printed, and the folder in which it wrote its reports."""

    text: str
    folder: Path

    @property
    def codes(self) -> list[int]:
        """Exit codes in the order in which they were printed."""
        return [int(code) for code in re.findall(r"^rc=(\d+)$", self.text, re.MULTILINE)]

    def part(self, start: str) -> str:
        """What was printed from a word on to the next heading."""
        found = re.search(rf"^== {re.escape(start)}$(.*?)(?=^== |\Z)", self.text, re.MULTILINE | re.DOTALL)
        return found[1] if found else ""

    def page(self, job: str) -> str:
        """The report of a job."""
        paths = sorted(path for path in self.folder.rglob("report.html") if path.parts[-3] == job)
        return paths[0].read_text(encoding="utf-8") if paths else ""

    def metrics(self, job: str) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
        """The figures of a job."""
        path = next(path for path in self.folder.rglob("metrics.json") if path.parts[-3] == job)
        return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


Judge = Callable[[Output], bool]


def says(*words: str, code: int | None = None) -> Judge:
    """Every pattern is found, and the first exit code is as given."""
    return lambda output: (
        all(re.search(word, output.text) for word in words) and (code is None or output.codes[:1] == [code])
    )


def is_silent_about(*words: str) -> Judge:
    """None of the patterns is found, and nothing was refused for its files."""
    return lambda output: not any(re.search(word, output.text) for word in (*words, "Traceback", "not_a_"))


def both(*judges: Judge) -> Judge:
    """All of them agree."""
    return lambda output: all(judge(output) for judge in judges)


def figures(pattern: str, *wanted: float, within: float) -> Judge:
    """The numbers that a pattern finds are near those wanted."""

    def judge(output: Output) -> bool:
        found = re.search(pattern, output.text)
        numbers = [] if found is None else [float(number) for number in found.groups()]
        return bool(numbers) and all(abs(a - b) <= within for a, b in zip(numbers, wanted, strict=True))

    return judge


def forecast_codes(*codes: int) -> Judge:
    """The run ended well, and the forecasts after it with these exit codes."""
    return lambda output: output.codes == [0, *codes]


def _stands_first(output: Output) -> bool:
    page = output.page("l16")
    at = page.find("recoveries")
    return 0 < at < page.find("the network")


def _one_fold(output: Output) -> bool:
    network = output.metrics("gspc-vix")["scores"]["network"]["log_loss"]["value"]
    verdict = str(output.metrics("gspc-vix")["verdict"])
    claims = re.search(r"network (beats|loses to) (logistic|every)", verdict)
    return claims is None and float(network) <= 0.694  # type: ignore[arg-type]


def _bank(output: Output) -> bool:
    bank = output.part("bank")
    named = ("loan_amnt", "term", "int_rate", "dob", "365243", "-999", "96", "member_id", "recoveries")
    return all(word in bank for word in named) or "csv.units" in bank


def _bank_layout(output: Output) -> bool:
    return (
        _bank(output)
        and "late_feature" in output.part("leak")
        and _alarm_stands_first(output.page("leak"), "late_feature")
        and "as_of" in output.part("future")
        and re.search(r"AUC .?86", output.part("three_times")) is None
        and float(output.metrics("dupk")["scores"]["forest"]["auc"]["value"]) < 0.75  # type: ignore[arg-type]
        and _are_scored_though_undecided(output)
        and _all_new_loans_come_back(output)
    )


def _alarm_stands_first(page: str, column: str) -> bool:
    return 0 < page.find(column) < page.find("the network")


def _are_scored_though_undecided(output: Output) -> bool:
    """finnet names the key for open outcomes; once it is declared, the loans are pending and do not train."""
    from finnet.jobs.job_file import read_job
    from finnet.jobs.sources import check_data, load
    from finnet.jobs.tasks.loan_drafts import loan_draft

    path = next(output.folder.rglob("open.toml"))
    found = check_data(read_job(path)).query("rule == 'unknown_outcome'")
    is_named = "data.loans.undecided" in found["remedy"].iloc[0]
    head = ["schema = 1", 'task = "default-risk"', 'name = "open"']
    (path.parent / "drafted.toml").write_text(
        "\n".join([*head, *loan_draft(path.parent / "bank_open.csv", path.parent)])
    )
    job = read_job(path.parent / "drafted.toml")
    loaded = load(job.model_copy(update={"data": replace(job.data, loans=replace(job.data.loans, as_of=_AFTER))}))  # type: ignore[union-attr, type-var]
    book = loaded.source
    return is_named and len(book.pending) == found["count"].sum() and not set(book.pending.loan_id) & set(book.loan_id)  # type: ignore[union-attr, arg-type]


_AFTER = date(2026, 1, 1)


def _all_new_loans_come_back(output: Output) -> bool:
    """The case names outputs .out, which finnet refuses in words; with a name that it takes, all 20 loans come back."""
    from finnet.jobs.forecasting import forecast_new

    run = next(path for path in output.folder.rglob("2017-12-29-*") if path.parent.name == "num")
    new = {name: forecast_new(run, next(output.folder.rglob(f"{name}.csv"))) for name in ("unseen", "wild", "mixed")}
    return (
        "use .csv or .parquet" in output.text
        and all(len(forecasts.forecasts) == 20 for forecasts in new.values())
        and bool(new["unseen"].breaches and new["wild"].breaches)
        and any("known before" in flags for flags in new["mixed"].flags)
    )


def _rows_of_money_traded(output: Output) -> bool:
    """finnet's own feature on the file, not the case's imitation of what it was."""
    import numpy as np

    from finnet.data.prices import PriceFile, read_prices
    from finnet.errors import DataError
    from finnet.features.feature_set import FeatureSet

    file = PriceFile(path=str(output.folder / "sp500.parquet"), exclude=("",), rules={"missing_adj_close": "warning"})
    panel = read_prices(file)
    values = FeatureSet.of(["rank_dollar_volume_20"]).compute(panel)[..., 0]
    day = int(np.searchsorted(panel.sessions, np.datetime64("2004-12-31"), side="right")) - 1
    # finnet's ranks lie about 0, from -0.5 to 0.5.
    is_true = abs(float(values[day, panel.symbols.index("AAPL")]) + 0.5 - 0.988) < 0.01
    without = panel.with_fields({})
    fields = {name: values for name, values in without.fields.items() if name != "raw_close"}
    try:
        FeatureSet.of(["dollar_volume_20"]).compute(type(panel)(panel.sessions, panel.closes_at, panel.symbols, fields))
    except DataError:
        return is_true
    return False


JUDGES: Mapping[str, Judge] = {
    "01": figures(r"annual_return': (?:np.float64\()?(-?[\d.]+)", 0.049, within=0.006),
    "03": says("date_after_today", code=3),
    "05": says("QQX"),
    "06": says("no_common_symbol", code=3),
    "08": lambda output: output.text.count("old_value") >= 2 and "max_age_days" in output.text,
    "09": both(forecast_codes(0, 5, 5), says("home: 8 of 8 rows have levels that training never saw")),
    "11": both(forecast_codes(0, 5, 5, 5), says("inc: 8 of 8 rows have no value", "rate: 8 of 8 rows have values")),
    "12": says(r"int_rate.*900 rows.*csv\.units"),
    "14": says(r"likely_code .*365243"),
    "16": says(r"not_due .*149 rows", code=0),
    "17": is_silent_about("unknown_outcome"),
    "18": both(is_silent_about("AttributeError", "KeyError", "TypeError"), says("max_drawdown")),
    "20": says("DataError Yahoo gave no bars"),
    "22": says(r"\(2\d, 1\)"),
    "23": says(r"missing_amount .*line 552", code=3),
    "25": says(r"text_above_header .*skip_rows = 1", r"text_below_table .*skip_footer = 4"),
    "27": says(r"several_header_lines .*header_lines = 3"),
    "29": says(r"csv\.thousands", r"csv\.units"),
    "30": says(r"csv\.decimal = \",\"", r"csv\.thousands = \"\.\""),
    "33": is_silent_about("zone_in_date"),
    "34": says(r"date_format = \"epoch_ms\""),
    "36": is_silent_about("not_a_time"),
    "38": is_silent_about("time_in_date"),
    "39": says("the first line holds data, not names", r"csv\.names"),
    "41": says("one column per symbol"),
    "42": says(r"unknown_outcome .*data\.loans\.undecided"),
    "44": is_silent_about("not_finite"),
    "45": says(r"train_bars", r"at least \d+", "blocks"),
    "46": both(is_silent_about("101 errors"), lambda output: int(output.text.split()[0]) <= 3),
    "47": both(is_silent_about("wrong_encoding", "UTF-8"), lambda output: output.codes == [0]),
    "48": both(says("likely_split"), lambda output: "likely split" in output.page("s01")),
    "50": says("weekend_bars"),
    "51": both(lambda output: output.text.count("gives_away") >= 2, _stands_first),
    "60": _one_fold,
    "61": _rows_of_money_traded,
    "62": both(
        says(r"horizon 1 equity end 0\.91", r"horizon 5 equity end 0\.91", r"position at bar [3-9]|Error"),
        says(r"positions \[0\.0, 0\.0, 0\.0, 0\.0, 0\.0, 0\.0,"),
    ),
    "70": _bank_layout,
    "71": figures(r"column ([\d.]+)  AUC of BestColumn on it ([\d.]+)", 0.654, 0.654, within=0.002),
}
