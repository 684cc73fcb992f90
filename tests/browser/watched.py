"""A page of a real browser, and all that it did."""

from itertools import pairwise

# What stands on a page once its answer has been put in place, by the path of the page.
FILLED = {
    "new": "#count",
    "runs": "#runs article",
    "see": "#run-board table",
    "ask": "#play-seen section",
    "inside": "#look-seen section",
    "methods": "#methods-tabs section",
    "classroom/": "[data-testid='stPageLink'] a",
}
# A page that is being left ends its streams and says so, to nobody: these lines are no errors of the page.
LEFT = """
addEventListener('beforeunload', () => {
    const said = console.error, hushed = (event) => event.preventDefault();
    console.error = () => {};
    addEventListener('unhandledrejection', hushed);
    setTimeout(() => { console.error = said; removeEventListener('unhandledrejection', hushed); }, 2000);
});
"""
HEADINGS = """[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter(head => head.checkVisibility())
.map(head => [Number(head.tagName[1]), head.textContent.trim()])"""


class Watched:
    """A page that remembers what it asked the network for and what went wrong."""

    def __init__(self, browser, **context):
        self.context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | context))
        self.context.add_init_script(LEFT)
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.requests, self.errors = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._console)

    def _console(self, message):
        harmless = "_stcore/" in (message.location or {}).get("url", "")  # Streamlit looks for itself at a deep address
        if message.type == "error" and not harmless:
            self.errors.append(message.text)

    def filled(self, path=""):
        """Wait until the page has what it asked for."""
        self.page.locator(FILLED[path.partition("?")[0]]).first.wait_for()

    def both_schemes(self):
        """The colours of the page, "light" and then "dark", as a person switches them."""
        assert not self.page.evaluate("document.body.classList.contains('dark')")
        yield "light"
        self.page.get_by_role("button", name="Switch between light and dark").click()
        self.page.wait_for_function("document.body.classList.contains('dark')")
        yield "dark"

    def wrong_headings(self):
        """What is wrong in the order of the page's headings: they begin with the only h1 and go down by one at a time."""
        heads = self.page.evaluate(HEADINGS)
        steps = pairwise([(0, ""), *heads])
        wrong = [text for (above, _), (level, text) in steps if level > above + 1 or not text]
        return wrong + [text for level, text in heads if level == 1][1:] + ([] if heads else ["there is none"])

    def outside(self, studio):
        """Requests that left this machine."""
        return [
            url for url in self.requests if not url.startswith((studio, studio.replace("http", "ws"), "data:", "blob:"))
        ]

    def from_home(self, studio, title, way):
        """Open Home, and go from there by one of the ways ("Make it forget", "See how") that stand below a model's scene."""
        self.page.goto(studio)
        front = self.page.locator(
            "gradio-app .lethe-front", has=self.page.get_by_role("heading", name=title, exact=True)
        )
        front.get_by_role("link", name=way).click()
