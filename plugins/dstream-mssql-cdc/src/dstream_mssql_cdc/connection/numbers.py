"""Error numbers of SQL Server and of FreeTDS (20000 to 20100), by what a reader does about them.

Sources: Microsoft's lists of database engine errors and of transient errors of Azure SQL; FreeTDS' `sybdb.h`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DEADLOCK: Final = 1205
LOCK_TIMEOUT: Final = 1222
QUERY_TIMEOUT: Final = 20003
LOGIN_FAILED: Final = 18456
SNAPSHOT_NOT_ALLOWED: Final = 3952
CANNOT_OPEN_DATABASE: Final = 4060

CONNECTION_LOST: Final = frozenset(
    {
        # FreeTDS: read and write failed, dead process, unexpected end of file, protocol out of step, not connected
        *(20002, 20004, 20006, 20008, 20009, 20016, 20017, 20020, 20021, 20023, 20047, 20056, 20070),
        *(64, 121, 232, 233, 10053, 10054, 10060, 10061, 11001),  # Windows' socket errors, as gateways hand them on
        *(596, 6001, 6002, 6005),  # killed, server shuts down
        *(40549, 40550, 40551, 40552, 40553),  # Azure ended the session for what it used
    }
)
"""The session does not exist any more."""

TEMPORARY: Final = frozenset(
    {
        *(921, 922, 927, 941, 942, 945, 952, 955, 956),  # database recovers, restores, goes offline or comes online
        *(976, 978, 979, 981, 982, 983, 987, 988, 1412, 1421, 4221, 41131),  # availability groups between two roles
        *(701, 802, 845, 1204, 1221, 3935, 8628, 8645, 8651, 9001, 9002),  # memory, locks, log
        *(3957, 3958, 3959, 3960, 3961, 3965, 3966, 3967),  # row versions that are gone: a later snapshot has them
        *(41301, 41302, 41305, 41325, 41839),
        *(615, 617, 669, 847, 1203, 1807, 3966, 9515, 14355),
        *(10922, 10928, 10929, 10930, 10936),  # limits of Azure's pools
        *(17142, 17187, 17188, 17191, 17197, 17198, 17830, 18401, 18451),  # server starts, is paused, upgrades, is full
        *(40020, 40143, 40166, 40174, 40197, 40501, 40540, 40613, 40627, 40642, 40648, 40671, 40675, 40806),
        *(42108, 42109, 45168, 45169, 45179, 49510, 49918, 49919, 49920),
    }
)
"""The statement may be tried again; whether the session lives is another question."""

_SELECT_CDC = (
    "GRANT SELECT ON SCHEMA::[cdc] TO [user]; GRANT SELECT ON the captured tables (or their captured columns) TO [user]"
)

SETTINGS_WRONG: Final[Mapping[int, tuple[str, str]]] = {
    LOGIN_FAILED: (
        "mssql/login",
        "check user and password; if there is no such login: CREATE LOGIN [{0}] WITH PASSWORD = '…'",
    ),
    18450: ("mssql/login", "check user and password"),
    18452: ("mssql/login", "the server takes Windows logins only: allow SQL Server logins (mixed mode)"),
    18470: ("mssql/login", "ALTER LOGIN [{0}] ENABLE"),
    18486: ("mssql/login", "ALTER LOGIN [{0}] WITH PASSWORD = '…' UNLOCK"),
    18487: ("mssql/login", "the password has expired: ALTER LOGIN [{0}] WITH PASSWORD = '…'"),
    18488: ("mssql/login", "the password must be changed: ALTER LOGIN [{0}] WITH PASSWORD = '…'"),
    40532: ("mssql/login", "on Azure the user may have to be written as name@server"),
    40615: ("mssql/firewall", "allow this machine's address in the server's firewall rules"),
    40914: ("mssql/firewall", "allow this machine's network in the server's virtual network rules"),
    47073: ("mssql/firewall", "the server takes connections from its private endpoint only"),
    911: ("mssql/no-such-database", "check the database's name"),
    CANNOT_OPEN_DATABASE: (
        "mssql/no-such-database",
        "check the database's name; if it is right: USE [{0}]; CREATE USER [user] FOR LOGIN [user]",
    ),
    4064: ("mssql/no-such-database", "the login's default database cannot be opened: name the database"),
    916: ("mssql/no-database-access", "USE [{1}]; CREATE USER [{0}] FOR LOGIN [{0}]"),
    229: ("mssql/permission", f"as an owner of the database: {_SELECT_CDC}"),
    230: ("mssql/permission", f"as an owner of the database: {_SELECT_CDC}"),
    262: ("mssql/permission", "as an owner of the database: GRANT {{the permission that it names}} TO [user]"),
    297: ("mssql/permission", "as an owner of the database: GRANT VIEW DATABASE STATE TO [user]"),
    300: ("mssql/permission", "as an owner of the database: GRANT {{the permission that it names}} TO [user]"),
    2760: ("mssql/permission", "check the name of the schema, and the right to use it"),
    3906: ("mssql/read-only", "the database takes no writes here: keep checkpoints in a file or in blobs"),
    22901: ("mssql/cdc-disabled", "USE [{0}]; EXEC sys.sp_cdc_enable_db"),
    22902: ("mssql/cdc-disabled", "EXEC sys.sp_cdc_enable_db"),
    22981: ("mssql/permission", "make the user a member of the capture instance's gating role, or of db_owner"),
}
"""By number: the error's code, and what to do; names from the server's message go in at {0} and {1}."""
