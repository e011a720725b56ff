"""The texts: every language has the same keys and placeholders, and none is for nothing."""

import importlib
import re
import string
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from strategies import OPTIMIZERS, PAIRS, case, optimizer_pair
from traced import textbook

import fastbp as fb
from fastbp.explain.catalogue import FOLDER, Catalogue, catalogue, languages

module = importlib.import_module("fastbp.explain.catalogue")
SECTIONS = ("titles", "words", "whys")
# Vietnamese words of one syllable that need no mark, and names that stay as they are.
TERMS = [
    *("hàm kích hoạt", "đạo hàm", "quy tắc dây chuyền", "lan truyền ngược", "lan truyền tiến"),
    *("trọng số", "độ lệch", "hàm mất mát", "tốc độ học", "bước cập nhật", "đầu vào", "đầu ra"),
]


def texts(language):
    """Return {(section, key): text}."""
    found = catalogue(language)
    return {
        (section, key): text
        for section in SECTIONS
        for key, text in getattr(found, section).items()
    }


def placeholders(text):
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def test_there_are_english_and_vietnamese():
    assert {"en", "vi"} <= set(languages())


@pytest.mark.parametrize("language", languages())
def test_keys_and_placeholders_are_the_same_everywhere(language):
    found, english = texts(language), texts("en")
    assert found.keys() == english.keys()
    for key, text in found.items():
        assert placeholders(text) == placeholders(english[key]), key
        assert text == text.strip()
        assert text, key


def used_keys(monkeypatch):
    """Return the keys of titles and sentences that traces of all kinds ask for."""
    used, title, why = set(), Catalogue.title, Catalogue.why

    def noted_title(self, kind, *arguments):
        used.add(("titles", kind))
        return title(self, kind, *arguments)

    def noted_why(self, about, said):
        used.add(("whys", about))
        return why(self, about, said)

    monkeypatch.setattr(Catalogue, "title", noted_title)
    monkeypatch.setattr(Catalogue, "why", noted_why)
    for trace in traces_of_all_kinds():
        trace.to_dict()
    return used


def traces_of_all_kinds():
    for rows in (1, 2):
        for output, loss in PAIRS:
            drawn = case((1, 2, 2), "relu", output, loss, "float64", rows)
            yield drawn.network().explain(*drawn.rows())
    for name in OPTIMIZERS:
        drawn = case((1, 2, 1), "identity", "identity", "mse", "float64", 1)
        yield drawn.network().explain(*drawn.rows(), optimizer_pair(name)[0])
    yield from special_traces()


def special_traces():
    extras = [
        {"norm": "layer", "dropout": 0.5},
        {"norm": "batch", "dropout": 0.5, "residual": True},
        {"norm": "batch", "trainable": False},
        {"activation": "softmax", "dropout": 0.5},
    ]
    for extra in extras:
        for loss in ("mse", "own_loss_of_this_test"):
            fb.register_loss("own_loss_of_this_test", own_loss, own_slope)
            for wide in (2, 12):
                first = fb.Dense(wide, **{"activation": "tanh", **extra})
                layers = [first, fb.Dense(wide, "tanh"), fb.Dense(wide, tied_to=1, residual=True)]
                net = fb.Network(wide, layers, loss, dtype="float64")
                x = np.linspace(-1, 1, 2 * wide).reshape(2, wide)
                yield net.explain(x, np.zeros((2, wide)), "sgd", [1.0, 2.0])
                yield net.explain(x[:1], np.zeros((1, wide)))
                one = fb.Network(wide, [first, fb.Dense(1)], loss, dtype="float64")
                yield one.explain(x, [0.0, 1.0])
    columns = fb.Columns().fit({"n": [1.0, 3.0], "c": ["a", "b"]})
    scaling = fb.Standardize().fit([1.0, 3.0])
    net = fb.Network(None, [fb.Dense(1)], inputs=columns, targets=scaling)
    yield net.explain({"n": [1.0], "c": ["a"]}, [2.0])


def own_loss(a, y):
    return ((a - y) ** 2).sum(axis=1)


def own_slope(a, y):
    return 2 * (a - y)


def test_no_text_is_for_nothing(monkeypatch):
    used = used_keys(monkeypatch)
    package = Path(module.__file__).parent
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for path in package.rglob("*")
        if path.suffix in (".py", ".js", ".html")
    )
    for section, key in texts("en"):
        if section == "words":
            looked_up = "at_" if key.startswith("at_") else rf"[\"'`.]{key}\b"
            assert re.search(looked_up, sources), key
        elif key != "update_own":  # of an optimizer that has no formula, which none lacks
            assert (section, key) in used, (section, key)


def test_the_words_of_the_page_are_there():
    assert set(textbook().to_dict()["words"]) >= {
        *("title", "forward", "loss", "backward", "update", "next", "previous", "first", "last"),
        *("play", "pause", "step_of", "before", "after", "weights", "biases", "legend_positive"),
        *("legend_negative", "keyboard_help", "theme", "note", "formula", "numbers", "result"),
        *("figures_checked", "network", "values", "skip_to"),
    }


def test_an_unknown_language_lists_those_there_are():
    with pytest.raises(ValueError, match=r"language must be one of 'en', 'vi', got 'xx'"):
        textbook(language="xx")
    with pytest.raises(ValueError, match="language must be one of"):
        textbook(language=None)


def test_a_language_is_one_file(tmp_path, monkeypatch):
    english = (FOLDER / "en.toml").read_text(encoding="utf-8")
    (tmp_path / "xx.toml").write_text(
        english.replace('forward = "Forward pass"', 'forward = "Xx"'), encoding="utf-8"
    )
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    trace = textbook(language="xx")
    assert trace.language == "xx"
    assert trace.to_dict()["words"]["forward"] == "Xx"
    assert "\nXx\n--\n" in trace.to_text()


def test_vietnamese_is_written_with_its_marks_and_terms():
    found = texts("vi")
    whole = " ".join(found.values())
    assert whole == unicodedata.normalize("NFC", whole)
    for term in TERMS:
        assert term in whole.lower(), term
    for key, text in found.items():
        plain = re.sub(r"\{\w+\}", "", text)
        marked = any(ord(letter) > 127 for letter in plain)
        assert marked or len(plain.split()) < 2, (key, text)
        assert text != texts("en")[key] or len(text) < 3, key


def test_rows_and_branches_speak_the_language():
    net = fb.mlp([1, 1], output="relu", dtype="float64", seed=1)
    contents = net.explain([[1.0], [2.0]], [1.0, 0.0], language="vi").to_dict()
    symbols = {step["symbol"] for step in contents["steps"]}
    assert "z1[hàng 2]" in symbols
    (slope, _) = [step for step in contents["steps"] if step["kind"] == "slope"]
    assert slope["formula"] == "1 nếu z1[hàng 1] > 0, ngược lại 0"
