"""Every example runs, and reaches what its first lines claim."""

import re
import runpy
import sys
from itertools import pairwise
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples"
# test_fashion_example.py makes the files that this one reads.
ELSEWHERE = {"fashion_mnist"}
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.py"))
GALLERY = sorted(path.stem for path in (FOLDER / "gallery").glob("*.py"))


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return a function that runs an example in a folder of its own and returns what it prints."""
    monkeypatch.chdir(tmp_path)

    def run(name):
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.fixture
def pyplot():
    """Return pyplot, whose figures are drawn nowhere and forgotten afterwards."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    pyplot.close("all")
    yield pyplot
    pyplot.close("all")


def numbers(pattern, text):
    """Return what a pattern finds, as numbers."""
    return [float(found) for found in re.findall(pattern, text)]


def test_xor(run):
    printed = run("xor")
    assert numbers(r"loss (\S+)", printed)[-1] <= 0.01
    for target, found in re.findall(r"= (\d): (\S+)", printed):
        assert abs(float(found) - int(target)) < 0.05
    assert len(re.findall("xor", printed)) == 4


def test_textbook(run):
    printed = run("textbook")
    for figure in (
        "z1 = 1.000", "a1 = 0.731", "yhat = 0.585", "L = 0.086", "delta2 = -0.415",
        "delta2 a1 = -0.3035", "s'(z1) = 0.197", "delta1 = -0.065", "delta1 x = -0.131",
        "w2 = 0.830", "b2 = 0.042", "w1 = 0.513", "b1 = 0.007", "stop_reason 'loss'",
    ):  # fmt: skip
        assert figure in printed


def test_until_small_enough(run):
    printed = run("until_small_enough")
    assert "stop_reason 'loss'" in printed
    (loss,) = numbers(r"\nloss (\d\S+)\n", printed)
    assert loss <= 1e-5
    assert numbers(r"largest error (\S+)", printed)[0] < 0.02
    epochs = numbers(r"in epoch (\d+)", printed)
    assert len(epochs) == 4
    assert epochs == sorted(set(epochs))
    assert numbers(r"after (\d+) epochs", printed) == epochs[-1:]


def test_digits(run):
    printed = run("digits")
    assert numbers(r"validation accuracy (\S+)", printed)[0] > 0.95
    assert numbers(r"test accuracy (\S+)", printed)[0] > 0.97
    (epochs, best) = numbers(r"(\d+)", printed.splitlines()[0])
    assert best < epochs < 100, "patience ended it"
    assert Path("digits.fastbp").is_file()


def test_regression(run):
    pytest.importorskip("sklearn", reason="scikit-learn has the data")
    printed = run("regression")
    network, line = numbers(r"R2 (\S+),", printed)
    assert network > 0.48
    assert abs(network - line) < 0.02, "about as good as a straight line"


def test_regression_says_what_it_needs(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SystemExit, match="needs scikit-learn, which has the data: pip install"):
        run("regression")


def test_two_moons(run, pyplot):
    printed = run("two_moons")
    assert numbers(r"test accuracy (\S+)", printed)[0] > 0.97
    image = pyplot.imread("two_moons.png")
    # Regions, marks, axes and words in one picture.
    assert len(set(map(bytes, (255 * image).astype("uint8").reshape(-1, 4)))) > 100
    (number,) = pyplot.get_fignums()
    labels = [text.get_text() for text in pyplot.figure(number).axes[0].get_legend().get_texts()]
    assert labels == ["upper moon", "lower moon"]


def test_custom_loss(run):
    printed = run("custom_loss")
    mean, own = numbers(r"cost a day (\S+),", printed)
    assert own < 0.85 * mean
    share = numbers(r"sold out on (\d+) %", printed)[1]
    assert 15 < share < 25, "one day in five"
    assert "refused: " in printed


def test_control_loop(run):
    lengths = numbers(r"poles stay up (\d+) steps", run("control_loop"))
    assert len(lengths) == 6
    assert lengths[0] < 60
    assert lengths[-1] > 180
    rises = [later - sooner for sooner, later in pairwise(lengths)]
    assert min(rises) > -10, "it goes up nearly all the time"


def test_every_example_has_a_test_and_a_line_on_the_page():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert set(EXAMPLES) - ELSEWHERE <= tested
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| \[(\w+)\.py\]\(\1\.py\) \|", page, re.MULTILINE)) == EXAMPLES


@pytest.mark.parametrize("name", GALLERY)
def test_gallery(name, pyplot, monkeypatch):
    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.get_fignums()))
    path = FOLDER / "gallery" / f"{name}.py"
    runpy.run_path(str(path), run_name="__main__")
    text = path.read_text(encoding="utf-8")
    # A picture before each cell and at the end, and shown all at once.
    assert shown == [list(range(1, text.count("\n# %%\n") + 2))]
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        figure.canvas.draw()
        assert all(axes.has_data() or axes.child_axes for axes in figure.axes)
    title, line = text.splitlines()[1:3]
    assert len(title) == len(line)
    assert set(line) == {"="}


def test_the_gallery_has_a_script_for_each_picture():
    plot = pytest.importorskip("fastbp.plot")
    assert sorted(f"plot_{name}" for name in plot.__all__) == GALLERY
