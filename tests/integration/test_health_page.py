"""docs/health.md: its examples print what it says, and its table has every rule and limit."""

import re
from pathlib import Path

import pytest

from fastbp.health import diagnosis, slopes

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "health.md").read_text(encoding="utf-8")
BLOCKS = [text for _, text in re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)]
EXAMPLES = list(zip(BLOCKS[::2], BLOCKS[1::2], strict=True))
RULES = PAGE.partition("| finding |")[2].partition("\n\n")[0]


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example_prints_what_the_page_says(number, capsys):
    code, printed = EXAMPLES[number]
    exec(compile(code, "health.md", "exec"), {})
    assert capsys.readouterr().out == printed


def test_every_rule_stands_in_the_table_in_its_order():
    named = re.findall(r"^\| ([a-z ]+) \|", RULES, re.MULTILINE)
    assert named == [rule.__name__.replace("_", " ") for rule in diagnosis.RULES]


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("of fewer than 8 rows", diagnosis.ROWS_OF_THE_DEAD / 8),
        ("half of a layer's units", diagnosis.HALF * 2),
        ("below 1 % of the largest", slopes.SATURATED * 100),
        ("100 times the deviation", diagnosis.GROWN / 100),
        ("1000 times the norm", diagnosis.EXPLODED / 1000),
        ("less than 1/1000 of the norm", diagnosis.VANISHED * 1000),
        ("within 1/1000 of the targets' range", diagnosis.CONSTANT * 1000),
        ("below 1e-6 of the weights", diagnosis.LITTLE * 1e6),
        ("longer than the weights themselves", diagnosis.MUCH),
        ("between 0.01 and 10", diagnosis.LARGE_INPUT / 10 * (diagnosis.SMALL_INPUT * 100)),
    ],
)
def test_limits_are_those_of_the_code(limit, value):
    assert limit in RULES
    assert value == 1
