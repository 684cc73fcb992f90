"""A page of a real browser, and all that it did."""


class Watched:
    """A page that remembers what it asked the network for and what went wrong."""

    def __init__(self, browser, **context):
        self.context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | context))
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

    def outside(self, studio):
        """Requests that left this machine."""
        return [
            url for url in self.requests if not url.startswith((studio, studio.replace("http", "ws"), "data:", "blob:"))
        ]
