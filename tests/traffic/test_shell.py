"""The shell: what it reads, what it refuses, how it steps."""

import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.network import Connections, Topology
from helpers.traffic import Host, NotSimulatedError, ShellSyntaxError, World, apply_effects, parse, start, step
from tests.traffic.lab import A_PUBLIC, B_PUBLIC, T0, Lab

TOO_MANY = "brace expansion: failed to allocate memory"
HOST = Host("i-1", "eni-1", A_PUBLIC)
WORLD = World(Topology(), Connections(), {"i-1": HOST})


def run(text: str) -> tuple[str, str, int | None]:
    """Output, errors, exit code of a script that sends nothing."""
    process, out, err, world = start(text, HOST, T0, "k"), "", "", WORLD
    for _ in range(200):
        did = step(process, world)
        world = replace(world, hosts=apply_effects(world.hosts, did.effects))
        out, err, process = out + did.stdout, err + did.stderr, did.process
        if did.done:
            return out, err, did.exit_code
    raise AssertionError("does not end")


@pytest.mark.parametrize(
    ("text", "out", "code"),
    [
        ("", "", 0),
        ("#!/bin/bash\n# nothing\n\n", "", 0),
        ("echo hello world", "hello world\n", 0),
        ("echo a; echo b\necho c", "a\nb\nc\n", 0),
        ("false && echo no; echo yes", "yes\n", 0),
        ("false || echo yes", "yes\n", 0),
        ("true && false || echo third", "third\n", 0),
        ("false; true", "", 0),
        ("true; false", "", 1),
        ("false || true", "", 0),
        ("for p in a b c; do echo $p; done", "a\nb\nc\n", 0),
        ("for p in {1..3} x; do echo n$p; done", "n1\nn2\nn3\nnx\n", 0),
        ("for p in $(seq 1 3)\ndo\n  echo $p\ndone", "1\n2\n3\n", 0),
        ("for a in 1 2; do for b in x y; do echo $a$b; done; done; echo end", "1x\n1y\n2x\n2y\nend\n", 0),
        ("for p in; do echo no; done", "", 0),
        ("for p in 1 2; do false; done", "", 1),
        ("true && for p in 1 2; do echo $p; done", "1\n2\n", 0),
        ("false && for p in 1 2; do echo $p; done; echo x", "x\n", 0),
        ("X=10.1.1.5; echo $X ${X}:80 '$X' \"$X!\"", "10.1.1.5 10.1.1.5:80 $X 10.1.1.5!\n", 0),
        ("false; echo $?", "1\n", 0),
        ("A='x y'; for p in $A; do echo $p.; done", "x.\ny.\n", 0),
        ("echo \"a;b\" 'c&&d' # comment", "a;b c&&d\n", 0),
        ("echo a \\\n  b", "a b\n", 0),
        ("echo {a,b}-{1..2}", "a-1 a-2 b-1 b-2\n", 0),
        ('echo "{1..3}"', "{1..3}\n", 0),
        ("echo -n no newline", "no newline", 0),
        ("echo err >&2", "", 0),
        ("echo x > /dev/null 2>&1; echo y", "y\n", 0),
        ("echo one > f; echo two >> f; cat f", "one\ntwo\n", 0),
        ("cd /var/www/../lib; echo x > a; cat /var/lib/a", "x\n", 0),
        ("exit 3; echo no", "", 3),
        ("set -e; false; echo no", "", 1),
        ("#!/bin/bash -e\nfalse; echo no", "", 1),
        ("#! /usr/bin/env bash\nfalse; echo yes", "yes\n", 0),
        ("#!/usr/bin/python3\nprint(1)", "", 126),
        ("set -e; false || true; false && true; echo yes", "yes\n", 0),
        ("hostname", "ip-10-1-1-10.ec2.internal\n", 0),
        ("hostname -I", "10.1.1.10 \n", 0),
        ("sudo echo root; whoami", "root\nroot\n", 0),
        (
            "date -u +%FT%TZ; date; date +%s",
            "2023-11-14T22:13:20Z\nTue Nov 14 22:13:20 UTC 2023\n1700000000\n",
            0,
        ),
        ("echo $HOSTNAME $USER $NOTHING.", "ip-10-1-1-10.ec2.internal root .\n", 0),
        ("timeout 2 sleep 5; echo $?", "124\n", 0),
        ("echo http://x/?a=b", "http://x/?a=b\n", 0),
        ('X=$(hostname -I); echo "<$X>"', "<10.1.1.10 >\n", 0),
        ("sleep 1 & sleep 2 & wait; echo done", "done\n", 0),
    ],
)
def test_what_it_runs(text: str, out: str, code: int) -> None:
    assert run(text)[0::2] == (out, code)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("echo 'open", "unexpected EOF while looking for matching `''"),
        ('echo "open', "unexpected EOF while looking for matching `\"'"),
        ("for p in 1 2 do echo; done", "syntax error near unexpected token `done'"),
        ("for p in 1 2; do echo", "unexpected end of file"),
        ("for p in 1; do done", "syntax error near unexpected token `done'"),
        ("for 1p in 1; do echo; done", "`1p': not a valid identifier"),
        ("a &&", "unexpected end of file"),
        ("&& a", "syntax error near unexpected token `&&'"),
        ("echo a ;; echo b", "syntax error near unexpected token `;;'"),
        ("done", "syntax error near unexpected token `done'"),
        ("echo a | | cat", "syntax error near unexpected token `|'"),
        ("echo a |", "unexpected end of file"),
        ("if true; fi", "syntax error near unexpected token `fi'"),
        ("if true; then fi", "syntax error near unexpected token `fi'"),
        ("if true; then echo", "unexpected end of file"),
        ("()", "syntax error near unexpected token `)'"),
        ("( echo a", "unexpected end of file"),
        ("echo a & ; echo b", "syntax error near unexpected token `;'"),
        ("echo (b)", "syntax error near unexpected token `b'"),
        ("echo > ", "unexpected end of file"),
    ],
)
def test_what_it_cannot_read_is_an_error_and_no_part_of_its_line_runs(text: str, problem: str) -> None:
    with pytest.raises(ShellSyntaxError, match=r"_script.sh") as caught:
        parse("echo first\n" + text)
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"_script.sh: line {caught.value.line}: ")
    out, err, code = run(text)
    assert (out, code) == ("", 2) and problem in err
    out, err, code = run("echo first\n" + text)
    assert (out, code) == ("first\n", 2)
    assert problem in err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("while true; do echo; done", "while"),
        ("until nc -z 10.0.0.1 22; do sleep 1; done", "until"),
        ("case $x in a) echo;; esac", "case"),
        ("[[ -f x ]] || echo no", "[["),
        ("f() { echo; }", "functions"),
        ("cat <<EOF\nx\nEOF", "<<"),
        ("exec 3<>/dev/tcp/10.0.0.1/22 || echo closed", "3<"),
        ("diff <(echo a) x", "<("),
        ("ping -c 1 10.0.0.1 |& cat", "|&"),
        ("echo `date`", "backquotes"),
        ("echo $((1+2))", "arithmetic"),
        ("(( 1 )) && echo yes", "(("),
        ("echo ${x:-1}", "${x:-1}"),
        ("echo $$ $1", "$$"),
        ("echo *", "`*'"),
        ("cat ~/x || echo none", "~"),
        ("X=1 curl http://a", "a variable set for one command"),
        ("x=(a b)", "arrays"),
    ],
)
def test_what_bash_has_and_this_shell_lacks_ends_the_script_and_is_never_called_an_error(
    text: str, problem: str
) -> None:
    out, err, code = run(f"echo first\n{text}\necho next")
    assert out == "first\n" and problem in err
    assert code == 126 and err.startswith("_script.sh: line 2: the sandbox's shell does not simulate ")
    inside = run(f"bash -c '{text}' || echo no; echo next")
    assert (inside[0], inside[2]) == ("", 126)


