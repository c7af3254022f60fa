"""The plain text of `nft list ruleset`, turned into the objects that `nft -j` prints, for hosts whose nft lacks JSON."""

import re
from typing import Any

_TOKEN = re.compile(
    r'"[^"\n]*"|::[0-9a-fA-F:./-]*|[{},;:]|!=|!|<=|>=|==|[<>&|]|[^\s{},;:"!<>=&|]+(?::(?=[^\s{},;])[^\s{},;"]*)*|\n'
)
_PORT_PROTOCOLS = ("tcp", "udp", "th", "sctp", "dccp", "udplite")
_META_ALONE = ("oifname", "oif", "iifname", "iif", "skuid", "skgid", "mark", "l4proto", "nfproto")
_VERDICTS = ("accept", "drop", "return", "continue", "masquerade", "notrack")


class _Stop(Exception):
    """The text ends, or is not what nft prints."""


def objects(text: str) -> list[dict[str, Any]]:
    """Objects in the form of `nft -j`: table, chain, rule, set. Statements that are not understood become {"unknown": …}."""
    reader = _Reader(list(_TOKEN.findall(re.sub(r"#[^\n\"]*$", "", text, flags=re.M))))
    found: list[dict[str, Any]] = []
    try:
        while True:
            reader.skip("\n", ";")
            if reader.next() == "table":
                family, name = reader.next(), reader.next()
                if name == "{":
                    family, name = "ip", family
                else:
                    reader.expect("{")
                found.append({"table": {"family": family, "name": name}})
                _table(reader, family, name, found)
    except _Stop:
        return found


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def next(self) -> str:
        if self._at >= len(self._tokens):
            raise _Stop
        self._at += 1
        return self._tokens[self._at - 1]

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def skip(self, *tokens: str) -> None:
        while self.peek() in tokens and self.peek():
            self._at += 1

    def expect(self, token: str) -> None:
        self.skip("\n")
        if self.next() != token:
            raise _Stop

    def line(self) -> list[str]:
        """The tokens up to the end of the line or statement, braces included whole; the end is consumed."""
        found: list[str] = []
        level = 0
        while True:
            token = self.peek()
            if token == "" or (level == 0 and token in ("\n", ";", "}")):
                if token in ("\n", ";"):
                    self._at += 1
                return found
            level += (token == "{") - (token == "}")
            self._at += 1
            if token != "\n":
                found.append(token)


def _table(reader: _Reader, family: str, table: str, found: list[dict[str, Any]]) -> None:
    while True:
        reader.skip("\n", ";")
        word = reader.next()
        if word == "}":
            return
        if word in ("chain", "set", "map"):
            name = reader.next()
            reader.expect("{")
            body: dict[str, Any] = {"family": family, "table": table, "name": name}
            found.append({word: body})
            _block(reader, word, body, found)
        else:
            reader.line()


def _block(reader: _Reader, word: str, body: dict[str, Any], found: list[dict[str, Any]]) -> None:
    while True:
        reader.skip("\n", ";")
        if reader.peek() == "}":
            reader.next()
            return
        if not reader.peek():
            raise _Stop
        words = reader.line()
        if not words:
            reader.next()
        elif word != "chain":
            if words[0] == "elements":
                body["elem"] = _set(words[words.index("{") :]) if "{" in words else []
        elif words[0] == "type":
            body["type"] = words[1] if len(words) > 1 else ""
            for key, name in (("hook", "hook"), ("priority", "prio")):
                if key in words and words.index(key) + 1 < len(words):
                    tail = words[words.index(key) + 1 :]
                    body[name] = tail[0] if key == "hook" else " ".join(tail)
        elif words[0] == "policy":
            body["policy"] = words[1] if len(words) > 1 else "accept"
        else:
            rule = {"family": body["family"], "table": body["table"], "chain": body["name"], "expr": _rule(words)}
            found.append({"rule": rule})


def _atom(word: str) -> Any:
    word = word.strip('"')
    if word.isascii() and word.isdigit() and len(word) < 12:
        return int(word)
    if match := re.fullmatch(r"(\d{1,6})-(\d{1,6})", word):
        return {"range": [int(match[1]), int(match[2])]}
    if match := re.fullmatch(r"([0-9a-fA-F.:]+)/(\d{1,3})", word):
        return {"prefix": {"addr": match[1], "len": int(match[2])}}
    if (match := re.fullmatch(r"([0-9a-fA-F.:]+)-([0-9a-fA-F.:]+)", word)) and re.search(r"[.:]", word):
        return {"range": [match[1], match[2]]}
    return word


def _set(words: list[str]) -> list[Any]:
    """`{ a, b : accept, c timeout 3s }` as elements; pairs for a map."""
    found: list[Any] = []
    item: list[str] = []
    level = 0
    for word in words:
        level += word == "{"
        if word == "}":
            level -= 1
        if (word == "," and level == 1) or (word == "}" and level == 0):
            if item:
                found.append(_element(item))
            item = []
            if level == 0:
                break
        elif not (word == "{" and level == 1):
            item.append(word)
    return found


def _element(item: list[str]) -> Any:
    if ":" in item:
        at = item.index(":")
        verdict = _rule(item[at + 1 :])
        return [_atom(item[0]), verdict[0] if verdict else {}]
    if "." in item:
        return {"concat": [_atom(word) for word in item if word != "."]}
    return _atom(item[0])


