"""The shell: what it reads, what it refuses, how it steps."""

import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.network import Connections, Topology
from helpers.traffic import Host, ShellSyntaxError, World, apply_effects, parse, start, step

from .lab import A_PUBLIC, B_PUBLIC, T0, Lab

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
        ("ping -c 1 10.0.0.1 | grep ttl", "syntax error near unexpected token `|'"),
        ("if true; then echo; fi", "syntax error near unexpected token `if'"),
        ("while true; do echo; done", "syntax error near unexpected token `while'"),
        ("(echo a)", "syntax error near unexpected token `('"),
        ("f() { echo; }", "syntax error near unexpected token `('"),
        ("cat <<EOF\nx\nEOF", "syntax error near unexpected token `<<'"),
        ("echo `date`", "unexpected token ``'"),
        ("echo $((1+2))", "unexpected token `$(('"),
        ("echo ${x:-1}", "bad substitution"),
        ("echo *", "unexpected token `*'"),
        ("true && sleep 1 &", "syntax error near unexpected token `&'"),
        ("[ -f x ]", "unexpected token `['"),
        ("echo > ", "unexpected end of file"),
        ("X=1 curl http://a", "syntax error near unexpected token `='"),
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
        ("timeout 3 bash -c true", "bash: the sandbox does not simulate this program\n", 126),
        ("sudo nc -z a 1", "sudo: nc: command not found\n", 1),
        ("nohup nc", "nohup: failed to run command 'nc': No such file or directory\n", 127),
        ("sleep", "sleep: missing operand\nTry 'sleep --help' for more information.\n", 1),
        ("cat nothing", "cat: nothing: No such file or directory\n", 1),
        ("set -q", "_script.sh: set: -q: invalid option\n", 2),
        ("echo {1..999999999}", f"_script.sh: line 1: {TOO_MANY} for 999999999 elements\n", 1),
        ("for p in {1..999}{1..999}; do echo; done", f"_script.sh: {TOO_MANY} for 998001 elements\n", 1),
        ("for p in $(seq 9999999); do echo; done", "seq: the sandbox counts to 100000 lines at most\n", 0),
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
    except ShellSyntaxError as error:
        out, err, code = run(text)
        # an `exit` on a line before comes first
        assert (err.endswith(f"{error}\n") and code == 2) or "exit" in text[: text.rfind("\n") + 1]
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
        ("echo one\necho two; if true; then echo x; fi\necho three", "one\n", 2),
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