def test_a_syntax_error_survives_pickling() -> None:
    with pytest.raises(ShellSyntaxError) as caught:
        parse("done")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("text", "err", "code"),
    [
        ("nc -z 10.1.1.1 80", "_script.sh: line 1: nc: command not found\n", 127),
        ("echo a\nfrobnicate -x", "_script.sh: line 2: frobnicate: command not found\n", 127),
        ("/opt/x/ping 10.1.1.1", "_script.sh: line 1: /opt/x/ping: No such file or directory\n", 127),
        ("ls -l", "_script.sh: line 1: ls: the sandbox does not simulate this program\n", 126),
        ("timeout 3 awk -f x", "awk: the sandbox does not simulate this program\n", 126),
        ("sudo nc -z a 1", "sudo: nc: command not found\n", 1),
        ("nohup nc", "nohup: failed to run command 'nc': No such file or directory\n", 127),
        ("sleep", "sleep: missing operand\nTry 'sleep --help' for more information.\n", 1),
        ("cat nothing", "cat: nothing: No such file or directory\n", 1),
        ("sort nothing", "sort: cannot read: nothing: No such file or directory\n", 2),
        ("head nothing", "head: cannot open 'nothing' for reading: No such file or directory\n", 1),
        ("echo a | grep '[[:foo:]]'", "grep: the sandbox does not simulate the pattern [[:foo:]]\n", 126),
        ("echo a | grep 'a^b'", "grep: the sandbox does not simulate the pattern a^b\n", 126),
        ("echo a | grep -E 'a**'", "grep: the sandbox does not simulate the pattern a**\n", 126),
        ("echo a | grep 'a\\'", "grep: the sandbox does not simulate the pattern a\\\n", 126),
        ("set -q", "_script.sh: the sandbox's shell does not simulate set -q\n", 126),
        ("echo {1..999999999}", f"_script.sh: line 1: {TOO_MANY} for 999999999 elements\n", 1),
        ("for p in {1..999}{1..999}; do echo; done", f"_script.sh: {TOO_MANY} for 998001 elements\n", 1),
        ("for p in $(seq 9999999); do echo; done", "seq: the sandbox counts to 100000 lines at most\n", 126),
        ("systemctl start httpd", "Failed to start httpd.service: Unit httpd.service not found.\n", 5),
    ],
)
def test_errors_of_commands(text: str, err: str, code: int) -> None:
    assert run(text)[1:] == (err, code)