def _rule(words: list[str]) -> list[Any]:
    found: list[Any] = []
    at = 0
    while at < len(words):
        expression, at = _statement(words, at)
        if expression:
            found.append(expression)
    return found


def _statement(words: list[str], at: int) -> tuple[dict[str, Any] | None, int]:
    word = words[at]
    after = words[at + 1] if at + 1 < len(words) else ""
    if word in _VERDICTS:
        return {word: None}, at + 1
    if word in ("jump", "goto"):
        return {word: {"target": after}}, at + 2
    if word == "reject":
        return _reject(words, at)
    if word == "counter":
        numbers = words[at + 1 : at + 5]
        if len(numbers) == 4 and numbers[0] == "packets" and numbers[1].isdigit():
            return {"counter": {"packets": int(numbers[1][:18])}}, at + 5
        return {"counter": None}, at + 1
    if word == "log":
        at += 1
        while at + 1 < len(words) and words[at] in ("prefix", "level", "group", "flags", "snaplen", "queue-threshold"):
            at += 2
        return {"log": None}, at
    if word == "comment":
        return None, at + 2
    if word == "xt" and at + 2 < len(words):
        return {"xt": {"type": after, "name": words[at + 2].strip('"')}}, at + 3
    if word in ("redirect", "dnat", "snat", "queue"):
        return {word: {}}, len(words)
    left, used = _left(words, at)
    if left is None:
        return {"unknown": word}, _skip_unknown(words, at)
    return _comparison(words, at + used, left)


def _reject(words: list[str], at: int) -> tuple[dict[str, Any], int]:
    if words[at + 1 : at + 2] != ["with"]:
        return {"reject": None}, at + 1
    rest = words[at + 2 :]
    if rest[:2] == ["tcp", "reset"]:
        return {"reject": {"type": "tcp reset"}}, at + 4
    # 'icmp type port-unreachable' before nft 1.0, 'icmp port-unreachable' since
    used = 3 if rest[1:2] == ["type"] else 2
    return {
        "reject": {"type": rest[0] if rest else "", "expr": rest[used - 1] if len(rest) >= used else ""}
    }, at + 2 + used


def _left(words: list[str], at: int) -> tuple[dict[str, Any] | None, int]:
    word = words[at]
    after = words[at + 1] if at + 1 < len(words) else ""
    if word in (*_PORT_PROTOCOLS, "ip", "ip6") and after:
        return {"payload": {"protocol": word, "field": after}}, 2
    if word == "meta" and after:
        return {"meta": {"key": after}}, 2
    if word in _META_ALONE:
        return {"meta": {"key": word}}, 1
    if word == "ct" and after in ("state", "direction", "status", "mark"):
        return {"ct": {"key": after}}, 2
    if word == "fib" and "type" in words[at : at + 6]:
        end = words.index("type", at)
        return {"fib": {"result": "type", "flags": words[at + 1 : end]}}, end - at + 1
    return None, 1


def _comparison(words: list[str], at: int, left: dict[str, Any]) -> tuple[dict[str, Any] | None, int]:
    op = "=="
    if at < len(words) and words[at] in ("!=", "!", "==", "<", ">", "<=", ">="):
        op = words[at]
        at += 1
    if at >= len(words):
        return {"unknown": "comparison"}, at
    if words[at] == "&":
        equals = next((i for i in range(at, len(words)) if words[i] in ("==", "!=")), len(words))
        if equals + 1 >= len(words):
            return {"unknown": "bits"}, _skip_unknown(words, at)
        mask = {"&": [left, " ".join(words[at + 1 : equals])]}
        return {"match": {"op": words[equals], "left": mask, "right": words[equals + 1]}}, equals + 2
    if words[at] == "vmap":
        end = _closing(words, at + 1)
        data: Any = (
            {"set": _set(words[at + 1 : end])} if words[at + 1 : at + 2] == ["{"] else "".join(words[at + 1 : at + 2])
        )
        return {"vmap": {"key": left, "data": data}}, max(end, at + 2)
    if words[at] == "{":
        end = _closing(words, at)
        return {"match": {"op": op, "left": left, "right": {"set": _set(words[at:end])}}}, end
    values = [_atom(words[at])]
    at += 1
    while at + 1 < len(words) and words[at] == ",":
        values.append(_atom(words[at + 1]))
        at += 2
    right = values if len(values) > 1 else values[0]
    if words[at : at + 1] == ["/"]:
        mask_end = at + 2
        while words[mask_end : mask_end + 1] == [","]:
            mask_end += 2
        left = {"&": [left, " ".join(words[at + 1 : mask_end])]}
        at = mask_end
    return {"match": {"op": op, "left": left, "right": right}}, at


def _closing(words: list[str], at: int) -> int:
    level = 0
    for index in range(at, len(words)):
        level += (words[index] == "{") - (words[index] == "}")
        if level == 0:
            return index + 1
    return len(words)


def _skip_unknown(words: list[str], at: int) -> int:
    """Over a statement that is not understood, up to the next that is: at the least one word."""
    at += 1
    while at < len(words) and words[at] not in (*_VERDICTS, "jump", "goto", "reject", "counter", "log", "comment"):
        at += 1
    return at
