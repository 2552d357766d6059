"""A text in which no account, key, person, resource or public address is named, so that it can be given to others."""

import re
from ipaddress import ip_address, ip_network

# In this order: what a pattern finds is no longer there for those below. The group ``keep`` stays as it is.
_IDENTIFYING = (
    ("key", r"AKIA[A-Z0-9]*|\bA(?:SIA|ROA|IDA|GPA|NPA|IPA)[A-Z0-9]{12,}"),
    # A secret access key has no mark: 40 characters, small and capital letters and digits among them.
    ("key", r"(?-i:(?<![\w/+])(?=[\w/+]*[A-Z])(?=[\w/+]*[a-z])(?=[\w/+]*\d)[A-Za-z0-9/+]{40}(?![\w/+=]))"),
    ("name", r"(?P<keep>:(?:assumed-role|federated-user|user)/)(?!name-\d)[\w+=,.@/-]+"),
    ("public", r"\bec2-\d{1,3}(?:-\d{1,3}){3}\b"),
    ("", r"\b(?P<kind>(?:[a-z]+-)+)[0-9a-f]{8,17}(?![0-9a-z])"),
    ("number", r"\d{13,}"),
    ("account", r"\d{12}|(?<!\d)\d{4}[- ]\d{4}[- ]\d{4}(?!\d)"),
    ("public", r"(?<![0-9a-f])[0-9a-f:]{0,39}:[0-9a-f:]{0,39}:[0-9a-f:.]{0,39}(?!\w)"),
    ("public", r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)"),
)
_PATTERNS = [(kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _IDENTIFYING]
_LEFT = re.compile(r"\d{12}|AKIA")
_OWN_NETWORKS = [
    *map(ip_network, ("0.0.0.0/32", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12")),
    *map(ip_network, ("192.168.0.0/16", "255.255.255.255/32", "::/127", "fc00::/7", "fe80::/10", "ff00::/8")),
]


class TextMask:
    """Gives texts without account ids, access keys, names of users, ids of resources and public addresses.

    The same thing gets the same word in every text of one mask, by its kind and in the order of appearance: ``eni-1``,
    ``account-1``, ``public-2``. Private addresses and names stay. What is masked once stays as it is.
    Thirteen digits and more, such as a time in milliseconds, become ``number-1``: twelve of them can be an account id.

    >>> TextMask()("123456789012 eni-0123456789abcdef0 203.0.113.5 10.9.0.4")
    'account-1 eni-1 public-1 10.9.0.4'
    """

    def __init__(self) -> None:
        self._words: dict[tuple[str, str], str] = {}

    def __call__(self, text: str) -> str:
        for kind, pattern in _PATTERNS:
            text = pattern.sub(lambda found, kind=kind: self._word(kind, found), text)  # type: ignore[misc]
        return text

    def _word(self, kind: str, found: re.Match[str]) -> str:
        groups = found.groupdict()
        if kind == "public" and not found[0].startswith("ec2-"):
            return self._address(found[0])
        keep = groups.get("keep", "")
        what = found[0][len(keep) :].lower()
        if kind == "account":
            what = re.sub(r"\D", "", what)
        if kind == "public":
            what = what.removeprefix("ec2-").replace("-", ".")
        return keep + self._numbered(kind or groups["kind"].removesuffix("-").lower(), what)

    def _address(self, text: str) -> str:
        """An address in a text, which may stand between colons and full stops of a sentence."""
        for part in (text, text.rstrip(".:"), text.lstrip(":"), text.strip(".:")):
            try:
                address = ip_address(part)
            except ValueError:
                continue
            if any(address in network for network in _OWN_NETWORKS):
                return text
            return text.replace(part, self._numbered("public", str(address)), 1)
        return text

    def _numbered(self, kind: str, what: str) -> str:
        count = sum(known == kind for known, _ in self._words)
        return self._words.setdefault((kind, what), f"{kind}-{count + 1}")


def left_unmasked(text: str) -> list[str]:
    """What a masked text must not hold, and this one does: twelve digits in a row, the mark of an access key."""
    return _LEFT.findall(text)