def test_set_x_shows_the_commands() -> None:
    assert run("set -x; P=1; echo $P")[1] == "+ echo 1\n"


def test_each_step_runs_one_command_at_its_own_time() -> None:
    process = start("sleep 5\nfor p in 1 2; do echo $p; sleep 1; done", HOST, T0, "k")
    times, outputs = [], []
    while True:
        times.append(process.at)
        did = step(process, WORLD)
        outputs.append(did.stdout)
        process = pickle.loads(pickle.dumps(did.process))
        if did.done:
            break
    assert outputs == ["", "1\n", "", "2\n", ""]
    assert [round(at - T0) for at in times] == [0, 5, 5, 6, 6]
    assert round(did.ends_at - T0) == 7


def test_a_program_in_the_foreground_that_never_ends() -> None:
    did = step(start("python3 -m http.server 8080\necho no", HOST, T0, "k"), WORLD)
    assert (did.ends_at, did.done, did.exit_code) == (float("inf"), False, None)
    assert len(did.effects) == 1
    with pytest.raises(ValueError, match="does not end"):
        step(did.process, WORLD)


def test_equal_keys_give_equal_steps_and_others_other_ports() -> None:
    def ports(key: str) -> list[int]:
        lab = Lab()
        return [sent.packet.src_port for sent in lab.run("curl -s 10.2.1.10", key=key).packets[:1]]

    assert ports("one") == ports("one") != ports("two")


WORDS = "echo a $p $? ; && || & for in do done p {1..3} 'x' \" > 2>&1 /dev/null ( | # \\ ' X=1 sleep exit true"
WORDS += " if then elif else fi ! [ = ] | ) { } < <<< cat head wc bash -c set -e"


