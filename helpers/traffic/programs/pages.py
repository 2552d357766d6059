"""What a web server answers: pages that commands wrote, default pages, listings, errors."""

from dataclasses import dataclass
from email.utils import formatdate

from helpers.traffic.internet import Listener, OutsideHost
from helpers.traffic.world import Host

NGINX_ROOT, HTTPD_ROOT = "/usr/share/nginx/html", "/var/www/html"
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed"}
_REASONS |= {501: "Unsupported method"}
_IT_WORKS = "<html><body><h1>It works!</h1></body></html>\n"
_NGINX_PAGE = (
    "<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to nginx!</title>\n</head>\n<body>\n"
    "<h1>Welcome to nginx!</h1>\n"
    "<p>If you see this page, the nginx web server is successfully installed and working.</p>\n"
    "</body>\n</html>\n"
)


@dataclass(frozen=True, slots=True)
class Page:
    """A response: its status line and headers (a text of the right length), its body, who closes, in how many
    writes.
    """

    status: int
    head: str
    body: str
    server_closes: bool
    separate_writes: bool


def answer(host: Host | OutsideHost | None, listener: Listener, method: str, path: str, caller: str, at: float) -> Page:
    """The page for a request at ``at`` (epoch seconds). ``caller`` is the client's address as the server sees it."""
    if isinstance(host, OutsideHost):
        return _outside(host, listener, caller, at)
    if method not in ("GET", "HEAD") and listener.root not in (NGINX_ROOT, HTTPD_ROOT):
        return _page(listener, at, 501, "<!DOCTYPE HTML>\n<title>Error response</title>\n<p>Error code: 501\n")
    text = _file(host, listener, path.partition("?")[0])
    if text is None:
        return _page(
            listener,
            at,
            404,
            "<!DOCTYPE HTML>\n<title>Error response</title>\n<p>Error code: 404\n<p>Message: File not found.\n",
        )
    return _page(listener, at, 200, text)


def _file(host: Host | None, listener: Listener, path: str) -> str | None:
    root = listener.root.rstrip("/")
    files = dict(host.files) if host is not None else {}
    if not path.endswith("/"):
        return files.get(root + path)
    index = files.get(f"{root}{path}index.html")
    if index is not None:
        return index
    if path != "/":
        return None
    if listener.root == NGINX_ROOT:
        return _NGINX_PAGE
    if listener.root == HTTPD_ROOT:
        return _IT_WORKS
    names = sorted(
        name[len(root) + 1 :] for name in files if name.startswith(f"{root}/") and "/" not in name[len(root) + 1 :]
    )
    return _listing(names)


def _listing(names: list[str]) -> str:
    """The folder as python's http.server lists it."""
    title = "Directory listing for /"
    lines = "".join(f'<li><a href="{name}">{name}</a></li>\n' for name in names)
    return (
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">\n'
        "<html>\n<head>\n"
        '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\n'
        f"<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"<hr>\n<ul>\n{lines}</ul>\n<hr>\n</body>\n</html>\n"
    )


def _page(listener: Listener, at: float, status: int, body: str) -> Page:
    server = {NGINX_ROOT: "nginx/1.24.0", HTTPD_ROOT: "Apache/2.4.58 (Amazon Linux)"}.get(listener.root)
    python = server is None
    version = "HTTP/1.0" if python else "HTTP/1.1"
    head = (
        f"{version} {status} {_REASONS[status]}\r\nServer: {server or 'SimpleHTTP/0.6 Python/3.9.16'}\r\n"
        f"Date: {formatdate(at, usegmt=True)}\r\n"
        f"Content-type: text/html\r\nContent-Length: {len(body.encode())}\r\n\r\n"
    )
    return Page(status, head, body, server_closes=python, separate_writes=python)


def _outside(host: OutsideHost, listener: Listener, caller: str, at: float) -> Page:
    if listener.service == "whoami":
        body = caller + "\n"
    else:
        title = host.names[0] if host.names else host.address
        opening = f"<!doctype html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1>"
        closing = "</body></html>\n"
        body = opening + "." * (listener.size - len(opening) - len(closing)) + closing
    head = (
        f"HTTP/1.1 200 OK\r\nDate: {formatdate(at, usegmt=True)}\r\nContent-Type: text/html\r\n"
        f"Content-Length: {len(body)}\r\nServer: web\r\n\r\n"
    )
    return Page(200, head, body, server_closes=False, separate_writes=False)
