"""The agent's phone in the browser: JsSIP in Debian's Chromium, speaking a tone and telling what it hears."""

from tests.support.browser_phone.phone import BrowserPhone

__all__ = ["BrowserPhone"]
