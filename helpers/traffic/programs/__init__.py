"""The programs that instances can run, each a function of a machine and its arguments.

Importing this package fills the one table of programs, which ``registry`` keeps.
"""

from helpers.traffic.programs import curl as curl
from helpers.traffic.programs import dig as dig
from helpers.traffic.programs import dnf as dnf
from helpers.traffic.programs import listeners as listeners
from helpers.traffic.programs import netcat as netcat
from helpers.traffic.programs import nmap as nmap
from helpers.traffic.programs import ping as ping
from helpers.traffic.programs import small as small
from helpers.traffic.programs import ssh as ssh
from helpers.traffic.programs import text as text