def test_steps_worlds_and_processes_can_be_pickled_and_go_on() -> None:
    lab = Lab()
    script = "ping -c 2 10.2.1.10; for p in 22 80; do curl -s -m 2 10.2.1.10:$p; done"
    world = World(lab.topology, lab.connections, lab.hosts)
    process = start(script, lab.hosts["i-a-public"], T0, "k")
    for _ in range(3):
        did, again = step(process, world), step(*pickle.loads(pickle.dumps((process, world))))
        assert pickle.loads(pickle.dumps(did)) == did == again
        process, world = did.process, replace(world, connections=did.connections)
    assert did.done


words = st.sampled_from([*WORDS.split(), "\n", '"y $p"', "$(seq 2)"])


@given(st.lists(words, max_size=12).map(" ".join))
def test_any_text_is_run_or_refused(text: str) -> None:
    try:
        parse(text)
    except (ShellSyntaxError, NotSimulatedError) as error:
        out, err, code = run(text)
        # an `exit` on a line before comes first, or what a program there does not know
        before = text[: text.rfind("\n") + 1]
        assert (err.endswith(f"{error}\n") and code == error.exit_code) or "exit" in before or code == 126
        if "\n" not in text:
            assert (out, err) == ("", f"{error}\n")
    else:
        assert run(text)[2] is not None


@given(st.text(max_size=40))
def test_any_characters_are_run_or_refused(text: str) -> None:
    assert run(text)[2] is not None


@pytest.mark.parametrize(
    ("script", "out", "code"),
    [
        ("echo one\necho two; if true; fi\necho three", "one\n", 2),
        ("echo one\necho 'two\nthree", "one\n", 2),
        ("echo one\nfor p in 1 2; do\necho $p\n", "one\n", 2),
        ("for p in 1 2; do\necho $p\ndone\ndone", "1\n2\n", 2),
        ("echo one\nexit 7\nfi", "one\n", 7),
        ("set -e\nfalse\nfi", "", 1),
        ("for p in; do echo $p; done\nfi", "", 2),
        ("echo one && false\nfi", "one\n", 2),
        ("\n\nfi", "", 2),
    ],
)
def test_the_lines_before_a_syntax_error_have_run(script: str, out: str, code: int) -> None:
    """bash reads line by line, so what stands before the error is done, and `exit` is never too late."""
    run = Lab().run(script)
    assert (run.stdout, run.exit_code) == (out, code)
    assert ("syntax error" in run.stderr or "unexpected EOF" in run.stderr) == (code == 2)


def test_packets_of_the_lines_before_a_syntax_error_were_sent() -> None:
    assert len(Lab().run(f"ping -c 1 {B_PUBLIC}\nfi").packets) == 2


