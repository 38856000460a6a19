"""Debian's chromium, driven without a network."""

import shutil

from playwright.sync_api import Browser, Playwright

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--font-render-hinting=none")


def open_chromium(playwright: Playwright) -> Browser:
    """Return a running browser; whoever asks closes it."""
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
