"""Go's regular expressions as Python's, where they differ: those of Prometheus and Alertmanager are Go's.

Source: github.com/google/re2/wiki/Syntax.
"""

from __future__ import annotations

import re
from functools import lru_cache

_FLAGS = re.compile(r"\(\?(?P<flags>[imsU]*(?:-[imsU]+)?)(?P<end>[:)])")
_CODE_POINT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_LITERAL = re.compile(r"\\Q(.*?)(?:\\E|$)", re.DOTALL)
_POSIX = re.compile(r"\[:(\w+):\]")
_POSIX_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "space": r"\t\n\v\f\r ",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}


class NotTranslated(ValueError):
    """An expression that Go reads, or may read, and that cannot be evaluated here."""


@lru_cache(maxsize=256)
def go_expression(text: str) -> re.Pattern[str]:
    """What matches the same. Raises NotTranslated."""
    try:
        return re.compile(_Translation(text).whole())
    except re.error as error:
        raise NotTranslated(str(error)) from error


class _Translation:
    """One pass over a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._done: list[str] = []
        #: For each group around the place, the flags that were set in it: in Go they hold to the group's end.
        self._flags: list[list[str]] = [[]]

    def whole(self) -> str:
        while self._place < len(self._text):
            self._next()
        self._close()
        return "".join(self._done)

    def _next(self) -> None:
        letter = self._text[self._place]
        if letter == "\\":
            self._escape()
        elif letter == "[":
            self._character_class()
        elif letter == "(":
            self._group()
        elif letter == ")":
            self._close()
            if len(self._flags) > 1:
                self._flags.pop()
            self._put(")", 1)
        elif letter == "|":
            self._close()
            self._put("|" + "".join(self._flags[-1]), 1)
        else:
            self._put(letter, 1)

    def _put(self, translated: str, length: int) -> None:
        """Instead of so many letters of the text."""
        self._done.append(translated)
        self._place += length

    def _close(self) -> None:
        self._done.append(")" * len(self._flags[-1]))

    def _group(self) -> None:
        found = _FLAGS.match(self._text, self._place)
        if found is not None and "U" in found["flags"]:
            raise NotTranslated(f"{found[0]} makes it ungreedy, which only Go knows")
        if found is not None and found["end"] == ")":
            opened = f"(?{found['flags']}:"
            self._flags[-1].append(opened)
            self._put(opened, len(found[0]))
            return
        self._flags.append([])
        if self._text.startswith("(?<", self._place):
            self._put("(?P<", 3)
        else:
            self._put("(", 1)

    def _escape(self) -> None:
        if found := _CODE_POINT.match(self._text, self._place):
            self._put(_code_point(found[1]), len(found[0]))
        elif found := _LITERAL.match(self._text, self._place):
            self._put(re.escape(found[1]), len(found[0]))
        else:
            escaped = self._text[self._place : self._place + 2]
            if escaped in (r"\p", r"\P", r"\C"):
                raise NotTranslated(f"{escaped} is a class that only Go knows")
            self._put(r"\Z" if escaped == r"\z" else escaped, 2)

    def _character_class(self) -> None:
        opening = "[^" if self._text.startswith("[^", self._place) else "["
        self._put(opening, len(opening))
        if self._text.startswith("]", self._place):
            self._put(r"\]", 1)
        while self._place < len(self._text) and self._text[self._place] != "]":
            if self._text[self._place] == "\\":
                self._escape()
            elif found := _POSIX.match(self._text, self._place):
                if found[1] not in _POSIX_CLASSES:
                    raise NotTranslated(f"{found[0]} is a class that only Go knows")
                self._put(_POSIX_CLASSES[found[1]], len(found[0]))
            else:
                letter = self._text[self._place]
                # Python keeps doubled ones, as `&&`, for operations on classes.
                self._put("\\" + letter if letter in "[&|~" else letter, 1)
        if self._place < len(self._text):
            self._put("]", 1)


def _code_point(digits: str) -> str:
    number = int(digits, 16)
    if number > 0x10FFFF:
        raise NotTranslated(f"\\x{{{digits}}} is no character")
    return re.escape(chr(number))
