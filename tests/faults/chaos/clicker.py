"""A person at the web server who runs and cancels exports by hand while everything is killed around them."""

import http.client
import http.cookiejar
import random
import re
import threading
import urllib.error
import urllib.parse
import urllib.request

AWAY = (OSError, http.client.HTTPException)  # HTTPError among them
EVERY = 1.0  # seconds; the portal bounds how often one person may ask


class Clicker(threading.Thread):
    """Clicks until told to stop; a web server that is away is asked again."""

    def __init__(self, port: int, exports: list[int], seed: int, cancels: float = 0.25) -> None:
        super().__init__(daemon=True)
        self.address, self.exports, self.random = f"http://127.0.0.1:{port}", exports, random.Random(seed)
        self.stopped, self.answered, self.unanswered = threading.Event(), 0, 0
        self.is_in, self.last_error, self.cancels = False, "", cancels  # the share of clicks that cancel

    def run(self) -> None:
        """Click again and again."""
        while not self.stopped.wait(EVERY):
            self.try_to(self.click)

    def try_to(self, do: object, *words: object) -> bool:
        """Do one thing as a signed-in person; False when it was not answered as it should be."""
        try:
            if not self.is_in:
                self.sign_in()
            do(*words)
            self.answered += 1
        except AWAY as error:
            self.unanswered += 1
            self.last_error = repr(error)
            self.is_in = False
            return False
        return True

    def click(self) -> None:
        """Run some exports, or cancel one."""
        if self.random.random() >= self.cancels:
            self.run_exports(*self.random.sample(self.exports, k=3))
        else:
            self.post(f"/e/chaos/exports/{self.random.choice(self.exports)}/cancel")

    def run_exports(self, *exports: int) -> None:
        """Ask for runs."""
        self.post("/e/chaos/exports/run", id=exports)

    def sign_in(self) -> None:
        """Sign in with a new browser."""
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.browser = urllib.request.build_opener(cookies)
        self.token = self.token_at("/login/")
        self.post("/login/", login="ada", password="chaos")
        self.token = self.token_at("/e/chaos/exports/")
        self.is_in = True

    def token_at(self, path: str) -> str:
        """The token of a page's form. Raises HTTPException where there is none."""
        with self.browser.open(self.address + path, timeout=15) as page:
            found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
        if found is None:
            raise http.client.HTTPException(f"no form at {path}")
        return found[1]

    def post(self, path: str, **fields: object) -> None:
        """Send a form; an answer that refuses, but for a person, raises HTTPError."""
        data = urllib.parse.urlencode(fields | {"csrfmiddlewaretoken": self.token}, doseq=True).encode()
        try:
            self.browser.open(self.address + path, data, timeout=15).close()
        except urllib.error.HTTPError as refused:
            refused.close()
            if refused.code not in (409, 422, 429):
                raise
