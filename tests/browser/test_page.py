"""The page in headless Chromium: what a reader sees at each step, and what the controls do.

Pictures are kept in the folder FASTBP_ARTEFACTS, or else in pytest's temporary one.
"""

import re

import pytest

pytest.importorskip("selenium", reason='browser test skipped: no selenium (extra "browser")')

from explained import large, medium, of_all_kinds, textbook, two_rows, with_text
from selenium.webdriver import Keys
from stepped import Reader

from fastbp.explain.page import write_page

pytestmark = pytest.mark.no_sanitizer("starts a browser, which would get the sanitizer too")

TRACES = {
    "textbook": textbook,
    "two-rows": two_rows,
    "medium": medium,
    "large": large,
    "all-kinds": of_all_kinds,
    "vietnamese": lambda: textbook(language="vi"),
}
# Letters beside and below others, which are smaller by nature.
INDICES = ("SUB", "SUP", "tspan")
# As the hand derivation has them, one after the other: what is derived, what it comes to, and what
# the rounded numbers give where that is another figure.
FIGURES = [
    ("z1 = w1 x + b1 = 0.5 * 2 + 0", "1", None),
    ("a1 =", "0.731", None),
    ("z2 = w2 a1 + b2 = 0.8 * 0.731 + 0", "0.585", None),
    ("L =", "0.086", None),
    ("δ2 =", "-0.415", None),
    ("dL/dw2 =", "-0.304", "-0.303"),
    ("dL/db2 =", "-0.415", None),
    ("s'(z1) =", "0.197", None),
    ("δ1 =", "-0.065", None),
    ("dL/dw1 =", "-0.131", "-0.130"),
    ("dL/db1 =", "-0.065", None),
    ("w2 =", "0.830", None),
    ("b2 =", "0.042", None),
    ("w1 =", "0.513", None),
    ("b1 =", "0.007", None),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return a function that gives the path of a page, written once."""
    folder = tmp_path_factory.mktemp("pages")

    def path(name):
        found = folder / f"{name}.html"
        if not found.exists():
            TRACES[name]().to_html(found)
        return found

    return path


@pytest.fixture
def reader(browser):
    """Return a reader of pages; whatever the browser complains of meanwhile fails the test."""
    reader = Reader(browser)
    reader.errors()
    yield reader
    assert reader.errors() == []


def test_the_textbook_example_can_be_followed_from_beginning_to_end(reader, pages, artefacts):
    reader.open(pages("textbook"))
    steps = [reader.step]
    while reader.find(".next:enabled"):
        reader.click(".next")
        steps.append(reader.step)
        assert len(steps) <= 40
    place = 0
    for start, result, rounded in FIGURES:
        while not (f" {start}" in steps[place] and f" = {result} " in f"{steps[place]} "):
            place += 1
            assert place < len(steps), f"no step after the ones before it shows {start} {result}"
        if rounded is not None:
            assert rounded in steps[place]
        place += 1
    reader.open(pages("textbook"), "#step-1")
    assert reader.browser.save_screenshot(str(artefacts / "textbook-first.png"))
    reader.click(".last")
    assert reader.browser.save_screenshot(str(artefacts / "textbook-last.png"))


def test_figures_appear_in_the_picture_when_they_become_known(reader, pages):
    reader.open(pages("textbook"))
    assert reader.known('[data-node="1,0"]') == ["z1", "1"]
    assert reader.known('[data-node="2,0"]') == []
    assert reader.known('[data-bias="1,0"]') == ["b1", "0"]
    assert reader.known(".loss") == []
    reader.click(".last")
    assert reader.known('[data-node="1,0"]') == ["z1", "1", "a1", "0.731", "δ1", "-0.065"]
    assert reader.known('[data-bias="1,0"]') == ["b1", "0.007"]
    assert reader.known(".loss") == ["L", "0.086"]
    assert reader.known(".target") == ["y", "1"]


def test_edges_change_to_their_new_weights_in_the_update(reader, pages):
    reader.open(pages("textbook"))
    assert reader.known('[data-edge="1,0,0"]') == ["0.5"]
    reader.click(".last")
    assert reader.known('[data-edge="1,0,0"]') == ["0.513"]
    reader.press(Keys.HOME)
    assert reader.known('[data-edge="1,0,0"]') == ["0.5"]


def test_buttons_links_and_the_hash_say_the_same(reader, pages):
    reader.open(pages("textbook"))
    steps = len(textbook().to_dict()["steps"])
    assert reader.find(".position")[0].text == f"Step 1 of {steps}"
    assert not reader.find(".previous:enabled") + reader.find(".first:enabled")
    reader.click(".next")
    reader.click(".next")
    assert reader.number == 3
    reader.wait(lambda: reader.run("return location.hash") == "#step-3")
    reader.click(".previous")
    assert reader.number == 2
    reader.click(".last")
    assert reader.number == steps
    assert not reader.find(".next:enabled") + reader.find(".last:enabled")
    reader.click(".first")
    assert reader.number == 1
    reader.click('.phases a[data-phase="backward"]')
    reader.wait(lambda: "δ2" in reader.step)
    assert reader.find('.phases [aria-current="step"]')[0].text == "Backward pass"
    reader.click('.entry[data-from="4"]')
    reader.wait(lambda: reader.number == 4)
    assert reader.run("return location.hash") == "#step-4"
    reader.run("history.back()")
    reader.wait(lambda: reader.number != 4)
    assert "δ2" in reader.step
    reader.open(pages("textbook"), "#step-7")
    assert reader.number == 7
    assert reader.run("return scrollY") == 0
    for wrong in ("#step-0", "#step-99", "#nothing"):
        assert reader.open(pages("textbook"), wrong).number in (1, steps)


def test_values_are_listed_once_they_are_known(reader, pages):
    reader.open(pages("textbook"), "#step-2")
    assert [entry.text.split("\n")[-1] for entry in reader.find(".entry.known")] == ["1", "0.731"]
    assert not [b for b in reader.find(".entry:not(.known) b") if b.text]


def test_the_keyboard_does_what_the_buttons_do(reader, pages):
    reader.open(pages("textbook"))
    steps = len(textbook().to_dict()["steps"])
    wanted = [
        (Keys.ARROW_RIGHT, 2),
        (Keys.ARROW_RIGHT, 3),
        (Keys.ARROW_LEFT, 2),
        (Keys.END, steps),
        (Keys.HOME, 1),
        ("2", 5),
        ("1", 1),
        ("9", 1),
    ]
    for key, number in wanted:
        reader.press(key)
        reader.wait(lambda number=number: reader.number == number)
    reader.press(Keys.SPACE)
    assert reader.find('.play[aria-pressed="true"][aria-label="Pause"]')
    reader.press(Keys.SPACE)
    assert reader.find('.play[aria-pressed="false"][aria-label="Play"]')


def test_play_goes_on_by_itself_and_ends_at_the_last_step(reader, pages):
    reader.open(pages("textbook"))
    # Reading takes no time here.
    reader.run("window.setTimeout = (ready) => queueMicrotask(ready)")
    reader.click(".play")
    steps = len(textbook().to_dict()["steps"])
    reader.wait(lambda: reader.number == steps)
    assert reader.find('.play[aria-pressed="false"]')


def test_the_terms_of_a_sum_are_walked_one_by_one(reader, pages):
    reader.open(pages("textbook"))
    assert reader.lit(".term") == []
    reader.click(".next-term")
    assert set(reader.lit(".term")) == {"0"}
    assert reader.lit(".edge") == ["1,0,0"]
    assert "w1 x = 0.5 * 2 = 1" in reader.step
    reader.press(Keys.SHIFT, Keys.ARROW_RIGHT)
    assert set(reader.lit(".term")) == {"1"}
    assert (reader.lit(".edge"), reader.lit(".bias")) == ([], ["1,0"])
    assert not reader.find(".next-term:enabled")
    reader.press(Keys.SHIFT, Keys.ARROW_LEFT)
    reader.press(Keys.SHIFT, Keys.ARROW_LEFT)
    assert reader.lit(".term") == reader.lit(".edge") == []
    assert reader.number == 1


def test_a_term_and_its_edge_light_up_together(reader, pages):
    reader.open(pages("two-rows"))
    reader.point('.lines .formula .term[data-edge="1,0,1"]')
    assert set(reader.lit(".term")) == {"1"}
    assert reader.lit(".edge") == ["1,0,1"]
    assert reader.lit(".unit") == ["0,1"]
    reader.point("h1")
    assert reader.lit("*") == []
    reader.point('.edge[data-edge="1,0,0"] .hit')
    assert reader.lit(".edge") == ["1,0,0"]
    assert set(reader.lit(".term")) == {"0"}
    reader.point("h1")
    reader.run("document.querySelector('.step.current .term[tabindex]').focus()")
    assert reader.lit(".edge") == ["1,0,0"]


def test_what_a_step_is_about_is_marked_in_the_picture(reader, pages):
    reader.open(pages("two-rows"))

    def active(what):
        return reader.run(
            f"return [...document.querySelectorAll('{what}.active')].map(e => e.dataset)"
        )

    assert [found["edge"] for found in active(".edge")] == ["1,0,0", "1,0,1"]
    assert {found["node"] for found in active(".unit")} == {"0,0", "0,1", "1,0"}
    assert [found["bias"] for found in active(".bias")] == ["1,0"]


def test_the_factors_of_the_chain_rule_light_their_places(reader, pages):
    contents = textbook().to_dict()
    number = next(i for i, s in enumerate(contents["steps"], 1) if s["symbol"] == "dL/dw1")
    reader.open(pages("textbook"), f"#step-{number}")
    factors = reader.find(".factor")
    assert [factor.text.split("\n")[-1] for factor in factors] == [
        "-0.415",
        "1",
        "0.8",
        "0.197",
        "2",
    ]
    reader.point(".factor[data-edge]")
    assert reader.lit(".edge") == ["2,0,0"]


def test_every_row_of_a_batch_has_its_figures(reader, pages):
    contents = two_rows().to_dict()
    reader.open(pages("two-rows"))
    for number, step in enumerate(contents["steps"], start=1):
        if step["kind"] == "z" and step["node"] == [1, 0]:
            reader.run(f"location.hash = '#step-{number}'")
            reader.wait(lambda number=number: reader.number == number)
            row = step["row"]
            assert reader.find(".row")[0].text == f"row {row + 1} of 2"
            assert step["shown"] in reader.known('[data-node="1,0"]')
            shown = {"1": "1", "0": "0", "-0.5": "-0.5", "2": "2"}
            assert reader.known('[data-node="0,0"]')[1] == shown[f"{contents['x'][row][0]:g}"]


def test_a_phone_shows_it_all_without_scrolling_sideways(reader, pages):
    for name in TRACES:
        reader.open(pages(name), width=360, height=740)
        widths = reader.at_every_step("return document.documentElement.scrollWidth")
        assert set(widths) == {360}, name
        sizes = reader.run(
            "return [...document.querySelectorAll('button, .phases a, .entry')]"
            ".map((e) => e.getBoundingClientRect()).filter((r) => r.width)"
            ".map((r) => Math.min(r.width, r.height))"
        )
        assert min(sizes) >= 40
        small = [t for t in reader.texts() if t["size"] < 13.9 and t["tag"] not in INDICES]
        assert not small, name
        bottom = reader.run(
            "return document.querySelector('.controls').getBoundingClientRect().bottom"
        )
        assert bottom <= 740


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(reader, pages, dark):
    for name, number in (("textbook", 1), ("textbook", 11), ("two-rows", 1), ("large", 1)):
        reader.open(pages(name), f"#step-{number}", dark=dark)
        for place in (None, ".next-term"):
            if place and reader.find(place):
                reader.click(place)
            faint = [text for text in reader.texts() if text["ratio"] < 4.5]
            assert not faint, name


def test_the_theme_follows_the_system_until_it_is_changed(reader, pages):
    def background():
        return reader.run("return getComputedStyle(document.body).backgroundColor")

    reader.open(pages("textbook"))
    light = background()
    reader.click(".theme")
    dark = background()
    assert light != dark
    reader.click(".theme")
    assert background() == light
    reader.open(pages("textbook"), dark=True)
    assert background() == dark


def test_the_step_is_read_out(reader, pages):
    reader.open(pages("textbook"))
    live = reader.browser.find_element("css selector", '[aria-live="polite"]')
    assert live.get_attribute("textContent") == ""
    reader.click(".next")
    spoken = live.get_attribute("textContent")
    assert spoken.startswith("Step 2 of")
    assert "0.731" in spoken


def test_vietnamese_is_spoken_throughout(reader, pages):
    words = textbook(language="vi").to_dict()["words"]
    reader.open(pages("vietnamese"))
    assert reader.run("return document.documentElement.lang") == "vi"
    assert reader.find(".next")[0].text == words["next"]
    assert words["forward"] in reader.step
    reader.click(".last")
    assert "0.007" in reader.step


def test_the_script_says_nothing_of_its_own(reader, tmp_path):
    write_page(tmp_path / "words.html", with_text(textbook().to_dict(), "¤"))
    reader.open(tmp_path / "words.html")
    said = reader.at_every_step(
        "const spoken = [...document.querySelectorAll('[aria-label], [title]')]"
        ".flatMap(e => [e.ariaLabel, e.title]);"
        "document.querySelector('.next-term').click();"
        "return document.body.innerText + document.title + spoken.join(' ')"
        " + document.querySelector('.live').textContent;"
    )
    reader.click(".play")
    said.append(reader.find(".play")[0].get_attribute("aria-label"))
    # Names of variables have one letter, and two after the d of a derivative.
    assert not re.findall(r"(?!d[Lzawb]\b)\b[^\W\d_]{2,}", re.sub(r"null|\d", "", " ".join(said)))


def test_a_shortened_trace_marks_whole_layers(reader, pages):
    steps = large().to_dict()["steps"]
    reader.open(pages("large"))
    assert len(reader.find('.unit[data-layer="1"]')) == 9
    marked = reader.at_every_step(
        "return [document.querySelector('.step.current h2').textContent,"
        " [...document.querySelectorAll('.unit.active')].map(e => e.dataset.layer)]"
    )
    assert [title for title, _ in marked] == [step["title"] for step in steps]
    for step, (_, layers) in zip(steps, marked, strict=True):
        if step["kind"] == "summary" and step["layer"]:
            assert layers == [str(step["layer"])] * min(9, [20, 30, 12, 3][step["layer"]])


def test_without_its_script_the_page_shows_every_step(reader, pages):
    reader.open(pages("textbook"))
    reader.do("Emulation.setScriptExecutionDisabled", value=True)
    reader.browser.get("about:blank")
    reader.browser.get(pages("textbook").as_uri())
    assert len(reader.find(".step")) == len(textbook().to_dict()["steps"])
    assert reader.find("button") == []
    assert reader.find(".canvas svg")
    reader.click('.entry[data-from="12"]')
    reader.do("Emulation.setScriptExecutionDisabled", value=False)


def test_on_paper_every_step_is_there(reader, pages):
    reader.open(pages("textbook"), media="print")
    assert len(reader.find(".step")) == len(textbook().to_dict()["steps"])
    assert reader.find("button") == []


def test_texts_of_others_do_nothing_but_stand_there(reader, tmp_path):
    contents = textbook().to_dict()
    attack = "</script><script>document.title='hacked'</script><img src=x onerror='alert(1)'>"
    contents["title"] = contents["steps"][0]["why"] = contents["steps"][0]["formula"] = attack
    path = tmp_path / "hostile.html"
    write_page(path, contents)
    reader.open(path)
    assert reader.browser.title == attack
    assert attack in reader.step
    assert reader.find("img") == []


@pytest.mark.parametrize(
    ("name", "size", "dark"),
    [
        ("textbook", (1280, 800), False),
        ("textbook", (390, 844), True),
        ("two-rows", (1280, 800), True),
        ("two-rows", (390, 844), False),
        ("large", (1280, 800), False),
        ("vietnamese", (390, 844), False),
    ],
)
def test_pictures_of_the_page_are_kept(reader, pages, artefacts, name, size, dark):
    width, height = size
    reader.open(pages(name), "#step-3", width=width, height=height, dark=dark)
    path = artefacts / f"{name}-{width}{'-dark' if dark else ''}.png"
    assert reader.browser.save_screenshot(str(path))
    assert path.read_bytes().startswith(b"\x89PNG")
