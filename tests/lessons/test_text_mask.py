"""A masked text: no account id, no key, no id of a resource, no public address, and everything else as it was."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.lessons.learner_report.text_mask import TextMask, left_unmasked

ACCOUNT = "123456789012"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"2 {ACCOUNT} eni-0123456789abcdef0 203.0.113.5 10.1.0.10 443", "2 account-1 eni-1 public-1 10.1.0.10 443"),
        ("1234-5678-9012 and 1234 5678 9012", "account-1 and account-1"),
        ("1767603600000 ms", "number-1 ms"),
        (f"arn:aws:iam::{ACCOUNT}:role/demo-flow-logs", "arn:aws:iam::account-1:role/demo-flow-logs"),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/ann@x.org", "arn:aws:sts::account-1:assumed-role/name-1"),
        ("i-0123abcd, I-0123ABCD; sg-0123456789abcdef0-all", "i-1, i-1; sg-1-all"),
        ("sg-private-b, vpc-a, eni-1 and demo-web-b stay", "sg-private-b, vpc-a, eni-1 and demo-web-b stay"),
        ("AKIAIOSFODNN7EXAMPLE", "key-1"),
        ("key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY.", "key=key-1."),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709 stays", "da39a3ee5e6b4b0d3255bfef95601890afd80709 stays"),
        (f"{'Ab1' * 13} {'Ab1' * 14} stay", f"{'Ab1' * 13} {'Ab1' * 14} stay"),
        ("from 2001:db8::1 to 2001:DB8:0:0::1.", "from public-1 to public-1."),
        ("[2001:db8::1]:443, ip:2001:db8::2:", "[public-1]:443, ip:public-2:"),
        ("::ffff:203.0.113.5", "public-1"),
        ("fd00::1 fe80::1 ::1 ::/0 0.0.0.0/0 127.0.0.1", "fd00::1 fe80::1 ::1 ::/0 0.0.0.0/0 127.0.0.1"),
        ("at 09:03:31 std::vec", "at 09:03:31 std::vec"),
        ("172.16.0.1 172.32.0.1 198.51.100.0/24.", "172.16.0.1 public-1 public-2/24."),
        ("ec2-203-0-113-5.compute-1.amazonaws.com is 203.0.113.5", "public-1.compute-1.amazonaws.com is public-1"),
    ],
)
def test_what_identifies_an_account_becomes_a_word(text: str, masked: str) -> None:
    mask = TextMask()
    assert mask(text) == masked
    assert mask(masked) == masked, "masked twice"


def test_the_same_thing_has_the_same_word_in_every_text_of_a_mask() -> None:
    mask = TextMask()
    assert [mask("eni-0000000000000000a"), mask("eni-0000000000000000b")] == ["eni-1", "eni-2"]
    assert mask("eni-0000000000000000b, eni-0000000000000000a") == "eni-2, eni-1"
    assert TextMask()("eni-0000000000000000b") == "eni-1"


@given(st.text(alphabet="0123456789AKI -:.\u0661"), st.from_regex(r"\A\d{12,16}\Z"), st.text())
def test_nothing_is_left_for_the_last_look(before: str, digits: str, after: str) -> None:
    masked = TextMask()(f"{before}{digits}{after}AKIA{before}")
    assert left_unmasked(masked) == []
    assert not re.search(r"\d{12}", masked)


@pytest.mark.parametrize("text", [f"x{ACCOUNT}y", "1767603600000", "An AKIA key"])
def test_the_last_look_sees_what_was_not_masked(text: str) -> None:
    assert left_unmasked(text)
