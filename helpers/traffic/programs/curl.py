"""curl 8 (curl-minimal, as on Amazon Linux 2023): http and https."""

import math
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from helpers.traffic.image import TABLES
from helpers.traffic.machine import Killed, Machine, Usage
from helpers.traffic.programs.options import Options, UnknownOptionError, read_options
from helpers.traffic.programs.pages import Page, answer
from helpers.traffic.programs.registry import program
from helpers.traffic.programs.resolver import resolve
from helpers.traffic.shell.syntax import NotSimulatedError
from helpers.traffic.tcp import Connection, connect
from helpers.traffic.topology_facts import is_link_local
from helpers.traffic.world import WriteFile

_LONG: dict[str, str] = TABLES["curl"]["long"]
_HELP = "curl: try 'curl --help' or 'curl --manual' for more information"
_METER = (
    "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n"
    "                                 Dload  Upload   Total   Spent    Left  Speed"
)
_AGENT = "curl/8.5.0"
_TLS_HELLO, _TLS_SERVER, _TLS_FINISHED, _TLS_TICKETS, _TLS_RECORD, _TLS_CLOSE = 517, 3600, 80, 510, 22, 24
_THINKING = 0.001


class _Failed(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(slots=True)
class _Transfer:
    url: str
    scheme: str
    name: str
    port: int
    path: str
    began: float
    deadline: float
    address: str = ""
    status: int = 0
    received: int = 0
    connected: float = 0.0
    local_port: int = 0
    error: str = ""
    code: int = 0


@program("curl")
def curl(machine: Machine, arguments: list[str]) -> int:
    """``curl [-sSfIikvL] [-o file] [-w format] [-m s] [--connect-timeout s] [-H h] [-X m] [-d data] [-A agent] url``"""
    options = _options(arguments)
    if not options.operands:
        raise Usage(f"curl: (2) no URL specified\n{_HELP}", 2)
    code = 0
    for url in options.operands:
        code = _transfer(machine, options, url)
    return code


def _options(arguments: list[str]) -> Options:
    try:
        real, long_valued = "#:012356aBbCcDeEFGhJjKlMNnOPpQqRrTtUuVxYyZz", ("connect-timeout", "local-port")
        options = read_options(arguments, "sSIikvLf4g", "owmHXAd", _LONG, long_valued, program="curl", real=real)
    except UnknownOptionError as error:
        name = error.option if error.option.startswith("-") else f"-{error.option}"
        problem = "requires parameter" if error.missing else "is unknown"
        raise Usage(f"curl: option {name}: {problem}\n{_HELP}", 2) from None
    for name in ("m", "connect-timeout"):
        if name in options and not re.fullmatch(r"\d+(\.\d+)?", options.last(name)):
            raise Usage(f"curl: expected a proper numerical parameter\n{_HELP}", 2)
    port = options.last("local-port", "0")
    if "-" in port or any(text.startswith("@") for text in options.all("d")) or len(options.all("o")) > 1:
        raise NotSimulatedError("curl: the sandbox simulates --local-port with one port, one -o, and -d without @")
    if not port.isdigit() or int(port) > 65535:
        raise Usage(f"curl: option --local-port: expected a proper numerical parameter\n{_HELP}", 2)
    return options


def _transfer(machine: Machine, options: Options, url: str) -> int:
    quiet = "s" in options
    transfer = _Transfer(url, "", "", 0, "", machine.now, machine.now + (_seconds(options, "m")))
    try:
        _split(transfer)
        if not quiet:
            machine.complain(_METER)
        page = _fetch(machine, options, transfer)
        _deliver(machine, options, transfer, page)
        if not quiet:
            size = f"{transfer.received:>5}"
            machine.write_error(f"\r100 {size}  100 {size}    0     0   --:--:-- --:--:-- --:--:-- {size}\n")
        if "f" in options and page.status >= 400:
            raise _Failed(22, f"The requested URL returned error: {page.status}")
    except _Failed as failure:
        transfer.code, transfer.error = failure.code, failure.text
        if not quiet or "S" in options:
            machine.complain(f"curl: ({failure.code}) {failure.text}")
    if "w" in options:
        machine.write(_write_out(options.last("w"), machine, transfer))
    return transfer.code


def _seconds(options: Options, name: str) -> float:
    return float(options.last(name, "0")) or math.inf


def _split(transfer: _Transfer) -> None:
    url = transfer.url if "://" in transfer.url else f"http://{transfer.url}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _Failed(3, "URL rejected: Port number was not a decimal number between 0 and 65535") from None
    if parts.scheme in ("ftp", "ftps", "file"):
        raise NotSimulatedError(f"curl: the sandbox does not simulate {parts.scheme}")
    if parts.scheme not in ("http", "https"):
        raise _Failed(1, f'Protocol "{parts.scheme}" not supported or disabled in libcurl')
    if not parts.hostname:
        raise _Failed(3, "URL rejected: No host part in the URL")
    transfer.scheme, transfer.name = parts.scheme, parts.hostname
    transfer.port = port if port is not None else (443 if parts.scheme == "https" else 80)
    transfer.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _fetch(machine: Machine, options: Options, transfer: _Transfer) -> Page:
    address = resolve(machine, transfer.name)
    if address is None:
        raise _Failed(6, f"Could not resolve host: {transfer.name}")
    transfer.address = address
    if is_link_local(address):
        return _metadata(machine, options, transfer)
    connection = _connect(machine, options, transfer)
    transfer.connected, transfer.local_port = machine.now - transfer.began, connection.local_port
    if "v" in options:
        machine.complain(f"* Connected to {transfer.name} ({address}) port {transfer.port}")
    return _converse(machine, options, transfer, connection)


def _connect(machine: Machine, options: Options, transfer: _Transfer) -> Connection:
    limit = _seconds(options, "connect-timeout")
    overall = transfer.deadline - machine.now
    connection = connect(
        machine, transfer.address, transfer.port, min(limit, overall), int(options.last("local-port", "0")) or None
    )
    if connection.outcome == "open":
        return connection
    elapsed = round((machine.now - transfer.began) * 1000)
    whom = f"Failed to connect to {transfer.name} port {transfer.port} after {elapsed} ms:"
    if connection.outcome in ("refused", "unreachable"):
        raise _Failed(7, f"{whom} Couldn't connect to server")
    if overall <= limit and not math.isinf(overall):
        raise _Failed(28, f"Connection timed out after {elapsed + 1} milliseconds")
    reason = "Couldn't connect to server" if math.isinf(limit) else "Timeout was reached"
    raise _Failed(28, f"{whom} {reason}")


def _converse(machine: Machine, options: Options, transfer: _Transfer, connection: Connection) -> Page:
    listener = connection.listener
    assert listener is not None
    request = _request(options, transfer)
    if "v" in options:
        machine.write_error("".join(f"> {line}\n" for line in request.rstrip("\r\n").split("\r\n")) + "> \n")
    web = listener.service in ("http", "https", "whoami", "mirror")
    secure = listener.service == "https" or (listener.service in ("whoami", "mirror") and listener.port == 443)
    if transfer.scheme == "https" and web and secure:
        _exchange(machine, transfer, connection, True, _TLS_HELLO)
        _exchange(machine, transfer, connection, False, _TLS_SERVER)
        _exchange(machine, transfer, connection, True, _TLS_FINISHED)
        _exchange(machine, transfer, connection, False, _TLS_TICKETS)
    elif transfer.scheme == "https":
        _exchange(machine, transfer, connection, True, _TLS_HELLO)
        _not_tls(machine, transfer, connection, listener.service)
    body = "&".join(options.all("d")).encode()
    extra = _TLS_RECORD if transfer.scheme == "https" else 0
    _exchange(machine, transfer, connection, True, len(request) + len(body) + extra)
    if not web:
        _not_http(machine, transfer, connection, listener.service)
    own = connection.server is None
    peer = machine.host.address if own or connection.server is None else connection.server.peer
    host = machine.host if own or connection.server is None else connection.server.host
    page = answer(host, listener, _method(options), transfer.path, peer, machine.now)
    body_size = 0 if _method(options) == "HEAD" else len(page.body.encode())
    sizes = (len(page.head), body_size) if page.separate_writes else (len(page.head) + body_size,)
    for size in sizes:
        if size:
            _exchange(machine, transfer, connection, False, size + extra)
    if extra and not connection.broken:
        connection.send(_TLS_CLOSE)
    if not own:
        connection.close("server" if page.server_closes else "client")
    transfer.status = page.status
    return page


def _exchange(machine: Machine, transfer: _Transfer, connection: Connection, upward: bool, size: int) -> None:
    """One message on the wire; when it cannot get through, wait as long as curl would."""
    if connection.server is None:
        return
    before = machine.deadline
    machine.deadline = min(before, transfer.deadline)
    try:
        through = connection.send(size) if upward else connection.receive(size, after=_THINKING)
    except Killed:
        if transfer.deadline >= before:
            raise
        through = False
    finally:
        machine.deadline = before
    if connection.was_reset:
        raise _Failed(56, "Recv failure: Connection reset by peer")
    if not through:
        _time_out(machine, transfer, connection)


def _time_out(machine: Machine, transfer: _Transfer, connection: Connection) -> None:
    """It waits as long as it may, and closes its side."""
    machine.until(transfer.deadline)
    if not math.isinf(machine.now):
        connection.close()
    elapsed = round((machine.now - transfer.began) * 1000) if not math.isinf(machine.now) else 0
    raise _Failed(28, f"Operation timed out after {elapsed + 1} milliseconds with 0 bytes received")


def _not_tls(machine: Machine, transfer: _Transfer, connection: Connection, service: str) -> None:
    if service == "nc":
        _time_out(machine, transfer, connection)
    _exchange(machine, transfer, connection, False, 300)
    connection.close("server")
    raise _Failed(35, "OpenSSL/3.0.8: error:0A00010B:SSL routines::wrong version number")


def _not_http(machine: Machine, transfer: _Transfer, connection: Connection, service: str) -> None:
    if service != "ssh":
        _time_out(machine, transfer, connection)
    _exchange(machine, transfer, connection, False, 21)
    connection.reset()
    raise _Failed(1, "Received HTTP/0.9 when not allowed")


def _method(options: Options) -> str:
    if "I" in options:
        return "HEAD"
    return options.last("X", "POST" if "d" in options else "GET")


def _request(options: Options, transfer: _Transfer) -> str:
    standard = 443 if transfer.scheme == "https" else 80
    name = f"[{transfer.name}]" if ":" in transfer.name else transfer.name
    host = name if transfer.port == standard else f"{name}:{transfer.port}"
    lines = [f"{_method(options)} {transfer.path} HTTP/1.1", f"Host: {host}"]
    lines += [f"User-Agent: {options.last('A', _AGENT)}", "Accept: */*", *options.all("H")]
    if "d" in options:
        length = len("&".join(options.all("d")).encode())
        lines += [f"Content-Length: {length}", "Content-Type: application/x-www-form-urlencoded"]
    return "\r\n".join(lines) + "\r\n\r\n"


def _metadata(machine: Machine, options: Options, transfer: _Transfer) -> Page:
    """The instance metadata service: answered on the host, never logged; IMDSv2 wants a token (AL2023's default)."""
    if transfer.address != "169.254.169.254" or not machine.host.interface_id:
        machine.until(min(transfer.deadline, machine.now + 127))
        raise _Failed(
            28,
            f"Failed to connect to {transfer.name} port {transfer.port} after "
            f"{round((machine.now - transfer.began) * 1000)} ms: Couldn't connect to server",
        )
    machine.sleep(_THINKING)
    transfer.connected = 0.0003
    headers = " ".join(options.all("H")).lower()
    if _method(options) == "PUT" and transfer.path == "/latest/api/token" and "ttl-seconds" in headers:
        transfer.status, body = 200, f"AQAEA{int(machine.draws.jitter('token') * 1e15):015d}=="
    elif "x-aws-ec2-metadata-token: aqaea" not in headers:
        transfer.status, body = 401, ""
    else:
        known = {"instance-id": machine.host.instance_id, "local-ipv4": machine.host.address}
        name = transfer.path.removeprefix("/latest/meta-data/")
        if name not in known:
            raise NotSimulatedError(f"curl: the sandbox's metadata service does not simulate {transfer.path}")
        transfer.status, body = 200, known[name]
    reason = {200: "OK", 401: "Unauthorized"}[transfer.status]
    return Page(transfer.status, f"HTTP/1.1 {transfer.status} {reason}\r\n\r\n", body, True, False)


def _deliver(machine: Machine, options: Options, transfer: _Transfer, page: Page) -> None:
    head_only = _method(options) == "HEAD"
    transfer.received = 0 if head_only else len(page.body.encode())
    if "v" in options:
        machine.write_error("".join(f"< {line}\n" for line in page.head.rstrip("\r\n").split("\r\n")) + "< \n")
    if "f" in options and page.status >= 400:
        return
    text = (page.head if head_only or "i" in options else "") + ("" if head_only else page.body)
    target = options.last("o", "-")
    if target == "-":
        machine.write(text)
    elif target != "/dev/null":
        path = target if target.startswith("/") else f"{machine.cwd.rstrip('/')}/{target}"
        machine.cause(WriteFile(machine.host.instance_id, path, text))


def _write_out(form: str, machine: Machine, transfer: _Transfer) -> str:
    values = {
        "http_code": f"{transfer.status:03d}",
        "response_code": f"{transfer.status:03d}",
        "time_total": f"{machine.now - transfer.began:.6f}",
        "time_connect": f"{transfer.connected:.6f}",
        "remote_ip": transfer.address if transfer.local_port else "",
        "remote_port": str(transfer.port if transfer.local_port else 0),
        "local_ip": machine.host.address if transfer.local_port else "",
        "local_port": str(transfer.local_port),
        "size_download": str(transfer.received),
        "url_effective": transfer.url,
        "url": transfer.url,
        "exitcode": str(transfer.code),
        "errormsg": transfer.error,
        "scheme": transfer.scheme,
        "num_connects": "1" if transfer.local_port else "0",
    }
    if unknown := [name for name in re.findall(r"%\{(.*?)\}", form) if name not in values]:
        raise NotSimulatedError(f"curl: the sandbox does not simulate %{{{unknown[0]}}} of -w")
    text = re.sub(r"%\{(\w+)\}", lambda match: values[match.group(1)], form)
    return text.replace("\\n", "\n").replace("\\t", "\t").replace("%%", "%")
