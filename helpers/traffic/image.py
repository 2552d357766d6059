"""Which programs a machine image ships, and which package brings the others.

Sources, for Amazon Linux 2023's standard AMI:

- Its release notes list, per release, the packages updated on the "Default AMI". `bind-utils` (dig) is
  among them
  (2023.0.20230419 to 2023.5.20240819), so are `curl-minimal`, `openssh-clients`, `openssh-server`, `python3`;
  `nmap-ncat`, `httpd` and `nginx` never are, and transcripts of `dnf install nmap-ncat` on it exist.
- So dig is there, and nc is not: install it, or loop over ports with something else.
- `nmap-ncat` brings nmap's nc (no port ranges). The OpenBSD one is Fedora's package `netcat`; that Amazon's
  repository
  carries it is an assumption of ours.
"""

from collections.abc import Mapping
from types import MappingProxyType

AL2023 = "al2023"
"""The name of the one image known here: Amazon Linux 2023, standard AMI."""

_SHIPPED = (
    *("cat", "date", "echo", "false", "hostname", "kill", "mkdir", "nohup", "pkill", "pwd"),
    *("seq", "sleep", "timeout", "true", "whoami", "curl", "dig", "dnf", "ping"),
    *("python3", "ssh", "sshd", "sudo", "systemctl", "yum"),
)
_IMAGES: Mapping[str, frozenset[str]] = MappingProxyType({AL2023: frozenset(_SHIPPED)})
NOT_SIMULATED = frozenset(
    (
        *("aws", "awk", "bash", "chmod", "chown", "cp", "cut", "df", "du", "find", "free"),
        *("grep", "head", "id", "ip", "journalctl", "ls", "mv", "openssl", "ps", "rm"),
        *("rpm", "sed", "sh", "sort", "ss", "tail", "tar", "tee", "test", "touch", "tr"),
        *("tracepath", "uname", "uniq", "uptime", "useradd", "vi", "wc", "wget", "which"),
        "xargs",
        # coreutils and their like
        *("base64", "basename", "dd", "dirname", "env", "expr", "file", "getent", "gunzip", "gzip", "less", "ln"),
        *("logger", "md5sum", "mktemp", "mount", "nproc", "pgrep", "printenv", "readlink", "realpath", "sha256sum"),
        *("stat", "stty", "sync", "sysctl", "top", "tty", "watch", "yes", "dmesg", "lsblk", "passwd", "su"),
        *("host", "nslookup", "scp", "sftp", "ssh-keygen", "ssh-keyscan", "hostnamectl", "timedatectl", "loginctl"),
        # what bash does itself
        *(".", "[", "alias", "bg", "break", "builtin", "command", "continue", "declare", "eval", "exec", "fg"),
        *("getopts", "hash", "jobs", "let", "local", "printf", "read", "readonly", "return", "shift", "source"),
        *("trap", "type", "typeset", "ulimit", "umask", "unset"),
    )
)
"""Programs that a real instance has, builtins of its shell among them, and the sandbox does not run: said so,
instead of "command not found"."""

PACKAGES: Mapping[str, tuple[tuple[str, ...], int]] = MappingProxyType(
    {
        "bind-utils": (("dig",), 212_000),
        "curl": (("curl",), 0),
        "httpd": (("httpd",), 2_300_000),
        "iputils": (("ping",), 0),
        "nc": (("ncat",), 226_000),
        "netcat": (("nc",), 36_000),
        "nginx": (("nginx",), 670_000),
        "nmap-ncat": (("ncat",), 226_000),
        "openssh-clients": (("ssh",), 0),
        "python3": (("python3",), 0),
    }
)
"""Package -> (programs it brings, bytes to download). `ncat` answers to the command `nc` as well."""


def programs_of(image: str) -> frozenset[str]:
    """The programs of an image as it is launched.

    Raises:
        ValueError: the image is not known here.

    >>> "ping" in programs_of("al2023"), "nc" in programs_of("al2023")
    (True, False)
    """
    try:
        return _IMAGES[image]
    except KeyError:
        raise ValueError(f"no list of programs for image {image!r}: known are {', '.join(sorted(_IMAGES))}") from None
