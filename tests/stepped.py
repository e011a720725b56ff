"""A page in a browser, as a reader sees and uses it."""

import re

from selenium.webdriver import ActionChains
from selenium.webdriver.support.ui import WebDriverWait

# Contrast of every visible text with what is behind it, by the formula of WCAG 2.2.
CONTRASTS = """
const parse = (color) => color.match(/[\\d.]+/g).map(Number);
const part = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const [r, g, b, a = 1] = parse(getComputedStyle(at).backgroundColor);
    if (a === 1) return [r, g, b];
    const body = at.matches?.(".unit, .loss, .bias, .target") && at.querySelector("rect, circle");
    if (body) return parse(getComputedStyle(body).fill);
  }
  return [255, 255, 255];
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const text = walker.currentNode.textContent.trim();
  if (!text || element.closest("script, button:disabled, .live, .times")) continue;
  if (!element.checkVisibility({ visibilityProperty: true })) continue;
  const style = getComputedStyle(element);
  const own = parse(element.closest("svg") ? style.fill : style.color);
  const [one, two] = [light(own), light(behind(element))];
  const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
  const scale = element.closest("svg") ? element.getScreenCTM().a : 1;
  const { tagName: tag } = element.closest("sub, sup") ?? element;
  found.push({ text, ratio, size: parseFloat(style.fontSize) * scale, tag });
}
return found;
"""


class Reader:
    """Opens pages in a browser, uses their controls and tells what is to be seen."""

    def __init__(self, browser):
        self.browser = browser

    def open(self, path, hash_="", width=1280, height=800, dark=False, media=""):
        """Open a page in a window of a size and a theme."""
        self.do("Emulation.setScriptExecutionDisabled", value=False)
        self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        features = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce",
        }
        self.do(
            "Emulation.setEmulatedMedia",
            media=media,
            features=[{"name": name, "value": value} for name, value in features.items()],
        )
        # A change of the hash alone would not load the page anew.
        self.browser.get("about:blank")
        self.browser.get(path.as_uri() + hash_)
        return self

    def do(self, command, **arguments):
        """Give the browser a command of its developer tools."""
        return self.browser.execute_cdp_cmd(command, arguments)

    def run(self, script, *arguments):
        """Run a script in the page."""
        return self.browser.execute_script(script, *arguments)

    def at_every_step(self, script):
        """Return what a script returns at the first step, the next one, and so on to the last."""
        return self.run(
            "const found = [], look = () => {" + script + "};"
            "document.querySelector('.first').click(); found.push(look());"
            "const next = document.querySelector('.next');"
            "while (!next.disabled) { next.click(); found.push(look()); }"
            "return found;"
        )

    def find(self, selector):
        """Return the elements that are to be seen."""
        found = self.browser.find_elements("css selector", selector)
        return [element for element in found if element.is_displayed()]

    def click(self, selector):
        """Click on what is to be seen."""
        self.find(selector)[0].click()

    def press(self, *keys):
        """Press keys, one with another."""
        *held, key = keys
        actions = ActionChains(self.browser)
        for other in held:
            actions.key_down(other)
        actions.send_keys(key)
        for other in held:
            actions.key_up(other)
        actions.perform()

    def point(self, selector):
        """Put the mouse on something."""
        ActionChains(self.browser).move_to_element(self.find(selector)[0]).perform()

    def wait(self, holds):
        """Wait until something holds; a minute is for ever."""
        WebDriverWait(self.browser, 60, poll_frequency=0.02).until(lambda _: holds())

    @property
    def step(self):
        """The text of the step that is to be seen, on one line."""
        (step,) = self.find(".step")
        return re.sub(r"\s+", " ", step.text)

    @property
    def number(self):
        """The number of the step that is to be seen."""
        (step,) = self.find(".step")
        return int(step.get_attribute("id").removeprefix("step-"))

    def lit(self, what):
        """Return the terms or the parts of the picture that are lit, by what they are tied to."""
        return self.run(
            f"return [...document.querySelectorAll('{what}.lit')].filter(e => e.checkVisibility())"
            ".map(e => e.dataset.term ?? e.dataset.edge ?? e.dataset.node ?? e.dataset.bias)"
        )

    def known(self, selector):
        """Return the texts of the figures in a part of the picture."""
        figures = self.find(f"{selector} text")
        return [figure.text for figure in figures]

    def texts(self):
        """Return every text to be seen with its size in pixels and its contrast."""
        return self.run(CONTRASTS)

    def errors(self):
        """Return what the browser has complained of since it was last asked."""
        return [entry["message"] for entry in self.browser.get_log("browser")]