REAL = [
    ("seq 5 | head -2", "1\n2\n", 0),
    ("seq 12 | sort -rn | head -3 | tail -n 1", "10\n", 0),
    ("seq 20 | grep -v 1 | wc -l", "9\n", 0),
    ("seq 3 | wc", "      3       3       6\n", 0),
    ("echo x12y | grep -oE '[0-9]+'", "12\n", 0),
    ("echo aab | grep 'a\\+b'; echo a+b | grep 'a+b'", "aab\na+b\n", 0),
    ("echo 'a]1' | grep -o '[]x]'; echo a12 | grep -o '[[:digit:]]\\{2\\}'", "]\n12\n", 0),
    ("echo 'a.b foo' | grep -oE '^a\\.|\\<fo+$'; echo aa | grep -c '\\(a\\)\\1'", "a.\nfoo\n1\n", 0),
    ("echo foo | grep -q bar || echo none", "none\n", 0),
    ("( echo b; echo a; echo b ) | sort | uniq -c", "      1 a\n      2 b\n", 0),
    ("echo b 2 > f; echo a 10 >> f; sort -k2,2n f; wc f; wc -l < f", "b 2\na 10\n2 4 9 f\n2\n", 0),
    ("for p in 3 1 2; do echo $p; done | sort", "1\n2\n3\n", 0),
    ("false | true; echo $?; set -o pipefail; false | true; echo $?", "0\n1\n", 0),
    ("X=1; echo a | X=2; echo $X", "1\n", 0),
    ("if false; then echo a; elif [ 1 -lt 2 ]; then echo b; else echo c; fi", "b\n", 0),
    ("if ! false; then echo yes; fi; if false; then echo; fi; echo $?", "yes\n0\n", 0),
    ("( exit 5 ); echo $?; { echo a; echo b; } | sort -r", "5\nb\na\n", 0),
    ("bash -c 'echo hi; exit 7'; echo $?", "hi\n7\n", 0),
    ("X=1; bash -c 'echo .$X'; export X; sh -c 'echo .$X'", ".\n.1\n", 0),
    ("bash -c 'echo a\nfi'; echo $?", "a\n2\n", 0),
    ("set -e; (false); echo no", "", 1),
    ("set -e; ( false; true ) | cat || echo caught; echo end", "end\n", 0),
    ("set -u; echo $NOPE; echo no", "", 1),
    ("cat < f || echo none; cat <<< text", "none\ntext\n", 0),
    ("echo $(echo $(echo deep)) \"$(seq 2)\"", "deep 1\n2\n", 0),
    ("X=' b  c '; echo a$X; true && sleep 1 & wait", "a b c\n", 0),
    ("[ a = b ] || [ -f nofile ] || test -z '' && echo empty", "empty\n", 0),
    ("timeout 1 bash -c 'sleep 5; echo no' || echo $?", "124\n", 0),
    ("nosuch | cat; echo $?; nosuch || echo missing", "0\nmissing\n", 0),
]  # fmt: skip


@pytest.mark.parametrize(("text", "out", "code"), REAL)
def test_it_prints_what_bash_prints(text: str, out: str, code: int) -> None:
    """Compared with GNU bash 5.2, grep 3.8 and coreutils 9.1."""
    assert run(text)[0::2] == (out, code)


AROUND = [
    "{} || echo closed",
    "{} && echo a; echo b",
    "{}\necho next",
    "{} 2> /dev/null || echo closed",
    "{} | grep -q x || echo closed",
    "echo a | {} | cat; echo b",
    "if {}; then echo open; else echo closed; fi",
    "if ! {}; then echo closed; fi",
    "for p in 1 2; do {}; echo $p; done",
    "( {} ); echo b",
    "{{ {}; }} > /tmp/x 2>&1; echo b",
    'X="$({})"; echo got $X',
    "{} & echo b",
    "timeout 3 {} || echo closed",
    "sudo {} || echo closed",
    "nohup {} || echo closed",
    "bash -c '{} || echo closed'; echo b",
    "timeout 3 bash -c 'sleep 1; {}' || echo closed",
    "set +e; {}; echo $?",
]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("ss -tln", "ss: the sandbox does not simulate this program"),
        ("ping -M do -c 1 10.1.1.1", "ping: the sandbox does not simulate the option -M"),
        ("curl --retry 3 http://10.1.1.1", "curl: the sandbox does not simulate the option --retry"),
        ("dig AAAA example.com", "dig: AAAA: the sandbox's dig asks for one name's A record"),
        ("cat /etc/hosts", "/etc/hosts: the sandbox does not simulate the image's own files"),
        ("systemctl is-active crond", "systemctl: crond: the sandbox knows the units"),
        ("dnf install -y traceroute", "dnf: the sandbox's mirror does not carry traceroute"),
        ("ping -c 1 www.python.org", "www.python.org: the sandbox's internet does not hold this name"),
        ("dig +short @192.0.2.53 s3.amazonaws.com", "s3.amazonaws.com: the sandbox's internet does not hold this name"),
    ],
)
def test_what_is_not_simulated_ends_the_whole_script_wherever_it_stands(
    command: str, sentence: str, around: str
) -> None:
    lab = Lab()
    did = lab.run(around.format(command))
    assert did.exit_code == 126 and sentence in did.stderr
    assert not any(word in did.stdout for word in ("closed", "open", "next", "got", "b\n", "2\n"))


