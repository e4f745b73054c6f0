"""A headless Chromium spoken to through its debugging pipe, so that tests need no driver and open no port."""

import base64
import fcntl
import json
import os
import shutil
import signal
import tempfile
import time
from contextlib import contextmanager
from itertools import count

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
]
_TIMEOUT_SECONDS = 60


class Browser:
    """One page of a running Chromium, and what happened in it."""

    def __init__(self, commands, answers):
        self._commands, self._answers, self._ids, self._rest = commands, answers, count(1), b""
        self._session, self.events = None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """The result of one command of the DevTools protocol."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        return self._wait(lambda answer: answer.get("id") == number).get("result", {})

    def open(self, url, *, width, height=900):
        """Load a page in a window of this size and wait until it is complete."""
        mobile = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        self.call("Page.navigate", url=url)
        self._wait(lambda event: event.get("method") == "Page.loadEventFired")

    def evaluate(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def screenshot(self, path, **clip):
        options = {"clip": {**clip, "scale": 1}} if clip else {}
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True, **options)["data"]
        path.write_bytes(base64.b64decode(data))

    def pdf(self):
        options = {"preferCSSPageSize": True, "printBackground": True}
        return base64.b64decode(self.call("Page.printToPDF", **options)["data"])

    def problems(self):
        """Console errors, exceptions and violations of the content policy."""
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [event for event in self.events if event.get("method") in kinds]

    def requested(self):
        """Addresses of everything that the page asked for."""
        sent = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def _wait(self, is_wanted):
        until = time.monotonic() + _TIMEOUT_SECONDS
        while time.monotonic() < until:
            while b"\0" in self._rest:
                message, self._rest = self._rest.split(b"\0", 1)
                answer = json.loads(message)
                self.events.append(answer)
                if is_wanted(answer):
                    return answer
            self._rest += os.read(self._answers, 1 << 16)
        raise TimeoutError("Chromium did not answer")


@contextmanager
def chromium():
    """A Browser in a profile of its own, ended afterwards."""
    profile = tempfile.mkdtemp(prefix="chromium-")
    commands, answers = _pipe(), _pipe()
    silent = os.open(os.devnull, os.O_RDWR)
    actions = [
        (os.POSIX_SPAWN_DUP2, source, target)
        for source, target in ((silent, 0), (silent, 1), (silent, 2), (commands[0], 3), (answers[1], 4))
    ]
    arguments = [PROGRAM, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"]
    process = os.posix_spawn(PROGRAM, arguments, os.environ, file_actions=actions, setpgroup=0)
    try:
        yield Browser(commands[1], answers[0])
    finally:
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
        for end in (*commands, *answers, silent):
            os.close(end)
        shutil.rmtree(profile, ignore_errors=True)


def _pipe():
    """A pipe whose ends lie above the numbers that Chromium expects its own at."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in ends]
    for end in ends:
        os.close(end)
    return high
