"""The page of a trace: one file that needs nothing and that no text can break."""

import base64
import hashlib
import json
import os
import re
from html.parser import HTMLParser

import pytest
from explained import large, medium, of_all_kinds, textbook, two_rows, with_text

from fastbp.explain.chain import chain
from fastbp.explain.page import page, write_page

TRACES = {"textbook": textbook, "two rows": two_rows, "medium": medium, "large": large}
TRACES["all kinds"] = of_all_kinds
PARAMETERS = ("weights", "biases", "new_weights", "new_biases")
HOSTILE = [
    "</script><script>document.title = 'hacked'</script>",
    "<!-- <script>",
    "]]> & &lt; \u2028 \u2029 \ud800 \"' {{words.next}} {{trace}}",
    '"><img src=x onerror=alert(1)>',
]


class Reader(HTMLParser):
    """Collects the elements of a page, and what stands in its scripts and styles."""

    def __init__(self):
        super().__init__()
        self.elements, self.inline, self.text = [], {"script": [], "style": []}, []
        self.within = []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.within.append(tag)
        if tag in self.inline:
            self.inline[tag].append("")

    def handle_endtag(self, tag):
        while tag in self.within and self.within.pop() != tag:
            pass

    def handle_data(self, data):
        if self.within and self.within[-1] in self.inline:
            self.inline[self.within[-1]][-1] += data
        else:
            self.text.append(data)


def read(text):
    reader = Reader()
    reader.feed(text)
    return reader


def embedded(text):
    return json.loads(read(text).inline["script"][0])


@pytest.fixture(params=TRACES)
def contents(request):
    return TRACES[request.param]().to_dict()


def test_the_page_refers_to_nothing_outside(contents):
    text = page(contents)
    # A digest may hold two slashes.
    bare = re.sub(r"/\*.*?\*/|sha256-[\w+/=]+|^ *//.*$", "", text, flags=re.MULTILINE)
    assert not re.findall(r"(?:https?:)?//[\w.]+", bare)
    for tag, attributes in read(text).elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}
        assert not {"src", "srcset", "data", "style"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("href", "#").startswith("#")


def test_the_policy_lets_run_what_is_in_the_page_and_nothing_else(contents):
    found = read(page(contents))
    policy = next(
        a["content"] for _, a in found.elements if a.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.split(None, 1) for rule in policy.split("; "))
    for kind, text in (("script", found.inline["script"][1]), ("style", found.inline["style"][0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules.pop(f"{kind}-src") == f"'sha256-{digest}'"
    assert set(rules) == {"default-src", "base-uri", "form-action"}
    assert set(rules.values()) == {"'none'"}


def test_the_trace_comes_back_out_of_the_page(contents):
    found = embedded(page(contents))
    if contents["shortened"]:
        # Without what could be megabytes.
        assert len(json.dumps(found)) < 30_000
        network = contents["network"] | {key: found["network"][key] for key in PARAMETERS}
        contents = contents | {"network": network, "x": None, "y": None}
    assert found == contents


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_breaks_out_of_its_place(hostile):
    plain = textbook().to_dict()
    contents = with_text(plain, hostile)
    contents["words"]["step_of"] = hostile
    text = page(contents)
    usual, found = read(page(plain)), read(text)
    tags = ("script", "style", "img", "li", "button", "meta")
    for tag in tags:
        count = [name for name, _ in found.elements].count(tag)
        expected = [name for name, _ in usual.elements].count(tag)
        # The terms of a formula that cannot be told apart are not marked; the rest stands.
        assert count == expected, tag
    assert found.inline["script"][1:] == usual.inline["script"][1:]
    assert embedded(text) == contents
    assert "\u2028" not in found.inline["script"][0]


def test_every_step_stands_in_the_page_without_its_script(contents):
    found = read(page(contents))
    text = re.sub(r"\s+", " ", "".join(found.text))
    for step in contents["steps"]:
        assert step["shown"] in text
        assert step["note"] is None or step["note"] in text
    items = [a["id"] for tag, a in found.elements if tag == "li" and "id" in a]
    assert items == [f"step-{number}" for number in range(1, len(contents["steps"]) + 1)]
    # Whatever links within the page has somewhere to go.
    targets = {a["href"][1:] for tag, a in found.elements if tag == "a"}
    assert targets <= set(items)


def test_formulas_can_be_copied_as_they_are_printed():
    contents = textbook().to_dict()
    text = "".join(read(page(contents)).text)
    assert "dL/dw2" in text
    assert "w1 x + b1" in text
    assert "0.5 * 2 + 0" in text


@pytest.mark.parametrize("language", ["en", "vi"])
def test_all_words_of_the_page_are_the_trace_s(language):
    contents = textbook(language=language).to_dict()
    found = read(page(contents))
    assert ("html", {"lang": language}) in found.elements
    shown = read(page(with_text(contents, "¤")))
    spoken = [a[name] for _, a in shown.elements for name in ("aria-label", "title") if a.get(name)]
    assert not re.findall(r"[^\W\d_]{2,}", " ".join([*shown.text, *spoken]))


def test_a_file_is_replaced_all_or_nothing(tmp_path):
    path = tmp_path / "step.html"
    path.write_text("old")
    contents = textbook().to_dict()
    contents["loss"] = float("nan")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_page(path, contents)
    assert path.read_text() == "old"
    write_page(os.fspath(path), textbook().to_dict())
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert os.listdir(tmp_path) == ["step.html"]


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="the folder does not exist") as raised:
        textbook().to_html(tmp_path / "missing" / "step.html")
    assert raised.value.filename == str(tmp_path / "missing" / "step.html")


def test_the_chain_rule_has_the_factors_of_the_hand_derivation():
    contents = textbook().to_dict()
    products = {
        step["symbol"]: [(f"{f.top}/{f.bottom}", f.meaning, f"{f.value:.3f}") for f in found]
        for step in contents["steps"]
        if (found := chain(contents, step))
    }
    output = [("dL/da2", "a2 - y", "-0.415"), ("da2/dz2", "s'(z2)", "1.000")]
    hidden = [*output, ("dz2/da1", "w2", "0.800"), ("da1/dz1", "s'(z1)", "0.197")]
    assert products == {
        "delta2": output,
        "dL/dw2": [*output, ("dz2/dw2", "a1", "0.731")],
        "dL/db2": [*output, ("dz2/db2", "", "1.000")],
        "delta1": hidden,
        "dL/dw1": [*hidden, ("dz1/dw1", "x", "2.000")],
        "dL/db1": [*hidden, ("dz1/db1", "", "1.000")],
    }


@pytest.mark.parametrize("make", [two_rows, medium, large])
def test_there_is_no_chain_of_single_factors_where_paths_are_many(make):
    assert 'class="chain"' not in page(make().to_dict())


def test_large_layers_are_drawn_with_a_gap():
    contents = large().to_dict()
    assert contents["shortened"]
    drawn = [a["data-node"] for _, a in read(page(contents)).elements if a.get("class") == "unit"]
    assert sum(node.startswith("1,") for node in drawn) == 9
    assert "1,0" in drawn
    assert "1,29" in drawn