def test_what_the_image_does_not_have_is_not_found_and_the_line_goes_on() -> None:
    out, err, code = run("tcpdump -c 1 || echo no; nmap 10.1.1.1; telnet x | cat; echo $?")
    assert (out, code) == ("no\n0\n", 0)
    assert [line.split(": ", 2)[2] for line in err.splitlines()] == [
        "tcpdump: command not found",
        "nmap: command not found",
        "telnet: command not found",
    ]


def test_a_pipe_runs_its_commands_side_by_side() -> None:
    lab = Lab()
    did = lab.run("sleep 5 | sleep 3; echo over; ping -c 3 10.2.1.10 | grep -c ttl")
    assert did.stdout == "over\n3\n" and round(did.ended - did.began) == 7


def test_who_writes_to_a_reader_that_is_gone_is_killed() -> None:
    """head goes after two lines: ping dies at its next line, which is its second reply, a second later."""
    lab = Lab()
    did = lab.run("set -o pipefail; ping -c 20 10.2.1.10 | head -2; echo $?")
    assert len(did.stdout.splitlines()) == 3 and did.stdout.endswith("\n141\n")
    assert len([sent for sent in did.packets if sent.packet.icmp_type == 8]) == 2
    assert round(did.ended - did.began) == 1


def test_lines_reach_a_reader_at_their_time_and_grep_prints_at_its_end() -> None:
    process = start("ping -c 4 10.2.1.10 | grep ttl; ping -c 4 10.2.1.10 | cat", Lab().hosts["i-a-public"], T0, "k")
    lab = Lab()
    world = World(lab.topology, lab.connections, lab.hosts)
    first = step(process, world)
    assert {round(at - T0) for at, _ in first.output} == {3}
    second = step(first.process, world)
    assert [round(at - T0 - 3) for at, _ in second.output][1:5] == [0, 1, 2, 3]


def test_a_port_is_tried_with_dev_tcp() -> None:
    lab = Lab()
    line = 'timeout 3 bash -c "</dev/tcp/{}" && echo open || echo closed'
    assert lab.run(line.format(f"{B_PUBLIC}/22")).stdout == "open\n"
    refused = lab.run(line.format(f"{B_PUBLIC}/23"))
    assert refused.stdout == "closed\n"
    assert refused.stderr.splitlines() == [
        "bash: connect: Connection refused",
        f"bash: line 1: /dev/tcp/{B_PUBLIC}/23: Connection refused",
    ]
    lab.ingress("b-public")
    silent = lab.run(line.format(f"{B_PUBLIC}/22"))
    assert (silent.stdout, silent.stderr, round(silent.ended - silent.began)) == ("closed\n", "", 3)
    unknown = lab.run("(echo > /dev/tcp/nowhere.example/22) && echo open || echo closed")
    assert unknown.stdout == "closed\n" and "nowhere.example: Name or service not known" in unknown.stderr
    read = lab.run(f"cat < /dev/tcp/{A_PUBLIC}/22 || echo closed")
    assert read.exit_code == 126 and read.stdout == ""


def test_datagrams_go_out_through_dev_udp_at_the_time_they_are_written() -> None:
    lab = Lab()
    did = lab.run(f"( echo hi; sleep 2; echo there ) > /dev/udp/{B_PUBLIC}/514; echo $?")
    sent = [(round(sent.at - T0), sent.packet.size) for sent in did.packets if sent.packet.protocol == 17]
    assert (did.stdout, sent) == ("0\n", [(0, 31), (2, 34)])


def test_a_job_with_a_file_of_its_own_does_what_it_does_later() -> None:
    """What a background list writes is not there before its time."""
    assert run("bash -c '( sleep 3; echo x > /tmp/f ) & cat /tmp/f; wait; cat /tmp/f'")[0] == "x\n"
