"""A headless Chromium over its debugging pipe: what a page shows, asks for and complains about."""

import fcntl
import json
import os
import select
import subprocess
import tempfile
import time

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
         "--no-default-browser-check", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-extensions", "--window-size=1280,1600", "--lang=en",
         # There is no name and no address in this world but the server's.
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-pipe")
WATCH = """globalThis.refused = [];
addEventListener("securitypolicyviolation", e => refused.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));"""


def _high(fd):
    """The same behind the numbers that Chromium wants for its pipe, 3 and 4."""
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(fd)
    return moved


class Browser:
    """One tab. `requests`: the URLs it asked for; `complaints`: the errors in its console."""

    def __init__(self):
        self.requests, self.complaints = [], []
        self.folder = tempfile.TemporaryDirectory(prefix="steward-browser-", ignore_cleanup_errors=True)
        self.number, self.session, self.unread = 0, None, b""
        orders, self.out = map(_high, os.pipe())
        self.answers, replies = map(_high, os.pipe())

        def wire():
            os.dup2(orders, 3)
            os.dup2(replies, 4)
        with open(os.path.join(self.folder.name, "log"), "wb") as log:
            self.process = subprocess.Popen(["chromium", *FLAGS, f"--user-data-dir={self.folder.name}/profile"],
                                            preexec_fn=wire, pass_fds=(3, 4), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env={**os.environ, "HOME": self.folder.name})
        os.close(orders)
        os.close(replies)

    def __enter__(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        return self

    def __exit__(self, *_):
        try:
            self.session = None
            self.call("Browser.close")
            self.process.wait(20)
        except (OSError, AssertionError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        os.close(self.answers)
        self.folder.cleanup()

    def _message(self, end):
        while b"\0" not in self.unread:
            ready, _, _ = select.select([self.answers], [], [], max(0, end - time.monotonic()))
            data = os.read(self.answers, 1 << 20) if ready else b""
            if not data:
                with open(os.path.join(self.folder.name, "log"), errors="replace") as log:
                    raise AssertionError(f"the browser does not answer:\n{log.read()[-4000:]}")
            self.unread += data
        text, _, self.unread = self.unread.partition(b"\0")
        return json.loads(text)

    def _note(self, event, params):
        if event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])
        elif event == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.complaints.append(" ".join(str(part.get("value", part.get("description"))) for part in params["args"]))
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"])[:2000])

    def call(self, method, timeout=120, **params):
        self.number += 1
        order = {"id": self.number, "method": method, "params": params}
        if self.session:
            order["sessionId"] = self.session
        os.write(self.out, json.dumps(order).encode() + b"\0")
        end = time.monotonic() + timeout
        while True:
            message = self._message(end)
            if message.get("id") == self.number:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            self._note(message.get("method"), message.get("params", {}))

    def go(self, url):
        self.call("Page.navigate", url=url)

    def run(self, script):
        """The value of an expression in the page."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, f"{script}: {done['exceptionDetails']}"
        return done["result"].get("value")

    def wait(self, script, timeout=120):
        """Until the expression is true; gives its value."""
        end = time.monotonic() + timeout
        while not (value := self.run(script)):
            assert time.monotonic() < end, f"never: {script}\n{self.complaints}\n{self.text()[:2000]}"
            time.sleep(0.1)
        return value

    def text(self):
        return self.run("document.body ? document.body.innerText : ''")

    def click(self, selector, text=""):
        """The first element for the selector which shows the text, as soon as it is there."""
        found = f"[...document.querySelectorAll({json.dumps(selector)})].find(e => e.innerText.includes({json.dumps(text)}))"
        self.wait(f"!!({found})")
        self.run(f"{found}.click()")

    def type(self, selector, text):
        self.wait(f"!!document.querySelector({json.dumps(selector)})")
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)
